"""A file is there whole or not at all; a folder, or a file that grows, has one writer."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from slowfast.errors import UserError


class FolderError(UserError):
    """A folder that this run must not write into."""


@contextlib.contextmanager
def atomic(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` once all of it is written; its folder is made.

    Args:
        durable: it appears once it is on the disk, so that it is whole even if the machine goes
            down. Without, that takes no time; a file that the machine cut off must then be noticed
            by who reads it.

    Raises:
        OSError: the disk is full, or similar, naming ``path``; what was there before still is.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if error.filename not in (None, str(beside)):  # of another file, in the caller's body
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, see ``atomic``."""
    with atomic(path) as file:
        file.write(text.encode("utf-8"))


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a text file of these lines; without any, removes the file of an earlier run."""
    if lines:
        write_whole(path, "".join(f"{line}\n" for line in lines))
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, busy: str, *, wait: bool = False) -> Iterator[IO[bytes]]:
    """A file, open for adding to, that no other process has so while this is entered; it is made
    where it is not there.

    Args:
        busy: what is said where another process has it.
        wait: until that one has let go of it.

    Raises:
        FolderError: another process has it, and ``wait`` is not set; the message is ``busy``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        try:
            # Not flock: that one would stay with the readers, which are forked, when we are killed.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, see lockf(3)
            if not wait:
                raise FolderError(busy) from error
            print(busy, flush=True)
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield file


@contextlib.contextmanager
def sole_writer(folder: Path, doing: str) -> Iterator[None]:
    """Keeps other runs out of a folder while it is entered and this process lives.

    Raises:
        FolderError: another run is ``doing`` something into it.
    """
    with locked(folder / ".lock", f"another run is {doing} into {folder}"):
        yield
