"""Writes and reads the file with all scores of a test of boxes, --out FILE.npz with
train.task=detection.

FILE is an uncompressed .npz; ``numpy.load`` reads it, and nothing in it is pickled::

    scores              float32 [B, A], of the boxes of the N key frames that could be read
    boxes               float64 [B, 4]: x1, y1, x2, y2, shares of the picture
    counts indices      of the N key frames: how many boxes, and the place in the list
    videos times        as annotated
    excluded            of the N key frames: whether the data set excludes it
    num_listed unreadable_{paths,errors}    length of the list; the videos that cannot be read
    kind                "prob": scores are probabilities, "score": logits
    class_numbers       of the A classes, in the annotations
    scored              of those that count in the mean average precision
    class_names config  names by class, may be empty; config.yaml
    run                 JSON, see ``run_facts.py``; older files have none

numpy only, no Paddle. Legend: N key frames, B boxes of all, A classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from slowfast.config import Config, dump_config
from slowfast.data.boxes.action_lists import class_numbers, scored_classes
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.samples import KeyFrame
from slowfast.evaluate.recorded import settings_in
from slowfast.evaluate.score_arrays import (
    ResultsError,
    members,
    opened,
    run_in,
    run_member,
    write_arrays,
)
from slowfast.evaluate.scores import OF_BOXES
from slowfast.log import logger
from slowfast.metrics.accuracy import sigmoid, softmax

_MEMBERS: dict[str, tuple[Any, ...]] = {
    "scores": ("f", 2), OF_BOXES: ("f", 2), "counts": ("i", 1), "videos": ("U", 1),
    "times": ("f", 1), "excluded": ("b", 1), "kind": ("U", 0), "class_numbers": ("i", 1),
    "scored": ("i", 1), "class_names": ("U", 1), "num_listed": ("i", 0),
    "unreadable_paths": ("U", 1), "unreadable_errors": ("U", 1), "config": ("U", 0),
}  # fmt: skip
"""Of those that are read, dtype kinds and numbers of dimensions."""


class BoxScores(NamedTuple):
    """What is read of FILE."""

    scores: NDArray[np.float32]
    """Probabilities ``[B, A]``, as the test had them."""
    boxes: NDArray[np.float64]
    counts: NDArray[np.int64]
    moments: list[Moment]
    """Of the N key frames, in the list's order."""
    excluded: NDArray[np.bool_]
    numbers: NDArray[np.int64]
    """Of the A classes."""
    actions: dict[int, str]
    """The names of those that count, by their numbers."""
    num_listed: int
    """Length of the list."""
    unreadable: list[tuple[str, str]]
    """The videos that could not be read, each with what is wrong."""
    config: str
    """config.yaml"""
    run: dict[str, Any]
    """What the test recorded about itself; empty if it did not."""
    file: Path

    def settings(self) -> Config:
        """The config, see ``settings_in``."""
        return settings_in(self.config, self.file)


def write_box_scores(
    path: Path, rows: Iterable[NDArray[np.float32]], keys: Sequence[tuple[int, KeyFrame]],
    result: dict[str, Any], class_names: list[str], cfg: Config,
    run: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Writes FILE, whole or not at all, with the scores of one key frame in memory at a time.

    Args:
        rows: the scores ``[boxes, A]`` of each key frame.
        keys: the key frames, each with its place in the list.
        result: the content of test_result.json.
        run: what the test records about itself.

    Raises:
        OSError: the disk is full, or similar; names FILE.
    """
    corners = [box.corners for _, key in keys for box in key.boxes]
    missing, num_classes = result["unreadable"], cfg.model.num_classes
    numbers = np.array(class_numbers(cfg.detection, num_classes), np.int64)
    others: dict[str, Any] = {
        OF_BOXES: np.array(corners, np.float64).reshape(-1, 4),
        "counts": np.array([len(key.boxes) for _, key in keys], np.int64),
        "indices": np.array([index for index, _ in keys], np.int64),
        "videos": np.array([key.video for _, key in keys], np.str_),
        "times": np.array([key.time for _, key in keys], np.float64),
        "excluded": np.array([key.is_excluded for _, key in keys], np.bool_),
        "num_listed": np.array(result["num_listed"], np.int64),
        "unreadable_paths": np.array([video["path"] for video in missing], np.str_),
        "unreadable_errors": np.array([video["error"] for video in missing], np.str_),
        "kind": np.array(cfg.test.row_kind),
        "class_numbers": numbers,
        "scored": numbers[scored_classes(cfg.detection, num_classes, cfg.data.root)],
        "class_names": np.array(class_names, np.str_),
        "config": np.array(dump_config(cfg)),
        **run_member(run),
    }
    write_arrays(path, rows, (len(corners), num_classes), others)
    logger.info(
        f"all boxes' scores: {path} (python -m slowfast.tools.score_boxes {path} "
        "--annotations FILE)"
    )


def read_box_scores(path: Path) -> BoxScores:
    """Reads FILE; nothing in it is ever unpickled.

    Raises:
        ResultsError: FILE is missing, cut off, or not a file of boxes' scores.
    """
    with opened(path) as archive:
        if f"{OF_BOXES}.npy" not in archive.namelist():
            raise ResultsError(
                "it has no boxes: python -m slowfast.tools.score scores a test of videos again"
            )
        found, run = members(archive, _MEMBERS), run_in(archive)
        scores_BA, numbers, names = found["scores"], found["class_numbers"], found["class_names"]
        counts, times = found["counts"], found["times"]
        if (
            scores_BA.shape != (len(found[OF_BOXES]), len(numbers))
            or found[OF_BOXES].shape[1] != 4
            or {len(counts), len(times), len(found["videos"])} != {len(found["excluded"])}
            or (counts < 0).any() or counts.sum() != len(scores_BA)
            or found["kind"] not in ("prob", "score")
            or len(names) not in (0, len(numbers))
            or len(found["unreadable_paths"]) != len(found["unreadable_errors"])
            or not np.isfinite(scores_BA).all()
        ):  # fmt: skip
            raise ResultsError("its members do not fit each other")
    settings = yaml.safe_load(found["config"]) or {}
    if found["kind"] == "score":
        has_one_label = settings.get("model", {}).get("labels_per_box") == "one"
        probabilities = softmax if has_one_label else sigmoid
        scores_BA = probabilities(scores_BA.astype(np.float64)).astype(np.float32)
    moments = [*zip(found["videos"], times.round(3).tolist(), strict=True)]
    names = dict(zip(numbers.tolist(), names, strict=False))
    actions = {number: names.get(number, "") for number in found["scored"].tolist()}
    unreadable = [*zip(found["unreadable_paths"], found["unreadable_errors"], strict=True)]
    return BoxScores(
        scores_BA, found[OF_BOXES], counts, moments, found["excluded"], numbers, actions,
        found["num_listed"], unreadable, found["config"], run, path,
    )  # fmt: skip
