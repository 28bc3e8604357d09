"""Writes a multi-view test's results: log line, test_result.json, unreadable.txt, scores."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, dump_config
from slowfast.data.samples import Label, Sample
from slowfast.data.unreadable import LIST, UnreadableVideo, write_unreadable
from slowfast.evaluate.scores import write_scores
from slowfast.files import write_json
from slowfast.log import logger
from slowfast.metrics.accuracy import best_classes
from slowfast.predict.runtime.built import Row
from slowfast.predict.tallies import TALLIES

RESULT = "test_result.json"


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
    num_listed = len(predictions) + len(missing)
    return {
        **numbers,
        "num_videos": len(predictions),
        "num_listed": num_listed,
        "coverage": len(predictions) / num_listed,
        "num_views": cfg.test.num_clips * cfg.test.views_per_clip,
        "unreadable": [dataclasses.asdict(video) for video in missing],
        "predictions": sorted(predictions, key=lambda row: row["index"]),
    }


def write_report(
    result: dict[str, Any], missing: list[UnreadableVideo], cfg: Config, keys: Sequence[str]
) -> None:
    """Writes test_result.json and unreadable.txt, and logs the numbers of these ``keys``."""
    write_unreadable(cfg.output_dir, [video.line() for video in missing])
    path = Path(cfg.output_dir) / RESULT
    write_json(path, result, indent=None)
    numbers = [f"{key}: {result[key]:.5f}" for key in keys]
    listed = f" of {result['num_listed']:,}" if missing else ""
    note = f"; {len(missing):,} unreadable, listed in {path.parent / LIST}" if missing else ""
    is_whole = cfg.test.spatial == "whole"
    views = "1 whole picture" if is_whole else f"{cfg.test.views_per_clip} views"
    logger.info(
        f"test: {' '.join(numbers)} over {result['num_videos']:,}{listed} videos, "
        f"{cfg.test.num_clips} x {views} each{note} ({path})"
    )


def unreadable_line(result: dict[str, Any], cfg: Config) -> str:
    """The error of a test that left videos out although ``data.on_error`` is ``raise``."""
    missing = result["unreadable"]
    return (
        f"{len(missing):,} of {result['num_listed']:,} videos could not be read (first: "
        f"{UnreadableVideo(**missing[0]).line()}); listed in {Path(cfg.output_dir) / LIST}; "
        "data.on_error=skip accepts that"
    )


def write_scores_of(
    path: Path, rows: Iterable[Row], result: dict[str, Any], class_names: list[str], cfg: Config
) -> None:
    """Writes the file of scores; ``rows`` are the scores ``[V, K]`` of the result's predictions."""
    predictions, missing = result["predictions"], result["unreadable"]
    num_classes, tally = cfg.model.num_classes, TALLIES[cfg.train.task]
    write_scores(
        path, rows, (len(predictions), result["num_views"], num_classes),
        labels=tally.array([row[tally.key] for row in predictions], num_classes),
        indices=[row["index"] for row in predictions],
        paths=[_shown(row) for row in predictions],
        num_listed=result["num_listed"],
        unreadable_indices=[video["index"] for video in missing],
        unreadable_paths=[video["path"] for video in missing],
        unreadable_errors=[video["error"] for video in missing],
        num_clips=cfg.test.num_clips, num_crops=cfg.test.views_per_clip,
        average_clips=cfg.test.average_clips,
        class_names=class_names, config=dump_config(cfg),
    )  # fmt: skip
    logger.info(f"each view's scores: {path} (python -m slowfast.tools.score {path})")


def _shown(row: dict[str, Any]) -> str:
    """How the video, or part of one, of a row is called."""
    return Sample(row["path"], start=row.get("start"), end=row.get("end")).shown
