"""oneDNN, called directly: CPU kernels in Paddle's wheel that eager mode does not use for clips.

Its C interface (dnnl.h) is stable within a major version. A primitive is an operation on tensors of
given shapes and memory layouts; creating one compiles machine code, so that they are kept. Paddle
and oneDNN share one OpenMP here: the libomp in the wheel answers for libgomp's names, too.
"""

import ctypes
import platform
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import paddle
from paddle import Tensor

from slowfast.log import logger

MAJOR = 3
KEPT = 1024
"""Shapes whose primitives are kept, for each kind of layer."""
SRC, SRC_1, DST, WEIGHTS, MEAN, VARIANCE, SCALE, SHIFT, WORKSPACE = 1, 2, 17, 33, 49, 50, 51, 52, 64
_SCRATCHPAD = 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 255, 256
"""What a tensor is to a primitive; and more of dnnl_types.h below."""
_CPU, _IN_ORDER, _FLOAT32, _ANY_LAYOUT, _CALLERS = 1, 1, 3, 1, 1
_QUERY_NAME, _QUERY_LAYOUT = 8, 255
TRAINING, INFERENCE, BACKWARD = 64, 96, 128
DIRECT, MAX_POOL, ADD, RELU, RELU_BY_OUTPUT = 1, 0x1FF, 0x1FFF0, 0x20, 0x100


class _Version(ctypes.Structure):
    """``dnnl_version_t``, its start."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("major", "minor", "patch"))


class _Argument(ctypes.Structure):
    """``dnnl_exec_arg_t``."""

    _fields_ = (("kind", ctypes.c_int), ("memory", ctypes.c_void_p))


@cache
def library() -> ctypes.CDLL | None:
    """oneDNN of the Paddle that is imported; else None, and a line says what is missing."""
    spec = find_spec("paddle")
    file = Path(str(spec and spec.origin)).parent / "libs" / f"libdnnl.so.{MAJOR}"
    try:
        if platform.system() != "Linux":
            raise OSError(f"none is known for {platform.system()}")
        found = ctypes.CDLL(str(file))
        found.dnnl_version.restype = ctypes.POINTER(_Version)
        major = found.dnnl_version().contents.major
        if major != MAJOR:
            raise OSError(f"{file} is of version {major}")
    except OSError as error:
        logger.info(
            "computing on the CPU with Paddle's own kernels, which are slower, since its wheel "
            "has no oneDNN %d: %s", MAJOR, error,
        )  # fmt: skip
        return None
    found.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
    found.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
    return found


def _call(name: str, *arguments: Any) -> None:
    status = getattr(_library(), f"dnnl_{name}")(*arguments)
    if status:
        raise RuntimeError(f"oneDNN: {name} ended with status {status}")


def _library() -> ctypes.CDLL:
    found = library()
    assert found is not None, "ask library() first"
    return found


_FIRST = threading.Lock()


def _engine() -> ctypes.c_void_p:
    with _FIRST:  # of two threads that begin at once: no primitive runs on another engine's stream
        return _the_engine()


@cache
def _the_engine() -> ctypes.c_void_p:
    engine = ctypes.c_void_p()
    _call("engine_create", ctypes.byref(engine), _CPU, ctypes.c_size_t(0))
    return engine


class _Streams(threading.local):
    """A queue of work for each thread, and memory that its primitives may scribble in."""

    def __init__(self) -> None:
        self.own = ctypes.c_void_p()
        _call("stream_create", ctypes.byref(self.own), _engine(), _IN_ORDER)
        self._scratchpad, self._size = None, 0

    def scratchpad(self, size: int) -> Tensor:
        if size > self._size:
            self._scratchpad, self._size = paddle.empty([size], "uint8"), size
        return self._scratchpad


@cache
def _streams() -> _Streams:
    return _Streams()


def int64s(values: Sequence[int]) -> Any:
    """A ``dnnl_dims_t``."""
    return (ctypes.c_int64 * len(values))(*values)


class Layout:
    """A ``dnnl_memory_desc_t``: float32, of a shape ``[N, C, ...]``.

    Args:
        order: the axes as they lie in memory; None: whichever the primitive likes best.
    """

    def __init__(self, shape: Sequence[int], order: Sequence[int] | None = None) -> None:
        self.handle = ctypes.c_void_p()
        place, dims = ctypes.byref(self.handle), int64s(shape)
        if order is None:
            name, last = "memory_desc_create_with_tag", ctypes.c_int(_ANY_LAYOUT)
        else:
            name, last, step = "memory_desc_create_with_strides", int64s(shape), 1
            for axis in reversed(order):
                last[axis], step = step, step * shape[axis]
        _call(name, place, len(shape), dims, _FLOAT32, last)

    def __del__(self) -> None:
        if library is not None:  # at Python's end it may be gone
            _library().dnnl_memory_desc_destroy(self.handle)


def plain(shape: Sequence[int]) -> Layout:
    """As Paddle's own tensors lie in memory."""
    return Layout(shape, range(len(shape)))


def last(shape: Sequence[int]) -> Layout:
    """``[N, C, ...]``, in memory ``[N, ..., C]``."""
    return Layout(shape, [0, *range(2, len(shape)), 1])


class Primitive:
    """An operation, compiled for its layouts.

    Args:
        name: as in ``dnnl_NAME_primitive_desc_create``.
        arguments: what that function wants between the engine and the attributes.
        relu: whether a ReLU follows.
    """

    def __init__(self, name: str, *arguments: Any, relu: bool = False) -> None:
        self.handle: ctypes.c_void_p = ctypes.c_void_p()
        """Of the description, which a backward primitive wants as a hint."""
        self._primitive = ctypes.c_void_p()
        given = [a.handle if isinstance(a, Layout | Primitive) else a for a in arguments]
        engine = () if name == "reorder" else (_engine(),)
        place = ctypes.byref(self.handle)
        _call(f"{name}_primitive_desc_create", place, *engine, *given, _attributes(relu))
        _call("primitive_create", ctypes.byref(self._primitive), self.handle)
        self._layouts: dict[int, ctypes.c_void_p] = {}
        self._scratchpad = self._size(_SCRATCHPAD)

    def layout(self, kind: int) -> ctypes.c_void_p:
        """The layout in which it wants an argument."""
        if kind not in self._layouts:
            found = _library().dnnl_primitive_desc_query_md(self.handle, _QUERY_LAYOUT, kind)
            self._layouts[kind] = ctypes.c_void_p(found)
        return self._layouts[kind]

    @property
    def implementation(self) -> str:
        """oneDNN's name of it: ``jit:avx512_core``, ``x64:gemm:jit``."""
        name = ctypes.c_char_p()
        place = ctypes.byref(name)
        _call("primitive_desc_query", self.handle, _QUERY_NAME, 0, place)
        return (name.value or b"").decode()

    def empty(self, kind: int) -> Tensor:
        """Memory for an argument."""
        return paddle.empty([self._size(kind)], "uint8")

    def _size(self, kind: int) -> int:
        return _library().dnnl_memory_desc_get_size(self.layout(kind))

    def __call__(self, tensors: dict[int, Tensor]) -> None:
        """Computes: reads some of the tensors, which lie in its layouts, and fills the others."""
        if self._scratchpad:
            tensors = {**tensors, _SCRATCHPAD: _streams().scratchpad(self._scratchpad)}
        arguments = (_Argument * len(tensors))()
        try:
            for argument, (kind, tensor) in zip(arguments, tensors.items(), strict=True):
                argument.kind, memory = kind, ctypes.c_void_p()
                data = ctypes.c_void_p(tensor.data_ptr())
                _call("memory_create", ctypes.byref(memory), self.layout(kind), _engine(), data)
                argument.memory = memory
            stream = _streams().own
            _call("primitive_execute", self._primitive, stream, len(tensors), arguments)
            _call("stream_wait", stream)
        finally:
            for argument in arguments:
                _library().dnnl_memory_destroy(ctypes.c_void_p(argument.memory))

    def __del__(self) -> None:
        if _library is not None:  # at Python's end it may be gone
            _library().dnnl_primitive_destroy(self._primitive)
            _library().dnnl_primitive_desc_destroy(self.handle)


@cache
def _attributes(relu: bool) -> ctypes.c_void_p:
    """A ``dnnl_primitive_attr_t``.

    The scratchpad is the caller's: oneDNN's own is the thread's that created the primitive, and
    another one that runs it ends the process.
    """
    steps, attributes = ctypes.c_void_p(), ctypes.c_void_p()
    _call("primitive_attr_create", ctypes.byref(attributes))
    _call("primitive_attr_set_scratchpad_mode", attributes, _CALLERS)
    if relu:
        _call("post_ops_create", ctypes.byref(steps))
        _call("post_ops_append_eltwise", steps, RELU, ctypes.c_float(0), ctypes.c_float(0))
        _call("primitive_attr_set_post_ops", attributes, steps)
    return attributes


class Reorder:
    """Copies a tensor from one layout to another; gives it back as it is if both are the same."""

    def __init__(self, source: Any, target: Any) -> None:
        handles = [s.handle if isinstance(s, Layout) else s for s in (source, target)]
        self.is_none = bool(_library().dnnl_memory_desc_equal(*handles))
        """Whether there is nothing to do."""
        if not self.is_none:
            self._primitive = Primitive("reorder", source, _engine(), target, _engine())

    def __call__(self, tensor: Tensor, target: Tensor | None = None) -> Tensor:
        """The tensor in the other layout, in ``target`` if that is given."""
        if self.is_none:
            return tensor
        target = self._primitive.empty(DST) if target is None else target
        self._primitive({SRC: tensor, DST: target})
        return target


def saved_once(ctx: Any) -> tuple[Tensor, ...]:
    """The saved tensors of a PyLayer's context, which lets go of them: Paddle keeps them until the
    whole graph ends."""
    tensors: tuple[Tensor, ...] = ctx.saved_tensor()
    ctx.save_for_backward()
    return tensors
