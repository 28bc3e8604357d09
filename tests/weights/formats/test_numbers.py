"""Raw bytes as arrays, and the places in them that files claim."""

import re

import numpy as np
import pytest

from slowfast.weights.formats.numbers import BFLOAT16, decode, itemsize, strided

ROW = np.arange(6, dtype=np.float32)


@pytest.mark.parametrize(("shape", "strides", "offset"), [
    ((2, 3), (3, 1), 1), ((2, 3), (4, 1), 0), ((7,), (1,), 0), ((1,), (1,), 6), ((), (), 6),
    ((-1,), (1,), 0), ((2,), (-1,), 3), ((2,), (1,), -1), ((2,), (1, 1), 0), ((2, 2), (1,), 0),
    ((1 << 40,), (0,), 0),  # one number, said to be a terabyte of them
    ((1 << 62, 1 << 62), (0, 0), 0), ((2,), (1 << 62,), 0), ((1,), (1,), 1 << 70),
])  # fmt: skip
def test_a_tensor_outside_its_storage(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    place = f"a tensor of shape {list(shape)}, strides {list(strides)} and offset {offset} "
    with pytest.raises(ValueError, match=f"^{re.escape(place)}"):
        strided(ROW, offset, shape, strides)


def test_a_tensor_of_more_axes_than_arrays_have() -> None:
    axes = r"\[1, 1, 1, 1, 1, 1, ...\]"
    message = f"^a tensor of shape {axes}, strides {axes} and offset 0 cannot be$"
    with pytest.raises(ValueError, match=message):
        strided(ROW, 0, (1,) * 40, (1,) * 40)


def test_numbers_of_every_size() -> None:
    assert [itemsize(code) for code in ("f8", "f4", "f2", BFLOAT16, "i8", "u1", "?")] == [
        8, 4, 2, 2, 8, 1, 1
    ]  # fmt: skip
    halves = decode(np.array([1.5, -65504], "<f2").tobytes(), "f2")
    assert (halves.dtype, halves.tolist()) == (np.float32, [1.5, -65504])
    bits = np.array([0x3FC0, 0xC000, 0x7F80], "<u2").tobytes()
    assert decode(bits, BFLOAT16).tolist() == [1.5, -2.0, float("inf")]
    assert decode(b"\1\0\0\0\0\0\0\0", "i8").tolist() == [1]


def test_a_view_of_a_row() -> None:
    row = np.arange(6)
    assert strided(row, 1, (2, 2), (1, 2)).tolist() == [[1, 3], [2, 4]]
    assert strided(row, 99, (0, 3), (3, 1)).shape == (0, 3)
    assert not strided(row, 0, (6,), (1,)).flags.writeable
