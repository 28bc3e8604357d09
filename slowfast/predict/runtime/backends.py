"""Which runtime computes the network: the fastest one here that comes to what eager mode comes to.

The faster ones (``runtimes.py``) compute a graph, which is kept in the cache folder with what eager
mode came to on clips of noise (``built.py``). None is used on a machine before it has come to the
same there.

Legend: N clips, T frames, H x W pixels.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import machine
from slowfast.config import Config
from slowfast.log import logger
from slowfast.predict.runtime.built import IR, ONNX, Graph, Weighted, built, expected_rows
from slowfast.predict.runtime.checks import apart, note, note_of, noted
from slowfast.predict.runtime.int8 import quantised
from slowfast.predict.runtime.low_precision import backend_for
from slowfast.predict.runtime.noise import inputs_of_noise
from slowfast.predict.runtime.runtimes import (
    FAST,
    RUNTIMES,
    Backend,
    BackendError,
    Eager,
    OpenVino,
    bf16_instructions,
    lacking,
    reported,
    uses_gpu,
)

TOLERANCE = 1e-4
"""How far fp32 rows may be from eager mode's, see ``apart``."""
ALLOWED = {"fp32": TOLERANCE, "bf16": 0.1, "int8": math.inf}
"""The same by precision: one that was asked for is refused beyond. int8 has its own measure, see
``int8.py``."""
BRINGS = "OpenVINO is faster than Paddle Inference (1.2 times in fp32), and has bf16 and int8"
"""As measured in docs/benchmarks.md."""
BATCHES = (1, 2, 4, 8, 16, 32)
"""What is tried in turn."""
WORTH = 0.95
"""Time a clip, as a share of that in half the batch, from which on a batch is worth its memory."""


def open_backend(network: Weighted, cfg: Config, kind: str) -> Backend:
    """The backend that ``test.backend`` asks for; ``auto`` takes the fastest one that is installed
    and comes to what eager mode comes to, and eager mode itself on a GPU.

    Args:
        cfg: its ``test.precision`` is not ``auto``, see ``settled``.
        kind: what a row is, see ``graph.KINDS``.

    Raises:
        BackendError: the one asked for is not installed, or comes to something else.
        PrecisionError: it does not compute in ``test.precision``, or the processor does not.
    """
    wanted = Graph(network, cfg, kind)
    name = backend_for(wanted)
    if name == "auto":
        return _told(Eager(wanted)) if uses_gpu() else _fastest(wanted)
    if name == "eager":
        return Eager(wanted)
    if missing := lacking(name):
        raise BackendError(
            f"test.backend={name} needs {' and '.join(missing)}: pip install {' '.join(missing)}, "
            "or choose another with --backend"
        )
    return _told(_opened(wanted, name))


def _told(backend: Backend) -> Backend:
    logger.info(f"the network is computed by {backend.about}")
    return backend


def _fastest(wanted: Graph) -> Backend:
    """The first of ``RUNTIMES`` that can be used, else eager mode."""
    for name in RUNTIMES:
        if missing := lacking(name):
            if name == "openvino":
                logger.info(f"{' and '.join(missing)} not installed: {BRINGS} ({FAST})")
            continue
        try:
            return _told(_opened(wanted, name))
        except BackendError as error:
            logger.warning(f"{error}; another backend is used")
    return _told(Eager(wanted))


def _opened(wanted: Graph, name: str) -> Backend:
    """A backend, once it has come to what eager mode comes to."""
    runtime, precision = RUNTIMES[name], wanted.cfg.test.precision
    machine.keep_memory()
    with (
        reported(f"{name} cannot compute this network"),
        quantised(wanted) if precision == "int8" else built(wanted, runtime.form) as folder,
    ):
        if precision == "fp32":
            backend: Backend = runtime(folder)
        else:
            backend = OpenVino(folder, IR if precision == "int8" else ONNX, precision)
        return checked(backend, folder, wanted.cfg, wanted.kind, folder)


def checked(backend: Backend, folder: Path, cfg: Config, kind: str, notes: Path) -> Backend:
    """The backend, which tells from now on what it is, and how far from eager mode.

    Args:
        folder: has what eager mode came to.
        notes: folder for what is found once on a machine.

    Raises:
        BackendError: it is further from eager mode than is allowed.
    """
    precision = cfg.test.precision
    with_what = f" ({' '.join(bf16_instructions())})" if precision == "bf16" else ""
    backend.about += f", {precision}{with_what}, {machine.threads()} threads"
    place = note_of(notes, "checked", backend.about)
    inputs, expected, allowed = inputs_of_noise(cfg), expected_rows(folder), ALLOWED[precision]
    compared = kind if precision == "fp32" else ""  # logarithms are too fine a measure for others
    if (found := noted(place, "difference", "views_at_once")) is None:
        found = {"difference": apart(backend.run(*inputs), expected, compared)}
        if not found["difference"] <= allowed:
            raise BackendError(
                f"{backend.about}: its rows are not those of eager mode: "
                f"{found['difference']:.1g} of the largest number apart, where {allowed:g} is "
                "allowed"
            )
        found["views_at_once"] = fastest_batch(backend.run, *inputs_of_noise(cfg, 1))
        note(place, found)
    if precision != "int8":
        backend.about += (
            f"; within {found['difference']:.1g} of eager mode ({allowed:g} is allowed)"
        )
    backend.columns = expected.shape[1]
    backend.views_at_once = cfg.test.views_per_chunk or int(found["views_at_once"])
    return backend


def fastest_batch(run: Callable[..., Any], *of_a_clip: NDArray[Any]) -> int:
    """The batch, doubled as long as that makes a clip's time clearly shorter."""
    best, least = 0, math.inf
    for number in BATCHES:
        seconds, inputs = math.inf, [np.concatenate([own] * number) for own in of_a_clip]
        try:
            for _ in range(2):  # the first time with a new batch is longer
                began = time.perf_counter()
                run(*inputs)
                seconds = min(seconds, (time.perf_counter() - began) / number)
        except (RuntimeError, MemoryError):
            if not best:
                raise
            break  # there is no memory for so many
        if seconds > WORTH * least:
            break
        best, least = number, seconds
    return best
