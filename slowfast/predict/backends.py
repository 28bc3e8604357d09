"""What computes the network: Paddle in eager mode, or a runtime that is several times as fast.

A backend takes clips as the reader gives them and gives a row for each. The faster ones compute a
graph (``graph.py``), which is kept in the cache folder with what eager mode came to on a clip of
noise: no backend is used on a machine before it has come to the same there.

Legend: N clips, T frames, H x W pixels.
"""

import contextlib
import ctypes
import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed, machine
from slowfast.config import Config
from slowfast.errors import UserError
from slowfast.files import write_json
from slowfast.log import logger
from slowfast.predict.built import Clips, Graph, Row, Weighted, built, expected_rows, noise
from slowfast.predict.low_precision import PrecisionError, bf16_instructions, compiled, quantised

TOLERANCE = 1e-4
"""How far a row may be from eager mode's, as a share of that one's largest number."""
ALLOWED = {"fp32": TOLERANCE, "bf16": 0.1, "int8": math.inf}
"""The same by precision: one that was asked for is refused beyond. int8 has its own measure, see
``low_low_precision.py``."""
AUTO_TOLERANCE = 0.02
"""How far bf16 may be from fp32 where nobody asked for it, as a share of the row's largest number,
on ``blocks_of_noise``."""
BATCHES = (1, 2, 4, 8, 16, 32)
"""What is tried in turn."""
LEAST_PROBABILITY = 1e-24
"""Below it, probabilities are compared as equal: Paddle's softmax gives no less than exp(-64)."""
PROGRAM = ("program.json", "program.pdiparams")
WORTH = 0.95
"""Time a clip, as a share of that in half the batch, from which on a batch is worth its memory."""


class BackendError(UserError):
    """A backend that cannot be used here."""


class Backend:
    """Computes rows from views: callable with a list of uint8 ``[T, H, W, 3]``."""

    about = ""
    """Its name and version, for the log."""
    views_at_once = 6
    """The batch that it is fastest with."""

    def put(self, frames: NDArray[np.uint8]) -> Any:
        """A video's frames, where views are cut from them."""
        return frames

    def __call__(self, views: Sequence[Any]) -> Row:
        """The rows ``[N, ...]`` of N views, which were cut from what ``put`` gave."""
        return self.run(np.stack(views))

    def run(self, clips_NTHWC: Clips) -> Row:
        """The rows of a batch of clips."""
        raise NotImplementedError


class Eager(Backend):
    """Paddle as in training; the only one that uses a GPU."""

    def __init__(self, wanted: Graph) -> None:
        machine.import_paddle()
        import paddle

        from slowfast.predict.graph import FromFrames

        model = wanted.network.model()
        self._paddle, self._compute = paddle, FromFrames(model, wanted.cfg, wanted.kind)
        self._is_bf16 = wanted.cfg.test.precision == "bf16" and uses_gpu()
        self.about = f"Paddle {paddle.__version__} in eager mode"
        self.views_at_once = wanted.cfg.test.views_per_chunk or Backend.views_at_once

    def put(self, frames: NDArray[np.uint8]) -> Any:
        return self._paddle.to_tensor(frames)  # once, as bytes

    def __call__(self, views: Sequence[Any]) -> Row:
        mixed = self._paddle.amp.auto_cast(self._is_bf16, dtype="bfloat16")
        with self._paddle.no_grad(), mixed:
            return self._compute(self._paddle.stack(views)).astype("float32").numpy()

    def run(self, clips_NTHWC: Clips) -> Row:
        return self(self._paddle.to_tensor(clips_NTHWC).unbind(0))


class PaddleInference(Backend):
    """Paddle's inference library, on Intel's oneDNN."""

    form = "paddle"

    def __init__(self, folder: Path) -> None:
        machine.import_paddle()
        from paddle import inference

        config = inference.Config(
            *(str(folder / f"program.{end}") for end in ("json", "pdiparams"))
        )
        config.disable_gpu()
        config.enable_mkldnn()
        config.set_cpu_math_library_num_threads(machine.threads())
        config.disable_glog_info()
        self._predictor = inference.create_predictor(config)
        self.about = f"Paddle Inference {importlib.metadata.version('paddlepaddle')}"

    def run(self, clips_NTHWC: Clips) -> Row:
        (clips,), (rows,) = self._predictor.get_input_names(), self._predictor.get_output_names()
        self._predictor.get_input_handle(clips).copy_from_cpu(clips_NTHWC)
        with _without_stdout():
            self._predictor.run()
        return self._predictor.get_output_handle(rows).copy_to_cpu()


@contextlib.contextmanager
def _without_stdout() -> Iterator[None]:
    """Hides what C++ code prints: Paddle 3.3.1 prints a line for each mean in the first run."""
    sys.stdout.flush()
    with open(os.devnull, "wb") as nowhere, os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)
            os.dup2(stdout.fileno(), 1)


class OnnxRuntime(Backend):
    """ONNX Runtime."""

    form = "onnx"

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = machine.threads()
        path = str(folder / "graph.onnx")
        self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.about = f"ONNX Runtime {onnxruntime.__version__}"

    def run(self, clips_NTHWC: Clips) -> Row:
        (rows,) = self._session.run(None, {"clips": clips_NTHWC})
        return rows


class OpenVino(Backend):
    """Intel's OpenVINO, on processors of Intel, AMD and ARM."""

    form = "onnx"

    def __init__(self, folder: Path, file: str = "graph.onnx", precision: str = "fp32") -> None:
        openvino = machine.import_openvino()
        self._request = compiled(folder / file, precision).create_infer_request()
        self.about = f"OpenVINO {openvino.__version__.partition('-')[0]}"

    def run(self, clips_NTHWC: Clips) -> Row:
        (rows,) = self._request.infer([clips_NTHWC]).values()
        return rows.copy()  # else of memory that the next call fills


GRAPH_BACKENDS: dict[str, type[Any]] = {
    "openvino": OpenVino, "paddle": PaddleInference, "onnxruntime": OnnxRuntime
}  # fmt: skip
"""Those that compute a graph, the fastest first (docs/benchmarks.md)."""
NEEDS = {"openvino": ("openvino", "onnx"), "onnxruntime": ("onnxruntime", "onnx"), "paddle": ()}
"""The packages that they need besides our own."""
FAST = "pip install 'slowfast-paddle[fast]', or openvino and onnx"


def open_backend(network: Weighted, cfg: Config, kind: str) -> Backend:
    """The backend that ``test.backend`` asks for; ``auto`` takes the fastest one that is installed
    and comes to what eager mode comes to, and eager mode itself on a GPU.

    Args:
        kind: what a row is, see ``graph.KINDS``.

    Raises:
        BackendError: the one asked for is not installed, or comes to something else.
        PrecisionError: it does not compute in ``test.precision``, or the processor does not.
    """
    wanted = _settled(Graph(network, cfg, kind))
    name = _able(wanted)
    if name == "eager" or (name == "auto" and uses_gpu()):
        backend: Backend = Eager(wanted)
    elif name == "auto":
        backend = _fastest(wanted)
    else:
        if lacking := _lacking(name):
            raise BackendError(
                f"test.backend={name} needs {' and '.join(lacking)}: pip install "
                f"{' '.join(lacking)}, or choose another with --backend"
            )
        backend = _checked(wanted, name)
    return backend


def settled(network: Weighted, cfg: Config, kind: str) -> Config:
    """``cfg`` with a ``test.precision`` that is not ``auto``, the same in all processes; and int8
    is made, once, if that is asked for.

    Raises:
        PrecisionError: see ``open_backend``.
    """
    wanted = Graph(network, cfg, kind)
    if cfg.test.precision == "auto":
        return distributed.on_first(lambda: _settled(wanted).cfg)
    _able(wanted)
    if cfg.test.precision == "int8" and distributed.world_size() > 1:
        distributed.on_first(lambda: _make(wanted))  # else each process would make it
    return cfg


def _make(wanted: Graph) -> None:
    with quantised(wanted):
        pass


def _settled(wanted: Graph) -> Graph:
    """The graph, with bf16 or fp32 if ``auto`` is wanted."""
    cfg = wanted.cfg
    if cfg.test.precision != "auto":
        return wanted
    if cfg.test.backend not in ("auto", "openvino"):
        return wanted._replace(cfg=_in(cfg, "fp32"))
    precision, reason = "fp32", ""
    if uses_gpu() or _lacking("openvino"):
        reason = "bf16 is OpenVINO's, on a CPU"
    elif not (found := bf16_instructions()):
        reason = "the processor has no bf16"
    elif not (distance := bf16_distance(wanted._replace(cfg=_in(cfg, "fp32")))) <= AUTO_TOLERANCE:
        reason = f"bf16 is {distance:.2g} of the largest number off ({AUTO_TOLERANCE:g} is allowed)"
    else:
        precision = "bf16"
        reason = f"{' '.join(found)}; within {distance:.2g} of fp32 ({AUTO_TOLERANCE:g} is allowed)"
    logger.info(f"precision: {precision} ({reason})")
    return wanted._replace(cfg=_in(cfg, precision))


def _in(cfg: Config, precision: str) -> Config:
    changes: dict[str, Any] = {"precision": precision}
    return dataclasses.replace(cfg, test=dataclasses.replace(cfg.test, **changes))


def _able(wanted: Graph) -> str:
    """The backend's name that can compute in the precision that is asked for.

    Raises:
        PrecisionError: there is none.
    """
    name, precision = wanted.cfg.test.backend, wanted.cfg.test.precision
    if precision == "fp32":
        return name
    if precision == "bf16" and name in ("auto", "eager") and uses_gpu():
        return "eager"
    if precision == "int8" and wanted.kind == "features":
        raise PrecisionError(
            "test.precision=int8 is for classes, which are compared with those of fp32: features "
            "are had in fp32 or bf16"
        )
    if name not in ("auto", "openvino"):
        raise PrecisionError(
            f"test.backend={name} computes in fp32 here: {precision} is OpenVINO's, on a CPU"
        )
    if lacking := _lacking("openvino"):
        raise PrecisionError(f"test.precision={precision} needs {' and '.join(lacking)}: {FAST}")
    if precision == "bf16" and not bf16_instructions():
        raise PrecisionError(
            f"test.precision=bf16: this processor ({machine.processor()}) has no instructions for "
            "it (avx512_bf16 or amx_bf16; bf16 on ARM): take fp32 or int8"
        )
    return "openvino"


def bf16_distance(wanted: Graph) -> float:
    """How far OpenVINO's bf16 is from its fp32: found once on a machine, and kept beside the
    graph. nan if a number is not finite."""
    version = importlib.metadata.version("openvino")
    told = (version, machine.processor(), machine.instruction_sets())
    with built(wanted, OpenVino.form) as folder:
        path = folder / f"bf16-{hashlib.sha256(repr(told).encode()).hexdigest()[:12]}.json"
        with contextlib.suppress(OSError, ValueError):
            return float(json.loads(path.read_text())["difference"])
        fp32, bf16 = (OpenVino(folder, precision=name) for name in ("fp32", "bf16"))
        distances = [
            difference(bf16.run(clip), fp32.run(clip)) for clip in blocks_of_noise(wanted.cfg)
        ]
        found = {"difference": float(np.max(distances))}
        with contextlib.suppress(OSError):  # found again the next time
            write_json(path, found)
        return found["difference"]


def blocks_of_noise(cfg: Config) -> Iterator[Clips]:
    """Clips of noise, from single pixels to blocks of 32 pixels and frames."""
    whole = noise(cfg)
    for side in (1, 2, 4, 8, 16, 32):
        frames, rows = (np.arange(size) // side for size in whole.shape[1:3])
        yield np.ascontiguousarray(whole[:, frames][:, :, rows][:, :, :, rows])


def uses_gpu() -> bool:
    """Whether Paddle computes on a GPU; without it where it cannot."""
    if not distributed.has_gpu_wheel():
        return False
    machine.import_paddle()
    import paddle

    return bool(paddle.get_device().startswith("gpu"))


def _fastest(wanted: Graph) -> Backend:
    """The first of ``GRAPH_BACKENDS`` that can be used, else eager mode."""
    for name in GRAPH_BACKENDS:
        if _lacking(name):
            if name == "openvino":
                logger.info(f"OpenVINO is not installed, which is faster: {FAST}")
            continue
        try:
            return _checked(wanted, name)
        except BackendError as error:
            logger.warning(f"{error}; another backend is used")
    return Eager(wanted)


def _lacking(name: str) -> list[str]:
    """The packages that a backend needs and that are not installed."""
    return [package for package in NEEDS[name] if importlib.util.find_spec(package) is None]


def _checked(wanted: Graph, name: str) -> Backend:
    """A backend, once it has come to what eager mode comes to."""
    kind, chosen = GRAPH_BACKENDS[name], wanted.cfg.test
    precision = chosen.precision
    with quantised(wanted) if precision == "int8" else built(wanted, kind.form) as folder:
        machine.keep_memory()
        try:
            graph = "graph.xml" if precision == "int8" else "graph.onnx"
            backend: Backend = (
                kind(folder) if precision == "fp32" else OpenVino(folder, graph, precision)
            )
            with_what = f" ({' '.join(bf16_instructions())})" if precision == "bf16" else ""
            backend.about += f", {precision}{with_what}, {machine.threads()} threads"
            found = _check(backend, folder, wanted)
        except (RuntimeError, ValueError, NotImplementedError) as error:  # what they raise
            raise BackendError(
                f"{name} cannot compute this network: {first_line(error)}"
            ) from error
    apart, allowed = found["difference"], ALLOWED[precision]
    if not apart <= allowed:
        raise BackendError(
            f"{backend.about}: its rows are not those of eager mode: {apart:.1g} of the largest "
            f"number apart, where {allowed:g} is allowed"
        )
    if precision != "int8":
        backend.about += f"; within {apart:.1g} of eager mode ({allowed:g} is allowed)"
    backend.views_at_once = chosen.views_per_chunk or int(found["views_at_once"])
    logger.info(f"the network is computed by {backend.about}")
    return backend


def first_line(error: Exception) -> str:
    """The first line of an error, of which a library may write a page."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _check(backend: Backend, folder: Path, wanted: Graph) -> dict[str, float]:
    """How far the backend is from eager mode on a clip of noise, and the batch that it is fastest
    with: found once on a machine, and kept beside the graph."""
    told = (backend.about, machine.processor(), machine.instruction_sets())
    path = folder / f"checked-{hashlib.sha256(repr(told).encode()).hexdigest()[:12]}.json"
    with contextlib.suppress(OSError, ValueError):
        kept: dict[str, float] = json.loads(path.read_text())
        return {"difference": kept["difference"], "views_at_once": kept["views_at_once"]}
    clip = noise(wanted.cfg)
    rows, precision = (backend.run(clip), expected_rows(folder)), wanted.cfg.test.precision
    if precision == "fp32":
        rows = (comparable(rows[0], wanted.kind), comparable(rows[1], wanted.kind))
    found = {"difference": difference(*rows)}
    if found["difference"] <= ALLOWED[precision]:
        found["views_at_once"] = fastest_batch(backend.run, clip)
        with contextlib.suppress(OSError):  # found again the next time
            write_json(path, found)
    return found


def comparable(rows: Row, kind: str) -> Row:
    """Rows of which a difference tells: the logarithms of probabilities, as one of them may be near
    1 and leave the others next to nothing."""
    return np.log(np.maximum(rows, LEAST_PROBABILITY)) if kind == "prob" else rows


def difference(rows: Row, expected: Row) -> float:
    """The largest difference, as a share of the largest number expected; nan if one is not
    finite."""
    return float(np.abs(rows - expected).max() / np.abs(expected).max())


def fastest_batch(run: Callable[[Clips], Any], clip: Clips) -> int:
    """The batch, doubled as long as that makes a clip's time clearly shorter."""
    best, least = 0, math.inf
    for number in BATCHES:
        seconds, clips = math.inf, np.repeat(clip, number, axis=0)
        for _ in range(2):  # the first time with a new batch is longer
            began = time.perf_counter()
            run(clips)
            seconds = min(seconds, (time.perf_counter() - began) / number)
        if seconds > WORTH * least:
            break
        best, least = number, seconds
    return best
