"""The runtimes that compute the network, behind one interface: uint8 views in, rows out.

Legend: N clips, T frames, H x W pixels, K boxes.
"""

import contextlib
import ctypes
import importlib.util
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed, machine
from slowfast.errors import UserError
from slowfast.predict.runtime.built import ONNX, PROGRAM, Graph, Row
from slowfast.predict.runtime.noise import INPUTS

BF16 = ("avx512_bf16", "amx_bf16", "bf16")
"""The instructions, on x86 and on ARM, with which bf16 is computed as such."""


class BackendError(UserError):
    """A backend that cannot be used here."""


class PrecisionError(UserError):
    """A precision that cannot be had here."""


@contextlib.contextmanager
def reported(what: str) -> Iterator[None]:
    """Makes one line, a BackendError, of what a runtime raises; each has errors of its own."""
    try:
        yield
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        if getattr(error, "name", "") == "paddle":  # not installed: every command has a line for it
            raise
        raise BackendError(f"{what}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The first line of an error, of which a library may write a page."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


class Backend:
    """Computes rows from views: callable with a list of uint8 ``[T, H, W, 3]``."""

    about = ""
    """Its name and version, for the log."""
    views_at_once = 6
    """The batch that it is fastest with."""
    columns = 0
    """Numbers of a row."""

    def put(self, frames: NDArray[np.uint8]) -> Any:
        """A video's frames, where views are cut from them."""
        return frames

    def __call__(self, views: Sequence[Any]) -> Row:
        """The rows ``[N, ...]`` of N views, which were cut from what ``put`` gave.

        Raises:
            BackendError: it fails; not eager mode, which raises what Paddle does.
        """
        return self._reported(np.stack(views))

    def of_boxes(
        self, views: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> list[Row]:
        """With detection: the rows ``[K, ...]`` of each view's boxes ``[K, 4]``, which may be none,
        in pixels of the view. Views of one size are computed together, those without boxes not at
        all. Raises as a call does.
        """
        rows = [np.zeros((0, self.columns), np.float32)] * len(views)

        def shape_of(place: int) -> tuple[int, ...]:
            return views[place].shape

        places = sorted((i for i, own in enumerate(boxes) if len(own)), key=shape_of)
        for _, alike in itertools.groupby(places, key=shape_of):
            while chunk := list(itertools.islice(alike, self.views_at_once)):
                counts = [len(boxes[i]) for i in chunk]
                boxes_K4 = np.concatenate([boxes[i] for i in chunk]).astype(np.float32)
                found = self._reported(
                    np.stack([views[i] for i in chunk]), boxes_K4, np.array(counts, np.int32)
                )
                for i, row in zip(chunk, np.split(found, np.cumsum(counts)[:-1]), strict=True):
                    rows[i] = row
        return rows

    def _reported(self, *inputs: NDArray[Any]) -> Row:
        hint = f"{len(inputs[0])} views at once; fewer need less memory: test.views_per_chunk"
        with reported(f"{self.about} fails ({hint})"):
            return self.run(*inputs)

    def run(self, *inputs: NDArray[Any]) -> Row:
        """The rows of a batch, see ``built.INPUTS``."""
        raise NotImplementedError


class Eager(Backend):
    """Paddle as in training; the only one that uses a GPU."""

    def __init__(self, wanted: Graph) -> None:
        machine.import_paddle()
        import paddle

        from slowfast.predict.runtime.graph import FromFrames

        model = wanted.network.model()
        self._paddle, self._compute = paddle, FromFrames(model, wanted.cfg, wanted.kind)
        self._is_bf16 = wanted.cfg.test.precision == "bf16" and uses_gpu()
        self.about = f"Paddle {paddle.__version__} in eager mode"
        inputs, outputs = model.head.projection.weight.shape
        self.columns = inputs if wanted.kind == "features" else outputs
        self.views_at_once = wanted.cfg.test.views_per_chunk or Backend.views_at_once

    def put(self, frames: NDArray[np.uint8]) -> Any:
        return self._paddle.to_tensor(frames)  # once, as bytes

    def __call__(self, views: Sequence[Any]) -> Row:
        return self._rows(self._paddle.stack(views))

    def _rows(self, *inputs: Any) -> Row:
        mixed = self._paddle.amp.auto_cast(self._is_bf16, dtype="bfloat16")  # on a GPU
        with self._paddle.no_grad(), mixed:
            return self._compute(*inputs).astype("float32").numpy()

    def run(self, *inputs: NDArray[Any]) -> Row:
        return self._rows(*map(self._paddle.to_tensor, inputs))


class PaddleInference(Backend):
    """Paddle's inference library, on Intel's oneDNN."""

    form = "paddle"

    def __init__(self, folder: Path) -> None:
        machine.import_paddle()
        from paddle import inference

        config = inference.Config(*(str(folder / name) for name in PROGRAM))
        config.disable_gpu()
        config.enable_mkldnn()
        config.set_cpu_math_library_num_threads(machine.threads())
        config.disable_glog_info()
        self._predictor = inference.create_predictor(config)
        self.about = f"Paddle Inference {machine.paddle_version()}"

    def run(self, *inputs: NDArray[Any]) -> Row:
        (rows,) = self._predictor.get_output_names()
        for name, numbers in _named(inputs):
            self._predictor.get_input_handle(name).copy_from_cpu(numbers)
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
        path = str(folder / ONNX)
        self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.about = f"ONNX Runtime {onnxruntime.__version__}"

    def run(self, *inputs: NDArray[Any]) -> Row:
        (rows,) = self._session.run(None, dict(_named(inputs)))
        return rows


class OpenVino(Backend):
    """Intel's OpenVINO, on processors of Intel, AMD and ARM."""

    form = "onnx"

    def __init__(self, folder: Path, file: str = ONNX, precision: str = "fp32") -> None:
        openvino = machine.import_openvino()
        self._request = compiled(folder / file, precision).create_infer_request()
        self.about = f"OpenVINO {openvino.__version__.partition('-')[0]}"

    def run(self, *inputs: NDArray[Any]) -> Row:
        (rows,) = self._request.infer(dict(_named(inputs))).values()
        return rows.copy()  # else of memory that the next call fills


def _named(inputs: Sequence[NDArray[Any]]) -> Iterator[tuple[str, NDArray[Any]]]:
    return zip(INPUTS, inputs, strict=False)  # without detection it is the clips alone


def compiled(graph: Path, precision: str) -> Any:
    """OpenVINO's network of an ONNX file or an IR, on this processor.

    Raises:
        PrecisionError: it is not computed in bf16, which was asked for.
    """
    openvino = machine.import_openvino()
    hint = "bf16" if precision == "bf16" else "f32"  # else it takes bf16 by itself
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": machine.threads(),
    }
    if distributed.processes_on_this_machine() > 1:
        settings["ENABLE_CPU_PINNING"] = False  # all would take the same cores
    with machine.own_signal_stack():
        network = openvino.Core().compile_model(graph, "CPU", settings)
    # Where the processor has no bf16, OpenVINO takes the hint and computes in f32.
    if (found := network.get_property("INFERENCE_PRECISION_HINT").to_string()) != hint:
        raise PrecisionError(f"OpenVINO computes in {found} here, not in {hint}")
    return network


def bf16_instructions() -> list[str]:
    """Those that this processor has."""
    return [name for name in machine.instruction_sets() if name in BF16]


def uses_gpu() -> bool:
    """Whether Paddle computes on a GPU; without it where it cannot."""
    if not distributed.has_gpu_wheel():
        return False
    machine.import_paddle()
    import paddle

    return bool(paddle.get_device().startswith("gpu"))


RUNTIMES: dict[str, type[Any]] = {
    "openvino": OpenVino, "paddle": PaddleInference, "onnxruntime": OnnxRuntime
}  # fmt: skip
"""Those that compute a graph, the fastest first (docs/benchmarks.md)."""
NEEDS = {
    "openvino": ("openvino", "onnx"),
    "onnxruntime": ("onnxruntime", "onnx"),
    "paddle": ("paddle",),
}
"""The packages that they need besides our own."""
FAST = "pip install 'slowfast-paddle[fast]', or openvino and onnx"


def lacking(name: str) -> list[str]:
    """The packages that a backend needs and that are not installed."""
    return [package for package in NEEDS[name] if not is_installed(package)]


def is_installed(package: str) -> bool:
    """Whether a package can be imported; found out without doing it."""
    return importlib.util.find_spec(package) is not None
