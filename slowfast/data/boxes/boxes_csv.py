"""Boxes in a csv of AVA, AVA-Kinetics or PySlowFast; ``boxes_files`` shows the lines."""

import contextlib
import csv
from pathlib import Path

from slowfast.data.boxes.boxes_fields import ACTION, BoxesAt, ClassOf, Moment, action_number
from slowfast.data.boxes.scored_boxes import rows_of
from slowfast.data.lists.read_lists import PATHS
from slowfast.data.samples import Box, Corners

NONE, LEFT_OUT = -1, -2
"""In place of a class index."""


def boxes_of_csv(path: str | Path, class_of: ClassOf | None, has_scores: bool | None) -> BoxesAt:
    """The boxes of a csv; see ``read_boxes``. Rows of one box, of one person, become one."""
    if has_scores is None:
        has_scores = ends_in_scores(path)

    def action_of(text: str) -> int:
        if not text:
            return NONE
        number = action_number(text)
        label = NONE if class_of is None else class_of(number)
        return LEFT_OUT if label is None else label

    moments: dict[Moment, int] = {}
    found: list[dict[tuple[Corners, int], tuple[set[int], float]]] = []
    for part in rows_of(path, moments, action_of, has_scores=has_scores):
        found += ({} for _ in range(len(moments) - len(found)))
        columns = (part.frames, part.corners, part.actions, part.scores)
        for frame, corners, label, last in zip(*(x.tolist() for x in columns), strict=True):
            if label != LEFT_OUT:
                person, score = (NONE, last) if has_scores else (int(last), 1.0)
                labels, _ = found[frame].setdefault((tuple(corners), person), (set(), score))
                if label != NONE:
                    labels.add(label)
    found += ({} for _ in range(len(moments) - len(found)))  # the last part may have no rows
    return {
        moment: tuple(
            Box(corners, tuple(sorted(labels)), score, person)
            for (corners, person), (labels, score) in boxes.items()
        )
        for moment, boxes in zip(moments, found, strict=True)
    }


def ends_in_scores(path: str | Path) -> bool:
    """Whether the last column of a csv is scores: it is if a row has no action, or one has no
    whole number there. Raises an OSError if it cannot be read."""
    with open(path, encoding="utf-8-sig", errors=PATHS, newline="") as file:
        lines = (line for line in file if "\0" not in line)
        rows = (row for row in csv.reader(lines, skipinitialspace=True) if len(row) == 8)
        with contextlib.suppress(csv.Error):  # whoever reads it all says where
            return any(not row[6].strip() or not ACTION.fullmatch(row[7].strip()) for row in rows)
    return False
