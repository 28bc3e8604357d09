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

LENGTH = struct.Struct("<Q")
LARGEST = 1 << 30
"""Bytes of a record; a larger length is no length."""
ONCE = "hparam"
"""VisualDL's tag of the settings, which each start of a run writes anew."""


class Place(NamedTuple):
    """How far a run is."""

    steps: int
    """Finished steps of the whole run."""
    epochs: int
    """Finished epochs, with their validation."""

    def has(self, tag: str, step: int) -> bool:
        """Whether it is done what has this tag, ``KIND/NAME``, or this kind. Validations count by
        epochs, all else by steps."""
        return step <= (self.epochs if tag.startswith("val") else self.steps)


def cut_rows(path: Path, place: Place) -> int:
    """Leaves the rows of ``metrics.jsonl`` that the run still stands for at ``place``; returns how
    many were cut. A last row that is not whole goes, too.

    Raises:
        OSError: the file cannot be read, or written anew; it stays as it was.
    """
    if not path.exists():
        return 0
    rows = path.read_bytes().splitlines(keepends=True)
    kept = [row for row in rows if _is_row_of(row, place)]
    if len(kept) < len(rows):
        with atomic(path) as file:
            file.writelines(kept)
    return len(rows) - len(kept)


def _is_row_of(line: bytes, place: Place) -> bool:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        row = json.loads(line)
        return line.endswith(b"\n") and place.has(row["kind"], row["step"])
    return False


def cut_records(path: Path, place: Place) -> int:
    """Does so with a file of VisualDL, and returns how many records were cut.

    Each is replaced by an empty one of the same length, so that a VisualDL that is open, and goes
    on to read where it has been, finds the start of a record there. What follows the last whole
    record is removed.

    Raises:
        OSError: the file cannot be read, or written anew; it stays as it was.
    """
    if not path.exists():
        return 0
    parts, cut, size = [], 0, 0
    for record in _records(path):
        size += LENGTH.size + len(record)
        parts.append(record if _stays(record, place) else empty_record(len(record)))
        cut += parts[-1] is not record and parts[-1] != record
    if cut or size < path.stat().st_size:
        with atomic(path) as file:
            for part in parts:
                file.write(LENGTH.pack(len(part)) + part)
    return cut


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
    """A record of ``size`` bytes that says nothing, at least 16."""
    from visualdl.proto.record_pb2 import Record

    meta = Record.MetaData(display_name="")
    record: bytes = Record(values=[Record.Value(tag="none", meta_data=meta)]).SerializeToString()
    # Then field 15, which there is none of, as that many zeros; its length always has 4 bytes.
    room = size - len(record) - 5
    if room < 0:
        raise ValueError(f"a record of {size} bytes is too short")
    varint = bytes([room & 127 | 128, room >> 7 & 127 | 128, room >> 14 & 127 | 128, room >> 21])
    return record + b"\x7a" + varint + bytes(room)
