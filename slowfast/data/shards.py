"""Tar shards: plain tar files of videos, as WebDataset writes them.

A list names a video in a shard as if the tar were a folder::

    shards/train-000012.tar/abseiling/x.mp4 17

The shard stays one file: the video is read where it lies in it. Of the tar only the headers are
walked, once per process. Beside KEY.mp4 lies its label: KEY.cls, the class's number as text, or
KEY.json, a JSON object with the number as ``label``.
"""

import contextlib
import functools
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from slowfast.errors import UserError

SHARDS_KEPT = 64
"""Shards whose index a process keeps; one of 1,000 videos takes about 0.3 MB."""
BLOCK = 512
"""Bytes of a tar block; one of zeros ends the tar."""
NOT_WHOLE = "not a whole, uncompressed tar file"


class ShardError(UserError, OSError):
    """A shard that cannot be read, or has no such member; the message names them. An OSError, too,
    so that whoever reads a file need not know whether it lies in a shard."""


class Member(NamedTuple):
    """A file in a tar: its name without a leading ``/`` or ``./``, and where its bytes lie."""

    name: str
    offset: int
    size: int


class ShardVideo(NamedTuple):
    """A video in a tar: its member name, its size in bytes and its class."""

    name: str
    size: int
    label: int


def shard_of(path: str) -> str | None:
    """The shard of a path, from its text alone: up to the last ``.tar/``; None if there is none."""
    before, found, _ = path.rpartition(".tar/")
    return f"{before}.tar" if found else None


def split_member(path: str) -> tuple[str, str] | None:
    """The tar file and the member's name, if the path goes through a tar that is there."""
    for found in re.finditer(r"\.tar/", path):
        tar = path[: found.end() - 1]
        if os.path.isfile(tar):
            return tar, path[found.end() :]
    return None


def member_range(tar: str, name: str) -> tuple[int, int]:
    """The first byte of a member in its tar, and how many bytes it has.

    Raises:
        ShardError: the file is not a plain tar, or cut off, or has no such file.
        OSError: it cannot be read.
    """
    status = os.stat(tar)
    place = _index(tar, status.st_mtime_ns, status.st_size).get(_normal(name))
    if place is None:
        raise ShardError(f"{tar}: has no file {name}")
    return place


def video_size(path: str) -> int:
    """The bytes of a video, in a shard or in a file of its own. Raises ShardError as
    ``member_range`` does, and OSError if there is no such file."""
    member = split_member(path)
    return member_range(*member)[1] if member else os.stat(path).st_size


def video_url(path: str) -> str:
    """What FFmpeg, and so OpenCV and PyAV, opens for a video: a file, or its bytes in a shard.
    Raises OSError as ``video_size`` does."""
    member = split_member(path)
    if member is None:
        return os.path.abspath(path)  # FFmpeg takes the start of "12:30.mp4" for a protocol
    offset, size = member_range(*member)
    # https://ffmpeg.org/ffmpeg-protocols.html#subfile
    return f"subfile,,start,{offset},end,{offset + size},,:{os.path.abspath(member[0])}"


def members(tar: str) -> Iterator[Member]:
    """The files in a tar, in order. Links and sparse files hold no video and are left out. Raises
    ShardError if it is no plain tar, or cut off; some files may have been yielded by then."""
    with open(tar, "rb") as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for info in archive:
                    if info.isreg() and not info.issparse():
                        yield Member(_normal(info.name), info.offset_data, info.size)
                end = archive.offset
        except tarfile.TarError as error:
            raise ShardError(f"{tar}: {NOT_WHOLE} ({error})") from error
        file.seek(end)
        if file.read(BLOCK) != bytes(BLOCK):  # tarfile takes anything else for the end, too
            raise ShardError(f"{tar}: {NOT_WHOLE} (no file and no end at byte {end:,})")


def labelled_videos(
    tar: str, is_video: Callable[[str, Callable[[], bytes]], bool], left_out: list[str]
) -> list[ShardVideo]:
    """The videos of a tar, in order, with the labels beside them.

    A video is what ``is_video`` takes for one, see ``lists``; its KEY is what is before the ending
    or, as in WebDataset, before the first dot. What is neither a video nor a label is added to
    ``left_out``.

    Raises:
        ShardError: see ``members``; a video has no label, or one that is not understood; a name
            is there twice. The message names the tar and the member.
    """
    files: dict[str, Member] = {}
    for member in members(tar):
        if member.name in files:
            raise ShardError(f"{tar}: has {member.name} twice")
        files[member.name] = member
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
            videos.append(ShardVideo(name, size, _label(file.read(found.size), found.name, tar)))
    return videos


def _begin(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(min(size, 1024))


@functools.lru_cache(maxsize=SHARDS_KEPT)
def _index(tar: str, mtime_ns: int, size: int) -> dict[str, tuple[int, int]]:
    """Where each file of the tar lies, for the tar as it was then; of a name's files the last."""
    return {name: (offset, size) for name, offset, size in members(tar)}


def _normal(name: str) -> str:
    return str(PurePosixPath(name.lstrip("/")))


def _label(text: bytes, name: str, tar: str) -> int:
    label, what = None, "a class's number"
    with contextlib.suppress(ValueError):
        label = json.loads(text)
    if name.endswith(".json"):
        label = label.get("label") if isinstance(label, dict) else None
        what = 'a JSON object with "label": NUMBER'
    if type(label) is not int or label < 0:
        raise ShardError(f"{tar}: {name} is not {what}: {text[:40]!r}")
    return label


def state_of(path: str) -> list[int] | None:
    """Size and time of the last change of a file, its shard or folder; None if there is none."""
    member = split_member(path)
    try:
        status = os.stat(member[0] if member else path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
