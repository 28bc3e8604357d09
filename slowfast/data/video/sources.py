"""What a path on the command line names: a file, or a stream, which is watched as it comes."""

import os
import re
import stat
from urllib.parse import unquote, urlsplit

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
OPENED = re.compile(r"-|/dev/stdin|(?:/dev|/proc/self)/fd/(\d+)")
"""What names an open file of this process."""
VIDEO4LINUX = 81
"""The major number of cameras on Linux (Documentation/admin-guide/devices.txt)."""


def is_stream(path: str) -> bool:
    """Whether a path is the number of a webcam (and no file), a camera, an url or a pipe."""
    if URL.match(path):
        return not path.startswith("file:")
    is_number = path.isascii() and path.isdecimal() and not os.path.exists(path)
    return path == "-" or is_number or is_pipe(path) or is_camera(path)


def file_of(path: str) -> str:
    """The file that ``file://`` or, behind a shell's ``<``, standard input names; else ``path``."""
    if path.startswith("file://"):
        return unquote(urlsplit(path).path)
    if (number := descriptor(path)) is not None:
        own = f"/dev/fd/{number}"
        return os.path.realpath(own) if os.path.isfile(own) else path
    return path


def descriptor(path: str) -> int | None:
    """The number of the open file that a path names, if it names one."""
    found = OPENED.fullmatch(path)
    return int(found[1] or 0) if found else None


def is_pipe(path: str) -> bool:
    """Whether a path is a pipe or a socket: ``<(...)``, ``/dev/stdin`` behind ``|``, a FIFO."""
    status = _status(path)
    return status is not None and (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode))


def is_camera(path: str) -> bool:
    """Whether a path is the device of a webcam."""
    status = _status(path)
    if status is None or not stat.S_ISCHR(status.st_mode):
        return False
    return os.major(status.st_rdev) == VIDEO4LINUX


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None
