"""What a test records about itself in its file of scores: where, how and for how long it ran."""

import datetime
import importlib.metadata
import os
import platform
from typing import Any

import slowfast
from slowfast import distributed, machine
from slowfast.config import Config
from slowfast.data.video.open import decoder_version
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.runtime.runtimes import Backend, uses_gpu

PACKAGES = ("numpy", "opencv-python", "av", "openvino", "onnxruntime")
"""Whose versions are recorded besides Paddle's, where they are installed."""


def facts_of_run(
    network: Weighted, backend: Backend, cfg: Config, *,
    weights: str, seconds: float, computed: int, kept: int,
) -> dict[str, Any]:  # fmt: skip
    """The facts, for JSON. All processes call this together.

    Args:
        weights: what the user called them; may be empty.
        seconds: how long the pass over the videos took.
        computed: how many videos, or key frames, all processes computed in that time.
        kept: how many were there from an earlier run.
    """
    devices = distributed.gather(_device())
    return {
        "ended": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "folder": os.getcwd(),
        "weights": weights,
        "weights_sha256": network.digest,
        "backend": backend.about,
        "precision": cfg.test.precision,
        "decoder": decoder_version(cfg.data.decoder),
        "processes": distributed.world_size(),
        "devices": sorted({*devices}),
        "threads": machine.threads(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "seconds": round(seconds, 3),
        "computed": computed,
        "kept": kept,
        "versions": _versions(),
    }


def _device() -> str:
    """The GPU of this process, or its processor."""
    if not uses_gpu():
        return machine.processor()
    import paddle

    return str(paddle.device.cuda.get_device_name())


def _versions() -> dict[str, str]:
    versions = {
        "slowfast": slowfast.__version__,
        "Python": platform.python_version(),
        "Paddle": machine.paddle_version(),
    }
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
