"""mmaction2's files of detected boxes, read without running any code in them."""

import io
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from slowfast.data.lists.read_lists import ListError
from slowfast.errors import one_line, printable
from slowfast.pickles import LeftOut, PlainUnpickler, plain

FORM = "a dict from 'VIDEO,0902' to arrays of x1, y1, x2, y2, score"


MOST_BOXES = 1000
"""Of a key frame, far more than a detector finds: a small file can name one large array for
thousands of keys, and each becomes boxes of its own."""


MOST_STEPS = 20_000_000
"""Of the pickle: it has some 15 for a key frame, and AVA has 235,000 of these."""


def pickled_boxes(path: str | Path) -> Iterator[tuple[str, list[list[float]]]]:
    """The keys of a file, in its order, and the rows of each: four corners, and a score if there is
    one. One key at a time, whose rows are numbers of Python's.

    Raises:
        ListError: it is no such file; the message names the first key that is wrong.
        OSError: it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        content = PlainUnpickler(io.BytesIO(data), MOST_STEPS).load()
        if not isinstance(content, dict) or not content:
            raise ListError(f"{path}: not {FORM}")
        # Before ``plain`` of all, which drops keys that are neither text nor numbers.
        keys = map(plain, content)
        if odd := [key for key in keys if not isinstance(key, str) or "," not in key]:
            key = printable(odd[0].what if isinstance(odd[0], LeftOut) else repr(odd[0]))[:100]
            raise ListError(f"{path}: key {key} is not 'VIDEO,0902' (the file is {FORM})")
        arrays = plain(content)
    except ListError:
        raise
    except UnpicklingError as error:
        raise ListError(f"{path} refused: {one_line(error)}") from error
    except Exception as error:  # a damaged file can fail in any way
        reason = one_line(error) or type(error).__name__
        raise ListError(f"{path} is damaged or not a pickle: {reason}") from error
    for key, array in arrays.items():
        yield key, _rows(path, key, array)


def _rows(path: str | Path, key: str, array: Any) -> list[list[float]]:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ListError(f"{path}: key {key!r} has no array of numbers (the file is {FORM})")
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] not in (4, 5):
        raise ListError(
            f"{path}: key {key!r} has an array of shape {list(array.shape)}, not [K, 5] or [K, 4]"
        )
    if len(array) > MOST_BOXES:
        raise ListError(f"{path}: key {key!r} has {len(array):,} boxes, more than {MOST_BOXES:,}")
    rows: list[list[float]] = array.astype(float).tolist()
    return rows
