"""Writes the file with all scores of a test of boxes, --out FILE.npz with train.task=detection.

FILE is an uncompressed .npz; ``numpy.load`` reads it, and nothing in it is pickled::

    scores              float32 [B, A], of the boxes of the N key frames that could be read
    boxes               float64 [B, 4]: x1, y1, x2, y2, shares of the picture
    counts indices      of the N key frames: how many boxes, and the place in the list
    videos times        as annotated
    num_listed unreadable_{paths,errors}    length of the list; the videos that cannot be read
    kind                "prob": scores are probabilities, "score": logits
    class_numbers       of the A classes, in the annotations
    class_names config  names by class, may be empty; config.yaml

numpy only, no Paddle. Legend: N key frames, B boxes of all, A classes.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, dump_config
from slowfast.data.boxes.action_lists import class_numbers
from slowfast.data.samples import KeyFrame
from slowfast.evaluate.scores import OF_BOXES, write_arrays
from slowfast.log import logger


def write_box_scores(
    path: Path, rows: Iterable[NDArray[np.float32]], keys: Sequence[tuple[int, KeyFrame]],
    result: dict[str, Any], class_names: list[str], cfg: Config,
) -> None:  # fmt: skip
    """Writes FILE, whole or not at all, with the scores of one key frame in memory at a time.

    Args:
        rows: the scores ``[boxes, A]`` of each key frame.
        keys: the key frames, each with its place in the list.
        result: the content of test_result.json.

    Raises:
        OSError: the disk is full, or similar; names FILE.
    """
    corners = [box.corners for _, key in keys for box in key.boxes]
    missing, num_classes = result["unreadable"], cfg.model.num_classes
    others: dict[str, Any] = {
        OF_BOXES: np.array(corners, np.float64).reshape(-1, 4),
        "counts": np.array([len(key.boxes) for _, key in keys], np.int64),
        "indices": np.array([index for index, _ in keys], np.int64),
        "videos": np.array([key.video for _, key in keys], np.str_),
        "times": np.array([key.time for _, key in keys], np.float64),
        "num_listed": np.array(result["num_listed"], np.int64),
        "unreadable_paths": np.array([video["path"] for video in missing], np.str_),
        "unreadable_errors": np.array([video["error"] for video in missing], np.str_),
        "kind": np.array(cfg.test.row_kind),
        "class_numbers": np.array(class_numbers(cfg.detection, num_classes), np.int64),
        "class_names": np.array(class_names, np.str_),
        "config": np.array(dump_config(cfg)),
    }
    write_arrays(path, rows, (len(corners), num_classes), others)
    logger.info(f"all boxes' scores: {path}")
