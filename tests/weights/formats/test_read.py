"""Weights files of every format: read as what they are, refused in one line as what they are not.

golden/torch_*.pyth were written by torch itself: golden/make_torch_files.py.
"""

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch_bytes as tb
from support.paths import GOLDEN

from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.formats.read import read_content

ROW = np.arange(6, dtype="<f4").tobytes()


def refusal(data: bytes, path: Path) -> str:
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        read_content(path)
    message = str(caught.value)
    assert message.startswith(f"weights {path} ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 400
    return message.removeprefix(f"weights {path} ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.weights"


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


def test_every_cut_of_a_safetensors_file_is_refused(path: Path) -> None:
    data = safetensors.numpy.save({"a": np.ones((2, 3), np.float32), "b": np.zeros(1, np.int64)})
    for length in range(len(data)):
        refusal(data[:length], path)


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


def test_safetensors_are_read_with_both_16_bit_floats(path: Path) -> None:
    header = (
        b'{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},'
        b'"b":{"dtype":"F16","shape":[1,1],"data_offsets":[4,6]},'
        b'"c":{"dtype":"I64","shape":[],"data_offsets":[6,14]}}'
    )
    numbers = struct.pack("<HHeq", 0x3FC0, 0xC000, 0.5, 7)
    path.write_bytes(struct.pack("<Q", len(header)) + header + numbers)
    content = read_content(path)
    assert {name: value.tolist() for name, value in content.items()} == {
        "a": [1.5, -2.0], "b": [[0.5]], "c": 7
    }  # fmt: skip
    assert content["a"].dtype == content["b"].dtype == np.float32


def test_numbers_of_a_type_that_weights_are_not(path: Path) -> None:
    header = b'{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}'
    message = refusal(struct.pack("<Q", len(header)) + header + b"\0", path)
    assert "a is of type F8_E4M3, not one of F64, F32, F16, " in message


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
    content = [
        array,
        array,
        np.zeros(0),
        b"\xff",
        np.float64(0.5),
        np.array("text"),
        True,
        {"a": (None, 1 << 80)},
    ]
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    first, second, empty, *rest = read_content(path)
    np.testing.assert_array_equal(first, array)
    assert first is second
    assert empty.shape == (0,)
    assert rest == content[3:]


@pytest.mark.parametrize("module", ["fvcore.common.config", "yacs.config"])
def test_a_config_beside_the_weights_is_a_plain_dictionary(path: Path, module: str) -> None:
    node = tb.named(module, "CfgNode") + b")\x81(" + tb.text("ALPHA") + b"K\4u}"
    node += tb.text("__immutable__") + b"\x88sb"
    path.write_bytes(tb.zip_file(tb.dict_of({"cfg": node}), {}))
    assert read_content(path) == {"cfg": {"ALPHA": 4}}


HISTORY = tb.named("mmengine.logging.history_buffer", "HistoryBuffer")


@pytest.mark.parametrize("builtins", ["builtins", "__builtin__"])
def test_what_mmengine_logged_is_left_out(path: Path, builtins: str) -> None:
    mean = tb.call(builtins, "getattr", HISTORY, tb.text("mean"))
    log = HISTORY + b")\x81" + tb.dict_of({"m": mean})
    path.write_bytes(tb.zip_file(tb.dict_of({"message_hub": log + b"b"}), {}))
    assert read_content(path) == {"message_hub": None}
    for other in (tb.numbers(1), tb.named("torch", "Size"), tb.named("numpy", "ndarray")):
        call = tb.call(builtins, "getattr", other, tb.text("__class__"))
        message = refusal(tb.zip_file(tb.dict_of({"a": call}), {}), path)
        assert message == "refused: it names getattr, which is not tensor data"


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


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_command_is_refused_and_never_run(path: Path, tmp_path: Path, carrier: str) -> None:
    mark = tmp_path / "ran"
    pickle.loads(b"\x80\x02" + command(mark) + b".")
    assert mark.is_dir()  # the opcodes are as dangerous as they mean to be
    mark.rmdir()
    message = refusal(CARRIERS[carrier](command(mark)), path)
    assert message.startswith(f"refused: it names {os.mkdir.__module__}.mkdir, which is not ")
    assert not mark.exists()


def test_a_command_named_safetensors_is_refused(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "a.safetensors"
    assert "mkdir" in refusal(b"\x80\x02" + command(mark) + b".", path)
    header = b'{"a":' + command(mark) + b"}"
    assert "damaged" in refusal(struct.pack("<Q", len(header)) + header, path)
    assert not mark.exists()


NDARRAY = tb.named("numpy", "ndarray")
FROMBUFFER = tb.named("numpy.core.numeric", "_frombuffer")


def array_of(code: str, raw: bytes = b"C\x04abcd") -> bytes:
    dtype = tb.call("numpy", "dtype", tb.text(code), b"\x89", b"\x88")
    made = tb.call("numpy.core.multiarray", "_reconstruct", NDARRAY, tb.numbers(0), b"C\x01b")
    return made + tb.tuple_of(b"K\1", tb.numbers(1), dtype, b"\x89", raw) + b"b"


@pytest.mark.parametrize(
    ("opcodes", "complaint"),
    [
        (b"]q\0h\0a", "it holds something that holds itself"),
        (b"\x8f", "it holds a set, which is no data"),
        (FROMBUFFER, "it holds a Maker, which is no data"),
        (NDARRAY, "it holds a type, which is no data"),
        # What its tools do cannot be changed: here their defaults for the files to come.
        (
            FROMBUFFER + b"N}" + tb.text("__defaults__") + b")s\x86b",
            "it changes what makes its data",
        ),
        (tb.call("_codecs", "encode", tb.text("a"), tb.text("rot13")), "it holds bytes as 'rot13'"),
        (array_of("O8", b"]"), "it holds an array of 'O8', not of numbers"),
        (array_of("f4,O"), "it holds an array of 'f4,O', not of numbers"),
        (array_of("V4"), "it holds an array of 'V4', not of numbers"),
        (b"cos\nsystem\x1b[2J\n", r"it names os.system\x1b[2J, which is not numpy data"),
    ],
)  # fmt: skip
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


def test_arrays_cannot_be_written_to(path: Path) -> None:
    """Not either by the rest of the pickle, which may look on one as on a dictionary."""
    path.write_bytes(pickle.dumps({"a": np.ones(3)}, protocol=5))
    assert not read_content(path)["a"].flags.writeable


def test_a_tensor_of_more_axes_than_arrays_have(path: Path) -> None:
    content = tb.tensor(tb.storage("0", "Float", 6), (1,) * 40, (1,) * 40)
    message = refusal(tb.zip_file(content, {"0": ROW}), path)
    assert message.endswith("a tensor of shape [1, 1, 1, 1, 1, 1, ...], strides [1, 1, 1, 1, 1, 1, "
                            "...] and offset 0 cannot be")  # fmt: skip


PLACES = [
    ((2, 3), (3, 1), 1),
    ((2, 3), (4, 1), 0),
    ((7,), (1,), 0),
    ((1,), (1,), 6),
    ((), (), 6),
    ((-1,), (1,), 0),
    ((2,), (-1,), 3),
    ((2,), (1,), -1),
    ((2,), (1, 1), 0),
    ((2, 2), (1,), 0),
    ((1 << 40,), (0,), 0),  # one number, said to be a terabyte of them
    ((1 << 62, 1 << 62), (0, 0), 0),
    ((2,), (1 << 62,), 0),
    ((1,), (1,), 1 << 70),
]


@pytest.mark.parametrize(("shape", "strides", "offset"), PLACES)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_tensor_outside_its_storage(
    path: Path, legacy: bool, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    row = tb.storage("0", "Float", 6, *[b"N"] * legacy)
    write = tb.legacy_file if legacy else tb.zip_file
    message = refusal(write(tb.tensor(row, shape, strides, offset), {"0": ROW}), path)
    place = f"a tensor of shape {list(shape)}, strides {list(strides)} and offset {offset} "
    assert message.startswith(f"is damaged or not a weights file: {place}")


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


def rows(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


FLOAT = tb.storage("0", "Float", 6)
ODD_ZIPS: dict[str, tuple[bytes, str]] = {
    "no entry of a storage": (tb.zip_file(tb.tensor(FLOAT, (1,), (1,)), {}), "net/data/0"),
    "one storage as two": (
        tb.zip_file(rows(FLOAT, tb.storage("0", "Double", 3)), {"0": ROW}), "in two ways",
    ),
    "a storage that is none": (
        tb.zip_file(tb.tensor(FLOAT.replace(b"ctorch\nFloatStorage\n", tb.text("O")), (1,), (1,)),
                    {"0": ROW}), "a storage of 6 'O'",
    ),
    "a tensor of no storage": (tb.zip_file(tb.tensor(b"K\5", (1,), (1,)), {}), "damaged"),
    "big-endian": (tb.zip_file(b"N", {}, byteorder=b"big"), "big-endian machine"),
    "a tensor that is changed": (
        tb.zip_file(tb.tensor(FLOAT, (1,), (1,)) + b"}b", {"0": ROW}), "it changes its data",
    ),
    "a storage that is changed": (
        tb.zip_file(tb.tensor(FLOAT + b"}b", (1,), (1,)), {"0": ROW}), "it changes a storage",
    ),
    "a storage alone": (tb.zip_file(FLOAT, {"0": ROW}), "it holds a Storage, which is no data"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_ZIPS)
def test_an_odd_zip(path: Path, name: str) -> None:
    data, complaint = ODD_ZIPS[name]
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


ZIP, LEGACY = (GOLDEN / "torch_zip.pyth").read_bytes(), tb.legacy_file(b"N", {})
NOT_WHOLE = "it is not a whole pickle ("


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it is empty"),
        (b"\0", NOT_WHOLE),
        (b"epoch,loss\n1,5.99\n", NOT_WHOLE),
        (b"<!DOCTYPE html>", NOT_WHOLE),
        (b"{}", NOT_WHOLE),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), NOT_WHOLE),
        (bytes(1000), NOT_WHOLE),
        (pickle.dumps({"a": np.ones(9)})[:-1], NOT_WHOLE),
        (pickle.dumps({"a": np.ones(9)})[:90], NOT_WHOLE),
        (LEGACY[:20], NOT_WHOLE),
        (LEGACY.replace(b"M\xe9\x03", b"M\xea\x03", 1), "version 1002 of torch's format, not 1001"),
        (ZIP[:-300], "a zip archive whose end is missing"),
        # A thing numbered beyond all that there are, for which Python would set 16 GB aside.
        (b"\x80\x02Nr\xff\xff\xff\x3f.", NOT_WHOLE + "its step 3 is numbered 1073741823)"),
        (b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", "recursion"),
    ],
)
def test_what_is_no_checkpoint(path: Path, data: bytes, complaint: str) -> None:
    message = refusal(data, path)
    assert message.startswith("is damaged or not a weights file: ")
    assert complaint in message


TWICE = b")q\x000" + b"".join(
    b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) + b"0" for i in range(60)
) + b"h\x3c"  # fmt: skip
SIXTY = "it is not a whole pickle (a tuple of more than 1,000,000 things)"


@pytest.mark.parametrize(
    "opcodes",
    [
        b"}" + TWICE + b"K\1s.",
        b"})" + b"2\x86" * 60 + b"K\1s.",
        TWICE + b".",
    ],
)  # fmt: skip
def test_tuples_twice_in_tuples_twice_in_tuples(path: Path, opcodes: bytes) -> None:
    """60 of them, of a few bytes each, are 2^60 things to whoever looks at all."""
    data = b"\x80\4" + opcodes
    assert SIXTY in refusal(data, path)
    assert SIXTY in refusal(tb.zip_file(data, {}), path)
    assert SIXTY in refusal(tb.legacy_file(data, {}), path)


def test_a_function_that_gives_its_argument_back_does_not_hide_it(path: Path) -> None:
    size = b"ctorch\nSize\nh\0\x85R"
    pickled = b"\x80\2})q\x000" + (size + size + b"\x86q\x000") * 60 + b"h\0K\1s."
    assert SIXTY in refusal(tb.zip_file(pickled, {}), path)


def test_a_tuple_in_many_places_is_read(path: Path) -> None:
    """As an optimizer's betas are."""
    betas = (0.9, (0.999,))
    path.write_bytes(pickle.dumps([{"betas": betas, betas: i} for i in range(99)]))
    assert read_content(path) == [{"betas": betas, betas: i} for i in range(99)]


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


def test_what_has_no_end_is_not_read(path: Path) -> None:
    os.mkfifo(path)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(WeightsError) as caught:
            read_content(endless)
        assert str(caught.value) == (
            f"weights {endless} cannot be read: a pipe or a device, not a file"
        )


def test_a_file_larger_than_memory(path: Path) -> None:
    """4 TB, none of them on the disk."""
    with path.open("wb") as file:
        file.truncate(1 << 42)
    with pytest.raises(WeightsError) as caught:
        read_content(path)
    assert str(caught.value) == f"weights {path} does not fit into memory"
    assert not isinstance(caught.value, DamagedError)
