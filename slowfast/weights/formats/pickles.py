"""Reads pickles without running any code in them.

A pickle is a program: it names functions, calls them, and changes what they return. Here it can
only name stand-ins, which keep their arguments. It cannot name NumPy's own functions, which trust
a pickle too much (it may set an array type's flags). ``plain`` then makes containers and arrays of
the stand-ins.
"""

import functools
import io
import operator
import pickle
import re
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np

from slowfast.weights.damage import one_line, shown
from slowfast.weights.formats.opcodes import check_steps

LONGEST_SCALAR = 1024
"""Bytes; a scalar is a copy of its bytes, which a small file can name a thousand times."""


class Maker:
    """A function that a pickle may call, and cannot set attributes of."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise UnpicklingError("it changes what makes its data")


class Mapping(dict[Any, Any]):
    """A dictionary of another type, made empty: an OrderedDict, or a config's node."""

    def __init__(self) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Leaves its attributes out, such as the versions of modules in torch's ``_metadata``."""


class Pending:
    """What becomes a value when the whole pickle has been read."""

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it changes its data afterwards")

    def value(self, latin1: Callable[[str], bytes]) -> Any:
        """The value; ``latin1`` gives the bytes of a text, of each text once."""
        raise NotImplementedError


class Encoded(Pending):
    """Bytes as protocols 0 to 2 write them: a text, and what it is to be encoded as."""

    def __init__(self, text: str = "", encoding: str = "latin1") -> None:
        if encoding != "latin1":
            raise UnpicklingError(f"it holds bytes as {shown(encoding)}")
        self._text = text

    def value(self, latin1: Callable[[str], bytes]) -> bytes:
        return latin1(self._text)


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
            raise UnpicklingError(f"it holds an array of {shown(self._code)}, not of numbers")
        dtype = np.dtype(self._code)
        return dtype.newbyteorder(">") if self._order == ">" else dtype


class PickledArray(Pending):
    """An array; its shape, type and bytes are set after it has been made."""

    def __init__(self, *empty: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def value(self, latin1: Callable[[str], bytes]) -> Any:
        _, shape, dtype, is_fortran, raw = self._state
        return _array(_bytes(raw, latin1), dtype, shape, "F" if is_fortran else "C")


class PickledScalar(Pending):
    """A number of NumPy's."""

    def __init__(self, dtype: Dtype, raw: Any) -> None:
        self._dtype, self._raw = dtype, raw

    def value(self, latin1: Callable[[str], bytes]) -> Any:
        kind = self._dtype.numpy()
        if kind.itemsize > LONGEST_SCALAR:
            raise UnpicklingError(f"it holds a number of {kind}")
        return _array(_bytes(self._raw, latin1), self._dtype, (), "C")[()]


def _bytes(raw: Any, latin1: Callable[[str], bytes]) -> Any:
    """Of an array: as they are, to be encoded, or a text, which Python 2's were."""
    if isinstance(raw, Encoded):
        return raw.value(latin1)
    return latin1(raw) if isinstance(raw, str) else raw


def _array(raw: Any, dtype: Dtype, shape: Any, order: str, axes: Any = None) -> Any:
    """A read-only view of bytes; ``axes`` go with order ``K`` (NumPy 2.3).

    Not a copy: a small file can name the same bytes a thousand times.
    """
    kind = dtype.numpy()
    flat = np.frombuffer(memoryview(raw).toreadonly(), kind)
    if order == "K":
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


Named = dict[tuple[str, str], Any]
"""What a pickle may name, by module and name, and what it gets."""

NUMPY: Named = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): Dtype,
    ("collections", "OrderedDict"): Mapping,
    ("_codecs", "encode"): Encoded,
    ("builtins", "bytes"): Encoded,  # none, in protocols 0 to 2
    ("__builtin__", "bytes"): Encoded,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    NUMPY[f"{_core}.multiarray", "_reconstruct"] = PickledArray
    NUMPY[f"{_core}.multiarray", "scalar"] = PickledScalar
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
            check_steps(self._file)
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
        raise UnpicklingError(f"it names {one_line(f'{module}.{name}')}, which is not {self.kind}")


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
    latin1 = functools.cache(operator.methodcaller("encode", "latin1"))

    def convert(thing: Any) -> Any:
        if isinstance(thing, _VALUES):
            return thing
        key = id(thing)
        if done.get(key) is _UNFINISHED:
            raise UnpicklingError("it holds something that holds itself")
        if key not in done:
            done[key] = _UNFINISHED
            if isinstance(thing, Pending):
                done[key] = thing.value(latin1)
            elif isinstance(thing, dict):
                done[key] = {convert(name): convert(value) for name, value in thing.items()}
            elif isinstance(thing, list | tuple):
                items = [convert(item) for item in thing]
                done[key] = tuple(items) if isinstance(thing, tuple) else items
            else:
                raise UnpicklingError(f"it holds a {type(thing).__name__}, which is no data")
        return done[key]

    return convert(content)
