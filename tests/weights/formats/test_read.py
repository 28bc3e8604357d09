"""Weights files of every format: read as what they are, or refused in one line."""

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import torch_bytes as tb
from support.paths import GOLDEN
from support.refusals import refusal

from slowfast.pickles import LeftOut
from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.formats.read import read_content, read_pickle
from slowfast.weights.formats.torch import CODES


@pytest.mark.parametrize("file", ["torch_zip.pyth", "torch_legacy.pyth"])
def test_a_changed_byte_is_a_fault_or_another_value_and_nothing_else(file: str, path: Path) -> None:
    data, rng = (GOLDEN / file).read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(data), 150, replace=False):
        damaged = bytearray(data)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            read_content(path)
        except WeightsError as error:
            refused += 1
            assert str(error).isprintable()
    assert refused > 20


def command(mark: Path) -> bytes:
    """Opcodes that make a folder."""
    return tb.call(os.mkdir.__module__, "mkdir", tb.text(str(mark)))


CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "paddle": lambda bad: b"\x80\x02" + bad + b".",
    "caffe2": lambda bad: b"\x80\x02" + tb.dict_of({"blobs": tb.dict_of({"conv1_w": bad})}) + b".",
    "zip": lambda bad: tb.zip_file(tb.dict_of({"model_state": bad}), {}),
    "zip, in a tensor": lambda bad: tb.zip_file(tb.tensor(bad, (1,), (1,)), {}),
    "zip, in a storage": lambda bad: tb.zip_file(bad + b"Q", {}),
    "legacy": lambda bad: tb.legacy_file(tb.dict_of({"model_state": bad}), {}),
    "legacy, magic": lambda bad: tb.legacy_file(b"N", {}).replace(
        b"\x19.", b"\x19" + bad + b".", 1
    ),
    "legacy, version": lambda bad: tb.legacy_file(b"N", {}).replace(b"M\xe9\x03", bad, 1),
    "legacy, system": lambda bad: tb.legacy_file(b"N", {}).replace(b"\x88", bad, 1),
    "legacy, keys": lambda bad: tb.legacy_file(b"N", {}).replace(b"]q\0.", b"]" + bad + b"0."),
}


MKDIR = LeftOut(f"made by {os.mkdir.__module__}.mkdir")
LEFT_OUT = {
    "paddle": MKDIR,
    "caffe2": {"blobs": {"conv1_w": MKDIR}},
    "zip": {"model_state": MKDIR},
    "zip, in a tensor": LeftOut(f"made of {MKDIR.what.split()[-1]}, not of {', '.join(CODES)}"),
    "legacy": {"model_state": MKDIR},
    "legacy, system": None,
    "legacy, keys": None,
}
"""What is read; the other carriers are refused."""


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_command_is_never_run(path: Path, tmp_path: Path, carrier: str) -> None:
    mark = tmp_path / "ran"
    pickle.loads(b"\x80\x02" + command(mark) + b".")
    assert mark.is_dir()  # the opcodes are as dangerous as they mean to be
    mark.rmdir()
    data = CARRIERS[carrier](command(mark))
    if carrier in LEFT_OUT:
        path.write_bytes(data)
        assert read_content(path) == LEFT_OUT[carrier]
    else:
        refusal(data, path)
    assert not mark.exists()


def test_a_command_named_safetensors_is_never_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "a.safetensors"
    path.write_bytes(b"\x80\x02" + command(mark) + b".")
    assert read_content(path) == MKDIR
    header = b'{"a":' + command(mark) + b"}"
    assert "damaged" in refusal(struct.pack("<Q", len(header)) + header, path)
    assert not mark.exists()


ZIP, LEGACY = (GOLDEN / "torch_zip.pyth").read_bytes(), tb.legacy_file(b"N", {})
PICKLE = pickle.dumps({"a": np.ones(9)})
NOT_WHOLE = "it is not a whole pickle ("


@pytest.mark.parametrize(("data", "complaint"), [
    (b"", "it is empty"),
    *((data, NOT_WHOLE) for data in (
        b"\0", b"epoch,loss\n1,5.99\n", b"<!DOCTYPE html>", b"{}", bytes(1000),
        b"\x89PNG\r\n\x1a\n" + bytes(50), PICKLE[:-1], PICKLE[:90], LEGACY[:20])),
    (LEGACY.replace(b"M\xe9\x03", b"M\xea\x03", 1), "version 1002 of torch's format, not 1001"),
    (ZIP[:-300], "a zip archive whose end is missing"),
    # A thing numbered beyond all that there are, for which Python would set 16 GB aside.
    (b"\x80\x02Nr\xff\xff\xff\x3f.", NOT_WHOLE + "its step 3 is numbered 1073741823)"),
    (b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", "recursion"),
])  # fmt: skip
def test_what_is_no_checkpoint(path: Path, data: bytes, complaint: str) -> None:
    message = refusal(data, path)
    assert message.startswith("is damaged or not a weights file: ")
    assert complaint in message


def test_what_is_not_there_or_a_folder(path: Path, tmp_path: Path) -> None:
    for place, reason in ((path, "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(WeightsError) as caught:
            read_content(place)
        assert str(caught.value) == f"weights {place} cannot be read: {reason}"


def test_what_has_no_end_is_not_read(path: Path) -> None:
    os.mkfifo(path)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(WeightsError) as caught:
            read_content(endless)
        reason = "cannot be read: a pipe or a device, not a file"
        assert str(caught.value) == f"weights {endless} {reason}"


def test_a_file_larger_than_memory(path: Path) -> None:
    """4 TB, none of them on the disk."""
    with path.open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(WeightsError) as caught:
        read_content(path)
    assert str(caught.value) == f"weights {path} does not fit into memory"
    assert not isinstance(caught.value, DamagedError)


def test_a_small_file_of_large_arrays(path: Path) -> None:
    """A thousand views of the same numbers, which whoever loads them may copy."""
    row = tb.storage("0", "Float", 500_000)
    views = {str(i): tb.tensor(row, (500_000,), (1,)) for i in range(1000)}
    data = tb.zip_file(tb.dict_of(views), {"0": bytes(2_000_000)})
    assert f"arrays have 2,000,000,000 bytes, and the file {len(data):,}" in refusal(data, path)
    shared = np.ones(500_000, np.uint16)
    data = pickle.dumps({"state": [{str(i): shared for i in range(2000)}]})
    assert "its arrays have 2,000,000,000 bytes" in refusal(data, path)
    with pytest.raises(DamagedError, match="its arrays have 2,000,000,000 bytes"):
        read_pickle(path)


def test_a_tensor_by_many_names(path: Path) -> None:
    """As a layer that a network uses 12 times, and its average."""
    row = tb.storage("0", "Float", 5000)
    views = {str(i): tb.tensor(row, (5000,), (1,)) for i in range(24)}
    path.write_bytes(tb.zip_file(tb.dict_of(views), {"0": bytes(20_000)}))
    assert len(read_content(path)) == 24


def test_a_tensor_by_a_few_names(path: Path) -> None:
    halves = np.ones(50_000, np.float16)
    path.write_bytes(pickle.dumps([{"model": {"a": halves}, "average": {"a": halves}}] * 99))
    (first, *_) = read_content(path)
    np.testing.assert_array_equal(first["average"]["a"], halves)


def test_the_training_state_is_read_as_strictly(path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path.write_bytes(b"\x80\2" + tb.dict_of({"velocities": command(mark)}) + b".")
    assert read_pickle(path, "state") == {"velocities": MKDIR}
    assert not mark.exists()
    path.write_bytes(pickle.dumps({"epoch": 1}))
    assert read_pickle(path, "state") == {"epoch": 1}
    path.unlink()
    with pytest.raises(WeightsError, match=f"^state {path} cannot be read: No such file or direct"):
        read_pickle(path, "state")
