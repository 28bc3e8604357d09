"""An .npz of scores: an array ``scores`` that is written row by row, and read by mapping it into
memory; and smaller arrays beside it. Nothing in it is pickled.

numpy only, no Paddle.
"""

import contextlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from slowfast.errors import UserError
from slowfast.files import atomic

RUN = "run"
"""The member with what a test recorded about itself."""


class ResultsError(UserError):
    """A file of scores cannot be written or used; the message names it."""


def write_arrays(
    path: Path, rows: Iterable[NDArray[np.float32]], shape: tuple[int, ...],
    others: Mapping[str, NDArray[Any]],
) -> None:  # fmt: skip
    """Writes an .npz with ``scores`` of a shape, of which one row at a time is in memory, and other
    arrays by name; whole or not at all. Raises an OSError that names it if the disk is full."""
    with atomic(path) as file, zipfile.ZipFile(file, "w") as archive:
        with _entry(archive, "scores") as entry:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(entry, head)
            for row in rows:
                entry.write(row.astype("<f4").tobytes())
        for name, array in others.items():
            with _entry(archive, name) as entry:
                npy.write_array(entry, array, allow_pickle=False)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A file of scores while it is read: what is wrong is a ResultsError that names it."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, ResultsError) as error:
        raise ResultsError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except zipfile.BadZipFile as error:
        raise ResultsError(f"{path} is cut off or damaged, or not an .npz file") from error
    except Exception as error:  # a damaged file can fail in any way
        raise ResultsError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def members(archive: zipfile.ZipFile, kinds: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """What is in these members of a file of scores, whose bytes are checked.

    Args:
        kinds: by name the dtype kinds and numbers of dimensions that are right.
    """
    names = {name.removesuffix(".npy") for name in archive.namelist()}
    if missing := [name for name in ("scores", *kinds) if name not in names]:
        raise ResultsError(f"it has no {missing[0]}, so --test --out did not write it")
    found = {name: _read(archive, name, *own) for name, own in kinds.items()}
    if archive.testzip():  # reads all and checks the CRCs
        raise zipfile.BadZipFile
    return found


def mapped(path: Path, info: zipfile.ZipInfo) -> NDArray[np.float32]:
    """The scores ``[N, V, K]`` in a member that is not compressed, mapped into memory.
    Raises a ResultsError if it is something else."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ResultsError("its scores are compressed, so they cannot be mapped")
    with open(path, "rb") as file:
        file.seek(info.header_offset + 26)  # lengths of name and extra field, which follow
        lengths = np.frombuffer(file.read(4), "<u2")
        file.seek(info.header_offset + 30 + int(lengths.sum()))
        if npy.read_magic(file) != (1, 0):
            raise ResultsError("its scores have an unknown header")
        shape, is_fortran, dtype = npy.read_array_header_1_0(file)
        if dtype != np.dtype("<f4") or is_fortran or len(shape) != 3 or 0 in shape:
            raise ResultsError(f"its scores are {dtype} {list(shape)}, not float32 [N, V, K]")
        return np.memmap(path, dtype, "r", file.tell(), shape)


def run_member(run: Mapping[str, Any] | None) -> dict[str, NDArray[Any]]:
    """The member ``run``, by its name; nothing of a test that records nothing."""
    return {} if run is None else {RUN: np.array(json.dumps(run))}


def run_in(archive: zipfile.ZipFile) -> dict[str, Any]:
    """What the test recorded about itself; empty if it did not. Raises a ResultsError if the member
    ``run`` is something else."""
    if f"{RUN}.npy" not in archive.namelist():
        return {}
    try:
        run = json.loads(_read(archive, RUN, "U", 0))
    except ValueError as error:
        raise ResultsError("its run is not JSON") from error
    if not isinstance(run, dict):
        raise ResultsError("its run is not a JSON object")
    return run


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


def _read(archive: zipfile.ZipFile, name: str, kinds: str, *dimensions: int) -> Any:
    """Reads a member: texts, and what has no dimension, as Python's own."""
    with archive.open(f"{name}.npy") as entry:
        array = npy.read_array(entry, allow_pickle=False)
    if array.dtype.kind not in kinds or array.ndim not in dimensions:
        raise ResultsError(f"its {name} are {array.dtype} {list(array.shape)}")
    if kinds == "U" or array.ndim == 0:
        return array.tolist()
    return array.astype(np.int64) if array.ndim == 1 and array.dtype.kind in "iu" else array
