"""How many views an answer needs: --views auto beside all views, from files of all views' scores.

From the repository's root, for each network:

    python main.py --test -w CKPT --out FILE.npz
    python -m benchmarks.views FILE.npz... [--at-once N] [--certainty C...]

Nothing is computed again: a file's views are taken in the order of --views auto, N at a time,
until its rule says that they are enough. With several labels a video, an answer is all labels from
test.threshold on. docs/views.md says how the figures were used.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.cli.command import whole_number
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import Results, read_scores
from slowfast.metrics.accuracy import average_views
from slowfast.predict import enough


class Found(NamedTuple):
    """Figures over the videos of a file."""

    agreement: float
    """Share with the answer of all views: their best class, or their labels."""
    views: float
    """Mean number used."""
    accuracy: float
    """Share of right answers with these views: top-1, or exactly the video's labels."""
    accuracy_of_all: float
    """The same with all views."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table; returns the exit status: 0, or 1 with one line of why."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("files", metavar="FILE.npz", nargs="+", type=Path)
    parser.add_argument("--at-once", metavar="N", type=whole_number(1), default=1,
                        help="views that a backend computes at once (1)")  # fmt: skip
    parser.add_argument(
        "--certainty", metavar="C", nargs="+", type=float, default=[enough.CERTAINTY],
        help=f"standard errors of the rule ({enough.CERTAINTY})",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    print("| file | videos | certainty | same answer | views | of | right | right of all |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for path in options.files:
        try:
            results = read_scores(path)
            if results.average_clips == "max":
                raise ResultsError(f"{path}: of a maximum over views none can be left out")
        except ResultsError as error:
            print(f"views: {error}", file=sys.stderr)
            return 1
        for certainty in options.certainty:
            found = measure(results, options.at_once, certainty)
            num_videos, num_views, _ = results.scores.shape
            print(
                f"| {path.stem} | {num_videos} | {certainty:g} | {found.agreement:.2%} "
                f"| {found.views:.2f} | {num_views} | {found.accuracy:.2%} "
                f"| {found.accuracy_of_all:.2%} |"
            )
    return 0


def measure(results: Results, at_once: int, certainty: float) -> Found:
    """Takes each video's views until they are enough."""
    order = enough.spread_order(results.num_clips, results.num_crops)
    kind, task, num_views = results.average_clips, results.task, len(order)
    threshold = results.setting("test", "threshold", 0.5) if task == "multi" else None
    rows = []

    def answer(scores_VK: NDArray[np.float32]) -> list[int]:
        scores_K = average_views(scores_VK, kind, task)
        if threshold is None:
            return [int(scores_K.argmax())]
        return np.flatnonzero(scores_K >= threshold).tolist()

    for scores_VK, label in zip(results.scores, results.labels, strict=True):
        own, n = [int(label)] if threshold is None else np.flatnonzero(label).tolist(), 0
        is_enough = False
        while not is_enough:
            n += enough.next_views(n, at_once)
            used = scores_VK[order[:n]]
            is_enough = enough.is_enough(used, num_views, kind, threshold, certainty)
        few, every = answer(used), answer(scores_VK)
        rows.append((few == every, len(used), few == own, every == own))
    return Found(*np.mean(rows, axis=0))


if __name__ == "__main__":
    sys.exit(main())
