"""NumPy data in pickles is read; anything else is left out, and nothing is run."""

import argparse
import collections
import datetime
import fractions
import functools
import os
import pickle
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support import torch_bytes as tb
from support.refusals import refusal

from slowfast.pickles import LeftOut
from slowfast.weights.damage import DamagedError
from slowfast.weights.formats.read import read_content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pkl"


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


ONES = np.ones(3, np.float32)
MKDIR = LeftOut(f"made by {os.mkdir.__module__}.mkdir")  # posix, nt


@pytest.mark.parametrize(("hide", "expected"), [
    (lambda payload: payload, MKDIR),
    (lambda payload: {"s1.weight": ONES, "extra": payload, payload: 1},
     {"s1.weight": ONES, "extra": MKDIR}),
    (lambda payload: {"s1.weight": object_array(payload)},
     {"s1.weight": LeftOut("an array of 'O8', not of numbers")}),
    (lambda payload: {"s1.weight": [ONES, [{"deep": payload}]]},
     {"s1.weight": [ONES, [{"deep": MKDIR}]]}),
    (lambda payload: collections.defaultdict(list, {"a": payload, "b": 1}), {"a": MKDIR, "b": 1}),
    (lambda payload: argparse.Namespace(a=payload, b=1), {"a": MKDIR, "b": 1}),
    (lambda payload: {payload}, LeftOut("a set")),
    (lambda payload: functools.partial(print, payload), LeftOut("made by functools.partial")),
], ids=["bare", "beside a tensor", "in an object array", "nested", "in a defaultdict",
        "in a Namespace", "in a set", "in a partial"])  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_file_is_left_out_and_never_run(
    path: Path, tmp_path: Path, hide: Callable[[Payload], object], expected: object, protocol: int
) -> None:
    mark = tmp_path / "ran"
    content = pickle.dumps(hide(Payload(mark)), protocol=protocol)
    pickle.loads(content)
    assert mark.is_dir()  # the file is as dangerous as it means to be
    mark.rmdir()
    path.write_bytes(content)
    found = read_content(path)
    assert not mark.exists()
    if protocol < 4 and expected == LeftOut("a set"):
        expected = LeftOut("made by __builtin__.set")
    np.testing.assert_equal(found, expected)


@pytest.mark.parametrize(
    "thing", ["os.system", "builtins.getattr", "numpy.load", "numpy.ndarray.tofile", "paddle.load",
              "_codecs.encode.__class__", "os.system\x1b[2J"],
)  # fmt: skip
def test_only_makers_of_numpy_data_may_be_named(path: Path, thing: str) -> None:
    """A protocol 4 pickle that is this one thing."""
    parts = [b"\x8c" + bytes([len(text)]) + text.encode() for text in thing.split(".", 1)]
    path.write_bytes(b"\x80\x04" + b"".join(parts) + b"\x93.")
    assert read_content(path) == LeftOut(thing.replace("\x1b", "\\x1b"))


@pytest.mark.parametrize("thing", [
    collections.Counter({30: 1}), collections.defaultdict(list), {1, 2}, frozenset({1}),
    Path("a"), datetime.datetime(2026, 1, 1), datetime.timedelta(1), np.dtype("f4"),
    np.datetime64(0, "s"), np.array(["a", None]), np.random.default_rng(0), range(3), slice(1),
    re.compile("a"), DamagedError("a"), fractions.Fraction(1, 3), signal.SIGTERM, print, dict,
], ids=lambda thing: type(thing).__name__)  # fmt: skip
def test_whatever_is_beside_the_data_is_left_out(path: Path, thing: object) -> None:
    for protocol in (2, 4):
        path.write_bytes(pickle.dumps([thing, 1, [thing]], protocol=protocol))
        found, one, again = read_content(path)
        assert isinstance(found, LeftOut) and one == 1 and again == [found]


def test_what_paddle_saves_within_a_mapping_is_read(path: Path) -> None:
    paddle.save({"model": {"a": paddle.ones([2])}, "epoch": 3}, str(path))
    content = read_content(path)
    assert content["epoch"] == 3
    np.testing.assert_array_equal(content["model"]["a"][1], [1, 1])
    data = tb.call("builtins", "eval", tb.text("data"), tb.dict_of({"data": b"K\1"}))
    code = tb.call("builtins", "eval", tb.text("1/0"), tb.dict_of({"data": b"K\1"}))
    path.write_bytes(b"\x80\x02]" + data + b"a" + code + b"a.")
    assert read_content(path) == [1, LeftOut("made by eval")]
    path.write_bytes(b"\x80\x02" + tb.call("builtins", "eval", tb.text("1/0")) + b".")
    assert read_content(path) == LeftOut("made by eval")


NDARRAY = tb.named("numpy", "ndarray")
FROMBUFFER = tb.named("numpy.core.numeric", "_frombuffer")


def array_of(code: str, raw: bytes = b"C\x04abcd") -> bytes:
    dtype = tb.call("numpy", "dtype", tb.text(code), b"\x89", b"\x88")
    made = tb.call("numpy.core.multiarray", "_reconstruct", NDARRAY, tb.numbers(0), b"C\x01b")
    return made + tb.tuple_of(b"K\1", tb.numbers(1), dtype, b"\x89", raw) + b"b"


@pytest.mark.parametrize(("opcodes", "what"), [
    (b"\x8f", "a set"),
    (FROMBUFFER, "a Maker"),
    (NDARRAY, "a type"),
    (array_of("O8", b"]"), "an array of 'O8', not of numbers"),
    (array_of("f4,O"), "an array of 'f4,O', not of numbers"),
    (array_of("V4"), "an array of 'V4', not of numbers"),
    # What is made of an unknown thing is not known, whatever is done to it.
    (tb.call("a", "b") + b"}b", "made by a.b"),
    (tb.call("a", "b") + b"K\1a(K\1e(K\1\x90", "made by a.b"),
    (tb.named("a", "b") + b")}\x92", "made by a.b"),
    (b"(K\1ia\nb\n", "made by a.b"),
])  # fmt: skip
def test_other_things_are_left_out(path: Path, opcodes: bytes, what: str) -> None:
    path.write_bytes(b"\x80\x04" + opcodes + b".")
    assert read_content(path) == LeftOut(what)


def test_what_holds_itself(path: Path) -> None:
    path.write_bytes(b"\x80\x04]q\0h\0a.")
    assert read_content(path) == [LeftOut("part of itself")]
    own = argparse.Namespace(a=1)
    own.own = own
    path.write_bytes(pickle.dumps(own))
    assert read_content(path)["a"] == 1


@pytest.mark.parametrize(("opcodes", "complaint"), [
    # What its tools do cannot be changed: here their defaults for the files to come.
    (FROMBUFFER + b"N}" + tb.text("__defaults__") + b")s\x86b", "it changes what makes its data"),
    (tb.call("_codecs", "encode", tb.text("a"), tb.text("rot13")), "it holds bytes as 'rot13'"),
    (b"](" + b"".join(tb.named("a", str(i)) for i in range(1001)) + b"e",
     "it names more than 1,000 functions and types"),
])  # fmt: skip
def test_a_pickle_that_is_made_to_harm_is_refused(
    path: Path, opcodes: bytes, complaint: str
) -> None:
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
    path.write_bytes(data)
    assert read_content(path) == LeftOut("a number of |S2000")
