"""Pickles that would take all time or memory are seen before a step of them is taken."""

import io
import pickle
from pathlib import Path

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
