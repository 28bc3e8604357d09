"""Files of the safetensors format."""

import struct
from pathlib import Path

import numpy as np
import safetensors.numpy
from support.refusals import refusal

from slowfast.weights.formats.read import read_content


def test_every_cut_of_a_safetensors_file_is_refused(path: Path) -> None:
    data = safetensors.numpy.save({"a": np.ones((2, 3), np.float32), "b": np.zeros(1, np.int64)})
    for length in range(len(data)):
        refusal(data[:length], path)


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
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0")
    assert read_content(path)["a"].what.startswith("of type F8_E4M3, not one of F64, F32, F16, ")
