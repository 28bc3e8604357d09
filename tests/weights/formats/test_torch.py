"""What torch.save wrote, read without torch; what is damaged, or made to harm, is refused.

golden/torch_*.pyth were written by torch itself: golden/make_torch_files.py.
"""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import torch_bytes as tb
from support.paths import GOLDEN
from support.refusals import refusal

from slowfast.pickles import LeftOut
from slowfast.weights.formats.read import read_content

ROW = np.arange(6, dtype="<f4").tobytes()


@pytest.mark.parametrize("file", ["torch_zip.pyth", "torch_legacy.pyth"])
def test_what_torch_wrote_is_read(file: str) -> None:
    content = read_content(GOLDEN / file)
    assert content["epoch"] == 3
    assert content["cfg"] == "MODEL:\n  ARCH: slowfast\n"
    assert content["size"] == (2, 3)
    expected: dict[str, Any] = {
        "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "part": np.array([3, 5, 7], np.float32),  # every second one from the fourth on
        "parameter": np.array([1.5, -2.5], np.float32),
        "half": np.array([1.5, -65504], np.float32),
        "bfloat16": np.array([1.5, -(2.0**100)], np.float32),
        "double": np.array([1 / 3]),
        "empty": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
        "num_batches_tracked": np.array(12345678901),
    }
    state = content["model_state"]
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert state[name].dtype == value.dtype, name
        np.testing.assert_array_equal(state[name], value, err_msg=name)
    group = content["optimizer_state"]["param_groups"][0]
    assert (group["lr"], group["nesterov"]) == (0.1, True)
    momentum = content["optimizer_state"]["state"][0]["momentum_buffer"]
    np.testing.assert_array_equal(momentum, np.full((1, 2), 4, np.float32))


@pytest.mark.parametrize("file", ["torch_zip.pyth", "torch_legacy.pyth"])
def test_every_cut_of_a_torch_file_is_refused(file: str, path: Path) -> None:
    data = (GOLDEN / file).read_bytes()
    for length in range(0, len(data) - 1, 13):
        refusal(data[:length], path)
    refusal(data[:-1], path)


@pytest.mark.parametrize("module", ["fvcore.common.config", "yacs.config"])
def test_a_config_beside_the_weights_is_a_plain_dictionary(path: Path, module: str) -> None:
    node = tb.named(module, "CfgNode") + b")\x81(" + tb.text("ALPHA") + b"K\4u}"
    node += tb.text("__immutable__") + b"\x88sb"
    path.write_bytes(tb.zip_file(tb.dict_of({"cfg": node}), {}))
    assert read_content(path) == {"cfg": {"ALPHA": 4}}


@pytest.mark.parametrize("builtins", ["builtins", "__builtin__"])
def test_what_mmengine_logged_is_left_out(path: Path, builtins: str) -> None:
    history = tb.named("mmengine.logging.history_buffer", "HistoryBuffer")
    mean = tb.call(builtins, "getattr", history, tb.text("mean"))
    log = history + b")\x81" + tb.dict_of({"m": mean})
    path.write_bytes(tb.zip_file(tb.dict_of({"message_hub": log + b"b"}), {}))
    assert read_content(path) == {"message_hub": {"m": LeftOut(f"made by {builtins}.getattr")}}


@pytest.mark.parametrize(("thing", "what"), [
    (tb.call("torch", "device", tb.text("cuda"), b"K\0"), "made by torch.device"),
    (tb.named("torch", "float32"), "torch.float32"),
    (tb.storage("0", "Float", 6), "a Storage"),
    (tb.tensor(tb.storage("1", "QInt8", 6), (6,), (1,)), "made of torch.QInt8Storage, not of "),
    (tb.call("torch._utils", "_rebuild_tensor_v3", *[b"N"] * 6, tb.named("torch", "uint16")),
     "of type torch.uint16"),
    (tb.call("torch._utils", "_rebuild_qtensor", tb.storage("0", "Float", 6)), "made by torch._ut"),
])  # fmt: skip
@pytest.mark.parametrize("legacy", [False, True])
def test_what_is_no_tensor_of_floats_is_left_out(
    path: Path, legacy: bool, thing: bytes, what: str
) -> None:
    write = tb.legacy_file if legacy else tb.zip_file
    path.write_bytes(write(thing, {"0": ROW} if b"FloatStorage" in thing else {}))
    found = read_content(path)
    assert isinstance(found, LeftOut) and found.what.startswith(what)


FLOAT = tb.storage("0", "Float", 6)
TENSOR = tb.tensor(FLOAT, (2,), (1,))


@pytest.mark.parametrize("kept", [
    tb.call("torch._utils", "_rebuild_parameter", TENSOR, b"\x88", b"N"),
    tb.call("torch._utils", "_rebuild_parameter_with_state", TENSOR, b"\x88", b"N", b"}"),
    # A tensor with an attribute: torch's own steps, here for a tensor of 2.
    tb.call("torch._tensor", "_rebuild_from_type_v2",
            tb.named("torch._utils", "_rebuild_tensor_v2"), tb.named("torch", "Tensor"),
            tb.tuple_of(FLOAT, b"K\0", tb.numbers(2), tb.numbers(1), b"\x89", b"N"), b"}"),
])  # fmt: skip
def test_parameters_and_tensors_with_attributes_are_read(path: Path, kept: bytes) -> None:
    path.write_bytes(tb.zip_file(tb.dict_of({"a": kept}), {"0": ROW}))
    np.testing.assert_array_equal(read_content(path)["a"], [0, 1])


@pytest.mark.parametrize("numel", [-1, 5, 7, 1 << 50, 1 << 61, 1 << 80])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_storage_of_another_size_than_it_says(path: Path, legacy: bool, numel: int) -> None:
    content = tb.tensor(tb.storage("0", "Float", numel, *[b"N"] * legacy), (1,), (1,))
    message = refusal((tb.legacy_file if legacy else tb.zip_file)(content, {"0": ROW}), path)
    assert message.startswith("is damaged or not a weights file: ")


def test_a_legacy_storage_that_claims_what_is_not_there(path: Path) -> None:
    content = tb.tensor(tb.storage("0", "Float", 1 << 50, b"N"), (1,), (1,))
    data = tb.legacy_file(content, {"0": b""}).removesuffix(bytes(8))
    message = refusal(data + struct.pack("<q", 1 << 50) + ROW, path)
    assert message.endswith(f"storage 0 has {len(ROW)} bytes, not {1 << 52}")


LEGACY_FLOAT = tb.storage("0", "Float", 6, b"N")
TEXT = FLOAT.replace(b"ctorch\nFloatStorage\n", tb.text("O"))
TWICE = b"](" + FLOAT + tb.storage("0", "Double", 3) + b"e"
PLACE = "a tensor of shape [7], strides [1] and offset 0 "
HELD = {"0": ROW}


@pytest.mark.parametrize(("data", "complaint"), [
    (tb.zip_file(tb.tensor(FLOAT, (7,), (1,)), HELD), PLACE),
    (tb.legacy_file(tb.tensor(LEGACY_FLOAT, (7,), (1,)), HELD), PLACE),
    (tb.zip_file(tb.tensor(FLOAT, (1,), (1,)), {}), "net/data/0"),
    (tb.zip_file(TWICE, HELD), "in two ways"),
    (tb.zip_file(tb.tensor(TEXT, (1,), (1,)), HELD), "a storage of 6 'O'"),
    (tb.zip_file(tb.tensor(b"K\5", (1,), (1,)), {}), "damaged"),
    (tb.zip_file(b"N", {}, byteorder=b"big"), "big-endian machine"),
    (tb.zip_file(tb.tensor(FLOAT, (1,), (1,)) + b"}b", HELD), "it changes its data"),
    (tb.zip_file(tb.tensor(FLOAT + b"}b", (1,), (1,)), HELD), "it changes a storage"),
])  # fmt: skip
def test_an_odd_file(path: Path, data: bytes, complaint: str) -> None:
    assert complaint in refusal(data, path)


def test_zips_that_are_no_checkpoint(path: Path) -> None:
    other = io.BytesIO()
    np.savez(other, a=np.zeros(3))
    assert "a zip archive without one data.pkl" in refusal(other.getvalue(), path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02N.")
        archive.writestr("net/data/0", bytes(1 << 20))
    assert "a compressed zip archive" in refusal(packed.getvalue(), path)
    assert "damaged" in refusal(b"PK\x05\x06" + bytes(18), path)


def test_a_packed_entry_is_never_unpacked(path: Path) -> None:
    """Python unpacks all of bzip2 before it looks at what size the entry says it is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("net/data.pkl", bytes(1 << 20))
    data = packed.getvalue().replace((1 << 20).to_bytes(4, "little"), b"\x05\0\0\0")
    assert "a compressed zip archive" in refusal(data, path)
    inner, twice = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("net/data/0", bytes(999))
        entry = archive.filelist[0]
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("net/data.pkl", inner.getvalue())
        entry.header_offset = 30 + len("net/data.pkl")
        archive.filelist.append(entry)
    assert "entries lie in each other" in refusal(twice.getvalue(), path)
