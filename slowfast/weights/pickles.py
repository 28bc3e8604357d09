"""Pickles, read without running anything in them.

A pickle is a program: it names functions, calls them, and sets what they return up. Here it can
name stand-ins alone, which keep what they are called with; NumPy's own functions stay out of its
reach, as they trust a pickle too much (it may set an array type's flags). ``plain`` then makes
containers and arrays of what it left behind.
"""

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from slowfast.weights.errors import one_line


class Maker:
    """A function that a pickle may call, and cannot set attributes of."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes what makes its data")


class Mapping(dict[Any, Any]):
    """A dictionary of another type: an OrderedDict, or a config's node."""

    def __setstate__(self, state: object) -> None:
        """Leaves its attributes out, such as the versions of modules in torch's ``_metadata``."""


class Pending:
    """What becomes a value when the whole pickle has been read."""

    def value(self) -> Any:
        raise NotImplementedError


class Dtype:
    """The type of an array's numbers, such as ``f4``."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self._code, self._order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = state[1]  # the rest is for structures

    def numpy(self) -> np.dtype[Any]:
        """NumPy's own.

        Raises:
            UnpicklingError: it is no type of numbers or text.
        """
        if not re.fullmatch(r"[biufcSU][0-9]{1,6}", self._code):
            raise pickle.UnpicklingError(f"it holds an array of {self._code!r}, not of numbers")
        dtype = np.dtype(self._code)
        return dtype.newbyteorder(">") if self._order == ">" else dtype


class PickledArray(Pending):
    """An array; its shape, type and bytes are set after it has been made."""

    def __init__(self, *empty: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def value(self) -> Any:
        _, shape, dtype, is_fortran, raw = self._state
        return _array(raw, dtype, shape, "F" if is_fortran else "C")


def _array(raw: Any, dtype: Dtype, shape: Any, order: str, axes: Any = None) -> Any:
    """A read-only view of bytes; ``axes`` go with order ``K`` (NumPy 2.3).

    Not a copy: a small file can name the same bytes a thousand times.
    """
    numbers = dtype.numpy()
    if isinstance(raw, str):  # Python 2's bytes
        raw = raw.encode("latin1")
    flat = np.frombuffer(raw, numbers)
    if order == "K":
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: Dtype, raw: Any) -> Any:
    return _array(raw, dtype, (), "C")[()]


def _encode(text: str, encoding: str) -> bytes:
    """How protocols 0 to 2 write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it holds bytes as {encoding!r}")
    return text.encode("latin1")


Named = dict[tuple[str, str], Any]
"""What a pickle may name, by module and name, and what it gets."""

NUMPY: Named = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): Dtype,
    ("collections", "OrderedDict"): Mapping,
    ("_codecs", "encode"): Maker(_encode),
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    NUMPY[f"{_core}.multiarray", "_reconstruct"] = PickledArray
    NUMPY[f"{_core}.multiarray", "scalar"] = Maker(_scalar)
    NUMPY[f"{_core}.numeric", "_frombuffer"] = Maker(_array)


class PlainUnpickler(pickle.Unpickler):
    """Reads a pickle of NumPy data; ``load`` leaves stand-ins, which ``plain`` resolves."""

    named = NUMPY
    kind = "numpy data"

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")  # of Python 2's texts, which may be bytes
        self._file = file

    def load(self) -> Any:
        """The next pickle of the file, with stand-ins in it.

        Raises:
            UnpicklingError: it names anything else.
            ValueError: it is cut off, or no pickle.
        """
        start = self._file.tell()
        try:
            for step, (opcode, value, _) in enumerate(pickletools.genops(self._file), start=1):
                # For thing number 2^30 Python would set aside 16 GB; things count from 0.
                if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(value or 0) > step:
                    raise ValueError(f"its step {step} is numbered {value}")
        except ValueError as error:
            raise ValueError(f"it is not a whole pickle ({error})") from error
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in.

        Raises:
            UnpicklingError: there is none for this name.
        """
        if (module, name) in self.named:
            return self.named[module, name]
        raise pickle.UnpicklingError(
            f"it names {one_line(f'{module}.{name}')}, which is not {self.kind}"
        )


def unpickle(data: bytes) -> Any:
    """The NumPy data of a pickle.

    Raises:
        UnpicklingError: it names or holds anything else. Damage can raise anything.
    """
    if not data:
        raise ValueError("it is empty")
    return plain(PlainUnpickler(io.BytesIO(data)).load())


_VALUES = (str, bytes, bytearray, int, float, complex, type(None), np.generic, np.ndarray)
_UNFINISHED = object()


def plain(content: Any) -> Any:
    """What a pickle left behind, as dicts, lists, tuples, arrays, numbers and texts.

    Raises:
        UnpicklingError: something else is in it, or a container is in itself.
    """
    done: dict[int, Any] = {}  # by id: what is in many places is made once

    def convert(thing: Any) -> Any:
        if isinstance(thing, _VALUES):
            return thing
        key = id(thing)
        if done.get(key) is _UNFINISHED:
            raise pickle.UnpicklingError("it holds something that holds itself")
        if key not in done:
            done[key] = _UNFINISHED
            if isinstance(thing, Pending):
                done[key] = thing.value()
            elif isinstance(thing, dict):
                done[key] = {convert(name): convert(value) for name, value in thing.items()}
            elif isinstance(thing, list | tuple):
                items = [convert(item) for item in thing]
                done[key] = tuple(items) if isinstance(thing, tuple) else items
            else:
                raise pickle.UnpicklingError(f"it holds a {type(thing).__name__}, which is no data")
        return done[key]

    return convert(content)
