"""What this machine has, and the settings that make CPU work fast: threads, MKL, memory.

They are for this process alone. A program that it starts gets ``environment()``, what the user has
set, and makes its own settings. Standard library only; Paddle is imported by ``import_paddle``.
"""

import contextlib
import ctypes
import functools
import importlib.metadata
import io
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.signals import blocked, held_back

INSTRUCTION_SETS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
    "asimd", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip
"""Those that make a difference to a network, on x86 and on ARM, by Linux's names."""

_own: set[str] = set()  # the variables that this process, not the user, has set


def threads() -> int:
    """Number of threads for the computations of this process, at least 1.

    OMP_NUM_THREADS if the user has set it to a number, else ``distributed.own_cores``.
    """
    text = os.environ.get("OMP_NUM_THREADS", "")
    is_number = text.isascii() and text.isdecimal() and int(text) > 0
    if not is_number or (text == "1" and distributed.launcher_set("OMP_NUM_THREADS")):
        return distributed.own_cores()
    return int(text)


def environment() -> dict[str, str]:
    """The environment for a program that this process starts: without this process's settings."""
    return {name: value for name, value in os.environ.items() if name not in _own}


def import_paddle() -> None:
    """Makes the settings, and imports Paddle so that signals stay this project's.

    The libraries read OMP_NUM_THREADS and MKL_DEBUG_CPU_TYPE when they are loaded: where Paddle is
    imported before, they come too late.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    set_variables()
    # Paddle's import turns a SIGTERM into a crash report, and an exception there breaks the import.
    # So signals wait until it is over. Threads that Paddle starts inherit the block.
    with blocked(), held_back():
        with _without_advice():
            import paddle

        paddle.disable_signal_handler()  # with which a SIGTERM may also hang
    if not distributed.num_gpus():
        keep_memory()


def import_openvino() -> Any:
    """OpenVINO, which must not report to Google Analytics that it is used.

    It does so, through the package openvino_telemetry, as soon as it is imported (2026.4), from a
    forked process; and so does NNCF, which is imported later. Both go without that package.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # an ImportError
    import openvino

    return openvino


def paddle_version() -> str:
    """The version of the Paddle that is installed, found out without importing it; or nothing."""
    for wheel in ("paddlepaddle", "paddlepaddle-gpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(wheel)
    return ""


def set_variables() -> None:
    """Sets the environment variables that Paddle's libraries read, unless the user has."""
    wanted = {"OMP_NUM_THREADS": str(threads())}  # Paddle takes one thread unless told otherwise
    if "MKL_DEBUG_CPU_TYPE" not in os.environ and (cpu_type := mkl_cpu_type(_cpuinfo())):
        wanted["MKL_DEBUG_CPU_TYPE"] = cpu_type
    _own.update(name for name, value in wanted.items() if os.environ.get(name) != value)
    os.environ.update(wanted)


def mkl_cpu_type(cpuinfo: str) -> str:
    """What to tell Paddle's MKL on AMD, where it takes a slow path by itself.

    7 for its AVX-512 code, measured; 5 for its AVX2 code, measured; empty on other processors.
    Not 6, of another processor: it is slower, and ends with an illegal instruction in divisions.
    """
    if "AuthenticAMD" not in cpuinfo:
        return ""
    return "7" if " avx512f " in cpuinfo else "5" if " avx2 " in cpuinfo else ""


def keep_memory() -> None:
    """Lets the GNU C library keep the memory that is given back to it, unless the user has set how.

    Large blocks else go back to the system at once, which clears them anew page by page for the
    next layer: a quarter of a training step.
    """
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return
    library = ctypes.CDLL(None)
    # M_MMAP_MAX and M_TRIM_THRESHOLD, mallopt(3); the variables are read at a process's start.
    for name, option, value in (("MALLOC_MMAP_MAX_", -4, 0), ("MALLOC_TRIM_THRESHOLD_", -1, -1)):
        if name not in os.environ:
            library.mallopt(option, value)


class _Stack(ctypes.Structure):
    """``stack_t`` of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def own_signal_stack() -> Iterator[None]:
    """Keeps the stack that this thread's signal handlers run on, around code that replaces it.

    OpenVINO 2026.4.1 leaves its own there as it compiles a network, and gives the memory back with
    the network: the next Ctrl-C would then end the process with a segmentation fault.
    """
    library, stack = ctypes.CDLL(None), _Stack()
    is_kept = library.sigaltstack(None, ctypes.byref(stack)) == 0
    try:
        yield
    finally:
        if is_kept:
            library.sigaltstack(ctypes.byref(stack), None)


@functools.cache
def instruction_sets() -> tuple[str, ...]:
    """Those of INSTRUCTION_SETS that this processor has; empty where Linux does not tell."""
    return instruction_sets_of(_cpuinfo())


def instruction_sets_of(cpuinfo: str) -> tuple[str, ...]:
    """The same by the text of /proc/cpuinfo."""
    found = set(_field(cpuinfo, "flags").split() or _field(cpuinfo, "Features").split())
    return tuple(name for name in INSTRUCTION_SETS if name in found)


def processor() -> str:
    """The processor's name: ``AMD EPYC 9B14``; where Linux does not tell, its kind: ``aarch64``."""
    return _field(_cpuinfo(), "model name") or platform.machine()


def _field(cpuinfo: str, name: str) -> str:
    """The value of the first processor's line ``name``; empty if there is none."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Hides Paddle's advice to have one thread, which is for builds without MKL."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    finally:
        lines = said.getvalue().splitlines(keepends=True)
        sys.stderr.writelines(line for line in lines if "OMP_NUM_THREADS" not in line)
