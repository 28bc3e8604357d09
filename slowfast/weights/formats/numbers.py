"""Raw bytes as arrays: the number types that torch and safetensors write, and strided views."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from slowfast.weights.damage import shown

Array = np.ndarray[Any, Any]

BFLOAT16 = "bf2"
"""A float32 without its lower two bytes; NumPy has no such type."""

HALF = "f2"

MOST_AXES = 32
"""Of an array, as NumPy 1 has it."""


def itemsize(code: str) -> int:
    """Bytes of a number."""
    return 2 if code == BFLOAT16 else np.dtype(code).itemsize


def decode(raw: bytes, code: str) -> Array:
    """A flat array of little-endian numbers; both 16-bit floats become float32.

    Args:
        raw: a whole number of them.
        code: ``BFLOAT16``, or NumPy's code of one type.
    """
    if code == BFLOAT16:
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    values = np.frombuffer(raw, np.dtype(code).newbyteorder("<"))
    return values.astype(np.float32) if code == HALF else values


def strided(row: Array, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """The tensor that torch describes by its place in a row of numbers, as a read-only view.

    Args:
        row: flat.
        offset: of the first number, in numbers.
        shape, strides: one each per axis; strides in numbers.

    Raises:
        ValueError: it reaches outside the row, has more numbers than it (so that a few bytes
            cannot claim all memory), or is no description of a tensor.
    """
    what = (
        f"a tensor of shape {shown(list(shape))}, strides {shown(list(strides))} and offset "
        f"{shown(offset)}"
    )
    if not len(shape) == len(strides) <= MOST_AXES or any(
        type(count) is not int or count < 0 for count in (offset, *shape, *strides)
    ):
        raise ValueError(f"{what} cannot be")
    if 0 in shape:
        return np.zeros(shape, row.dtype)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if last >= row.size or math.prod(shape) > row.size:
        raise ValueError(f"{what} does not fit into its storage of {row.size} numbers")
    steps = [stride * row.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(row[offset:], shape, steps, writeable=False)
