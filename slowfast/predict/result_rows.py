"""The rows of predictions: a video's best classes, see ``row_journal.py``."""

import shutil
import sys
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.data.samples import Sample
from slowfast.journal import Entry
from slowfast.predict.answer import Answer, Predicted, best_fields, lines_of
from slowfast.predict.row_journal import RowJournal


class Rows(RowJournal):
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
        self._labels, self._top, self._threshold = labels, top, threshold
        self._so_far = 0  # lines on the terminal that the next ones replace
        super().__init__(out, samples, digest)

    def is_enough(self, entry: Entry) -> bool:
        if entry["top"] < self._top:
            return False
        return self._threshold is None or entry["threshold"] <= self._threshold

    def add(self, index: int, found: Answer | str) -> None:
        """Keeps what is found of a video that was ``todo``: its best classes, or why it cannot be
        read."""
        self.keep(index, {**self._row(index, found), "top": self._top})

    def text(self, index: int) -> str:
        return lines_of(self._samples[index].shown, self.found(index), self._labels)

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

    def found(self, index: int) -> Answer | str:
        """What the journal has of a video; in process 0, once it is there."""
        entry = self.entry(index)
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

    def row(self, index: int) -> dict[str, Any]:
        return self._row(index, self.found(index))

    def _row(self, index: int, found: Answer | str) -> dict[str, Any]:
        row = self.head(index)
        if isinstance(found, str):
            return row | {"error": found}
        return row | best_fields(found, self._labels, self._top) | {"num_views": found.num_views}
