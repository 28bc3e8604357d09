"""What each browser has on the server: a folder under a random name that only it knows.

The browser keeps the name, so a session survives a reload. All folders go when the server ends,
and those that have long not been used when somebody next loads the page.
"""

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from pathlib import Path

from slowfast.web.jobs import JobError

IDLE = 12 * 3600.0
"""Seconds after which an unused session is removed, when somebody next loads the page."""


class Sessions:
    """The sessions of a server, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lock = threading.Lock()
        """Held while a session's files are read and written again."""
        folder.mkdir(parents=True)

    def begin(self, name: object) -> str:
        """The name of the session that a browser has, or of a new one if it has none that is there;
        removes those that are idle.

        Args:
            name: what the browser sent, so anything.
        """
        with self.lock:
            self._sweep()
            try:
                self.folder(name)
            except JobError:
                name = secrets.token_hex(32)
                (self._folder / name).mkdir()
        return str(name)

    def folder(self, name: object) -> Path:
        """The folder of a session, which is in use now. Raises a JobError if it is not there."""
        if isinstance(name, str) and re.fullmatch("[0-9a-f]{64}", name):
            folder = self._folder / name
            with contextlib.suppress(FileNotFoundError):
                os.utime(folder)
                return folder
        raise JobError("The server knows this page no more: load it again.")

    def _sweep(self) -> None:
        for folder in self._folder.iterdir():
            if time.time() - folder.stat().st_mtime > IDLE:
                shutil.rmtree(folder, ignore_errors=True)
