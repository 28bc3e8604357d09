"""A journal of what is done: it lasts, whatever cuts it off, and has one writer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.full_disk import largest_file
from support.tiny_run import environment

from slowfast.journal import Journal

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
