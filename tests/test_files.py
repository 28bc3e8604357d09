"""Files that are whole or not there; folders and files with one writer, in real processes."""

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.full_disk import largest_file
from support.tiny_run import environment

from slowfast.files import (
    FolderError,
    append_line,
    atomic,
    file_digest,
    locked,
    sole_writer,
    write_csv,
    write_json,
    write_json_rows,
    write_lines,
    write_texts,
    write_whole,
)

OTHER = """
import sys
from pathlib import Path
from slowfast.files import locked
with locked(Path(sys.argv[1]), "busy", wait=True):
    print("has it", flush=True)
    input()
"""

pytestmark = pytest.mark.usefixtures("no_hang")


@contextlib.contextmanager
def another(path: Path, says: str = "has it") -> Iterator["subprocess.Popen[str]"]:
    """Another process, which locks ``path``; it lets go at the end of its input."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout and process.stdout.readline() == f"{says}\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_once_it_is_whole(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the disk if it is to be durable; its folder is made."""
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    path = tmp_path / "new" / "a.txt"
    with atomic(path, durable=durable) as file:
        file.write(b"whole")
        assert not path.exists() and not synced
    assert (path.read_bytes(), len(synced)) == (b"whole", durable)
    assert os.listdir(path.parent) == ["a.txt"]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Text files have their bytes; JSON, which must be UTF-8, escapes that read back the same."""
    path, name = tmp_path / "a", os.fsdecode(b"caf\xe9 \xc3\xa9.mp4")
    write_lines(path, [name])
    assert path.read_bytes() == os.fsencode(name) + b"\n"
    write_csv(path, [{"path": name}])
    assert path.read_bytes() == b"path\n" + os.fsencode(name) + b"\n"
    write_json(path, [name, {"é": 1}])
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == [name, {"é": 1}] and r"caf\udce9 é.mp4" in text


def test_a_name_may_be_as_long_as_names_are(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".json")
    write_whole(path, "x")
    assert path.read_text() == "x" and os.listdir(tmp_path) == [path.name]


def test_what_was_there_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "höhe")
    with pytest.raises(ValueError, match="midway"), atomic(path) as file:
        file.write(b"half")
        raise ValueError("midway")
    assert path.read_text(encoding="utf-8") == "höhe"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match="No space") as caught, atomic(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    with pytest.raises(FileNotFoundError) as missing, atomic(path):
        open(tmp_path / "other.txt").close()
    assert missing.value.filename == str(tmp_path / "other.txt")  # it is about another file
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as under:
        write_whole(tmp_path / "file" / "a.txt", "")
    assert str(tmp_path / "file") in str(under.value.filename)


def test_a_line_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with open(path, "ab", buffering=0) as file:
        append_line(file, "höhe")
        with largest_file(10), pytest.raises(OSError) as caught:
            append_line(file, "too long for the disk")
        assert caught.value.filename == str(path)
        append_line(file, "next")
    assert path.read_text(encoding="utf-8") == "höhe\nnext\n"


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    with another(path) as other:
        with pytest.raises(FolderError, match="^it is in use$"), locked(path, "it is in use"):
            pass
        other.communicate("\n")
        for text in (b"ours", b", again"):
            with locked(path, "it is in use") as file:
                file.write(text)
    assert path.read_bytes() == b"ours, again"


def test_a_second_process_can_wait_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    with another(path) as first, another(path, says="busy") as second:
        first.communicate("\n")
        assert second.communicate("\n")[0] == "has it\n"
        assert second.returncode == 0


def test_a_folder_has_one_writer_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with another(folder / ".lock") as other:
        message = f"^another run is training into {folder}$"
        with pytest.raises(FolderError, match=message), sole_writer(folder, "training"):
            pass
        other.kill()
        other.wait()
        with sole_writer(folder, "training"):
            assert (folder / ".lock").exists()


def test_without_lines_the_file_of_an_earlier_run_goes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "missing.txt"
    write_lines(path, ["höhe", "b c"])
    assert path.read_text(encoding="utf-8") == "höhe\nb c\n"
    write_lines(path, [])
    write_lines(path, [])
    assert not path.exists()


def test_rows_of_json_are_written_as_they_come(tmp_path: Path) -> None:
    path, rows = tmp_path / "a.json", [{"name": "höhe"}, {"name": os.fsdecode(b"\xe9")}, {"n": 1.5}]
    write_json_rows(path, iter(rows))
    assert json.loads(path.read_text(encoding="utf-8")) == rows
    assert path.read_text(encoding="utf-8").splitlines()[1] == ' {"name": "höhe"},'
    write_json_rows(path, rows[2:])
    assert json.loads(path.read_text(encoding="utf-8")) == rows[2:]


def test_the_file_digest_a_file_is_sha256(tmp_path: Path) -> None:
    """Of many blocks, too."""
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 10**6)
    assert file_digest(path) == hashlib.sha256(b"abc" * 10**6).hexdigest()


def test_a_csv_has_its_columns_names(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"path": "a, b.mp4", "fps": 29.97}, {"path": "c", "fps": 25}])
    assert (tmp_path / "a.csv").read_text() == 'path,fps\n"a, b.mp4",29.97\nc,25\n'


def test_two_runs_may_write_the_same_file_at_once(tmp_path: Path) -> None:
    """Each of them whole; the one that ends last stays, and nothing beside it."""
    path = tmp_path / "result.json"
    with atomic(path, alone=False) as one:
        one.write(b"one")
        write_whole(path, "two")
        assert path.read_text() == "two"
    assert path.read_text() == "one"
    assert [*tmp_path.iterdir()] == [path]


WRITER = """
import sys
from pathlib import Path
from slowfast.files import FolderError, write_lines
path, own, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for i in range(times):
    try:
        write_lines(path, [own] * 20_000)
    except FolderError as error:
        assert str(error) == f"another run is writing {path}"
"""


def test_several_processes_write_one_file_and_it_is_never_mixed(tmp_path: Path) -> None:
    """Whoever comes second is told so; nothing stays beside the file."""
    path = tmp_path / "a.list"
    write_lines(path, ["x"])
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), own, "60"],
            env=environment(), stdout=subprocess.PIPE, text=True,
        )
        for own in "abc"
    ]  # fmt: skip
    while any(writer.poll() is None for writer in writers):
        assert len(set(path.read_text().split())) == 1
        time.sleep(0.01)
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_another_process_writes_is_refused_and_left_to_it(tmp_path: Path) -> None:
    """As are others that appear together with it; what a killed run has left is taken over."""
    path, part = tmp_path / "labels.txt", tmp_path / ".labels.txt.partial"
    with another(part), pytest.raises(FolderError, match="another run is writing .*labels.txt"):
        write_texts({path: ["a"], tmp_path / "train.list": ["a.mp4 0"]})
    assert [*tmp_path.iterdir()] == [part]
    part.write_bytes(b"longer than what comes now")
    write_texts({path: ["a"], tmp_path / "train.list": ["a.mp4 0"]})
    assert path.read_text() == "a\n" and not part.exists()


def test_a_part_file_is_never_what_somebody_else_has_put_there(tmp_path: Path) -> None:
    """The file behind a link is not emptied, and nobody waits for the reader of a pipe."""
    path, part, victim = tmp_path / "a.csv", tmp_path / ".a.csv.partial", tmp_path / "victim"
    victim.write_text("precious")
    makes: list[Callable[[], None]] = [
        lambda: part.symlink_to(victim), lambda: os.mkfifo(part), lambda: part.mkdir()
    ]  # fmt: skip
    for make in makes:
        make()
        with pytest.raises(FolderError, match=f"^{part} is no regular file: remove it$"):
            write_lines(path, ["x"])
        part.rmdir() if part.is_dir() else part.unlink()
    assert victim.read_text() == "precious" and not path.exists()
