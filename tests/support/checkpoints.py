"""Weights files of small networks, as they are once they are read."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from slowfast.config import Config, ModelConfig, config_of
from slowfast.models.variants import build_model
from slowfast.weights.load import Checkpoint
from slowfast.weights.names import translate
from slowfast.weights.systems import Tensors
from slowfast.zoo.architecture import Settings
from slowfast.zoo.origin import home_settings

ALPHA_AND_FRAMES = {"model.alpha": 4, "data.num_frames": 32}


@functools.lru_cache
def shapes_of(model: ModelConfig, task: str = "single") -> Tensors:
    """The tensors of a config's network; they take no memory."""
    with paddle.LazyGuard():
        state = build_model(model, train_crop=32, task=task).state_dict()
    return {name: np.broadcast_to(np.float32(1), tensor.shape) for name, tensor in state.items()}


def tiny(**given: Any) -> ModelConfig:
    defaults: dict[str, Any] = dict(slow_depth=14, fast_depth=14, width=8, num_classes=3)
    return ModelConfig(**defaults | given)


def checkpoint(state: Tensors, **content: Any) -> Checkpoint:
    """A file of this state, with what is beside it."""
    content = {"state_dict": state, **content}
    return Checkpoint(Path("a.pth"), content, translate(content))


def home_of(system: Any, given: Settings | None = None, **content: Any) -> tuple[Config, list[str]]:
    """The config of a tiny network's file in a system's names, and the notes on it."""
    home = home_settings(checkpoint(system(shapes_of(tiny())), **content), given or {})
    return config_of(home.settings), home.notes
