"""A journal of finished work, in lines of JSON, so that the next run continues there."""

import contextlib
import errno
import json
import os
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO, Any

from slowfast.files import locked

Entry = dict[str, Any]
CHUNK = 1024
"""Bytes that are read for an entry at first."""


class Entries:
    """The last entry of each key of a journal. Entries stay on the disk, and are read from there;
    memory holds where they are, about 0.3 KB for each.

    Args:
        keys: the keys that matter; None for all.
    """

    def __init__(self, file: IO[bytes], keys: Container[str] | None = None) -> None:
        self._file = file
        self._places: dict[str, int] = {}
        self._size, self._is_torn = 0, False
        # Not one more handle: to close it would give up the lock of the file.
        with open(file.fileno(), "rb", closefd=False) as lines:
            lines.seek(0)
            for line in lines:
                key = _entry(line).get("key")
                if isinstance(key, str) and (keys is None or key in keys):
                    self._places[key] = self._size
                self._size += len(line)
                self._is_torn = not line.endswith(b"\n")

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if there is one."""
        if (place := self._places.get(key)) is None:
            return None
        size = CHUNK
        while b"\n" not in (text := os.pread(self._file.fileno(), size, place)):
            if len(text) < size:
                break
            size *= 2
        return _entry(text.partition(b"\n")[0])

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


class Journal(Entries, contextlib.ExitStack):
    """A file of JSON objects with a ``key`` each; the last object of a key counts.

    Lines are only appended. A line that was cut off by a crash is ignored. No other run may write
    the file until it is closed, at the end of the ``with`` block.

    Raises:
        FolderError: another run is writing the file.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, keys: Container[str] | None = None) -> None:
        contextlib.ExitStack.__init__(self)
        self.path = path
        busy = f"{path} is in use by another run: wait for it, or end it"
        Entries.__init__(self, self.enter_context(locked(path, busy)), keys)

    def add(self, key: str, entry: Entry) -> None:
        """Appends an entry.

        Raises:
            OSError: the disk is full, or similar; earlier entries stay.
        """
        torn = b"\n" * self._is_torn
        line = torn + json.dumps({"key": key, **entry}).encode() + b"\n"
        self._is_torn = True  # until all of it is written
        try:
            written = self._file.write(line)
            self._size += written
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._places[key] = self._size - len(line) + len(torn)
        self._is_torn = False


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries of a file, in order; not of one that this process has locked and still needs: the
    lock is given up at the end."""
    with open(path, "rb") as lines:
        yield from filter(None, map(_entry, lines))


def _entry(line: bytes) -> Entry:
    """The object in a line; an empty one if it was cut off, or is none."""
    with contextlib.suppress(ValueError):
        if isinstance(entry := json.loads(line), dict):
            return entry
    return {}
