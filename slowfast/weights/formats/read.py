"""Reads weights files of all formats. The first bytes tell a file's format, not its name."""

from pathlib import Path
from typing import Any

import numpy as np

from slowfast.pickles import unpickle
from slowfast.weights.damage import reported
from slowfast.weights.formats.safetensors import is_safetensors, read_safetensors
from slowfast.weights.formats.torch import is_legacy, is_zip, read_legacy, read_zip

FORMATS = ((is_zip, read_zip), (is_legacy, read_legacy), (is_safetensors, read_safetensors))
"""How to recognise each format, and how to read it; any other file is a pickle."""

MOST_SHARED = 8
"""How often a file's bytes may be in its arrays: twice where 16-bit floats become float32, and once
more for each name of the same tensor. What copies arrays must not take all memory for a small file
that names the same bytes a thousand times."""
FEW_BYTES = 1 << 26
"""Of arrays, 64 MiB, which any machine can copy: up to here, no tensor has too many names."""


def read_content(path: str | Path) -> Any:
    """What a weights file holds, as dicts, lists, tuples, arrays, numbers and texts.

    A pickle of NumPy data (``.pdparams``, caffe2's ``.pkl``), torch's zip or legacy format
    (``.pth``, ``.pyth``) or ``.safetensors``. Code in it is never run; anything else that it
    holds is LeftOut.

    Raises:
        WeightsError: the file is missing, or does not fit into memory; or (DamagedError) cut off,
            or of no such format.
    """
    with reported(path, "weights"):
        data = _read(Path(path))
        read = next((read for is_it, read in FORMATS if is_it(data)), unpickle)
        return _checked(read(data), len(data))


def read_pickle(path: str | Path, what: str = "weights") -> Any:
    """The numpy data of a pickle, such as a ``.pdparams`` file, see ``read_content``.

    Messages call the file ``what``.

    Raises:
        WeightsError: the file is missing; or (DamagedError) cut off, or not a pickle.
    """
    with reported(path, what):
        data = _read(Path(path))
        return _checked(unpickle(data), len(data))


def _read(path: Path) -> bytes:
    """All of a file. An OSError refuses a pipe or a device, which may have no end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError("a pipe or a device, not a file")
    return path.read_bytes()


def _checked(content: Any, num_bytes: int) -> Any:
    """The content of a file of so many bytes; a ValueError: its arrays have far more."""
    total, waiting, seen = 0, [content], set()
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, np.ndarray):
            total += thing.nbytes
        elif isinstance(thing, dict | list | tuple) and id(thing) not in seen:
            seen.add(id(thing))
            waiting.extend(thing.values() if isinstance(thing, dict) else thing)
    if total > max(MOST_SHARED * num_bytes, FEW_BYTES):
        raise ValueError(f"its arrays have {total:,} bytes, and the file {num_bytes:,}")
    return content
