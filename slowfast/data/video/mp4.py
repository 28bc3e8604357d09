"""What an MP4 or QuickTime file says about its first video track, ISO 14496-12."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from slowfast.data.video.orientation import AS_STORED, Matrix

ROUNDING = 2e-3
"""Of times in the movie's unit, usually a millisecond, seconds."""


@dataclass(frozen=True)
class Track:
    """A video track."""

    matrix: Matrix = AS_STORED
    is_cut: bool = False
    """Whether an edit list leaves out frames that are stored."""


def read_track(file: BinaryIO, start: int, end: int) -> Track:
    """The first video track of the file that lies between these bytes."""
    movie = _movie(file, start, end)
    head = _child(movie, b"mvhd")
    for name, track in _children(movie):
        media = _child(track, b"mdia") if name == b"trak" else b""
        if _child(media, b"hdlr")[8:12] == b"vide":
            matrix = _matrix(_child(track, b"tkhd"), 40) @ _matrix(head, 36)
            a, b, c, d = matrix.ravel().tolist()
            edits = _child(track, b"edts", b"elst")
            return Track((a, b, c, d), _is_cut(edits, head, media))
    return Track()


def _movie(file: BinaryIO, start: int, end: int) -> bytes:
    """What is in the box ``moov``; nothing if there is none."""
    while start + 8 <= end:
        file.seek(start)
        size, name, long_size = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        head = 16 if size == 1 else 8
        size = long_size if size == 1 else size or end - start
        if size < head:
            break
        if name == b"moov":
            file.seek(start + head)
            return file.read(min(size, end - start) - head)
        start += size
    return b""


def _children(box: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in a box: names and contents."""
    start = 0
    while start + 8 <= len(box):
        size, name = struct.unpack_from(">I4s", box, start)
        if size < 8:
            break
        yield name, box[start + 8 : start + size]
        start += size


def _child(box: bytes, *names: bytes) -> bytes:
    """What is in the first box of this name, within that in the first of the next; or nothing."""
    for name in names:
        box = next((content for found, content in _children(box) if found == name), b"")
    return box


def _matrix(head: bytes, place: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The part of a header's matrix that turns and mirrors; times have more bytes in version 1."""
    place += 12 if head[:1] == b"\1" else 0
    if len(head) < place + 36:
        return np.eye(2)
    cells = np.frombuffer(head, ">i4", 9, place).reshape(3, 3)
    return cells[:2, :2] / 65536


def _unit_and_duration(head: bytes) -> tuple[int, int]:
    """Units a second, and the duration in them."""
    if head[:1] == b"\1":
        unit, duration = struct.unpack_from(">IQ", head.ljust(32, b"\0"), 20)
    else:
        unit, duration = struct.unpack_from(">II", head.ljust(20, b"\0"), 12)
    return max(unit, 1), duration


def _is_cut(edits: bytes, head: bytes, media: bytes) -> bool:
    """Whether the edit list shows less than all from the first frame to the last."""
    form = ">Qqi" if edits[:1] == b"\1" else ">Iii"
    whole = len(edits[8:]) // struct.calcsize(form) * struct.calcsize(form)
    shown = [edit for edit in struct.iter_unpack(form, edits[8 : 8 + whole]) if edit[1] >= 0]
    if not shown:
        return False
    movie_unit, _ = _unit_and_duration(head)
    unit, duration = _unit_and_duration(_child(media, b"mdhd"))
    offsets = _child(media, b"minf", b"stbl", b"ctts")
    first_shown = struct.unpack_from(">i", offsets, 12)[0] if len(offsets) >= 16 else 0
    seconds, begin, _ = shown[0]
    left_out = duration - begin - seconds * unit / movie_unit if seconds else 0
    return len(shown) > 1 or begin > first_shown or left_out > ROUNDING * unit
