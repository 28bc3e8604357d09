"""Tar shards: plain tar files of videos, as WebDataset writes them.

A list names a video in a shard as if the tar were a folder::

    shards/train-000012.tar/abseiling/x.mp4 17

The shard stays one file: the video is read where it lies in it. Of the tar only the headers are
walked, once per process.
"""

import functools
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from slowfast.errors import UserError

SHARDS_KEPT = 64
"""Shards whose index a process keeps; one of 1,000 videos takes about 0.3 MB."""
BLOCK = 512
"""Bytes of a tar block; one of zeros ends the tar."""
NOT_WHOLE = "not a whole, uncompressed tar file"
SPARSE = "is sparse: its bytes do not lie together (write the tar without --sparse)"


class ShardError(UserError, OSError):
    """A shard that cannot be read, or has no such member; the message names them. An OSError, too,
    so that whoever reads a file need not know whether it lies in a shard."""


class Member(NamedTuple):
    """A file in a tar: its name without a leading ``/`` or ``./``, and where its bytes lie."""

    name: str
    offset: int
    size: int


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
    places, left_out = _index(tar, status.st_mtime_ns, status.st_size)
    if reason := left_out.get(_normal(name)):
        raise ShardError(f"{tar}: {name} {reason}")
    if _normal(name) not in places:
        raise ShardError(f"{tar}: has no file {name}")
    return places[_normal(name)]


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


def members(tar: str, left_out: dict[str, str] | None = None) -> Iterator[Member]:
    """The files in a tar, in order, and then its links to files in it. More tars may follow in the
    same file, as ``cat`` puts them together.

    What cannot be read is added to ``left_out``, with the reason: sparse files, links to what is
    no file in the tar, and what follows the tar and is none.

    Raises:
        ShardError: it is no plain tar, or cut off; some files may have been yielded by then.
    """
    found: dict[str, Member] = {}
    links: dict[str, str] = {}
    left_out = {} if left_out is None else left_out
    with open(tar, "rb") as file:
        for info in _headers(tar, file, left_out):
            name = _normal(info.name)
            if info.issparse():
                left_out[name] = SPARSE
            elif info.isreg():
                found[name] = Member(name, info.offset_data, info.size)
                yield found[name]
            elif info.islnk() or info.issym():
                links[name] = _target(name, info)
    for name in links:
        target = name
        for _ in links:  # a link to a link, but not in a circle
            target = links.get(target, "")
            if not target or target in found:
                break
        if target in found:
            yield found[target]._replace(name=name)
        else:
            left_out[name] = f"is a link to {links[name]}, which is no file in the tar"


def _headers(tar: str, file: IO[bytes], left_out: dict[str, str]) -> Iterator[tarfile.TarInfo]:
    start: int | None = 0
    while start is not None:
        empty = True
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for info in archive:
                    empty = False
                    yield info
                end = file.seek(archive.offset)
            # tarfile takes anything else than a block of zeros for the end, too
            fault = (
                "" if file.read(BLOCK) == bytes(BLOCK) else f"no file and no end at byte {end:,}"
            )
        except tarfile.TarError as error:
            fault = str(error)
        if fault and empty and start:
            left_out[f"byte {start:,}"] = "is behind the end of the tar, and begins no other"
            return
        if fault:
            raise ShardError(f"{tar}: {NOT_WHOLE} ({fault})")
        start = _next_tar(file)


def _target(name: str, link: tarfile.TarInfo) -> str:
    """What a link in a tar leads to: a hard link names a member, a symbolic one starts from its own
    folder."""
    folder = os.path.dirname(name) if link.issym() else ""
    return _normal(os.path.normpath(os.path.join(folder, link.linkname)))


def _next_tar(file: IO[bytes]) -> int | None:
    """Goes on to the first block that is not zeros, and returns its first byte; None at the end."""
    while blocks := file.read(2048 * BLOCK):
        if rest := blocks.lstrip(b"\0"):
            start = file.tell() - len(blocks) + (len(blocks) - len(rest)) // BLOCK * BLOCK
            return file.seek(start)
    return None


@functools.lru_cache(maxsize=SHARDS_KEPT)
def _index(tar: str, mtime_ns: int, size: int) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Where each file of the tar lies, for the tar as it was then, and what is left out; of a
    name's files the last."""
    left_out: dict[str, str] = {}
    places = {name: (offset, size) for name, offset, size in members(tar, left_out)}
    return places, left_out


def _normal(name: str) -> str:
    return str(PurePosixPath(name.lstrip("/")))


def state_of(path: str) -> list[int] | None:
    """Size and time of the last change of a file, its shard or folder; None if there is none."""
    member = split_member(path)
    try:
        status = os.stat(member[0] if member else path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
