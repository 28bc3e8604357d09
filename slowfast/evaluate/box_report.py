"""What a test of boxes (train.task=detection) tells of its classes, and which files it writes.

Besides test_result.json these are in the output folder:

    detections.csv   each box with each class that scores more than LEAST, in AVA's form
    classes.csv      average precision by class, with how many boxes are annotated and found
    classes.png      the best and the worst of them
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.data.boxes.scored_boxes import write_scored
from slowfast.files import write_csv
from slowfast.metrics.accuracy import name_of
from slowfast.predict.tallies import Detections

DETECTIONS, CLASSES, PICTURE = "detections.csv", "classes.csv", "classes.png"
LEAST = 0.002
"""mmaction2's threshold: a row for each class of each box would fill the disk."""
MOST = 15
"""Of the best classes, and of the worst, in the picture."""


def summary(
    numbers: Mapping[str, float], counts: Mapping[str, Any], tally: Detections,
    class_names: list[str],
) -> dict[str, Any]:  # fmt: skip
    """The content of test_result.json: the numbers with their rule, a row for each class that is
    scored, and which of these have no annotated box, and so no average precision."""
    classes = [
        {
            "class": index,
            "number": tally.ids[index],
            "name": name_of(index, class_names),
            "AP": None if np.isnan(own.precision) else own.precision,
            "annotated": own.annotated,
            "found": own.found,
        }
        for index, own in zip(tally.scored, tally.of_classes, strict=True)
    ]
    return {
        **numbers,
        "rule": tally.rule,
        **counts,
        "num_classes": len(classes),
        "not_annotated": [row["name"] for row in classes if not row["annotated"]],
        "classes": classes,
    }


def write_rows(result: Mapping[str, Any], tally: Detections, folder: Path) -> None:
    """Writes the files that are not test_result.json."""
    from slowfast.pictures import class_bars  # here: matplotlib is slow to import

    write_scored(folder / DETECTIONS, tally.rows(), tally.ids, LEAST)
    write_csv(folder / CLASSES, result["classes"])
    best, worst = best_and_worst(result["classes"])
    if not best:  # mmaction2's rule, and nothing is found
        (folder / PICTURE).unlink(missing_ok=True)  # of an earlier test
        return
    title = f"mAP {result['mAP']:.4f} ({result['rule']}), {len(best) + len(worst)} of "
    title += f"{result['num_classes']} classes"
    class_bars(best, worst, title, folder / PICTURE)


def best_and_worst(classes: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    """Of the classes that have an average precision the best and the worst, best first, each a
    name, its average precision and its annotated boxes; if they are few, all of them as best."""
    known = [row for row in classes if row["AP"] is not None]
    ordered = sorted(known, key=lambda row: (-row["AP"], row["name"]))
    bars = [(row["name"], row["AP"], row["annotated"]) for row in ordered]
    if len(bars) <= 2 * MOST:
        return bars, []
    return bars[:MOST], bars[-MOST:]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of the same columns as lines of text, names to the left and numbers to the right."""
    texts = [[*rows[0]], *([*map(_text, row.values())] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    is_left = [isinstance(value, str) for value in rows[0].values()]
    return [
        "  ".join(
            text.ljust(width) if left else text.rjust(width)
            for text, width, left in zip(line, widths, is_left, strict=True)
        ).rstrip()
        for line in texts
    ]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.5f}" if isinstance(value, float) else f"{value}"
