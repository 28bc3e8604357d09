"""Weights of the classes in the loss, for classes of unequal size.

Legend: N videos of the training list, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.find import find_listed
from slowfast.data.lists import ListError, lines_of
from slowfast.data.samples import Label, classes_of

LARGEST = float(np.finfo(np.float32).max)


def class_weights(labels: Sequence[Label], cfg: Config) -> NDArray[np.float32] | None:
    """What each class's term in the loss is multiplied by ``[K]``; None: 1.

    Of one label a video: ``balanced`` is N / (classes that occur x videos of the class), and the
    weights of a file are scaled, so that their mean over the videos is 1 as well. Of several:
    ``balanced`` is the number of videos without the class / that with it, and a file's weights are
    as they are. A class that no video has, or every one, then has the weight 1.

    Args:
        labels: those of the training list.

    Raises:
        ListError: the file cannot be read, or has not one positive number for each class.
    """
    wanted, num_classes = cfg.train.class_weights, cfg.model.num_classes
    if wanted == "none":
        return None
    counts = np.bincount([k for label in labels for k in classes_of(label)], minlength=num_classes)
    is_multi = cfg.train.task == "multi"
    if wanted != "balanced":
        weights = _read(wanted, cfg.data.root, num_classes)
    elif is_multi:
        weights = _ratio(len(labels) - counts, counts)
    else:
        weights = _ratio(np.full(num_classes, len(labels) / (counts > 0).sum()), counts)
    if not is_multi:
        weights = weights * counts.sum() / (weights * counts).sum()
    return weights.astype(np.float32)


def _ratio(above: NDArray[Any], below: NDArray[np.int64]) -> NDArray[np.float64]:
    """The ratio of each class, 1 where one of both is 0."""
    is_usable = (above > 0) & (below > 0)
    return np.where(is_usable, above / np.maximum(below, 1), 1.0)


def _read(path: str, root: str, num_classes: int) -> NDArray[np.float64]:
    """The weights of a file with a number a line."""
    found = find_listed(path, root, Path.is_file)
    if found is None:
        raise ListError(f"train.class_weights={path} is neither none, balanced nor a file")
    lines = lines_of(found)
    weights = [_weight(text, f"{found}:{number}") for number, text in lines]
    if len(weights) != num_classes:
        number, text = lines[min(num_classes, len(lines) - 1)]
        raise ListError(
            f"{found}:{number}: {len(weights)} class weights for model.num_classes={num_classes} "
            "(a number a line, in the order of the classes)"
        )
    return np.array(weights)


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight <= LARGEST:
        raise ListError(f"{where}: {text!r} is no class weight: a number above 0")
    return weight
