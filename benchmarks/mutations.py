"""Mutated files: bytes changed, cut and moved, and the pieces that a format is made of changed.

A mutant is drawn from a random generator, so that a seed gives it again; none is kept.
"""

import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Piece(NamedTuple):
    """A part of a file, as its format has it: a box, a chunk, a packet, an opcode."""

    start: int
    """Of its head, which says what it is and how long."""
    body: int
    end: int


Pieces = list[Piece]
Random = random.Random

BOXES = b"moov trak mdia minf stbl edts dinf udta mvex moof traf".split()
"""Of MP4 (ISO 14496-12), those that hold others."""
MASTERS = {0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xE0, 0x1C53BB6B, 0xBB, 0x114D9B74, 0x1549A966,
           0x1A45DFA3, 0xA0}  # fmt: skip
"""Of Matroska (RFC 9559), the elements that hold others."""
TS_PACKET = 188
HEAD = 64
"""Bytes at the beginning of a body in which most formats have their fields."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Of MP4: 4 bytes size, 4 bytes type."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        last = start + size if size >= 8 else end
        yield Piece(start, start + 8, min(last, end))
        if kind in BOXES or kind == b"stsd":
            yield from boxes(data, start + (16 if kind == b"stsd" else 8), min(last, end))
        start = last


def elements(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Of Matroska and WebM: an id and a size, each of 1 to 8 bytes."""
    end = len(data) if end is None else end
    while start + 2 <= end:
        id_bytes = 9 - max(data[start].bit_length(), 1)
        at = start + id_bytes
        size_bytes = 9 - max(data[min(at, end - 1)].bit_length(), 1)
        body = at + size_bytes
        size = int.from_bytes(data[at:body], "big") & ((1 << 7 * size_bytes) - 1)
        last = min(body + size, end)
        yield Piece(start, min(body, end), last)
        if int.from_bytes(data[start:at], "big") in MASTERS:
            yield from elements(data, body, last)
        start = max(last, body)


def chunks(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """Of RIFF (AVI): 4 bytes type, 4 bytes size; a list has its own type behind them."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, start)
        last = min(start + 8 + size, end)
        yield Piece(start, start + 8, last)
        if kind in (b"RIFF", b"LIST"):
            yield from chunks(data, start + 12, last)
        start = last + size % 2


def packets(data: bytes) -> Iterator[Piece]:
    """Of an MPEG transport stream: 188 bytes each, the head 4."""
    for start in range(0, len(data), TS_PACKET):
        yield Piece(start, min(start + 4, len(data)), min(start + TS_PACKET, len(data)))


def tags(data: bytes) -> Iterator[Piece]:
    """Of Flash Video: 11 bytes with type and size, the body, 4 bytes with the size of both."""
    start = 13
    while start + 11 <= len(data):
        end = start + 11 + int.from_bytes(data[start + 1 : start + 4], "big") + 4
        yield Piece(start, start + 11, min(end, len(data)))
        start = end


def start_codes(data: bytes) -> Iterator[Piece]:
    """Of an MPEG program stream: 00 00 01, what it is, and mostly 2 bytes size."""
    places = [data.find(b"\0\0\1")]
    while places[-1] >= 0:
        places.append(data.find(b"\0\0\1", places[-1] + 3))
    for start, end in zip(places, [*places[1:-1], len(data)], strict=False):
        yield Piece(start, min(start + 6, end), end)


def mutated(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    """``data`` after one to three mutations, of its pieces or of whatever bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if pieces and rng.random() < 0.6:
            data = rng.choice(OF_PIECES)(data, pieces, rng)
        else:
            data = rng.choice(BLIND)(data, rng)
    return data


def _slice(data: bytes, rng: Random) -> tuple[int, int]:
    """A part of the file, short ones as likely as long ones."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 16)))


def _extreme(old: bytes, rng: Random) -> bytes:
    """A number in place of another, in as many bytes: at an end of what fits, or one beside it."""
    bits, order = 8 * len(old), rng.choice(("big", "little"))
    near = int.from_bytes(old, order)  # type: ignore[arg-type]
    values = (0, 1, 2**bits - 1, 2 ** (bits - 1), 2 ** (bits - 1) - 1, near + 1, near - 1, near * 2,
              near // 2, rng.getrandbits(bits), rng.getrandbits(max(bits // 2, 1)))  # fmt: skip
    return (rng.choice(values) % 2**bits).to_bytes(len(old), order)  # type: ignore[arg-type]


def _with_extreme(data: bytes, start: int, end: int, rng: Random) -> bytes:
    """With a number of 1 to 8 bytes changed that begins between two places."""
    place = rng.randrange(start, max(end, start + 1))
    last = min(place + rng.choice((1, 2, 4, 4, 8)), len(data))
    return data[:place] + _extreme(data[place:last], rng) + data[last:] if last > place else data


def _flipped(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(2 ** rng.randrange(10), len(data))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_off(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _cut_out(data: bytes, rng: Random) -> bytes:
    start, end = _slice(data, rng)
    return data[:start] + data[end:]


def _inserted(data: bytes, rng: Random) -> bytes:
    start, end = _slice(data, rng)
    return data[:start] + rng.randbytes((end - start) % 4096) + data[start:]


def _overwritten(data: bytes, rng: Random) -> bytes:
    start, end = _slice(data, rng)
    filling = rng.choice((b"\0", b"\xff", b""))
    return data[:start] + (filling or rng.randbytes(1)) * (end - start) + data[end:]


def _repeated(data: bytes, rng: Random) -> bytes:
    start, end = _slice(data, rng)
    return data[:end] + data[start:end] + data[end:]


BLIND: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped, _cut_off, _cut_out, _inserted, _overwritten, _repeated,
    lambda data, rng: _with_extreme(data, 0, len(data), rng),
)  # fmt: skip


def _head_changed(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    piece = rng.choice(pieces)
    return _with_extreme(data, piece.start, piece.body, rng)


def _field_changed(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    piece = rng.choice(pieces)
    return _with_extreme(data, piece.body, min(piece.body + HEAD, piece.end), rng)


def _head_exchanged(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    piece, other = rng.choice(pieces), rng.choice(pieces)
    return data[: piece.start] + data[other.start : other.body] + data[piece.body :]


def _dropped(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    piece = rng.choice(pieces)
    return data[: piece.start] + data[piece.end :]


def _multiplied(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    """A piece many times, up to 64 KB more of it, here or at another's place."""
    piece, place = rng.choice(pieces), rng.choice(pieces)
    part = data[piece.start : piece.end]
    times = min(2 ** rng.randrange(13), 65536 // max(len(part), 1) + 1)
    at = rng.choice((piece.start, place.start))
    return data[:at] + part * times + data[at:]


def _swapped(data: bytes, pieces: Pieces, rng: Random) -> bytes:
    first, second = sorted((rng.choice(pieces), rng.choice(pieces)))
    if first.end > second.start:  # one lies in the other
        return data
    a, b = data[first.start : first.end], data[second.start : second.end]
    return data[: first.start] + b + data[first.end : second.start] + a + data[second.end :]


OF_PIECES: tuple[Callable[[bytes, Pieces, Random], bytes], ...] = (
    _head_changed, _head_changed, _field_changed, _field_changed, _head_exchanged, _dropped,
    _multiplied, _swapped,
)  # fmt: skip
