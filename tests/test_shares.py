"""Work shared by processes that only have a folder in common: each part is done once, and the one
that finishes last, and no other, has the whole result."""

from pathlib import Path

import pytest

from slowfast import distributed
from slowfast.shares import left_to_do, merged, own_journal, shared_out


def be(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    """This process is that one of so many."""
    monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", str(world))


KEYS = [f"video {number}" for number in range(7)]


def always(key: str, entry: object) -> bool:
    return True


def do_share(path: Path, fails_at: int = 99) -> tuple[list[str], dict[str, object] | None]:
    """Does what is not done yet of this process's share, up to a failure; returns what it did, and
    the whole result, if it is there."""
    owners, did = shared_out((key, key) for key in KEYS), []
    with own_journal(path, owners) as journal:
        for number, key in enumerate(KEYS):
            if owners[key] == distributed.rank() and key not in journal and number < fails_at:
                journal.add(key, {"n": number})
                did.append(key)
    with merged(path, owners, always) as entry_of:
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
        with merged(path, {"b": owner}, always) as entry_of:
            assert entry_of and entry_of("b")["n"] == owner


def test_what_an_earlier_run_has_left_of_another_process_is_not_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files of process 1 have changed since, and it has not begun."""
    path, owners = tmp_path / "a.jsonl", {"a": 0, "b": 1}
    now = {"a": 1, "b": 1}
    for rank, key in ((0, "a"), (1, "b")):
        be(monkeypatch, rank, 2)
        with own_journal(path, owners) as journal:
            journal.add(key, {"n": 1})
    for number, is_whole in ((2, False), (1, True)):
        now["b"] = number
        be(monkeypatch, 0, 2)
        with merged(path, owners, lambda key, entry: bool(entry["n"] == now[key])) as entry_of:
            assert (entry_of is not None) == is_whole
    assert "1 of 2 are not done yet, of process 1" in capsys.readouterr().out


def test_what_is_left_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with own_journal(tmp_path / "a.jsonl", {"a": 0, "b": 0, "c": 0}) as journal:
        journal.add("a", {"n": 1})
        journal.add("b", {"n": 2})
        todo = left_to_do(journal, ["a", "b", "c"], lambda key, entry: entry["n"] == 1, "are done")
    assert todo == ["b", "c"]
    assert "1 of 3 are done already" in capsys.readouterr().out


def test_what_needs_the_same_file_goes_to_the_same_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    be(monkeypatch, 0, 2)
    files = ["x.tar", "x.tar", "y.tar", "a.mp4", "b.mp4", "b.mp4", "x.tar"]
    work = [(f"{number}", file) for number, file in enumerate(files)]
    assert [*shared_out(work).values()] == [0, 0, 1, 0, 1, 1, 0]
    assert shared_out([("a", "a"), ("b", "b"), ("c", "c"), ("b", "b")]) == {"a": 0, "b": 1, "c": 0}
