"""Tiny networks and views for what computes them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from support.tiny_run import fresh_state, tiny_config

from slowfast.config import Config
from slowfast.predict.runtime.built import Weighted, weighted


def config(folder: Path, backend: str, *more: str) -> Config:
    return tiny_config(folder, f"test.backend={backend}", *more)


def network(cfg: Config) -> Weighted:
    return weighted(fresh_state(cfg).model)


def views(number: int, height: int = 32, width: int = 32) -> list[NDArray[np.uint8]]:
    """uint8 ``[T, H, W, 3]`` each, of noise."""
    shape = (number, 8, height, width, 3)
    return [*np.random.default_rng(1).integers(0, 256, shape, np.uint8)]
