"""Reads pickles without running any code in them.

A pickle is a program: it names functions, calls them, and changes what they return. Here it can
only name stand-ins, which keep their arguments. It cannot name NumPy's own functions, which trust
a pickle too much (it may set an array type's flags). ``plain`` then makes containers and arrays of
the stand-ins. Whatever else it names is an ``Unknown``, which does nothing: only what is put into
it is kept. What is no data becomes ``LeftOut``; whether it is needed is for others to say.
"""

import functools
import io
import operator
import pickle
import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import Any

import numpy as np

from slowfast.errors import one_line, printable
from slowfast.opcodes import MOST_STEPS, check_steps

LONGEST_SCALAR = 1024
"""Bytes; a scalar is a copy of its bytes, which a small file can name a thousand times."""

MOST_UNKNOWN = 1000
"""Different functions and types without a stand-in. Each costs 2 KB; checkpoints have some ten."""


@dataclass(frozen=True)
class LeftOut:
    """In place of something in a file that is no data."""

    what: str
    """What it is: ``made by os.mkdir``."""


class Unknown:
    """An object of a type, or from a function, without a stand-in: nothing is called.

    Each type or function is a subclass. The arguments are dropped. The items of a mapping and the
    attributes of an object are kept, because tensors may be among them.
    """

    __slots__ = ("_attributes", "_items")
    named = ""
    """Module and name of the type or function."""

    def __new__(cls, *arguments: object, **named: object) -> "Unknown":
        new = super().__new__(cls)
        new._items = new._attributes = None
        return new

    def __init__(self, *arguments: object, **named: object) -> None:
        self._items: dict[Any, Any] | None
        self._attributes: object

    def __setitem__(self, key: object, value: object) -> None:
        self._items = self._items or {}
        self._items[key] = value

    def __setstate__(self, state: object) -> None:
        self._attributes = state

    def append(self, item: object) -> None:
        """Drops an item, or several, of a list or a set."""

    extend = add = append

    def content(self) -> Any:
        """Its items, else its attributes by name; LeftOut if it has none."""
        found = self._items or self._attributes
        return found if found and isinstance(found, dict) else LeftOut(f"made by {self.named}")


class Evaluated(Unknown):
    """What ``eval`` would give; it is not called."""

    __slots__ = ()
    named = "eval"


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
    """An OrderedDict, made empty."""

    def __init__(self) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Leaves its attributes out, such as the versions of modules in torch's ``_metadata``."""


class NoDataError(Exception):
    """What a pickle describes is no data that can be read; says what it is."""


class Pending:
    """What becomes a value when the whole pickle has been read."""

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it changes its data afterwards")

    def value(self, latin1: Callable[[str], bytes]) -> Any:
        """The value; ``latin1`` gives the bytes of a text, of each text once.

        Raises:
            NoDataError: it is no data.
        """
        raise NotImplementedError


class Encoded(Pending):
    """Bytes as protocols 0 to 2 write them: a text, and what it is to be encoded as."""

    def __init__(self, text: str = "", encoding: str = "latin1") -> None:
        if encoding != "latin1":
            raise UnpicklingError(f"it holds bytes as {_shown(encoding)}")
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
            NoDataError: it is no type of numbers or text.
        """
        if not re.fullmatch(r"[biufcSU][0-9]{1,6}", str(self._code)):
            code = getattr(self._code, "named", None) or _shown(self._code)
            raise NoDataError(f"an array of {code}, not of numbers")
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
            raise NoDataError(f"a number of {kind}")
        return _array(_bytes(self._raw, latin1), self._dtype, (), "C")[()]


def _bytes(raw: Any, latin1: Callable[[str], bytes]) -> Any:
    """Of an array: as they are, to be encoded, or a text, which Python 2's were."""
    if isinstance(raw, Encoded):
        return raw.value(latin1)
    return latin1(raw) if isinstance(raw, str) else raw


def _evaluated(*arguments: Any) -> Any:
    """An array that Paddle saves as ``eval("data", {"data": array})``: the text is a key."""
    if len(arguments) == 2 and type(arguments[1]) is dict:
        text, values = arguments
        return values.get(text) if isinstance(text, str) and text in values else Evaluated()
    return Evaluated()


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
}
for _builtins in ("builtins", "__builtin__"):  # Python 3 and 2
    NUMPY[_builtins, "bytes"] = Encoded  # none, in protocols 0 to 2
    NUMPY[_builtins, "tuple"] = Maker(lambda parts: parts)  # Paddle's (name, array)
    NUMPY[_builtins, "eval"] = Maker(_evaluated)
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    NUMPY[f"{_core}.multiarray", "_reconstruct"] = PickledArray
    NUMPY[f"{_core}.multiarray", "scalar"] = PickledScalar
    NUMPY[f"{_core}.numeric", "_frombuffer"] = Maker(_array)


class PlainUnpickler(pickle.Unpickler):
    """Reads a pickle of NumPy data; ``load`` leaves stand-ins, which ``plain`` resolves."""

    named = NUMPY

    def __init__(self, file: io.BytesIO, most_steps: int = MOST_STEPS) -> None:
        super().__init__(file, encoding="latin1")  # of Python 2's texts, which may be bytes
        self._file, self._most_steps = file, most_steps
        self._unknown: dict[tuple[str, str], type[Unknown]] = {}

    def load(self) -> Any:
        """The next pickle of the file, with stand-ins in it.

        Raises:
            UnpicklingError: it changes a stand-in.
            ValueError: it is cut off, or no pickle.
        """
        start = self._file.tell()
        try:
            check_steps(self._file, self._most_steps)
        except ValueError as error:
            raise ValueError(f"it is not a whole pickle ({error})") from error
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in; a type of ``Unknown`` if there is none for this name."""
        key = module, name
        if key in self.named:
            return self.named[key]
        if key not in self._unknown:
            if len(self._unknown) == MOST_UNKNOWN:
                raise UnpicklingError(f"it names more than {MOST_UNKNOWN:,} functions and types")
            parts = {"named": _short(f"{module}.{name}"), "__slots__": ()}
            self._unknown[key] = type("Unknown", (Unknown,), parts)
        return self._unknown[key]


def unpickle(data: bytes) -> Any:
    """The NumPy data of a pickle, see ``plain``.

    Raises:
        UnpicklingError: it changes a stand-in. Damage can raise anything.
    """
    if not data:
        raise ValueError("it is empty")
    return plain(PlainUnpickler(io.BytesIO(data)).load())


def _shown(value: object) -> str:
    return _short(reprlib.repr(value))


def _short(text: str) -> str:
    """A text from a file as a short line."""
    return printable(one_line(text))[:300]


_KEYS = (str, bytes, int, float, complex, type(None), np.generic)
_VALUES = (*_KEYS, bytearray, np.ndarray)
_UNFINISHED = object()


def plain(content: Any) -> Any:
    """What a pickle left behind, as dicts, lists, tuples, arrays, numbers and texts.

    Anything else is LeftOut. A dict keeps what has a text or a number as key.
    """
    done: dict[int, Any] = {}  # by id: what is in many places is made once
    latin1 = functools.cache(operator.methodcaller("encode", "latin1"))

    def convert(thing: Any) -> Any:
        if isinstance(thing, (*_VALUES, LeftOut)):
            return thing
        key = id(thing)
        if done.get(key) is _UNFINISHED:
            return LeftOut("part of itself")
        if key not in done:
            done[key] = _UNFINISHED
            done[key] = made(thing)
        return done[key]

    def made(thing: Any) -> Any:
        if isinstance(thing, Unknown):
            return convert(thing.content())
        if isinstance(thing, Pending):
            try:
                return thing.value(latin1)
            except NoDataError as error:
                return LeftOut(str(error))
        if isinstance(thing, dict):
            items = [(convert(name), convert(value)) for name, value in thing.items()]
            return {name: value for name, value in items if isinstance(name, _KEYS)}
        if isinstance(thing, list | tuple):
            parts = [convert(part) for part in thing]
            return tuple(parts) if isinstance(thing, tuple) else parts
        if isinstance(thing, type) and issubclass(thing, Unknown):
            return LeftOut(thing.named)
        return LeftOut(f"a {type(thing).__name__}")

    return convert(content)
