"""Files as ``torch.save`` writes them, made without torch: its pickle is put together by opcode.

So the tests can also write what torch never would. Real files of torch's are in golden/.
"""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
STORAGES = {"<f4": "Float", "<f8": "Double", "<f2": "Half", "<i8": "Long", "<u2": "BFloat16"}


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def numbers(*values: int) -> bytes:
    return tuple_of(*map(number, values))


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return named(module, name) + tuple_of(*arguments) + b"R"


def dict_of(items: Mapping[str, bytes], ordered: bool = False) -> bytes:
    start = call("collections", "OrderedDict") if ordered else b"}"
    return start + b"(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def storage(key: str, kind: str, numel: int, *view: bytes) -> bytes:
    parts = text("storage"), named("torch", f"{kind}Storage"), text(key), text("cpu")
    return tuple_of(*parts, number(numel), *view) + b"Q"


def tensor(row: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> bytes:
    hooks = call("collections", "OrderedDict")
    arguments = row, number(offset), numbers(*shape), numbers(*strides), b"\x89", hooks
    return call("torch._utils", "_rebuild_tensor_v2", *arguments)


def whole(key: str, array: Array, legacy: bool) -> bytes:
    """A tensor that is all of its storage; ``<u2`` are the bits of a bfloat16."""
    strides = tuple(step // array.itemsize for step in array.strides)
    view = [b"N"] if legacy else []
    row = storage(key, STORAGES[array.dtype.str], array.size, *view)
    return tensor(row, array.shape, strides)


def zip_file(content: bytes, storages: Mapping[str, bytes], **entries: bytes) -> bytes:
    """``entries`` beside the data: ``byteorder``, ..."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02" + content + b".")
        for key, raw in storages.items():
            archive.writestr(f"net/data/{key}", raw)
        for name, raw in entries.items():
            archive.writestr(f"net/{name}", raw)
    return file.getvalue()


def legacy_file(content: bytes, storages: Mapping[str, bytes], itemsize: int = 4) -> bytes:
    """``itemsize`` of all storages, bytes."""
    parts = [
        pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
        pickle.dumps(1001, protocol=2),
        pickle.dumps({"little_endian": True}, protocol=2),
        b"\x80\x02" + content + b".",
        pickle.dumps(list(storages), protocol=2),
    ]
    parts += [struct.pack("<q", len(raw) // itemsize) + raw for raw in storages.values()]
    return b"".join(parts)


def save(state: Mapping[str, Array], legacy: bool, inside: str) -> bytes:
    """A file of float32 and int64 tensors by name, ``inside`` a dictionary's entry of that name."""
    tensors, storages = {}, {}
    for i, (name, value) in enumerate(state.items()):
        tensors[name] = whole(str(i), value, legacy)
        storages[str(i)] = value.tobytes()
    content = dict_of({"epoch": number(3), inside: dict_of(tensors, ordered=True)})
    if not legacy:
        return zip_file(content, storages, byteorder=b"little", version=b"3\n")
    # Counts are of numbers, and the int64 ones are half as many as float32 would be.
    parts = [legacy_file(content, dict.fromkeys(storages, b""))]
    head = parts[0][: -8 * len(storages)] if storages else parts[0]
    rows = [struct.pack("<q", v.size) + v.tobytes() for v in state.values()]
    return head + b"".join(rows)
