"""In which precision the network is computed: fp32, bf16 where the processor has it, or int8.

Legend: N clips, T frames, H x W pixels.
"""

from collections.abc import Iterator

import numpy as np

from slowfast import distributed, machine
from slowfast.config import Config
from slowfast.log import logger
from slowfast.predict.runtime.built import Graph, Weighted, built
from slowfast.predict.runtime.checks import difference, note, note_of, noted
from slowfast.predict.runtime.int8 import quantised
from slowfast.predict.runtime.noise import Clips, boxes_on_noise, noise
from slowfast.predict.runtime.runtimes import (
    FAST,
    BackendError,
    OpenVino,
    PrecisionError,
    bf16_instructions,
    lacking,
    reported,
    uses_gpu,
)

AUTO_TOLERANCE = 0.02
"""How far bf16 may be from fp32 where nobody asked for it, as a share of the row's largest number,
on ``blocks_of_noise``."""


def settled(network: Weighted, cfg: Config, kind: str) -> Config:
    """``cfg`` with a ``test.precision`` that is not ``auto``, the same in all processes; and int8
    is made, once, if that is asked for.

    Raises:
        PrecisionError: see ``open_backend``.
    """
    wanted = Graph(network, cfg, kind)
    if cfg.test.precision == "auto":
        return distributed.on_first(lambda: _bf16_or_fp32(wanted))
    backend_for(wanted)
    if cfg.test.precision == "int8" and distributed.world_size() > 1:
        distributed.on_first(lambda: _make(wanted))  # else each process would make it
    return cfg


def _make(wanted: Graph) -> None:
    with quantised(wanted):
        pass


def _bf16_or_fp32(wanted: Graph) -> Config:
    """The config with one of them, for ``auto``."""
    fp32 = wanted.cfg.with_test(precision="fp32")
    if fp32.test.backend not in ("auto", "openvino"):
        return fp32
    precision = "fp32"
    if uses_gpu() or lacking("openvino"):
        reason = "bf16 is OpenVINO's, on a CPU"
    elif not (found := bf16_instructions()):
        reason = "the processor has no bf16"
    else:
        precision, reason = _bf16_if_near(wanted._replace(cfg=fp32), found)
    logger.info(f"precision: {precision} ({reason})")
    return fp32.with_test(precision=precision)


def _bf16_if_near(wanted: Graph, instructions: list[str]) -> tuple[str, str]:
    """bf16, unless it is far from fp32 or cannot be computed; and the reason."""
    try:
        with reported("OpenVINO cannot compute it"):
            distance = bf16_distance(wanted)
    except (BackendError, PrecisionError) as error:
        return "fp32", str(error)
    allowed = f"({AUTO_TOLERANCE:g} is allowed)"
    if not distance <= AUTO_TOLERANCE:
        return "fp32", f"bf16 is {distance:.2g} of the largest number off {allowed}"
    return "bf16", f"{' '.join(instructions)}; within {distance:.2g} of fp32 {allowed}"


def backend_for(wanted: Graph) -> str:
    """The backend's name that can compute in the precision that is asked for.

    Raises:
        PrecisionError: there is none.
    """
    name, precision = wanted.cfg.test.backend, wanted.cfg.test.precision
    if precision == "fp32":
        return name
    if precision == "bf16" and name in ("auto", "eager") and uses_gpu():
        import paddle

        if not paddle.amp.is_bfloat16_supported():
            raise PrecisionError("test.precision=bf16: this GPU has no bf16: take fp32")
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
    if missing := lacking("openvino"):
        raise PrecisionError(f"test.precision={precision} needs {' and '.join(missing)}: {FAST}")
    if precision == "bf16" and not bf16_instructions():
        raise PrecisionError(
            f"test.precision=bf16: this processor ({machine.processor()}) has no instructions for "
            "it (avx512_bf16 or amx_bf16; bf16 on ARM): take fp32 or int8"
        )
    return "openvino"


def bf16_distance(wanted: Graph) -> float:
    """How far OpenVINO's bf16 is from its fp32, see ``difference``: found once on a machine, and
    kept beside the graph."""
    version = machine.import_openvino().__version__
    with built(wanted, OpenVino.form) as folder:
        place = note_of(folder, "bf16", version)
        if (found := noted(place, "difference")) is None:
            boxes = boxes_on_noise(wanted.cfg, 1)
            fp32, bf16 = (OpenVino(folder, precision=name) for name in ("fp32", "bf16"))
            distances = [
                difference(bf16.run(clip, *boxes), fp32.run(clip, *boxes))
                for clip in blocks_of_noise(wanted.cfg)
            ]
            found = {"difference": float(np.max(distances))}
            note(place, found)
        return found["difference"]


def blocks_of_noise(cfg: Config) -> Iterator[Clips]:
    """Clips of noise, from single pixels to blocks of 32 pixels and frames."""
    whole = noise(cfg, 1)
    for side in (1, 2, 4, 8, 16, 32):
        frames, rows = (np.arange(size) // side for size in whole.shape[1:3])
        yield np.ascontiguousarray(whole[:, frames][:, :, rows][:, :, :, rows])
