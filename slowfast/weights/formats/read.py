"""Reads weights files of all formats. The first bytes tell a file's format, not its name."""

from pathlib import Path
from typing import Any

from slowfast.pickles import unpickle
from slowfast.weights.damage import reported
from slowfast.weights.formats.safetensors import is_safetensors, read_safetensors
from slowfast.weights.formats.torch import is_legacy, is_zip, read_legacy, read_zip

FORMATS = ((is_zip, read_zip), (is_legacy, read_legacy), (is_safetensors, read_safetensors))
"""How to recognise each format, and how to read it; any other file is a pickle."""


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
        for is_it, read in FORMATS:
            if is_it(data):
                return read(data)
        return unpickle(data)


def read_pickle(path: str | Path, what: str = "weights") -> Any:
    """The numpy data of a pickle, such as a ``.pdparams`` file, see ``read_content``.

    Messages call the file ``what``.

    Raises:
        WeightsError: the file is missing; or (DamagedError) cut off, or not a pickle.
    """
    with reported(path, what):
        return unpickle(_read(Path(path)))


def _read(path: Path) -> bytes:
    """All of a file. An OSError refuses a pipe or a device, which may have no end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError("a pipe or a device, not a file")
    return path.read_bytes()
