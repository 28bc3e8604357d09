"""A journal of what is done: it lasts, whatever cuts it off, and has one writer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.full_disk import largest_file
from support.tiny_run import environment

from slowfast import distributed
from slowfast.journal import Journal, merged, own_journal, shared_out

TRY = """
import sys
from pathlib import Path
from slowfast.files import FolderError
from slowfast.journal import Journal
try:
    Journal(Path(sys.argv[1]))
except FolderError as error:
    print(error)
"""


def contents(journal: Journal, column: str) -> dict[str, object]:
    """One column of all entries."""
    return {key: (journal.get(key) or {})[column] for key in journal}


def test_the_next_run_finds_what_is_done_and_the_last_entry_of_a_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    with Journal(path) as journal:
        assert len(journal) == 0 and journal.get("höhe.mp4") is None
        journal.add("höhe.mp4", {"frames": 5})
        assert json.loads(path.read_text(encoding="utf-8")) == {"key": "höhe.mp4", "frames": 5}
        journal.add("b.mp4", {"frames": 6})
        journal.add("höhe.mp4", {"frames": 7})
        assert journal.get("höhe.mp4") == {"key": "höhe.mp4", "frames": 7}
    with Journal(path) as journal:
        assert contents(journal, "frames") == {"höhe.mp4": 7, "b.mp4": 6}
    with Journal(path, {"b.mp4", "c.mp4"}) as journal:  # only these keys matter
        assert contents(journal, "frames") == {"b.mp4": 6}
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["frames"] for line in lines] == [5, 6, 7]


A = '{"key": "a", "n": 1}\n'


@pytest.mark.parametrize("text", [
    *(A + torn for torn in ('{"key": "b", "n": ', '{"key": "b"', "{", "\0\0\0", '{"n": 3}\n')),
    *(f"{line}\n{A}" for line in ("[1]", "3", "null", '"key"')),
])  # fmt: skip
def test_a_line_that_is_cut_off_or_no_entry_does_not_count(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with Journal(path) as journal:
        assert contents(journal, "n") == {"a": 1}
        journal.add("b", {"n": 2})
        journal.add("c", {"n": 3})
    with Journal(path) as journal:
        assert contents(journal, "n") == {"a": 1, "b": 2, "c": 3}


def test_entries_of_any_length_are_read_from_the_disk(tmp_path: Path) -> None:
    texts = {str(size): size * "ü" for size in (0, 1, 169, 170, 171, 341, 1000, 100_000)}
    with Journal(tmp_path / "a.jsonl") as journal:
        for key, text in texts.items():
            journal.add(key, {"text": text})
        assert contents(journal, "text") == texts
    with Journal(tmp_path / "a.jsonl") as journal:
        assert contents(journal, "text") == texts


def tried(path: Path) -> str:
    """What another process says that opens a journal."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, str(path)],
        env=environment(), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_a_second_process_is_refused_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path):
        message = f"{path} is in use by another run: wait for it, or end it\n"
        assert tried(path) == message
    assert tried(path) == ""


def test_a_full_disk_is_an_error_and_keeps_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path) as journal:
        with largest_file(100), pytest.raises(OSError, match="No space") as caught:
            for number in range(10):
                journal.add(str(number), {"text": 20 * "x"})
        assert caught.value.filename == str(path)
        journal.add("again", {})
    with Journal(path) as journal:
        assert {*journal} == {"0", "1", "again"}
        assert [journal.get(key) for key in journal][1:] == [
            {"key": "1", "text": 20 * "x"}, {"key": "again"},
        ]  # fmt: skip


def be(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    """This process is that one of so many."""
    monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", str(world))


KEYS = [f"video {number}" for number in range(7)]


def do_share(path: Path, fails_at: int = 99) -> tuple[list[str], dict[str, object] | None]:
    """Does what is not done yet of this process's share, up to a failure; returns what it did, and
    the whole result, if it is there."""
    owners, did = shared_out((key, key) for key in KEYS), []
    with own_journal(path, owners) as journal:
        for number, key in enumerate(KEYS):
            if owners[key] == distributed.rank() and key not in journal and number < fails_at:
                journal.add(key, {"n": number})
                did.append(key)
    with merged(path, owners) as entry_of:
        return did, {key: entry_of(key)["n"] for key in KEYS} if entry_of else None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_processes_share_work_and_the_last_finds_it_all(
    tmp_path: Path, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "work[1].jsonl"
    for rank in order:
        be(monkeypatch, rank, 3)
        did, result = do_share(path)
        assert did == KEYS[rank::3]
        assert result == (dict(zip(KEYS, range(7), strict=True)) if rank == order[-1] else None)
    left = len(KEYS[order[1] :: 3]) + len(KEYS[order[2] :: 3])
    text = f"process {order[0]} has done its share; {left} of 7 are not done yet, of process "
    assert capsys.readouterr().out.startswith(f"{text}{', '.join(map(str, sorted(order[1:])))}: ")
    be(monkeypatch, order[0], 3)
    assert do_share(path) == ([], dict(zip(KEYS, range(7), strict=True)))


@pytest.mark.parametrize("worlds", [(3, 1), (1, 3), (2, 4), (3, 2), (4, 1, 3)])
def test_another_number_of_processes_goes_on(
    tmp_path: Path, worlds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done, results = tmp_path / "a.jsonl", [], []
    for fails_at, world in zip((3, 5, 99)[-len(worlds) :], worlds, strict=True):
        for rank in range(world):
            be(monkeypatch, rank, world)
            did, result = do_share(path, fails_at)
            done += did
            results.append(result)
    assert sorted(done) == KEYS  # each once
    assert results[:-1] == [None] * len(results[:-1])
    assert results[-1] == dict(zip(KEYS, range(7), strict=True))


def test_of_a_key_the_owner_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry may be newer than that of a process that had the key in another list."""
    path = tmp_path / "a.jsonl"
    for rank, other in ((0, 1), (1, 0)):
        be(monkeypatch, rank, 2)
        with own_journal(path, {"a": other, "b": rank}) as journal:
            journal.add("b", {"n": rank})
            assert "a" not in journal
    for owner in (0, 1):
        with merged(path, {"b": owner}) as entry_of:
            assert entry_of and entry_of("b")["n"] == owner


def test_what_needs_the_same_file_goes_to_the_same_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be(monkeypatch, 0, 2)
    files = ["x.tar", "x.tar", "y.tar", "a.mp4", "b.mp4", "b.mp4", "x.tar"]
    work = [(f"{number}", file) for number, file in enumerate(files)]
    assert [*shared_out(work).values()] == [0, 0, 1, 0, 1, 1, 0]
    assert shared_out([("a", "a"), ("b", "b"), ("c", "c"), ("b", "b")]) == {"a": 0, "b": 1, "c": 0}
