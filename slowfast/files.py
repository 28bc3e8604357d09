"""Writing files that are there whole, or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def error_line(error: Exception) -> str:
    """What a user is told of an error: one line."""
    if isinstance(error, OSError) and error.filename:
        return f"error: {error.filename}: {error.strerror}"
    return f"error: {error}"


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` once all of it is on the disk; its folder is made.

    Raises:
        OSError: the disk is full, or similar, naming ``path``; what was there before still is.
    """
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            yield file
            file.flush()
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
