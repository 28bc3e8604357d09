"""oneDNN, called directly: CPU kernels in Paddle's wheel that eager mode does not use for clips.

Its C interface (dnnl.h) is stable within a major version. A primitive is an operation on tensors of
given shapes and memory layouts; creating one compiles machine code, so they are kept. Paddle
and oneDNN share one OpenMP here: the libomp in the wheel answers for libgomp's names, too.
"""

import ctypes
import platform
import threading
import weakref
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import paddle
from paddle import Tensor

from slowfast.log import logger
from slowfast.models.layers.cpu import arena

MAJOR = 3

# Names and numbers of dnnl_types.h.
SRC, SRC_1, DST, WEIGHTS, MEAN, VARIANCE, SCALE, SHIFT = 1, 2, 17, 33, 49, 50, 51, 52
WORKSPACE, SCRATCHPAD = 64, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 255, 256
TRAINING, INFERENCE, BACKWARD = 64, 96, 128
DIRECT, RELU, RELU_BY_OUTPUT, MAX_POOL, ADD = 0x1, 0x20, 0x100, 0x1FF, 0x1FFF0
_CPU, _IN_ORDER, _FLOAT32, _ANY_LAYOUT, _OUT_OF_MEMORY, _SCRATCHPAD_OF_USER = 1, 1, 3, 1, 1, 1
_QUERY_NAME, _QUERY_LAYOUT = 8, 255


class _Version(ctypes.Structure):
    """``dnnl_version_t``, its start."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("major", "minor", "patch"))


class _Argument(ctypes.Structure):
    """``dnnl_exec_arg_t``."""

    _fields_ = (("kind", ctypes.c_int), ("memory", ctypes.c_void_p))


@cache
def library() -> ctypes.CDLL | None:
    """oneDNN of the Paddle that is imported; else None, and a line says what is missing."""
    file = Path(paddle.__file__).parent / "libs" / f"libdnnl.so.{MAJOR}"
    try:
        if platform.system() != "Linux":
            raise OSError(f"none is known for {platform.system()}")
        found = ctypes.CDLL(str(file))
        found.dnnl_version.restype = ctypes.POINTER(_Version)
        major = found.dnnl_version().contents.major
        if major != MAJOR:
            raise OSError(f"{file} is of version {major}")
    except (OSError, AttributeError) as error:
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
    if status == _OUT_OF_MEMORY:
        raise MemoryError(f"oneDNN: {name}")
    if status:
        raise RuntimeError(f"oneDNN: {name} ended with status {status}")


def _created(name: str, *arguments: Any) -> ctypes.c_void_p:
    """A handle."""
    handle = ctypes.c_void_p()
    _call(name, ctypes.byref(handle), *arguments)
    return handle


def _destroyed_with(owner: object, name: str, handle: ctypes.c_void_p) -> None:
    weakref.finalize(owner, getattr(_library(), f"dnnl_{name}_destroy"), handle).atexit = False


def _library() -> ctypes.CDLL:
    found = library()
    assert found is not None, "ask library() first"
    return found


def _engine() -> ctypes.c_void_p:
    with _LOCK:  # else two threads that begin at once have two, which do not go together
        return _the_engine()


@cache
def _the_engine() -> ctypes.c_void_p:
    return _created("engine_create", _CPU, ctypes.c_size_t(0))


_LOCK = threading.Lock()


class _PerThread(threading.local):
    @cached_property
    def stream(self) -> ctypes.c_void_p:
        return _created("stream_create", _engine(), _IN_ORDER)


_per_thread = _PerThread()


def int64s(values: Sequence[int]) -> Any:
    """A ``dnnl_dims_t``."""
    return (ctypes.c_int64 * len(values))(*values)


class MemoryDesc:
    """A ``dnnl_memory_desc_t``: float32, of a shape ``[N, C, ...]``.

    Args:
        order: the axes as they lie in memory; None: whichever the primitive likes best.
    """

    def __init__(self, shape: Sequence[int], order: Sequence[int] | None = None) -> None:
        name, details = "memory_desc_create_with_tag", ctypes.c_int(_ANY_LAYOUT)
        if order is not None:
            name, details, step = "memory_desc_create_with_strides", int64s(shape), 1
            for axis in reversed(order):
                details[axis], step = step, step * shape[axis]
        self.handle = _created(name, len(shape), int64s(shape), _FLOAT32, details)
        _destroyed_with(self, "memory_desc", self.handle)


def plain(shape: Sequence[int]) -> MemoryDesc:
    """As Paddle's own tensors lie in memory."""
    return MemoryDesc(shape, range(len(shape)))


def last(shape: Sequence[int]) -> MemoryDesc:
    """``[N, C, ...]``, in memory ``[N, ..., C]``."""
    return MemoryDesc(shape, [0, *range(2, len(shape)), 1])


class Primitive:
    """An operation, compiled for its layouts. Threads may share it.

    Args:
        name: as in ``dnnl_NAME_primitive_desc_create``.
        arguments: what that function wants between the engine and the attributes.
        relu: whether a ReLU follows.

    Raises:
        MemoryError, RuntimeError: oneDNN cannot do it.
    """

    def __init__(self, name: str, *arguments: Any, relu: bool = False) -> None:
        given = [a.handle if isinstance(a, MemoryDesc | Primitive) else a for a in arguments]
        engine = () if name == "reorder" else (_engine(),)
        self.handle: ctypes.c_void_p = _created(
            f"{name}_primitive_desc_create", *engine, *given, _attributes(relu)
        )
        """Of the description, which a backward primitive wants as a hint."""
        _destroyed_with(self, "primitive_desc", self.handle)
        self._primitive = _created("primitive_create", self.handle)
        _destroyed_with(self, "primitive", self._primitive)
        self._layouts: dict[int, ctypes.c_void_p] = {}

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

    def size(self, kind: int) -> int:
        """Bytes of an argument; 0 if it has none of the kind."""
        return int(_library().dnnl_memory_desc_get_size(self.layout(kind)))

    def empty(self, kind: int) -> Tensor:
        """Memory for an argument."""
        return arena.empty([-(-self.size(kind) // 4)])

    def __call__(self, tensors: dict[int, Tensor]) -> None:
        """Computes: reads some of the tensors, which lie in its layouts, and fills the others.

        Raises:
            ValueError: a tensor is not float32, not on the CPU, or has gaps.
        """
        if self.size(SCRATCHPAD):  # of its own: two threads may compute at once
            tensors = tensors | {SCRATCHPAD: self.empty(SCRATCHPAD)}
        arguments = (_Argument * len(tensors))()
        try:
            for argument, (kind, tensor) in zip(arguments, tensors.items(), strict=True):
                argument.kind = kind
                argument.memory = _created(
                    "memory_create", self.layout(kind), _engine(), _address(tensor)
                ).value
            stream = _per_thread.stream
            _call("primitive_execute", self._primitive, stream, len(tensors), arguments)
            _call("stream_wait", stream)
        finally:
            for argument in arguments:
                _library().dnnl_memory_destroy(ctypes.c_void_p(argument.memory))


def _address(tensor: Tensor) -> ctypes.c_void_p:
    is_plain = tensor.dtype == paddle.float32 and tensor.is_contiguous()
    if not is_plain or not tensor.place.is_cpu_place():
        raise ValueError(
            f"oneDNN takes contiguous float32 on the CPU, not {tensor.dtype} on {tensor.place}"
        )
    return ctypes.c_void_p(tensor.data_ptr())


@cache
def _attributes(relu: bool) -> ctypes.c_void_p:
    attributes = _created("primitive_attr_create")
    _call("primitive_attr_set_scratchpad_mode", attributes, _SCRATCHPAD_OF_USER)
    if relu:
        steps = _created("post_ops_create")
        _call("post_ops_append_eltwise", steps, RELU, ctypes.c_float(0), ctypes.c_float(0))
        _call("primitive_attr_set_post_ops", attributes, steps)
    return attributes


class Reorder:
    """Copies a tensor from one layout to another; gives it back as it is if both are the same."""

    def __init__(self, source: Any, target: Any) -> None:
        handles = [s.handle if isinstance(s, MemoryDesc) else s for s in (source, target)]
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
