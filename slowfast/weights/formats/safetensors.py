"""Files of the safetensors format, https://github.com/huggingface/safetensors: numbers alone.

8 bytes, little-endian: the length of a JSON header; the header, with each tensor's type, shape
and place; the tensors. The library checks all of that; its NumPy reader lacks bfloat16.
"""

import safetensors

from slowfast.pickles import LeftOut
from slowfast.weights.formats.numbers import BFLOAT16, HALF, Array, decode

CODES = {
    "F64": "f8", "F32": "f4", "F16": HALF, "BF16": BFLOAT16,
    "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip
"""The format's types, and the code of their numbers."""


def is_safetensors(data: bytes) -> bool:
    """Whether a header follows, of less than 4 GB: no pickle begins like that."""
    return len(data) > 8 and data[4:9] == b"\0\0\0\0{"


def read_safetensors(data: bytes) -> dict[str, Array | LeftOut]:
    """The tensors by name; LeftOut: one of a type that weights are not.

    Raises:
        SafetensorError: the file is damaged.
    """
    tensors: dict[str, Array | LeftOut] = {}
    for name, tensor in safetensors.deserialize(data):  # type: ignore[no-untyped-call]
        code = CODES.get(tensor["dtype"])
        if code is None:
            tensors[name] = LeftOut(f"of type {tensor['dtype']}, not one of {', '.join(CODES)}")
            continue
        tensors[name] = decode(tensor["data"], code).reshape(tensor["shape"])
    return tensors
