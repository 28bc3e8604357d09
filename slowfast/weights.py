"""Weights files: read without running anything in them, matched strictly against a network."""

import errno
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from paddle import nn

Tensors = dict[str, np.ndarray[Any, Any]]

_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
}
"""What a pickle may name: the makers of numpy arrays and plain containers."""

CLASSIFIER = ("head.projection.weight", "head.projection.bias")


class WeightsError(ValueError):
    """A weights file that cannot be used; the message names the file and what is wrong with it."""


class DamagedError(WeightsError):
    """A file that is cut off, or not what it should be: no other settings would make it fit."""


class _NumpyUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not numpy data")


def read_pickle(path: str | Path, what: str = "weights") -> Any:
    """The numpy data of a pickle, such as a ``.pdparams`` file; code in it is never run.

    ``what`` it is named in messages.

    Raises:
        WeightsError: the file is missing; or (DamagedError) cut off, not a pickle, or holds
            anything but numpy data.
    """
    try:
        return _NumpyUnpickler(io.BytesIO(Path(path).read_bytes())).load()
    except OSError as error:
        kind = DamagedError if error.errno == errno.EIO else WeightsError
        raise kind(f"{what} {path} cannot be read: {error.strerror}") from error
    except pickle.UnpicklingError as error:
        raise DamagedError(f"{what} {path} refused: {' '.join(str(error).split())}") from error
    except MemoryError as error:
        raise WeightsError(f"{what} {path} does not fit into memory") from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise DamagedError(f"{what} {path} is damaged or not a weights file: {error}") from error


def read_weights(path: str | Path) -> Tensors:
    """The tensors of a ``.pdparams`` file by name.

    Raises:
        WeightsError: see ``read_pickle``; or there are no tensors in it.
    """
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise WeightsError(f"weights {path} holds no tensors by name")
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }
    if not tensors:
        raise WeightsError(f"weights {path} holds no tensors by name")
    return tensors


def load_weights(model: nn.Layer, path: str | Path) -> str:
    """Fills ``model`` from a file, every tensor or none.

    Returns:
        ``552 of 552 tensors loaded from PATH``.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape; the first ones are named.
    """
    return _load(model, read_weights(path), path)


def load_pretrained(model: nn.Layer, path: str | Path) -> str:
    """Fills a network that is to be trained on; its classifier stays if its classes are others.

    Returns:
        ``550 of 552 tensors loaded from PATH; head.projection.weight, head.projection.bias left as
        initialised: 400 classes in the file, 24 in the network``, or as ``load_weights``.

    Raises:
        WeightsError: anything else does not fit, as in ``load_weights``.
    """
    tensors, own = read_weights(path), model.state_dict()
    features, classes = own[CLASSIFIER[0]].shape
    weight, bias = (tensors.get(name) for name in CLASSIFIER)
    if weight is None or bias is None or bias.size == classes:
        return _load(model, tensors, path)
    if weight.shape != (features, bias.size):  # not a matter of classes
        return _load(model, tensors, path)
    _load(model, tensors | {name: own[name].numpy() for name in CLASSIFIER}, path)
    return (
        f"{len(own) - len(CLASSIFIER)} of {len(own)} tensors loaded from {path}; "
        f"{', '.join(CLASSIFIER)} left as initialised: {bias.size} classes in the file, {classes} "
        "in the network"
    )


def _load(model: nn.Layer, tensors: Tensors, path: str | Path) -> str:
    """Fills ``model`` with the tensors that ``path`` holds; see ``load_weights``."""
    own = model.state_dict()
    faults = [f"{name} is missing" for name in own if name not in tensors]
    faults += [f"{name} is not in this network" for name in tensors if name not in own]
    faults += [
        f"{name} is {list(tensors[name].shape)} in the file, {list(own[name].shape)} in the network"
        for name in own
        if name in tensors and list(tensors[name].shape) != list(own[name].shape)
    ]
    faults += [
        f"{name} holds numbers that are not finite"
        for name in tensors
        if not np.isfinite(tensors[name]).all()
    ]
    if faults:
        shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if faults[3:] else "")
        raise WeightsError(f"weights {path} do not fit the network: {shown}")
    model.set_state_dict({name: value.astype(np.float32) for name, value in tensors.items()})
    return f"{len(own)} of {len(own)} tensors loaded from {path}"
