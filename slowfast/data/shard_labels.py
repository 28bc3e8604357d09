"""The videos in a tar shard, with their labels.

Beside KEY.mp4 lies its label: KEY.cls, the class's number as text, or KEY.json, a JSON object with
the number as ``label``. Several labels are ``3,17`` there, or a list as ``labels``, which may be
empty.
"""

import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

from slowfast.data.lists import ANY_CLASS
from slowfast.data.samples import Label, rising
from slowfast.data.shards import Member, ShardError, members
from slowfast.data.text_lists import labels_of
from slowfast.log import logger


class ShardVideo(NamedTuple):
    """A video in a tar: its member name, its size in bytes and its class, or all its classes."""

    name: str
    size: int
    label: Label


def labelled_videos(
    tar: str, is_video: Callable[[str, Callable[[], bytes]], bool], left_out: list[str]
) -> list[ShardVideo]:
    """The videos of a tar, in order, with the labels beside them.

    A video is what ``is_video`` takes for one, see ``folders``; its KEY is what is before the
    ending or, as in WebDataset, before the first dot. What is neither a video nor a label is added
    to ``left_out``; what ``members`` leaves out is counted and logged.

    Raises:
        ShardError: see ``members``; a video has no label, or one that is not understood; a name
            is there twice. The message names the tar and the member.
    """
    files: dict[str, Member] = {}
    no_files: dict[str, str] = {}
    for member in members(tar, no_files):
        if member.name in files:
            raise ShardError(f"{tar}: has {member.name} twice")
        files[member.name] = member
    if no_files:
        name, reason = next(iter(no_files.items()))
        logger.warning(f"{tar}: {len(no_files):,} left out, the first: {name} {reason}")
    with open(tar, "rb") as file:
        videos = []
        for name, offset, size in files.values():
            path = PurePosixPath(name)
            if not is_video(name, functools.partial(_begin, file, offset, size)):
                left_out += [] if name.endswith((".cls", ".json")) else [f"{tar}/{name}"]
                continue
            keys = (path.with_suffix(""), path.with_name(path.name.partition(".")[0]))
            beside = [f"{key}{ending}" for key in keys for ending in (".cls", ".json")]
            found = next((files[other] for other in beside if other in files), None)
            if found is None:
                what = " or ".join(beside[:2])
                raise ShardError(f"{tar}: {name} has no label beside it, {what}")
            file.seek(found.offset)
            try:
                label = _label(file.read(found.size), found.name)
            except ValueError as error:
                raise ShardError(f"{tar}: {found.name}: {error}") from error
            videos.append(ShardVideo(name, size, label))
    return videos


def _begin(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(min(size, 1024))


def _label(text: bytes, name: str) -> Label:
    """The label in a file of this name; a ValueError says what is wrong."""
    if name.endswith(".cls"):
        several = labels_of(text.decode(errors="replace").strip(), ANY_CLASS)
        return several[0] if len(several) == 1 else several
    row: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        row = json.loads(text)
    if isinstance(row, dict) and "label" in row:
        return rising([row["label"]], ANY_CLASS)[0]
    if isinstance(row, dict) and isinstance(row.get("labels"), list):
        return rising(row["labels"], ANY_CLASS)
    form = 'a JSON object with "label": NUMBER or "labels": [NUMBER, ...]'
    raise ValueError(f"not {form}: {text[:40]!r}")
