"""A journal of finished work, in lines of JSON, so that the next run continues there."""

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from slowfast.files import locked


class Journal(contextlib.ExitStack):
    """A file of JSON objects with a ``key`` each; the last object of a key counts.

    Lines are only appended. A line that was cut off by a crash is ignored. No other run may write
    the file until it is closed, at the end of the ``with`` block.

    Raises:
        FolderError: another run is writing the file.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        busy = f"{path} is in use by another run: wait for it, or end it"
        self._file = self.enter_context(locked(path, busy))
        self._file.seek(0)
        text = self._file.read()
        for line in text.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self.done[entry["key"]] = entry
        self._is_torn = not text.endswith(b"\n") and text != b""

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Appends an entry.

        Raises:
            OSError: the disk is full, or similar; earlier entries stay.
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
