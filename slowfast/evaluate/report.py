"""What a test tells and writes: log line, test_result.json, unreadable.txt, the scores of views.

Legend: V views, K classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, dump_config
from slowfast.data.samples import Label, Sample
from slowfast.data.unreadable import LIST, UnreadableVideo, write_unreadable
from slowfast.evaluate.scores import read_scores, write_scores
from slowfast.files import write_json
from slowfast.log import logger
from slowfast.metrics.accuracy import average_views, best_classes
from slowfast.predict.runtime.built import Row
from slowfast.predict.tallies import TALLIES, Tally

RESULT = "test_result.json"


class VideoReport:
    """What a test of videos tells and writes of these; see ``REPORTS``.

    Args:
        samples: the whole list.
        class_names: of the network's classes; may be empty.
    """

    files: ClassVar[tuple[str, ...]] = (RESULT, LIST)
    """What is written into the output folder."""

    def __init__(
        self, tally: Tally, samples: Sequence[Sample], class_names: list[str], cfg: Config
    ) -> None:
        self._tally, self._samples, self._names, self._cfg = tally, samples, class_names, cfg
        self.unit = tally.unit

    def shape(self, index: int) -> tuple[int, int]:
        """Of the row of a sample."""
        test = self._cfg.test
        return test.num_clips * test.views_per_clip, self._cfg.model.num_classes

    def take(self, index: int, row: Row) -> dict[str, Any]:
        """Takes the row ``[V, K]`` of a sample into the tally; what the result says of it."""
        scores = average_views(row, self._cfg.test.average_clips, self._cfg.train.task)
        self._tally.add(index, scores)
        return prediction(index, self._samples[index], scores, self._tally.truth(index))

    def result(
        self, taken: dict[int, dict[str, Any]], missing: list[UnreadableVideo]
    ) -> dict[str, Any]:
        """The content of test_result.json, from what all processes took, in the list's order."""
        return summary(self._tally.numbers(), [*taken.values()], missing, self._cfg)

    def each(self, result: Mapping[str, Any]) -> str:
        """What the log line says of how much of each sample is seen."""
        test = self._cfg.test
        views = "1 whole picture" if test.spatial == "whole" else f"{test.views_per_clip} views"
        return f"{test.num_clips} x {views} each"

    def write(
        self, result: dict[str, Any], missing: list[UnreadableVideo], metrics: Sequence[str]
    ) -> None:
        """Writes all but the file of scores, and logs the numbers of these ``Tally.metrics``."""
        told = {
            self._tally.called(key, self._cfg): result[key] for key in self._tally.told(metrics)
        }
        write_report(result, missing, self._cfg, told, self.each(result))

    def write_scores(
        self, path: Path, rows: Iterable[Row], read: Sequence[int], result: dict[str, Any],
        run: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Writes the file of scores: the rows of the samples ``read``, and the facts of the run."""
        write_scores_of(path, rows, result, self._names, self._cfg, run)

    @staticmethod
    def write_page(scores: Path, page: Path) -> dict[str, Any]:
        """Writes the report of a file of scores; returns the numbers in it."""
        from slowfast.evaluate.html.video_page import write_video_page  # here: it imports jinja2

        found = write_video_page(page, read_scores(scores))
        logger.info(f"report: {page}")
        return found


def prediction(
    index: int, sample: Sample, scores: NDArray[np.float64], truth: dict[str, Label]
) -> dict[str, Any]:
    """A video's row of test_result.json; ``truth`` is what it says of the labels."""
    best, values = best_classes(scores)
    row = {"index": index, "path": sample.path, **sample.times, **truth}
    return row | {"top5_indices": best, "top5_values": values}


def summary(
    numbers: dict[str, float], predictions: list[dict[str, Any]], missing: list[UnreadableVideo],
    cfg: Config,
) -> dict[str, Any]:  # fmt: skip
    """The content of test_result.json, from the numbers of all processes' tally."""
    return {
        **numbers,
        **counts(len(predictions), len(predictions) + len(missing), cfg),
        "num_views": cfg.test.num_clips * cfg.test.views_per_clip,
        "unreadable": [video.row() for video in missing],
        "predictions": sorted(predictions, key=lambda row: row["index"]),
    }


def counts(num_read: int, num_listed: int, cfg: Config) -> dict[str, float]:
    """What test_result.json says of the list."""
    coverage = num_read / num_listed
    return {_count_key(cfg): num_read, "num_listed": num_listed, "coverage": coverage}


def _unit(cfg: Config) -> str:
    return TALLIES[cfg.train.task].unit


def _count_key(cfg: Config) -> str:
    return f"num_{_unit(cfg).replace(' ', '_')}"


def _read_and_not(result: Mapping[str, Any], cfg: Config) -> tuple[int, int]:
    """How many could be read, and how many could not."""
    num_read: int = result[_count_key(cfg)]
    return num_read, result["num_listed"] - num_read


def write_report(
    result: dict[str, Any], missing: list[UnreadableVideo], cfg: Config,
    told: Mapping[str, float | None], each: str,
) -> None:  # fmt: skip
    """Writes test_result.json and unreadable.txt, and logs the numbers ``told``, and how much of
    ``each`` sample is seen."""
    write_unreadable(cfg.output_dir, [video.line() for video in missing])
    path = Path(cfg.output_dir) / RESULT
    write_json(path, result, indent=None)
    what, num_read, num_unread = _unit(cfg), *_read_and_not(result, cfg)
    listed = f" of {result['num_listed']:,}" if missing else ""
    note = f"; {num_unread:,} unreadable, listed in {path.parent / LIST}" if missing else ""
    logger.info(
        f"test: {numbers_text(told)} over {num_read:,}{listed} {what}, {each}{note} ({path})"
    )


def numbers_text(told: Mapping[str, float | None]) -> str:
    """Numbers by name, for a log line."""
    return " ".join(
        f"{key}: {'none' if value is None else f'{value:.5f}'}" for key, value in told.items()
    )


def unreadable_line(result: dict[str, Any], cfg: Config) -> str:
    """The error of a test that left videos out although ``data.on_error`` is ``raise``."""
    missing = result["unreadable"]
    _, num_unread = _read_and_not(result, cfg)
    return (
        f"{num_unread:,} of {result['num_listed']:,} {_unit(cfg)} could not be read (first: "
        f"{UnreadableVideo(**missing[0]).line()}); listed in {Path(cfg.output_dir) / LIST}; "
        "data.on_error=skip accepts that"
    )


def write_scores_of(
    path: Path, rows: Iterable[Row], result: dict[str, Any], class_names: list[str], cfg: Config,
    run: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Writes the file of scores; ``rows`` are the scores ``[V, K]`` of the result's predictions."""
    predictions, missing = result["predictions"], result["unreadable"]
    num_classes, tally = cfg.model.num_classes, TALLIES[cfg.train.task]
    read = [Sample(row["path"], start=row.get("start"), end=row.get("end")) for row in predictions]
    write_scores(
        path, rows, (len(predictions), result["num_views"], num_classes),
        labels=tally.array([row[tally.key] for row in predictions], num_classes),
        indices=[row["index"] for row in predictions],
        paths=[sample.shown for sample in read], spans=read,
        num_listed=result["num_listed"],
        unreadable_indices=[video["index"] for video in missing],
        unreadable_paths=[video["path"] for video in missing],
        unreadable_errors=[video["error"] for video in missing],
        num_clips=cfg.test.num_clips, num_crops=cfg.test.views_per_clip,
        average_clips=cfg.test.average_clips,
        class_names=class_names, config=dump_config(cfg), run=run,
    )  # fmt: skip
    logger.info(f"each view's scores: {path} (python -m slowfast.tools.score {path})")
