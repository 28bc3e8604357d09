"""Pickles of NumPy data are read; of anything else they are refused, and nothing is run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import torch_bytes as tb
from support.refusals import refusal

from slowfast.weights.formats.read import read_content


def test_a_caffe2_file_of_python_2_is_read(path: Path) -> None:
    """Its bytes and texts are the same opcode, U: one byte of length."""

    def raw(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    dtype = tb.named("numpy", "dtype") + tb.tuple_of(raw(b"f4"), b"K\0", b"K\1") + b"R"
    dtype += tb.tuple_of(b"K\3", raw(b"<"), b"N", b"N", b"N", b"J\xff\xff\xff\xff" * 2, b"K\0")
    empty = tb.named("numpy", "ndarray"), tb.tuple_of(b"K\0"), raw(b"b")
    array = tb.named("numpy.core.multiarray", "_reconstruct") + tb.tuple_of(*empty) + b"R"
    numbers = np.array([[1.5, -3e38, 2e-40]], "<f4")
    state = b"K\1", tb.numbers(1, 3), dtype + b"b", b"\x89", raw(numbers.tobytes())
    array += tb.tuple_of(*state) + b"b"
    path.write_bytes(b"\x80\x02}" + raw(b"blobs") + b"}" + raw(b"pred_w") + array + b"ss.")
    content = read_content(path)
    np.testing.assert_array_equal(content["blobs"]["pred_w"], numbers)


@pytest.mark.parametrize("order", ["C", "F", "K"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_of_every_pickle_are_read(path: Path, protocol: int, order: str) -> None:
    values = np.arange(24, dtype=">f4").reshape(2, 3, 4)
    array = {"C": values, "F": values.T, "K": values.transpose(1, 0, 2)}[order]
    others = [b"\xff", np.float64(0.5), np.array("text"), True, {"a": (None, 1 << 80)}]
    content = [array, array, np.zeros(0), *others]
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    first, second, empty, *rest = read_content(path)
    np.testing.assert_array_equal(first, array)
    assert first is second
    assert not first.flags.writeable  # by the rest of the pickle, as a dictionary's items
    assert empty.shape == (0,)
    assert rest == others


class Payload:
    """An object whose pickle, when loaded, makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def object_array(payload: Payload) -> np.ndarray[Any, Any]:
    array = np.empty(2, dtype=object)
    array[0] = payload
    return array


@pytest.mark.parametrize(
    "hide",
    [
        lambda payload: payload,
        lambda payload: {"s1.weight": np.zeros(3, np.float32), "extra": payload},
        lambda payload: {"s1.weight": object_array(payload)},
        lambda payload: {"s1.weight": [np.zeros(3, np.float32), [{"deep": payload}]]},
    ],
    ids=["bare", "beside a tensor", "in an object array", "nested"],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_file_is_refused_and_never_run(
    path: Path, tmp_path: Path, hide: Callable[[Payload], object], protocol: int
) -> None:
    mark = tmp_path / "ran"
    content = pickle.dumps(hide(Payload(mark)), protocol=protocol)
    pickle.loads(content)
    assert mark.is_dir()  # the file is as dangerous as it means to be
    mark.rmdir()
    # The module of mkdir is named as on this system: posix, nt.
    complaint = f"refused: it names {os.mkdir.__module__}.mkdir, which is not numpy data"
    assert refusal(content, path) == complaint
    assert not mark.exists()


@pytest.mark.parametrize(
    "thing", ["os.system", "builtins.eval", "builtins.getattr", "numpy.load",
              "numpy.ndarray.tofile", "paddle.load", "_codecs.encode.__class__"],
)  # fmt: skip
def test_only_makers_of_numpy_data_may_be_named(path: Path, thing: str) -> None:
    """A protocol 4 pickle that is this one thing."""
    parts = [b"\x8c" + bytes([len(text)]) + text.encode() for text in thing.split(".", 1)]
    message = refusal(b"\x80\x04" + b"".join(parts) + b"\x93.", path)
    assert message == f"refused: it names {thing}, which is not numpy data"


NDARRAY = tb.named("numpy", "ndarray")
FROMBUFFER = tb.named("numpy.core.numeric", "_frombuffer")


def array_of(code: str, raw: bytes = b"C\x04abcd") -> bytes:
    dtype = tb.call("numpy", "dtype", tb.text(code), b"\x89", b"\x88")
    made = tb.call("numpy.core.multiarray", "_reconstruct", NDARRAY, tb.numbers(0), b"C\x01b")
    return made + tb.tuple_of(b"K\1", tb.numbers(1), dtype, b"\x89", raw) + b"b"


@pytest.mark.parametrize(("opcodes", "complaint"), [
    (b"]q\0h\0a", "it holds something that holds itself"),
    (b"\x8f", "it holds a set, which is no data"),
    (FROMBUFFER, "it holds a Maker, which is no data"),
    (NDARRAY, "it holds a type, which is no data"),
    # What its tools do cannot be changed: here their defaults for the files to come.
    (FROMBUFFER + b"N}" + tb.text("__defaults__") + b")s\x86b", "it changes what makes its data"),
    (tb.call("_codecs", "encode", tb.text("a"), tb.text("rot13")), "it holds bytes as 'rot13'"),
    (array_of("O8", b"]"), "it holds an array of 'O8', not of numbers"),
    (array_of("f4,O"), "it holds an array of 'f4,O', not of numbers"),
    (array_of("V4"), "it holds an array of 'V4', not of numbers"),
    (b"cos\nsystem\x1b[2J\n", r"it names os.system\x1b[2J, which is not numpy data"),
])  # fmt: skip
def test_a_pickle_of_other_things_is_refused(path: Path, opcodes: bytes, complaint: str) -> None:
    assert refusal(b"\x80\x04" + opcodes + b".", path) == f"refused: {complaint}"


def test_an_array_of_other_bytes_than_its_shape_has(path: Path) -> None:
    for code in ("f2", "f8", "S3"):
        assert "damaged" in refusal(b"\x80\x04" + array_of(code) + b".", path)


def test_a_small_file_cannot_fill_the_memory(path: Path) -> None:
    """A megabyte that is encoded a thousand times is encoded once."""
    again = tb.named("_codecs", "encode") + b"h\1" + tb.text("latin1") + b"\x86R"
    data = b"\x80\x02" + tb.text("x" * (1 << 20)) + b"q\1](" + again * 1000 + b"e."
    path.write_bytes(data)
    content = read_content(path)
    assert len(content) == 1000
    assert all(item is content[0] for item in content)
    twice = tb.text("a") + tb.number(1) + b"\x86"
    ordered = tb.named("collections", "OrderedDict") + b"](" + twice + b"e\x85R."
    assert "damaged" in refusal(b"\x80\x02" + ordered, path)


def test_a_number_of_many_bytes(path: Path) -> None:
    """A scalar would be a copy of them, each time."""
    raw = tb.named("numpy", "dtype") + tb.tuple_of(tb.text("S2000"), b"\x89", b"\x88") + b"R"
    raw += b"C\xfe" + b"x" * 254
    data = b"\x80\x04" + tb.named("numpy.core.multiarray", "scalar") + raw + b"\x86R."
    assert refusal(data, path) == "refused: it holds a number of |S2000"
