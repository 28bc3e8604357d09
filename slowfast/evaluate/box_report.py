"""What a test of boxes (train.task=detection) tells of its classes, and which files it writes.

Besides test_result.json these are in the output folder:

    detections.csv   each box with each of its classes, in AVA's form; but with
                     detection.rule=mmaction2, which ignores the others, scores above 0.002
    classes.csv      average precision by class, with how many boxes are annotated and found
    classes.png      the best and the worst of them
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slowfast.data.boxes.scored_boxes import write_scored
from slowfast.data.unreadable import UnreadableVideo
from slowfast.evaluate.box_scores import write_box_scores
from slowfast.evaluate.mistakes import best_and_worst
from slowfast.evaluate.report import VideoReport, counts
from slowfast.evaluate.score_files import annotations_of, read_files, score
from slowfast.files import write_csv
from slowfast.log import logger
from slowfast.metrics.accuracy import name_of
from slowfast.metrics.frame_map import LEAST, RULES, WRONG_NUMBERS
from slowfast.predict.runtime.built import Row
from slowfast.predict.tallies import Detections

DETECTIONS, CLASSES, PICTURE = "detections.csv", "classes.csv", "classes.png"
MOST = 15
"""Of the best classes, and of the worst, in the picture."""


class BoxReport(VideoReport):
    """What a test of key frames tells and writes; a row is of a key frame's boxes, ``[K, A]``."""

    files = (*VideoReport.files, DETECTIONS, CLASSES, PICTURE)
    _tally: Detections

    def shape(self, index: int) -> tuple[int, int]:
        """Of the row of a key frame."""
        key = self._samples[index].key
        assert key is not None
        return len(key.boxes), self._cfg.model.num_classes

    def take(self, index: int, row: Row) -> dict[str, Any]:
        """Takes the row of a key frame into the tally; the result has no rows of key frames."""
        is_logits = self._cfg.test.row_kind == "score"
        (self._tally.add_logits if is_logits else self._tally.add)(index, row)
        return {}

    def result(
        self, taken: dict[int, dict[str, Any]], missing: list[UnreadableVideo]
    ) -> dict[str, Any]:
        """The content of test_result.json: the numbers with their rule, a row for each class that
        is scored, and which of these have no annotated box, and so no average precision."""
        tally = self._tally
        numbers = tally.numbers()
        classes = [
            {
                "class": index,
                "number": tally.ids[index],
                "name": name_of(index, self._names),
                "AP": None if np.isnan(own.precision) else own.precision,
                "annotated": own.annotated,
                "found": own.found,
            }
            for index, own in zip(tally.scored, tally.of_classes, strict=True)
        ]
        return {
            **{key: None if np.isnan(value) else value for key, value in numbers.items()},
            "rule": tally.rule,
            **counts(len(taken), len(self._samples), self._cfg),
            "unreadable": [video.row() for video in missing],
            "num_classes": len(classes),
            "not_annotated": [row["name"] for row in classes if not row["annotated"]],
            "classes": classes,
        }

    def each(self, result: Mapping[str, Any]) -> str:
        """How many boxes there are."""
        return f"{result['boxes']:,} boxes"

    def write(
        self, result: dict[str, Any], missing: list[UnreadableVideo], metrics: Sequence[str]
    ) -> None:
        """Writes the files above, too."""
        folder = Path(self._cfg.output_dir)
        least = float(LEAST) if RULES[self._tally.rule].rounds else -1.0
        super().write(result, missing, metrics)
        if result["mAP"] == 0 and result["recall"]:
            logger.warning(f"test: {WRONG_NUMBERS}")
        write_csv(folder / CLASSES, result["classes"])
        write_scored(folder / DETECTIONS, self._tally.rows(), self._tally.ids, least)
        which = (
            "" if least < 0 else f" (those of {LEAST:g} or less, which the rule ignores, left out)"
        )
        logger.info(f"test: detections{which}: {folder / DETECTIONS}")
        best, worst = best_and_worst(result["classes"], "AP", MOST)
        if not (best or worst):  # mmaction2's rule, and nothing is found
            (folder / PICTURE).unlink(missing_ok=True)  # of an earlier test
            return
        title = f"mAP {result['mAP']:.4f} ({result['rule']}), {len(best) + len(worst)} of "
        title += f"{result['num_classes']} classes"
        draw_best_and_worst(best, worst[::-1], title, folder / PICTURE)

    def write_scores(
        self, path: Path, rows: Iterable[Row], read: Sequence[int], result: dict[str, Any],
        run: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Writes the file of all scores of the key frames ``read``, and the facts of the run."""
        keys = [(index, key) for index in read if (key := self._samples[index].key)]
        write_box_scores(path, rows, keys, result, self._names, self._cfg, run)

    @staticmethod
    def write_page(scores: Path, page: Path) -> dict[str, Any]:
        """Writes the report of a file of scores, with the annotations that the test read; returns
        the numbers in it."""
        from slowfast.evaluate.html.box_page import write_box_page  # here: it imports jinja2

        files = read_files(scores, annotations_of(scores), None, None)
        numbers, _ = score(files, [*RULES])
        rule = write_box_page(page, files, numbers)
        logger.info(f"report: {page}")
        return {**numbers, "mAP": numbers["mAP"][rule]}


def draw_best_and_worst(
    best: Sequence[Mapping[str, Any]], worst: Sequence[Mapping[str, Any]], title: str, path: Path
) -> None:
    """Draws the average precision of classes, and how many of their boxes are annotated."""
    from slowfast.pictures.bars import bars  # here: matplotlib is slow to import
    from slowfast.pictures.figures import FAST, SLOW, save

    groups = []
    for colour, classes in ((SLOW, best), (FAST, worst)):
        rows = [
            (row["name"], row["AP"], f"{row['AP']:.3f}  ({row['annotated']:,})") for row in classes
        ]
        groups += [(colour, rows)] if rows else []
    save(bars(groups, f"{title}: average precision (annotated boxes)"), path)
