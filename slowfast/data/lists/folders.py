"""Which files in a folder are videos, and the folders of classes."""

import functools
import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from slowfast.log import logger

VIDEO_ENDINGS = (
    ".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".3g2", ".asf", ".f4v", ".gif", ".m2ts", ".mts", ".mxf", ".ogv", ".ts", ".vob",
)  # fmt: skip
SOURCE_TOO = (".ts", ".mts")
"""Endings of MPEG-TS and of TypeScript, which is text."""
Videos = dict[str, list[str]]
"""The names of each class's videos."""


def class_folders(root: Path) -> Videos:
    """The videos of each folder in ``root``, both in the order of their names; hidden folders are
    not classes. Logs once what is left out."""
    found: Videos = {}
    left_out: list[str] = []
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name[0] != ".":
            found[path.name], others = list_videos(path, deep=False)
            left_out += [f"{path.name}/{name}" for name in others]
        elif path.is_dir() or path.name.lower().endswith(VIDEO_ENDINGS):  # not the lists beside
            left_out.append(path.name + "/" * path.is_dir())
    tell_left_out(root, left_out)
    return found


def parted(by_class: Videos, val_share: float) -> tuple[Videos, Videos]:
    """The videos of each class for training and for validation, drawn by a hash of the name.

    A class of two videos or more has at least one in each; a single video is for training.
    """
    train, val = {}, {}
    for label, names in by_class.items():
        drawn = sorted(names, key=lambda s: hashlib.sha256(s.encode(errors="replace")).digest())
        count = max(min(max(round(val_share * len(names)), 1), len(names) - 1), 0)
        val[label], train[label] = sorted(drawn[:count]), sorted(drawn[count:])
    return train, val


def videos_below(folder: str | Path) -> list[str]:
    """The videos in a folder and in those below it, by their paths from there, in order. Logs once
    what is left out."""
    found, left_out = list_videos(folder, deep=True)
    tell_left_out(folder, left_out)
    return found


def list_videos(folder: str | Path, *, deep: bool) -> tuple[list[str], list[str]]:
    """The videos in a folder, by their paths from there, and what is left out, both in order.

    A video is a file that ``is_video`` takes for one; links are followed. What is left out ends
    with ``/`` if it is a folder.

    Args:
        deep: also look in the folders below, except hidden ones; else all folders are left out.

    Raises:
        OSError: a folder cannot be listed.
    """
    found: list[str] = []
    left_out: list[str] = []
    waiting, walked = deque([""]), set()
    while waiting:
        below = waiting.popleft()
        place = os.path.join(folder, below)
        if os.path.realpath(place) in walked:  # a link to where we have been
            continue
        walked.add(os.path.realpath(place))
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = os.path.join(below, entry.name)
                if entry.is_dir() and deep and entry.name[0] != ".":
                    waiting.append(path)
                elif entry.is_dir():
                    left_out.append(f"{path}/")
                elif entry.is_file() and is_video(path, functools.partial(first_bytes, entry.path)):
                    found.append(path)
                else:
                    left_out.append(path)
    return sorted(found), sorted(left_out)


def is_video(path: str, begin: Callable[[], bytes]) -> bool:
    """Whether a file is taken for a video where a folder or a tar is looked through: its name has
    one of ``VIDEO_ENDINGS``, neither it nor a folder of ``path`` is hidden (as ``._x.mp4`` of macOS
    is), and it is not TypeScript.

    Args:
        path: from the folder or in the tar.
        begin: gives the file's first bytes.
    """
    named = path.lower().endswith(VIDEO_ENDINGS) and "/." not in f"/{path}"
    return named and (not path.lower().endswith(SOURCE_TOO) or b"\0" in begin())


def first_bytes(path: str) -> bytes:
    """How a file begins, for ``is_video``; one that cannot be read is left to whoever reads it."""
    try:
        with open(path, "rb") as file:
            return file.read(1024)
    except OSError:
        return b"\0"


def tell_left_out(folder: str | Path, names: Sequence[str]) -> None:
    """Logs how many files and folders were no videos, and the first of them."""
    if names:
        more = ", ..." if len(names) > 1 else ""
        logger.info(
            f"{folder}: {len(names):,} left out ({names[0]}{more}): hidden, not named as a video, "
            "or in a folder where none is expected"
        )
