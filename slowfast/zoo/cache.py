"""Where downloaded files lie, and a file there while it arrives.

A file ``NAME`` of a URL lies in the cache folder under the URL's host and path. While it arrives it
is ``NAME.part``, locked by the one process that writes it, and ``NAME.part.json`` says which
version on the server it is a part of, so that a broken download goes on where it stopped.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from slowfast.weights.damage import WeightsError

HOME = "SLOWFAST_HOME"
"""The environment variable that names the cache folder."""


class DownloadError(WeightsError):
    """A file that cannot be had; the message names the URL, why, and what can be done."""


class Version(NamedTuple):
    """Which version of a file a server sends."""

    validator: str = ""
    """What ``If-Range`` takes: a strong ETag, else the date of the last change; empty: neither."""
    length: int | None = None
    """Bytes of the whole file; None: the server does not say."""


def cache_folder() -> Path:
    """``$SLOWFAST_HOME``, else ``$XDG_CACHE_HOME/slowfast``, else ``~/.cache/slowfast``.

    Raises:
        DownloadError: the user has no home folder.
    """
    if os.environ.get(HOME):
        return Path(os.environ[HOME]).expanduser()
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "slowfast"
    try:
        return Path.home() / ".cache" / "slowfast"
    except RuntimeError as error:
        raise DownloadError(f"no home folder for downloads: name a folder with {HOME}") from error


def cached_path(url: str, folder: str | Path | None = None) -> Path:
    """Where the file of a URL lies: ``FOLDER/host/path``, so that no two URLs share a place."""
    parts = urlsplit(url)
    names = [name for name in parts.path.split("/") if name not in ("", ".", "..")] or ["index"]
    if parts.query:
        names[-1] += f"?{parts.query}"
    base = Path(folder) if folder is not None else cache_folder()
    return base.joinpath(*(quote(name, safe="%") for name in (parts.netloc, *names)))


@contextlib.contextmanager
def disk(path: Path) -> Iterator[None]:
    """What the disk refuses, as a DownloadError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"{path} cannot be written: {error.strerror or error} ({HOME}=FOLDER takes downloads "
            "elsewhere)"
        ) from error


class Part:
    """A file while it arrives, locked against other processes.

    A context that unlocks it; nothing is left of one that is empty.
    """

    def __init__(self, path: Path) -> None:
        """Waits until no other process has it; ``is_needed`` is False if one has finished it."""
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")
        self._file: Any = None
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            while self._file is None and not path.exists():
                self._open()

    def _open(self) -> None:
        """Opens and locks the part, unless it has become the file, or is gone, meanwhile."""
        # Unbuffered: what has arrived is in the file however the process ends.
        file: Any = open(self._part, "ab+", buffering=0)  # noqa: SIM115
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"another process downloads {self._path.name}: waiting for it", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), os.stat(self._part)):
                    self._file, file = file, None
        finally:
            if file is not None:
                file.close()

    def __enter__(self) -> "Part":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            if not self.size:
                self.remove()
            self._file.close()

    @property
    def is_needed(self) -> bool:
        return self._file is not None

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return os.fstat(self._file.fileno()).st_size

    def version(self) -> Version:
        """Of what they are a part; unknown if no note was left, or a damaged one."""
        try:
            validator, length = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return Version()
        is_noted = type(validator) is str and (length is None or type(length) is int)
        return Version(validator, length) if is_noted else Version()

    def begin(self, version: Version) -> None:
        """Throws away what has arrived; now comes this version."""
        with disk(self._part):
            self._file.truncate(0)
            self._note.write_text(json.dumps(version), encoding="utf-8")

    def write(self, data: bytes) -> None:
        """Adds bytes at the end."""
        rest = memoryview(data)
        with disk(self._part):
            while rest:
                rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        """Makes it the file, once it is on the disk."""
        with disk(self._path):
            os.fsync(self._file.fileno())
            os.replace(self._part, self._path)
            self._note.unlink(missing_ok=True)

    def remove(self) -> None:
        """Deletes it."""
        with disk(self._part):
            self._part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def digest(self) -> str:
        """See ``file_digest``."""
        return file_digest(self._part)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        DownloadError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
    except OSError as error:
        raise DownloadError(f"{path} cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()
