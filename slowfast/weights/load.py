"""Weights of a file, matched strictly against a network."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from paddle import nn

from slowfast.config import ConfigError, load_config
from slowfast.pickles import LeftOut
from slowfast.weights.damage import DamagedError, WeightsError, one_line, reported
from slowfast.weights.formats.read import read_content
from slowfast.weights.names import Translated, translate
from slowfast.weights.save import own_config
from slowfast.weights.systems import Tensors

CLASSIFIER = ("head.projection.weight", "head.projection.bias")

NONLOCAL = "_nonlocal"
"""In the names of the tensors of non-local blocks."""


class Checkpoint(NamedTuple):
    """A weights file of any system and format."""

    path: Path
    content: Any
    """All that is in it, see ``read_content``."""
    found: Translated
    """Its tensors by our names."""


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a weights file of any system and format.

    Raises:
        WeightsError: see ``read_content`` and ``translate``; or there are no tensors in it.
    """
    content = read_content(path)
    try:
        with reported(path, "weights"):
            found = translate(content)
    except DamagedError:
        raise
    except WeightsError as error:
        raise WeightsError(f"weights {path} refused: {error}") from error
    if not found.tensors:
        what = f": it is {content.what}" if isinstance(content, LeftOut) else ""
        raise WeightsError(f"weights {path} holds no tensors by name{what}")
    return Checkpoint(Path(path), content, found)


def read_weights(path: str | Path) -> Tensors:
    """The tensors of any system's weights file by our names; raises as ``read_checkpoint``."""
    return read_checkpoint(path).found.tensors


def load_weights(model: nn.Layer, weights: str | Path | Checkpoint) -> str:
    """Fills ``model`` from a file, or from one that has been read: every tensor or none.

    Returns:
        ``552 of 552 tensors loaded from PATH``; for another system's file also its system and what
        was left out, ``(PyTorchVideo's; 110 num_batches_tracked left out)``.

    Raises:
        WeightsError: a tensor is missing, unexpected, of another shape, or holds numbers that no
            weights are; the first ones are named. Or one of file and network classifies boxes, and
            the other clips.
    """
    checkpoint = weights if isinstance(weights, Checkpoint) else read_checkpoint(weights)
    if _has_boxes(checkpoint) not in (None, model.has_boxes):
        fault = _OTHER_TASK[model.has_boxes]
        raise WeightsError(f"weights {checkpoint.path} do not fit the network: {fault}")
    _fill(model, checkpoint.path, checkpoint.found.tensors)
    count = len(model.state_dict())
    return f"{count} of {count} tensors loaded from {checkpoint.path}{_origin(checkpoint.found)}"


def _fill(model: nn.Layer, path: Path, tensors: Tensors) -> None:
    """Fills ``model``; raises a WeightsError as ``load_weights`` if not all of them fit."""
    own = model.state_dict()
    faults = [f"{name} is missing" for name in own if name not in tensors]
    faults += [f"{one_line(name)} is not in this network" for name in tensors if name not in own]
    faults += [
        f"{name} is {list(tensors[name].shape)} in the file, {list(own[name].shape)} in the network"
        for name in own
        if name in tensors and list(tensors[name].shape) != list(own[name].shape)
    ]
    with np.errstate(over="ignore"):  # a float64 may be too large for a float32
        singles = {name: value.astype(np.float32) for name, value in tensors.items()}
    faults += [
        f"{one_line(name)} holds numbers that are not finite"
        for name, value in singles.items()
        if not np.isfinite(value).all()
    ]
    faults += [
        f"{name} holds variances below 0"  # ReLU hides that they come to nan
        for name, value in singles.items()
        if name.endswith("._variance") and np.any(value < 0)
    ]
    if faults:
        first = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if faults[3:] else "")
        raise WeightsError(f"weights {path} do not fit the network: {first}")
    model.set_state_dict(singles)


_OTHER_TASK = {
    True: "they classify clips, and this network boxes: to train a detector from them, say "
    "-o model.pretrained=FILE in place of -w",
    False: "they are a detector's, which classifies boxes (train.task=detection), and this network "
    "classifies clips",
}
"""Why weights do not fit a network that detects, or not."""


def _has_boxes(checkpoint: Checkpoint) -> bool | None:
    """Whether weights classify boxes, by their names or the config beside weights of ours; None:
    neither tells."""
    if checkpoint.found.has_boxes is not None:
        return checkpoint.found.has_boxes
    config = own_config(checkpoint.path)
    if config is None:
        return None
    try:
        return load_config(config).train.task == "detection"
    except ConfigError:
        return None


def load_pretrained(model: nn.Layer, weights: str | Path | Checkpoint) -> str:
    """``load_weights`` for fine-tuning; keeps the classifier if the number of classes differs, or
    one is of boxes and the other of clips. Non-local blocks, which a file of clips may lack, then
    stay as well: they begin as the identity.

    Returns:
        ``550 of 552 tensors loaded from PATH; head.projection.weight, head.projection.bias left as
        initialised: 400 classes in the file, 24 in the network``, or as ``load_weights``.

    Raises:
        WeightsError: anything else does not fit, as in ``load_weights``.
    """
    checkpoint = weights if isinstance(weights, Checkpoint) else read_checkpoint(weights)
    path, found, own = checkpoint.path, checkpoint.found, model.state_dict()
    features, classes = own[CLASSIFIER[0]].shape
    weight, bias = (found.tensors.get(name) for name in CLASSIFIER)
    is_other = _has_boxes(checkpoint) not in (None, model.has_boxes)
    if model.has_boxes and weight is not None:  # it may see the whole picture, too
        is_other |= weight.shape[:1] == (features // 2,)
    if (
        weight is None
        or bias is None
        or (bias.size == classes and not is_other)
        # another fault, which load_weights reports
        or (weight.shape != (features, bias.size) and not is_other)
    ):
        return load_weights(model, checkpoint)
    left = [*CLASSIFIER]
    if model.has_boxes and not any(NONLOCAL in name for name in found.tensors):
        left += [name for name in own if NONLOCAL in name]
    _fill(model, path, found.tensors | {name: own[name].numpy() for name in left})
    blocks = " and non-local blocks" if len(left) > len(CLASSIFIER) else ""
    reason = f"{bias.size} classes in the file, {classes} in the network"
    if is_other:
        kind = "boxes" if model.has_boxes else "clips"
        picture = " with the picture" if _has_boxes(checkpoint) and model.has_boxes else ""
        reason = f"the network classifies {kind}{picture}, and the file does not"
    return (
        f"{len(own) - len(left)} of {len(own)} tensors loaded from {path}{_origin(found)}; "
        f"{', '.join(CLASSIFIER)}{blocks} left as initialised: {reason}"
    )


def _origin(found: Translated) -> str:
    """A file's system, and what was left out of it; empty for a file of ours alone."""
    left_out = [f"{count} {kind}" for kind, count in found.unused.items()]
    left_out += [f"the network at {place}" for place in found.others]
    says = [f"{found.system}'s"] if found.system else []
    says += [f"{', '.join(left_out)} left out"] if left_out else []
    return f" ({'; '.join(says)})" if says else ""
