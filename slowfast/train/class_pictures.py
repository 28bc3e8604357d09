"""Pictures of how well a validation did on each class: bars, and the confusion matrix.

Legend: K classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.accuracy import name_of
from slowfast.pictures.bars import bars
from slowfast.pictures.figures import FAST, SLOW, pixels
from slowfast.pictures.matrix import confusion_matrix
from slowfast.train.class_results import ClassResults
from slowfast.train.curves import MetricWriter

MOST_BARS = 40
"""Of more classes the worst are shown alone."""
MOST_CELLS = 32
"""Of more classes there is no matrix that can be read, but the pairs that are confused most."""
WORST = 30
"""Classes, or pairs, that are shown of many."""


def draw_classes(
    writer: MetricWriter, kind: str, epoch: int, results: ClassResults, names: Sequence[str] | None
) -> None:
    """Shows the results in VisualDL's tab of images; ``kind`` is ``val`` or ``val_ema``."""
    if results.classes:
        writer.picture(f"{kind}/classes", epoch, classes_picture(results, names))
    if results.confused is not None:
        writer.picture(f"{kind}/confusion", epoch, confusion_picture(results.confused, names))


def classes_picture(results: ClassResults, names: Sequence[str] | None) -> NDArray[np.uint8]:
    """A bar for each class that occurs, the worst first; of many classes, only the worst."""
    order = np.argsort(results.values, kind="stable")
    shown = order if len(order) <= MOST_BARS else order[:WORST]
    rows = [
        (
            name_of(results.classes[i], names),
            results.values[i],
            f"{100 * results.values[i]:.0f} %  of {results.counts[i]:,}",
        )
        for i in shown
    ]
    mean = f"mean {100 * float(np.mean(results.values)):.1f} %"
    which = f"all {len(order)} classes" if len(shown) == len(order) else (
        f"the worst {len(shown)} of {len(order)} classes"
    )  # fmt: skip
    return pixels(bars([(SLOW, rows)], f"{results.what}, {which}, {mean}"))


def confusion_picture(
    confused_KK: NDArray[np.int64], names: Sequence[str] | None
) -> NDArray[np.uint8]:
    """The confusion matrix; of many classes, bars for the pairs that are confused most."""
    if len(confused_KK) <= MOST_CELLS:
        return pixels(
            confusion_matrix(confused_KK, [name_of(k, names) for k in range(len(confused_KK))])
        )
    counts_K = confused_KK.sum(axis=1)
    wrong_KK = confused_KK.copy()
    np.fill_diagonal(wrong_KK, 0)
    best = np.argsort(-wrong_KK.ravel(), kind="stable")[:WORST]
    rows = []
    for true, found in zip(*np.unravel_index(best, wrong_KK.shape), strict=True):
        if count := int(wrong_KK[true, found]):
            names_of_pair = f"{name_of(int(true), names)} \N{RIGHTWARDS ARROW} "
            names_of_pair += name_of(int(found), names)
            of = int(counts_K[true])
            rows.append((names_of_pair, count / of, f"{count:,} of {of:,}"))
    title = "most confused: true \N{RIGHTWARDS ARROW} predicted, share of the true"
    return pixels(bars([(FAST, rows)], title))
