"""A row for each video, in ``FILE.json`` and ``FILE.jsonl``, and on the screen.

Beside ``FILE.json``, which has all rows of a run at its end, ``FILE.jsonl`` has each row as soon as
it is there, and keeps it: a run that ends early, in whatever way, loses nothing, and the next one
computes only what is missing. Of several processes each writes a part, ``FILE.1-of-2.jsonl``, that
process 0 adds to its own at the end, or when the next run begins. In memory is one row at a time.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.files import FolderError, write_json_rows
from slowfast.journal import Entry, Journal
from slowfast.log import say
from slowfast.places import require_place
from slowfast.shares import journals, left_to_do, part_of

KEY = "infer"
"""With this word each line of FILE.jsonl begins its key."""
OWN = re.compile(rb'\s*(\[\s*\{\s*"video_id"|\{"key": "%s )' % KEY.encode())
"""How the files of an earlier run begin."""
PART = " #"
"""Behind it, a key tells which part of a video's row it is of."""

State = list[int] | None
"""See ``state_of``."""


class _Keys:
    """The keys of some videos, and those of their parts."""

    def __init__(self, places: dict[str, int]) -> None:
        self._places = places

    def __contains__(self, key: object) -> bool:
        return key in self._places or str(key).rpartition(PART)[0] in self._places


class RowJournal(contextlib.ExitStack):
    """The rows of a run; no other run may write there until the end of the ``with`` block.

    Args:
        digest: of all that rows depend on.
    """

    def __init__(self, out: Path, samples: list[Sample], digest: str) -> None:
        super().__init__()
        self._out, self._path, self._samples = out, out.with_suffix(".jsonl"), samples
        self._keys = [_key(sample, digest) for sample in samples]
        self._shown = 0
        self.todo: dict[int, tuple[str, State]] = distributed.on_first(self._begin)
        """The videos without a row: index, key, and state of the file before it is read."""
        self._missing = {key for key, _ in self.todo.values()}
        if distributed.rank() > 0:
            if not self._path.exists():
                raise FolderError(
                    f"{self._path} is not there for all processes: name a file on a disk that all "
                    "of them see (--out)"
                )
            part = part_of(self._path, distributed.rank())
            self._journal = self.enter_context(Journal(part))

    def _begin(self) -> dict[int, tuple[str, State]]:
        """Opens the journal of process 0, and looks for what is missing in it."""
        require_place(self._out)  # now, not after hours of work
        for path in (self._out, *journals(self._path)):
            _require_own(path)
        places: dict[str, int] = {}
        for index, key in enumerate(self._keys):
            places.setdefault(key, index)
        try:
            self._journal = self.enter_context(Journal(self._path, _Keys(places)))
            self._take_parts()
        except FolderError as error:
            raise FolderError(f"{error}, or name another file with --out") from error

        def is_done(key: str, entry: Entry) -> bool:
            """Where the file is gone its row stays."""
            if "error" in entry or not self.is_enough(entry):
                return False
            return state_of(self._samples[places[key]].path) in (None, entry["state"])

        done = f"rows are in {self._path}"
        left = left_to_do(self._journal, places, is_done, done)
        return {places[key]: (key, state_of(self._samples[places[key]].path)) for key in left}

    def _take_parts(self) -> None:
        """Adds what other processes have written to the journal of process 0."""
        for path in journals(self._path):
            if path != self._path:
                with Journal(path) as part:
                    for key in part:
                        self._journal.add(key, part.get(key) or {})
                path.unlink()

    def is_enough(self, entry: Entry) -> bool:
        """Whether an earlier run's entry has all that this one's row needs."""
        return True

    def text(self, index: int) -> str:
        """What is printed of a video, once it is there."""
        raise NotImplementedError

    def row(self, index: int) -> dict[str, Any]:
        """A video's row of FILE.json, in process 0, once it is there."""
        raise NotImplementedError

    def keep(self, index: int, entry: Entry) -> None:
        """Keeps what is found of a video that was ``todo``, or ``error``: why it cannot be read."""
        key, state = self.todo[index]
        self._journal.add(key, {**entry, "state": state})
        self._missing.discard(key)

    def entry(self, index: int) -> Entry:
        """What the journal has of a video; in process 0, once it is there."""
        entry = self._journal.get(self._keys[index])
        assert entry is not None, self._keys[index]
        return entry

    def show(self) -> None:
        """Prints the videos that come next, as far as they are there; only process 0 does."""
        while self._shown < len(self._keys) and self._keys[self._shown] not in self._missing:
            if distributed.rank() == 0:
                print(f"{self._clear()}{self.text(self._shown)}\n", flush=True)
            self._shown += 1

    def _clear(self) -> str:
        """What removes the bar from a terminal."""
        return "\r\033[J" if sys.stdout.isatty() else ""

    def finish(self) -> int:
        """Writes the file of all rows, and shows those that have not been; returns in how many
        there is an error."""
        if distributed.rank() > 0:
            self._journal.close()
        distributed.barrier()
        return distributed.on_first(self._write)

    def _write(self) -> int:
        self._take_parts()
        self._missing.clear()
        unread = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal unread
            for index in range(len(self._keys)):
                row = self.row(index)
                unread += "error" in row
                yield row

        write_json_rows(self._out, rows())
        self.show()
        say(self._out)
        return unread

    def head(self, index: int) -> dict[str, Any]:
        """What a row begins with: the video, and its labels as far as the list has them."""
        sample = self._samples[index]
        row: dict[str, Any] = {"video_id": sample.path, **sample.times}
        if isinstance(sample.label, tuple):
            row["labels"] = list(sample.label)
        elif sample.label != -1:
            row["label"] = sample.label
        return row


def _key(sample: Sample, digest: str) -> str:
    frames = "" if sample.num_frames is None else f" {sample.num_frames}"
    part = f" {sample.span}" if sample.span else ""
    return f"{KEY} {digest} {os.path.abspath(sample.path)}{frames}{part}"


def _require_own(path: Path) -> None:
    """Raises a FolderError if a file is there that is no run's of this function."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        begin = file.read(100)
    if begin and not OWN.match(begin):
        raise FolderError(
            f"{path} is there, and is not a result of --infer: name another file with --out, or "
            "delete it"
        )
