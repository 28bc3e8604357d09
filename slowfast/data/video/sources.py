"""What a path on the command line names: a file, or a stream, which is watched as it comes."""

import os
import re
import stat
from urllib.parse import unquote, urlsplit

from slowfast.errors import UserError, masked_url

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
OPENED = re.compile(r"-|/dev/stdin|(?:/dev|/proc/self)/fd/(\d+)")
"""What names an open file of this process."""
NUMBER = re.compile(r"[0-9]{1,4}")
"""Of a webcam."""
VIDEO4LINUX = 81
"""The major number of cameras on Linux (Documentation/admin-guide/devices.txt)."""


def is_stream(path: str) -> bool:
    """Whether a path is the number of a webcam (and no file), a camera, an url or a pipe."""
    if URL.match(path):
        return not path.lower().startswith("file:")
    is_number = NUMBER.fullmatch(path) is not None and not os.path.exists(path)
    return path == "-" or is_number or is_pipe(path) or is_camera(path)


def file_of(path: str) -> str:
    """The file that ``file://`` or, behind a shell's ``<``, standard input names; else ``path``.
    Raises UserError if it is on another machine."""
    if path.lower().startswith("file://"):
        parts = urlsplit(path)
        if parts.netloc not in ("", "localhost"):
            raise UserError(f"{masked_url(path)}: a file of another machine (file:/// names own)")
        return unquote(parts.path)
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


def is_device(path: str) -> bool:
    """Whether a path is a device, as /dev/null and whole disks are."""
    status = _status(path)
    return status is not None and (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode))


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
