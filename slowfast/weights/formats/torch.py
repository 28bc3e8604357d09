"""What ``torch.save`` wrote, read without torch: its zip files, and the format before 1.6.

Both hold a pickle in which a tensor is a place in a storage, a flat row of numbers. In a zip
(``NAME/data.pkl``) each storage is an entry of its own, ``NAME/data/KEY``. A legacy file is a row
of pickles: magic number, version, system, the data, the storages' keys; then the storages, each
an int64 count and its numbers. Numbers are little-endian.
"""

import io
import pickle
import struct
import zipfile
from pickle import UnpicklingError
from typing import Any

from slowfast import pickles
from slowfast.pickles import (
    Maker,
    NoDataError,
    Pending,
    PlainUnpickler,
    Unknown,
    plain,
)
from slowfast.weights.damage import shown
from slowfast.weights.formats.numbers import BFLOAT16, HALF, Array, decode, itemsize, strided

MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of a legacy file."""

VERSION = 1001
"""Second pickle of a legacy file."""

CODES = {
    "Double": "f8", "Float": "f4", "Half": HALF, "BFloat16": BFLOAT16,
    "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?",
}  # fmt: skip
"""Storages by name (``torch.FloatStorage``), and the code of their numbers."""


class Storage:
    """A row of ``numel`` numbers; its bytes come after the pickle that describes it."""

    def __init__(self, code: str, numel: int) -> None:
        if code not in CODES.values() or type(numel) is not int or numel < 0:
            raise ValueError(f"a storage of {shown(numel)} {shown(code)}")
        self.code, self.numel = code, numel
        self.row: Array | None = None

    def __setstate__(self, state: object) -> None:
        raise UnpicklingError("it changes a storage")

    @property
    def num_bytes(self) -> int:
        """How many bytes its numbers need."""
        return self.numel * itemsize(self.code)

    def fill(self, key: str, raw: bytes) -> None:
        """Gives it its numbers.

        Raises:
            ValueError: ``raw`` has not as many bytes as they need.
        """
        if len(raw) != self.num_bytes:
            raise ValueError(f"storage {key} has {len(raw)} bytes, not {self.num_bytes}")
        self.row = decode(raw, self.code)


class Tensor(Pending):
    """A tensor's place in a storage; ``rest``: whether it needs gradients, hooks, metadata."""

    def __init__(self, storage: Any, offset: int, shape: Any, strides: Any, *_: object) -> None:
        self._storage, self._place = storage, (offset, shape, strides)

    def value(self, latin1: object) -> Array:
        if isinstance(self._storage, Unknown):
            raise NoDataError(f"made of {self._storage.named}, not of {', '.join(CODES)}")
        if self._storage.row is None:
            raise ValueError("the numbers of a storage are missing")
        return strided(self._storage.row, *self._place)


class TypedTensor(Pending):
    """A tensor of a type that has no storage of its own: ``torch.float8_e4m3fn``, ``uint16``."""

    def __init__(self, *parts: Any) -> None:
        self._type = parts[6]

    def value(self, latin1: object) -> Array:
        raise NoDataError(f"of type {getattr(self._type, 'named', shown(self._type))}")


_TORCH: pickles.Named = {
    ("torch._utils", "_rebuild_tensor"): Maker(Tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Maker(Tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Maker(TypedTensor),
    ("torch._utils", "_rebuild_parameter"): Maker(lambda tensor, *rest: tensor),
    ("torch._utils", "_rebuild_parameter_with_state"): Maker(lambda tensor, *rest: tensor),
    # A tensor with attributes; what makes it is a stand-in, too.
    ("torch._tensor", "_rebuild_from_type_v2"): Maker(lambda make, kind, parts, _: make(*parts)),
    ("torch", "Size"): Maker(lambda shape: shape),
} | {("torch", f"{name}Storage"): code for name, code in CODES.items()}


class TorchUnpickler(PlainUnpickler):
    """Reads a pickle of tensors and plain data; ``storages`` are those that it speaks of."""

    named = pickles.NUMPY | _TORCH

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def persistent_load(self, saved_id: Any) -> Storage | Unknown:
        """The storage that ``("storage", type, key, device, numel, no view)`` describes."""
        kind, code, key, _, numel, *view = saved_id
        if type(key) is not str:
            raise ValueError(f"a storage by the name of {shown(key)}")
        if kind != "storage" or any(view):
            raise UnpicklingError("it holds tensors in a way that torch no longer does")
        if isinstance(code, type) and issubclass(code, Unknown):
            return code()  # of another type of numbers
        storage = self.storages.setdefault(key, Storage(code, numel))
        if (storage.code, storage.numel) != (code, numel):
            raise ValueError(f"storage {key} is described in two ways")
        return storage


def is_zip(data: bytes) -> bool:
    """Whether a file is a zip archive, as ``torch.save`` writes since 1.6."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_zip(data: bytes) -> Any:
    """What a zip file of ``torch.save`` holds.

    Raises:
        UnpicklingError: it changes a stand-in. Damage can raise anything.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ValueError("a zip archive whose end is missing")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        roots = [name.removesuffix("/data.pkl") for name in entries if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError("a zip archive without one data.pkl, which torch.save would write")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise ValueError("a compressed zip archive; torch.save does not compress")
        if sum(entry.file_size for entry in entries.values()) > len(data):
            raise ValueError("a zip archive whose entries lie in each other")
        root = roots[0]
        if f"{root}/byteorder" in entries and archive.read(f"{root}/byteorder") != b"little":
            raise ValueError("written on a big-endian machine")
        unpickler = TorchUnpickler(io.BytesIO(archive.read(f"{root}/data.pkl")))
        content = unpickler.load()
        for key, storage in unpickler.storages.items():
            storage.fill(key, archive.read(f"{root}/data/{key}"))
    return plain(content)


def is_legacy(data: bytes) -> bool:
    """Whether a file has torch's format before 1.6."""
    return pickle.dumps(MAGIC, protocol=2)[2:-1] in data[:32]


def read_legacy(data: bytes) -> Any:
    """What a file in torch's format before 1.6 holds; raises as ``read_zip``."""
    file = io.BytesIO(data)
    magic, version, _ = (PlainUnpickler(file).load() for _ in range(3))
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"version {shown(version)} of torch's format, not {VERSION}")
    unpickler = TorchUnpickler(file)
    content = unpickler.load()
    for key in PlainUnpickler(file).load():
        if key not in unpickler.storages:
            raise ValueError(f"storage {shown(key)} is not in the data, or of an unknown type")
        storage = unpickler.storages[key]
        count = file.read(8)
        if count != struct.pack("<q", storage.numel):
            raise ValueError(f"storage {key} is cut off, or not of {storage.numel} numbers")
        storage.fill(key, file.read(storage.num_bytes))
    return plain(content)
