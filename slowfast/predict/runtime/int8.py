"""int8 by quantisation after training, on clips of the user's own videos.

From some of them NNCF finds the ranges of numbers in the network (calibration); on those of other
videos the answers are compared with fp32's. Without these videos nobody knows how many would
change.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slowfast import machine
from slowfast.files import file_digest, write_json
from slowfast.log import logger
from slowfast.metrics.accuracy import sigmoid
from slowfast.predict.answer import threshold_of
from slowfast.predict.runtime import calibration
from slowfast.predict.runtime.built import (
    CHECK,
    IR,
    ONNX,
    Graph,
    built,
    kept_folder,
    key_of,
    write_manifest,
)
from slowfast.predict.runtime.calibration import (
    CLIPS,
    Videos,
    calibration_digest,
    calibration_videos,
    halves,
)
from slowfast.predict.runtime.noise import Clips
from slowfast.predict.runtime.runtimes import PrecisionError, compiled, is_installed

LEAST_AGREEMENT = 0.99
"""Share of the compared clips whose answer must be that of fp32, see ``_answer``."""
AGREEMENT = "agreement.json"
"""Beside the graph: of how many clips the answer is fp32's."""


@contextlib.contextmanager
def quantised(wanted: Graph) -> Iterator[Path]:
    """The folder of a network's int8 graph, ``graph.xml``: from the cache, or made now.

    Raises:
        PrecisionError: NNCF is not installed, there are too few videos, or too many classes are
            not those of fp32.
    """
    cfg = wanted.cfg
    digest = calibration_digest(cfg)
    # Processors differ in how they add products of int8: each has its own graph and agreement.
    data, test = cfg.data, cfg.test
    settings = (
        data.sampling_stride, data.target_fps, data.decoder, test.short_side, test.protocol,
        threshold_of(cfg), machine.instruction_sets(),
        *map(file_digest, (__file__, calibration.__file__)), *map(_version, ("openvino", "nncf")),
    )  # fmt: skip
    told = hashlib.sha256(repr(settings).encode()).hexdigest()[:8]
    make = functools.partial(_quantise, wanted)
    with kept_folder(f"{key_of(wanted)}-int8-{digest}-{told}", make, "int8 graph") as folder:
        found: dict[str, int] = json.loads((folder / AGREEMENT).read_text())
        said = agreement_line(found, cfg.train.task)
        if found["same"] < LEAST_AGREEMENT * found["compared"]:
            raise PrecisionError(
                f"test.precision=int8 is refused: {said}, where {LEAST_AGREEMENT:.0%} is needed: "
                "take fp32 or bf16"
            )
        logger.info(said)
        yield folder


def _version(package: str) -> str:
    return importlib.metadata.version(package) if is_installed(package) else ""


def agreement_line(found: dict[str, int], task: str) -> str:
    """What the comparison has come to."""
    same, compared = found["same"], found["compared"]
    what = "the class that fp32 gives" if task == "single" else "all the labels that fp32 gives"
    return (
        f"int8, calibrated on {found['calibrated']} clips, gives {same} of {compared} other clips "
        f"{what} them ({same / compared:.1%})"
    )


def _quantise(wanted: Graph, folder: Path) -> None:
    """Writes the int8 graph, and how many answers are those of fp32."""
    openvino = machine.import_openvino()
    first, second = halves(calibration_videos(wanted.cfg))
    own, others = Videos(first, wanted.cfg), Videos(second, wanted.cfg)
    others.require()  # calibration takes minutes, and asks for its own
    with built(wanted, "onnx") as original:
        model = quantise(original / ONNX, own)
        openvino.save_model(model, folder / IR, compress_to_fp16=False)
        fp32 = compiled(original / ONNX, "fp32")
        int8 = compiled(folder / IR, "int8")
        same = [
            _answer(fp32, clip, wanted) == _answer(int8, clip, wanted)
            for clip in others.clips("int8: comparison")
        ]
        shutil.copy(original / CHECK, folder)
    found = {"same": sum(same), "compared": len(same), "calibrated": own.number}
    write_json(folder / AGREEMENT, found)
    write_manifest(folder)


def _answer(network: Any, clip_1THWC: Clips, wanted: Graph) -> list[int]:
    """The best class of a clip; with several labels a video all from ``test.threshold`` on, if
    there are any."""
    (rows,) = network([clip_1THWC]).values()
    best, threshold = [int(rows.argmax())], threshold_of(wanted.cfg)
    if threshold is None:
        return best
    scores_K = rows[0] if wanted.kind == "prob" else sigmoid(rows[0].astype(np.float64))
    return np.flatnonzero(scores_K >= threshold).tolist() or best


def quantise(graph: Path, videos: Videos) -> Any:
    """The network of an ONNX file, in int8; an ``openvino.Model``."""
    openvino, nncf = machine.import_openvino(), import_nncf()
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    class Passes:
        """NNCF may read the clips more than once."""

        def __iter__(self) -> Iterator[Clips]:
            return videos.clips("int8: calibration")

    model = openvino.Core().read_model(graph)
    layers = model.get_ordered_ops()
    last = max(i for i, layer in enumerate(layers) if layer.get_type_name() == "Convolution")
    with machine.own_signal_stack():
        return nncf.quantize(
            model, nncf.Dataset(Passes()),
            subset_size=CLIPS + 1,  # more than there are: so it takes all of them to their end
            # The classifier costs next to nothing, and probabilities would be rounded to 1/255.
            ignored_scope=nncf.IgnoredScope(
                names=[layer.get_friendly_name() for layer in layers[last + 1 :]], validate=False
            ),
            # By default it takes the mean of the clips' largest numbers, and cuts off what is
            # above: 82 % of clips had fp32's class with that, 96 % with this (a small network).
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
        )  # fmt: skip


def import_nncf() -> Any:
    """NNCF, which prints nothing.

    Raises:
        PrecisionError: it is not installed.
    """
    if not is_installed("nncf"):
        raise PrecisionError(
            "test.precision=int8 needs NNCF: pip install 'slowfast-paddle[int8]', or nncf"
        )
    machine.import_openvino()  # first, so that NNCF reports nothing either
    import nncf
    import rich

    nncf.set_log_level(logging.ERROR)
    rich.reconfigure(quiet=True)  # its bars
    return nncf
