"""Writes files whole or not at all, and locks folders and files that only one run may write."""

import contextlib
import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from slowfast.errors import UserError, printable

LONGEST_NAME = 255
"""Bytes of a file's name, on most file systems."""


class FolderError(UserError):
    """A folder that this run must not write into."""


@contextlib.contextmanager
def atomic(path: Path, *, durable: bool = True, alone: bool = True) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` once all of it is written; makes its folder.

    Args:
        durable: wait until the file is on the disk, so that it is whole even if the machine goes
            down. Without, this is faster, but after a crash of the machine the file may be damaged.
        alone: a second process that writes this file now is refused. Else both write, and the file
            of the one that ends last stays; one that is killed leaves its part behind.

    Write to the open file, do not open it by its name again: see ``taken``. A link at ``path`` is
    replaced, and what it points to stays.

    Raises:
        FolderError: another process writes this file now, and this one must be ``alone``; or a
            device or a pipe is there.
        OSError: the disk is full, or similar; names ``path``. An earlier file stays.
    """
    beside = part_file(path, "" if alone else f".{secrets.token_hex(4)}")
    require_no_device(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with taken(beside, path) as file:
            try:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
                os.replace(beside, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise
    except OSError as error:
        if error.filename not in (None, str(beside)):  # of another file, in the caller's body
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def part_file(path: Path, own: str = "") -> Path:
    """Where a file is while it is written: ``.NAME.partial`` beside ``path``, or a shorter name
    where NAME has no room for that; ``own`` goes before the ending."""
    name = path.name
    if len(os.fsencode(name)) > LONGEST_NAME - len(".12345678.partial") - 1:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return path.with_name(f".{name}{own}.partial")


def taken(beside: Path, path: Path) -> IO[bytes]:
    """The empty file ``beside``, which is to become ``path``; locked until this process closes it,
    or any file that it has opened at the same place (POSIX: the first close ends the lock).

    Raises:
        FolderError: another process has it; or it is a folder, a link, a device or a pipe.
        OSError: it cannot be made.
    """

    def opened(name: str, flags: int) -> int:  # never what a link points to; a pipe would wait
        return os.open(name, flags & ~os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)

    while True:
        if os.path.lexists(beside) and not stat.S_ISREG(os.lstat(beside).st_mode):
            raise FolderError(f"{beside} is no regular file: remove it")
        file = open(beside, "wb", opener=opened)  # noqa: SIM115
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, see lockf(3)
            file.close()
            raise FolderError(f"another run is writing {path}") from error
        except OSError:
            pass  # a file system without locks
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(beside)):
                file.truncate(0)
                return file
        file.close()  # by now, another process has made it ``path``


def require_no_device(path: Path) -> None:
    """Raises a FolderError for what a file would take the place of: a device, as /dev/null is, or a
    pipe; also behind a link."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FolderError(f"{path} is a device or a pipe: name a file")


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Names ``path`` in an OSError that names no file, as that of a write to a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: Path, text: str, errors: str = "surrogateescape") -> None:
    """Writes a text file, see ``atomic``. By default it gets the bytes that file names in it have,
    also such as are not UTF-8 (PEP 383)."""
    with atomic(path, alone=False) as file:
        file.write(text.encode(errors=errors))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Writes a JSON file, always UTF-8: a byte of a file name that is not becomes JSON's escape
    ``\\udcXX``, which Python reads back to that name."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    write_whole(path, text, errors="backslashreplace")


def write_json_rows(path: Path, rows: Iterable[Any]) -> None:
    """Writes a JSON list, see ``write_json``, of at least one row, with a line for each; only one
    of them is in memory."""
    with atomic(path) as file:
        for number, row in enumerate(rows):
            text = json.dumps(row, ensure_ascii=False)
            file.write(f"{',' if number else '['}\n {text}".encode(errors="backslashreplace"))
        file.write(b"\n]\n")


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a text file of these lines; without any, removes the file of an earlier run."""
    write_texts({path: lines})


def write_texts(texts: Mapping[Path, Sequence[str]]) -> None:
    """The same for several files, which appear one after the other once all are written; a second
    run that writes them at the same time is refused by the first of them, see ``atomic``."""
    with contextlib.ExitStack() as stack:
        for path, lines in texts.items():
            if lines:
                file = stack.enter_context(atomic(path))
                file.writelines(f"{line}\n".encode(errors="surrogateescape") for line in lines)
    for path, lines in texts.items():
        if not lines:
            path.unlink(missing_ok=True)


def append_line(file: IO[bytes], line: str) -> None:
    """Appends a line, whole or not at all, to a file that was opened in mode ``ab``, unbuffered.

    Raises:
        OSError: the disk is full, or similar; names the file, which stays as it was.
    """
    data, size = f"{line}\n".encode(), os.fstat(file.fileno()).st_size
    try:
        if file.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        with contextlib.suppress(OSError):
            file.truncate(size)
        raise OSError(error.errno, error.strerror, file.name) from error


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows, at least one, of the same columns below a line of the columns' names."""
    rows = iter(rows)
    first = next(rows)
    with atomic(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        writer = csv.DictWriter(text, list(first), lineterminator="\n")
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
        text.detach()


@contextlib.contextmanager
def locked(path: Path, busy: str, *, wait: bool = False) -> Iterator[IO[bytes]]:
    """Opens a file for appending and locks it: no other process can do so meanwhile. Makes the
    file if it does not exist.

    Args:
        busy: the message if another process has the lock.
        wait: print ``busy`` and wait for the lock.

    Raises:
        FolderError: another process has the lock, and ``wait`` is not set.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        try:
            # Not flock: when we are killed, the forked readers would keep that lock.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, see lockf(3)
            if not wait:
                raise FolderError(busy) from error
            print(printable(busy), flush=True)
            fcntl.lockf(file, fcntl.LOCK_EX)
        except OSError as error:  # a file system without locks
            raise OSError(error.errno, error.strerror, str(path)) from error
        yield file


@contextlib.contextmanager
def sole_writer(folder: Path, doing: str) -> Iterator[None]:
    """A context in which no other run may write into the folder, while this process lives.

    Raises:
        FolderError: another run writes there; the message says that it is ``doing`` so.
    """
    with locked(folder / ".lock", f"another run is {doing} into {folder}"):
        yield
