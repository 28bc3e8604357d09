"""Where files may be written, and the folder for those that can be made again."""

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from slowfast.files import FolderError, require_no_device

HOME = "SLOWFAST_HOME"
"""The environment variable that names the cache folder."""


def require_place(path: Path) -> None:
    """Raises an OSError that names it if no file can be written at ``path``, or a FolderError if a
    device or a pipe is there; its folder is made."""
    require_no_device(path)
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def require_unread(path: Path, read: Iterable[str | Path | None]) -> None:
    """Raises a FolderError if ``path``, which a run is to write, is a folder, a device, a pipe, or
    one of the files that it reads, or also writes."""
    require_no_device(path)
    if path.is_dir():
        raise FolderError(f"{path} is a folder: name a file")
    for other in (one for one in read if one):
        is_there = path.exists() and os.path.exists(other)
        if os.path.realpath(path) == os.path.realpath(other) or (is_there and path.samefile(other)):
            raise FolderError(f"{path} would be written over {other}: name another file")


def require_of(path: Path, owner: str, own: str) -> None:
    """Raises a FolderError if ``path``, made of the video ``owner``, is not of ``own``."""
    if owner != own:
        raise FolderError(f"{path} is of {owner}, not of {own}: name another folder")


def cache_folder() -> Path:
    """``$SLOWFAST_HOME``, else ``slowfast`` in the user's folder for caches:
    ``$XDG_CACHE_HOME/slowfast``, else ``~/.cache/slowfast``.

    Raises:
        FolderError: the user has no home folder.
    """
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(os.environ.get(HOME) or Path(caches, "slowfast")).expanduser()
    except RuntimeError as error:
        raise FolderError(f"there is no home folder: name a folder with {HOME}") from error
