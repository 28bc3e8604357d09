"""The scores of a running test, row by row on the disk, so that nothing already done is lost.

``FILE.partial`` holds the rows until ``results.write_scores`` makes FILE of them. All processes
write to it, so its folder is one that all of them see::

    one line of JSON        what the rows are of: the list, the weights, the protocol
    a record per video      its V x K float32, then "done" and the CRC-32 of its place and bytes

A record that was not written whole, whatever ended the run, has no such end and is done again.
Written with ``pwrite``, not through a memory map: there, a full disk is an error, here a signal
that kills.

Legend: V views, K classes.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.engine.results import ResultsError, check_new
from slowfast.log import logger

Plan = dict[str, Any]
"""What rows must have in common to stand in one file, by name."""

_MARK = b"done"
_END = struct.Struct("<4sI")
WITHOUT_INFLUENCE = {
    "data": {
        "root", "train_list", "val_list", "test_list", "labels", "min_short_side",
        "max_short_side", "inverse_short_side", "crop_area", "crop_aspect", "rand_augment",
        "rand_augment_magnitude", "erase", "flip", "flip_pairs", "flip_by_name", "num_workers",
        "read_seconds", "on_error", "max_errors",
    },
    "model": {"dropout", "pretrained"},
    "test": {"batch_size", "views_per_chunk"},
}  # fmt: skip
"""Keys of the config that may change from one part of a test to the next."""


def make_plan(samples: Sequence[Sample], cfg: Config, weights: str) -> Plan:
    """What the scores depend on: the list, the weights' bytes, the config's keys that matter."""
    content = Path(weights).read_bytes()
    plan: Plan = {
        "videos": len(samples),
        "crc of the list": zlib.crc32(repr([tuple(sample) for sample in samples]).encode()),
        "bytes of the weights": len(content),
        "crc of the weights": zlib.crc32(content),
    }
    for section, ignored in WITHOUT_INFLUENCE.items():
        values = dataclasses.asdict(getattr(cfg, section))
        plan |= {f"{section}.{key}": v for key, v in values.items() if key not in ignored}
    return plan


class ScoreRows:
    """``FILE.partial``, open for rows.

    Args:
        path: FILE.
        plan: see ``make_plan``.
        shape: of a row, ``(V, K)``.
        is_owner: the one process that makes the partial file, before the others open it.

    Raises:
        ResultsError: FILE is there already; or its partial file is of another plan, or another
            run is writing it.
        OSError: naming the partial file.
    """

    def __init__(
        self, path: Path, plan: Plan, shape: tuple[int, int], *, is_owner: bool = True
    ) -> None:
        self.path, self.partial = path, path.with_name(f"{path.name}.partial")
        self.done: list[int] = []
        """Places in the list of the videos whose rows were there when it was opened."""
        self._shape, self._row_bytes = shape, 4 * shape[0] * shape[1]
        self._head = json.dumps({"format": "slowfast rows 1"} | plan).encode() + b"\n"
        if is_owner:
            path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if is_owner else 0)
        self._file = os.open(self.partial, flags, 0o666)
        if is_owner:
            with self._named():
                self._take(plan["videos"])
            self.done = [i for i in range(plan["videos"]) if self._find(i) is not None]

    def _take(self, num_videos: int) -> None:
        """Locks the partial file, and starts it or checks that it is of this plan."""
        try:
            # Not flock: readers are forked and would keep that one after we are killed.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, see lockf(3)
            raise ResultsError(f"another run is writing {self.partial}") from error
        check_new(self.path)
        if os.fstat(self._file).st_size == 0:
            self._write_at(0, self._head)
        found = os.pread(self._file, 2**16, 0).partition(b"\n")[0] + b"\n"
        if found != self._head:
            raise ResultsError(
                f"{self.partial} {_difference(found, self._head)}: delete it, or name another file"
            )
        os.ftruncate(self._file, self._offset(num_videos))

    def write(self, index: int, scores_VK: NDArray[np.float32]) -> None:
        """Keeps the row of the list's video ``index``.

        Raises:
            OSError: the disk is full, or similar; the rows before stay.
        """
        assert scores_VK.shape == self._shape
        row = scores_VK.astype("<f4").tobytes()
        with self._named():
            self._write_at(self._offset(index), row + _end(index, row))

    def read(self, index: int) -> NDArray[np.float32]:
        """A row that is there.

        Raises:
            ResultsError: it is not.
        """
        row = self._find(index)
        if row is None:
            raise ResultsError(
                f"{self.partial}: the row of video {index} is not there, or damaged (do all "
                "processes see this folder?); the same command computes it again"
            )
        return np.frombuffer(row, "<f4").reshape(self._shape)

    def remove(self) -> None:
        """Deletes the partial file."""
        self.partial.unlink()

    def close(self) -> None:
        """Closes it, and so unlocks it; the rows stay."""
        os.close(self._file)

    def _offset(self, index: int) -> int:
        return len(self._head) + index * (self._row_bytes + _END.size)

    def _find(self, index: int) -> bytes | None:
        """The bytes of a row, unless it was not written whole."""
        record = os.pread(self._file, self._row_bytes + _END.size, self._offset(index))
        row, end = record[: self._row_bytes], record[self._row_bytes :]
        return row if end[:4] == _MARK and end == _end(index, row) else None

    def _write_at(self, offset: int, data: bytes) -> None:
        while data:
            count = os.pwrite(self._file, data, offset)
            data, offset = data[count:], offset + count

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.partial)) from error


def open_rows(path: Path, samples: list[Sample], cfg: Config, weights: str) -> ScoreRows:
    """Opens the rows of the file of scores ``path`` in all processes; says how many are there.

    Raises:
        ResultsError: in all processes, where ``ScoreRows`` raises it in the first.
        OSError: likewise.
    """
    shape = (cfg.test.num_clips * cfg.test.num_crops, cfg.model.num_classes)
    plan = make_plan(samples, cfg, weights)
    rows: ScoreRows | None = None
    found: list[int] | Exception | None = None
    if distributed.rank() == 0:
        try:
            rows = ScoreRows(path, plan, shape)
            found = rows.done
        except (ResultsError, OSError) as error:
            found = error
    found = distributed.gather(found)[0]
    if isinstance(found, Exception):
        raise found
    rows = rows or ScoreRows(path, plan, shape, is_owner=False)
    rows.done = found or []
    if found:
        logger.info(f"--out: {len(found):,} of {len(samples):,} videos are there already")
    return rows


def _end(index: int, row: bytes) -> bytes:
    return _END.pack(_MARK, zlib.crc32(row, zlib.crc32(b"%d" % index)))


def _difference(found: bytes, wanted: bytes) -> str:
    """What sets the test that a partial file is of apart from this one."""
    try:
        old, new = json.loads(found), json.loads(wanted)
        keys = [key for key in new | old if old.get(key) != new.get(key)]
        key = keys[0]
        return f"is of another test ({key}: {old.get(key)} there, {new.get(key)} here)"
    except (ValueError, AttributeError, TypeError, IndexError):
        return "is not a partial file of this program"
