"""What is done, a line of JSON each, so that the next run continues there."""

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import IO, Any

from slowfast.files import locked


class Journal:
    """A file of JSON objects, by their ``key``; the last one of a key counts.

    Lines are only ever added. One that was cut off as the machine went down does not count. A
    context, in which no other run may write it.

    Raises:
        FolderError: another run is writing it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        self._opened = contextlib.ExitStack()
        busy = f"{path} is in use by another run: wait for it, or end it"
        self._file: IO[bytes] = self._opened.enter_context(locked(path, busy))
        self._file.seek(0)
        text = self._file.read()
        for line in text.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self.done[entry["key"]] = entry
        self._is_torn = not text.endswith(b"\n") and text != b""

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Writes an entry down.

        Raises:
            OSError: the disk is full, or similar; what was written before stays.
        """
        self.done[key] = {"key": key, **entry}
        line = b"\n" * self._is_torn + json.dumps(self.done[key]).encode() + b"\n"
        self._is_torn = True  # until all of it is written
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._is_torn = False

    def close(self) -> None:
        """Lets other runs write it."""
        self._opened.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
