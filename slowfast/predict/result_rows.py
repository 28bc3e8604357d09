"""The rows of predictions, in ``FILE.json`` and ``FILE.jsonl``, and on the screen.

Beside ``FILE.json``, which has all rows of a run at its end, ``FILE.jsonl`` has each row as soon as
it is there, and keeps it: a run that ends early, in whatever way, loses nothing, and the next one
computes only what is missing. Of several processes each writes a part, ``FILE.1-of-2.jsonl``, that
process 0 adds to its own at the end, or when the next run begins. In memory is one row at a time.
"""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.files import FolderError, require_place, write_json_rows
from slowfast.journal import Entry, Journal
from slowfast.predict.answer import Answer, Predicted, best_fields, lines_of
from slowfast.shares import journals, left_to_do, part_of

KEY = "infer"
"""With this word each line of FILE.jsonl begins its key."""
OWN = re.compile(rb'\s*(\[\s*\{\s*"video_id"|\{"key": "%s )' % KEY.encode())
"""How the files of an earlier run begin."""

State = list[int] | None
"""See ``state_of``."""


class Rows(contextlib.ExitStack):
    """The rows of a run, see ``infer``; no other run may write there until the end of the ``with``
    block.

    Args:
        digest: of weights and settings.
        threshold: from which on classes are predicted; None where a video shows one class.
    """

    def __init__(
        self, out: Path, samples: list[Sample], digest: str, labels: list[str] | None, top: int,
        threshold: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._out, self._path = out, out.with_suffix(".jsonl")
        self._samples, self._labels, self._top = samples, labels, top
        self._threshold = threshold
        self._keys = [_key(sample, digest) for sample in samples]
        self._shown = 0
        self._so_far = 0  # lines on the terminal that the next ones replace
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
            self._journal = self.enter_context(Journal(self._path, places))
            self._take_parts()
        except FolderError as error:
            raise FolderError(f"{error}, or name another file with --out") from error

        def is_done(key: str, entry: Entry) -> bool:
            """Where the file is gone its row stays."""
            if "error" in entry or entry["top"] < self._top:
                return False
            if self._threshold is not None and entry["threshold"] > self._threshold:
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

    def add(self, index: int, found: Answer | str) -> None:
        """Keeps what is found of a video that was ``todo``: its best classes, or why it cannot be
        read."""
        key, state = self.todo[index]
        self._journal.add(key, {**self._row(index, found), "top": self._top, "state": state})
        self._missing.discard(key)

    def show(self) -> None:
        """Prints the videos that come next, as far as they are there; only process 0 does."""
        while self._shown < len(self._keys) and self._keys[self._shown] not in self._missing:
            if distributed.rank() == 0:
                found = self.found(self._shown)
                text = lines_of(self._samples[self._shown].shown, found, self._labels)
                print(f"{self._clear()}{text}\n", flush=True)
            self._shown += 1

    def show_so_far(self, index: int, found: Answer) -> None:
        """Shows what the first views of a video came to, until there is more; only on a terminal,
        and only of the video that is printed next."""
        lines = lines_of(self._samples[index].shown, found, self._labels).split("\n")
        lines[0] += f"  ({found.num_views} view{'s' if found.num_views > 1 else ''} so far)"
        fits = len(lines) + 1 < shutil.get_terminal_size().lines
        if distributed.rank() or index != self._shown or not (sys.stdout.isatty() and fits):
            return
        text = "\n".join(lines)  # without line breaks at the edge, so that their number is right
        print(f"{self._clear()}\033[?7l{text}\033[?7h", flush=True)
        self._so_far = len(lines)

    def _clear(self) -> str:
        """What removes from a terminal the bar, and what is shown so far above it."""
        up = f"\033[{self._so_far}A" if self._so_far else ""
        self._so_far = 0
        return f"\r{up}\033[J" if sys.stdout.isatty() else ""

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
                row = self._row(index, self.found(index))
                unread += "error" in row
                yield row

        write_json_rows(self._out, rows())
        self.show()
        print(self._out, flush=True)
        return unread

    def found(self, index: int) -> Answer | str:
        """What the journal has of a video; in process 0, once it is there."""
        entry = self._journal.get(self._keys[index])
        assert entry is not None, self._keys[index]
        if "error" in entry:
            return str(entry["error"])
        top = entry["top"]
        classes, values = entry[f"top{top}_indices"], entry[f"top{top}_values"]
        if top == 1:
            classes, values = [classes], [values]
        answer = Answer(classes[: self._top], values[: self._top], entry["num_views"])
        if self._threshold is None:
            return answer
        classes, values = entry["predicted_indices"], entry["predicted_values"]
        kept = Predicted(classes, values, entry["threshold"])
        return answer._replace(predicted=kept.from_threshold(self._threshold))

    def listed(self, index: int) -> list[tuple[str, float]] | None:
        """A video in the list of ``Answer.listed``; None if it could not be read."""
        found = self.found(index)
        return None if isinstance(found, str) else found.listed(self._labels)

    def _row(self, index: int, found: Answer | str) -> dict[str, Any]:
        """A video's row of the file."""
        sample, top, labels = self._samples[index], self._top, self._labels
        row: dict[str, Any] = {"video_id": sample.path, **sample.times}
        if isinstance(sample.label, tuple):
            row["labels"] = list(sample.label)
        elif sample.label != -1:
            row["label"] = sample.label
        if isinstance(found, str):
            return row | {"error": found}
        return row | best_fields(found, labels, top) | {"num_views": found.num_views}


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
