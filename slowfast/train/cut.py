"""Cuts from the curves of a run what will be computed again, so that a resumed run goes on with
them as if it had never stopped.

VisualDL's file is a row of records: 8 bytes of length, little-endian, and as many of a protobuf
message. There are no checksums; a process that was killed may leave half a record at the end.
"""

import contextlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.files import atomic
from slowfast.log import logger

LENGTH = struct.Struct("<Q")
LARGEST = 1 << 30
"""Bytes of a record; a larger length is no length."""
SHORTEST = 15
"""Bytes of a record that ``empty_record`` can replace; VisualDL writes none that is shorter."""
ONCE = "hparam"
"""VisualDL's tag of the settings, which each start of a run writes anew."""


class Place(NamedTuple):
    """How far a run is."""

    steps: int
    """Finished steps of the whole run."""
    epochs: int
    """Finished epochs, with their validation."""

    def has(self, tag: str, step: int) -> bool:
        """Whether the run has done what a record of this tag, ``KIND/NAME``, or a row of this kind
        tells. Validations count by epochs, all else by steps."""
        return step <= (self.epochs if tag.startswith("val") else self.steps)


def cut_rows(path: Path, place: Place) -> int:
    """Cuts the rows of later steps from ``metrics.jsonl``; returns how many.

    A last row that is not whole goes, too. If other lines are no rows, the file as it was stays
    beside it, see ``damaged_copy``.

    Raises:
        OSError: the file cannot be read, or written anew; it stays as it was.
    """
    if not path.exists():
        return 0
    *lines, last = path.read_bytes().splitlines(keepends=True) or [b""]
    whole = [*lines, last] if last.endswith(b"\n") else lines
    rows = [(line, is_done) for line in whole if (is_done := _is_done(line, place)) is not None]
    kept = [line for line, is_done in rows if is_done]
    if len(rows) < len(whole):
        _tell_damage(path, f"{len(whole) - len(rows):,} of its lines are no rows")
    if len(kept) < len(lines) + bool(last):
        with atomic(path) as file:
            file.writelines(kept)
    return len(rows) - len(kept)


def _is_done(line: bytes, place: Place) -> bool | None:
    """Whether a row is of a step that is done; None if the line is no row."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        row = json.loads(line)
        return place.has(row["kind"], row["step"])
    return None


def damaged_copy(path: Path) -> Path:
    """Where a damaged file is kept; VisualDL does not take it for one of its own."""
    return path.with_name(f"damaged.{path.name}")


def _tell_damage(path: Path, what: str) -> None:
    copy = damaged_copy(path)
    with atomic(copy) as file:
        file.write(path.read_bytes())
    logger.warning(f"{path} is damaged: {what}; the run goes on without them, see {copy.name}")


def cut_records(path: Path, place: Place) -> int:
    """Cuts the records of later steps from a file of VisualDL; returns how many.

    Each is replaced by an empty one of the same length, so that a VisualDL that is open, and goes
    on to read where it has been, finds the start of a record there. What follows the last whole
    record is removed; if it is more than the half record that a killed process leaves, the file as
    it was stays beside it, see ``damaged_copy``.

    Raises:
        OSError: the file cannot be read, or written anew; it stays as it was.
    """
    if not path.exists():
        return 0
    parts, cut, size = [], 0, 0
    for record in _records(path):
        size += LENGTH.size + len(record)
        stays = _stays(record, place)
        if stays or len(record) >= SHORTEST:
            parts.append(record if stays else empty_record(len(record)))
        cut += not stays
    left = path.stat().st_size - size
    if left and not _is_half(path, size):
        _tell_damage(path, f"its last {left:,} bytes are no records")
    if cut or left:
        with atomic(path) as file:
            for part in parts:
                file.write(LENGTH.pack(len(part)) + part)
    return cut


def _is_half(path: Path, start: int) -> bool:
    """Whether a file ends within the record that begins at ``start``."""
    with open(path, "rb") as file:
        file.seek(start)
        head = file.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return True
        (length,) = LENGTH.unpack(head)
        return bool(0 < length < LARGEST and start + len(head) + length > path.stat().st_size)


def _records(path: Path) -> Iterator[bytes]:
    """The whole records of a file, up to the first that is none."""
    with open(path, "rb") as file:
        while len(head := file.read(LENGTH.size)) == LENGTH.size:
            (length,) = LENGTH.unpack(head)
            if not 0 < length < LARGEST:
                return
            record = file.read(length)
            if len(record) < length or _value_of(record) is None:
                return
            yield record


def _value_of(record: bytes) -> Any:
    """What a record says; None if it is none."""
    from google.protobuf.message import DecodeError
    from visualdl.proto.record_pb2 import Record

    with contextlib.suppress(DecodeError):
        values = Record.FromString(record).values
        return values[0] if len(values) else None
    return None


def _stays(record: bytes, place: Place) -> bool:
    value = _value_of(record)
    return value.HasField("meta_data") or (value.tag != ONCE and place.has(value.tag, value.id))


def empty_record(size: int) -> bytes:
    """A record of ``size`` bytes that says nothing, ``SHORTEST`` at least."""
    from visualdl.proto.record_pb2 import Record

    meta = Record.MetaData(display_name="")
    record: bytes = Record(values=[Record.Value(tag="none", meta_data=meta)]).SerializeToString()
    # Then zeros, as field 15, which VisualDL does not know; their number always has 4 bytes.
    room = size - len(record) - 5
    assert room >= 0
    varint = bytes([room & 127 | 128, room >> 7 & 127 | 128, room >> 14 & 127 | 128, room >> 21])
    return record + b"\x7a" + varint + bytes(room)
