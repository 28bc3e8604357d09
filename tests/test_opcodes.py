"""Pickles that would take all time or memory are seen before a step of them is taken."""

import io
import itertools
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from support import torch_bytes as tb
from support.refusals import refusal

from slowfast.opcodes import check_steps
from slowfast.weights.formats.read import read_content

TWICE = b")q\x000" + b"".join(
    b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) + b"0" for i in range(60)
) + b"h\x3c"  # fmt: skip
SIXTY = "it is not a whole pickle (a tuple of more than 1,000,000 things)"


@pytest.mark.parametrize(
    "opcodes", [b"}" + TWICE + b"K\1s.", b"})" + b"2\x86" * 60 + b"K\1s.", TWICE + b"."]
)
def test_tuples_twice_in_tuples_twice_in_tuples(path: Path, opcodes: bytes) -> None:
    """60 of them, of a few bytes each, are 2^60 things to whoever looks at all."""
    data = b"\x80\4" + opcodes
    assert SIXTY in refusal(data, path)
    assert SIXTY in refusal(tb.zip_file(data, {}), path)
    assert SIXTY in refusal(tb.legacy_file(data, {}), path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pkl"


def test_a_function_that_gives_its_argument_back_does_not_hide_it(path: Path) -> None:
    size = b"ctorch\nSize\nh\0\x85R"
    pickled = b"\x80\2})q\x000" + (size + size + b"\x86q\x000") * 60 + b"h\0K\1s."
    assert SIXTY in refusal(tb.zip_file(pickled, {}), path)


def test_a_tuple_in_many_places_is_read(path: Path) -> None:
    """As an optimizer's betas are. As a key it is left out."""
    betas = (0.9, (0.999,))
    path.write_bytes(pickle.dumps([{"betas": betas, betas: i} for i in range(99)]))
    assert read_content(path) == [{"betas": betas}] * 99


LONG_KEYS = [k * (2**61 - 1) for k in range(1, 1002)]
SAME_HASH = [*itertools.islice(itertools.product((-1, -2), repeat=10), 1001)]


@pytest.mark.parametrize("content", [
    set(LONG_KEYS), frozenset(LONG_KEYS), dict.fromkeys(LONG_KEYS), dict.fromkeys(SAME_HASH),
    [{key: 0} for key in SAME_HASH], dict.fromkeys(map(np.complex128, range(1001))),
])  # fmt: skip
def test_keys_whose_hash_a_file_chooses_are_few(content: object) -> None:
    """A hundred thousand with the same hash would take hours, and Ctrl-C not end it."""
    for protocol in (4,) if isinstance(content, set | frozenset) else (0, 2, 4):
        with pytest.raises(ValueError, match="more than 1,000 keys that are no text or number"):
            check_steps(io.BytesIO(pickle.dumps(content, protocol)))


def test_other_keys_may_be_many() -> None:
    """The addresses that old optimizers have as keys, and numbers that are no keys."""
    content = [dict.fromkeys(range(2**47, 2**47 + 5000)), dict.fromkeys(map(str, range(5000)))]
    for protocol in (0, 2, 4):
        check_steps(io.BytesIO(pickle.dumps([*content, LONG_KEYS, SAME_HASH], protocol)))


def test_a_pickle_of_nothing_but_steps(path: Path) -> None:
    assert "more than 1,000,000 steps" in refusal(b"\x80\2" + b"N" * 1_000_001 + b".", path)


@pytest.mark.parametrize(("opcodes", "complaint"), [
    (b"Nr\xff\xff\xff\x3f.", "its step 3 is numbered 1073741823"),
    (b"h\5.", "its step 2 takes what is not there"),
    (b"s.", "its step 2 takes what is not there"),
    (b"N", "pickle exhausted before seeing STOP"),
])  # fmt: skip
def test_steps_that_cannot_be(opcodes: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_steps(io.BytesIO(b"\x80\2" + opcodes))


def test_one_pickle_of_a_row_of_them_is_looked_at() -> None:
    file = io.BytesIO(pickle.dumps([1, 2]) + b"no pickle")
    check_steps(file)
    assert file.read() == b"no pickle"


def frame(size: int) -> bytes:
    return b"\x95" + struct.pack("<Q", size)


@pytest.mark.parametrize("opcodes", [
    frame(4) + b"]J\1\0\0\0a.",  # its end is within a number
    frame(13) + b"]" + frame(6) + b"J\1\0\0\0a.",
    frame(30) + b"]" + frame(6) + b"J\1\0\0\0a.",
])  # fmt: skip
def test_a_step_that_goes_beyond_its_frame(path: Path, opcodes: bytes) -> None:
    """Python runs other steps of such a pickle than those that stand there."""
    assert "goes beyond the end of its frame" in refusal(b"\x80\4" + opcodes, path)


def test_frames_as_python_writes_them(path: Path) -> None:
    content = [{str(i): i for i in range(20_000)}, bytes(100_000), {"a": b"b" * 70_000}, "c" * 99]
    data = pickle.dumps(content, protocol=4)
    assert data.count(frame(0)[:1]) > 3
    path.write_bytes(data)
    assert read_content(path) == content
