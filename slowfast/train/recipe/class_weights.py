"""Weights of the classes in the loss, for classes of unequal size.

Legend: N videos of the training list, K classes.
"""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.find import find_listed, listed_places
from slowfast.data.lists.read_lists import ListError, lines_of
from slowfast.data.samples import Label, classes_of

NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A weight as it is written."""
LARGEST_RATIO = 1e6
"""Between the weights of a file; with several labels a video also to 1, the weight of a no."""


def class_weights(labels: Sequence[Label], cfg: Config) -> NDArray[np.float32] | None:
    """What each class's term in the loss is multiplied by ``[K]``; None: 1.

    Of one label a video: ``balanced`` is N / (classes that occur x videos of the class), and the
    weights of a file are scaled, so that their mean over the clips of an epoch is 1 as well: with
    ``train.sampling=balanced`` these have each class that occurs as often. Of several:
    ``balanced`` is the number of videos without the class / that with it, and a file's weights are
    as they are. A class that no video has, or every one, then has the weight 1. With detection
    boxes take the place of videos.

    Args:
        labels: those of the training list, or of its boxes.

    Raises:
        ListError: the file cannot be read, or has not one positive number for each class, or they
            are further apart than ``LARGEST_RATIO``.
    """
    wanted, num_classes = cfg.train.class_weights, cfg.model.num_classes
    if wanted == "none":
        return None
    counts = np.bincount([k for label in labels for k in classes_of(label)], minlength=num_classes)
    is_multi = cfg.train.task != "single"
    if wanted != "balanced":
        weights = _read(wanted, cfg)
    elif is_multi:
        weights = _ratio(len(labels) - counts, counts)
    else:
        weights = _ratio(np.full(num_classes, len(labels) / (counts > 0).sum()), counts)
    if not is_multi:
        drawn = counts > 0 if cfg.train.sampling == "balanced" else counts
        weights = weights * drawn.sum() / (weights * drawn).sum()
    return weights.astype(np.float32)


def _ratio(above: NDArray[Any], below: NDArray[np.int64]) -> NDArray[np.float64]:
    """The ratio of each class, 1 where one of both is 0."""
    is_usable = (above > 0) & (below > 0)
    return np.where(is_usable, above / np.maximum(below, 1), 1.0)


def _read(path: str, cfg: Config) -> NDArray[np.float64]:
    """The weights of a file with a number a line."""
    found, num_classes = find_listed(path, cfg.data.root, Path.is_file), cfg.model.num_classes
    if found is None:
        raise ListError(f"train.class_weights={path} is {_kind_of(path, cfg.data.root)}")
    lines = lines_of(found)
    weights = [_weight(text, f"{found}:{number}", cfg.train.task) for number, text in lines]
    if len(weights) != num_classes:
        number, text = lines[min(num_classes, len(lines) - 1)]
        raise ListError(
            f"{found}:{number}: {len(weights)} class weights for model.num_classes={num_classes} "
            "(a number a line, in the order of the classes)"
        )
    pairs = [*zip(weights, lines, strict=True)]
    (least, (low, low_text)), (most, (number, text)) = min(pairs), max(pairs)
    if most > LARGEST_RATIO * least:
        raise ListError(
            f"{found}:{number}: the class weight {text} is more than {LARGEST_RATIO:,.0f} times "
            f"that of line {low}, {low_text}"
        )
    return np.array(weights)


def _kind_of(path: str, root: str) -> str:
    """What there is in place of a file."""
    there = [place for place in listed_places(path, root) if path and os.path.lexists(place)]
    if not there:
        return "neither none, balanced nor a file"
    if os.path.isdir(there[0]):
        return "a folder, not a file with a number a line"
    return "a pipe or a device" if os.path.exists(there[0]) else "a link to a file that is gone"


def _weight(text: str, where: str, task: str) -> float:
    weight = float(text) if NUMBER.fullmatch(text) else 0.0
    if not 0.0 < weight < math.inf:
        raise ListError(f"{where}: {text!r} is no class weight: a number above 0")
    if task != "single" and not 1 / LARGEST_RATIO <= weight <= LARGEST_RATIO:
        raise ListError(
            f"{where}: the class weight {text} is not from {1 / LARGEST_RATIO:g} to "
            f"{LARGEST_RATIO:,.0f}: with several labels a video it is the weight of a class's yes, "
            "where a no has 1"
        )
    return weight
