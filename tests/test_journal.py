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


def test_the_next_run_finds_what_is_done_and_the_last_entry_of_a_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    with Journal(path) as journal:
        assert journal.done == {}
        journal.add("höhe.mp4", {"frames": 5})
        assert json.loads(path.read_text(encoding="utf-8")) == {"key": "höhe.mp4", "frames": 5}
        journal.add("b.mp4", {"frames": 6})
        journal.add("höhe.mp4", {"frames": 7})
        assert journal.done["höhe.mp4"] == {"key": "höhe.mp4", "frames": 7}
    with Journal(path) as journal:
        found = {key: entry["frames"] for key, entry in journal.done.items()}
        assert found == {"höhe.mp4": 7, "b.mp4": 6}
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
        assert journal.done.keys() == {"a"}
        journal.add("b", {"n": 2})
        journal.add("c", {"n": 3})
    with Journal(path) as journal:
        assert {key: entry["n"] for key, entry in journal.done.items()} == {"a": 1, "b": 2, "c": 3}


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
        assert journal.done.keys() == {"0", "1", "again"}
