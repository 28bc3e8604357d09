"""A small config, its weights and its videos, for commands that end before a video is read."""

from pathlib import Path

import paddle
import pytest

from slowfast.cli.flags import parse_args
from slowfast.cli.inputs import read_inputs
from slowfast.config import load_config
from slowfast.errors import UserError
from slowfast.models import build_model

SMALL = """
model: {num_classes: 5, slow_depth: 14, fast_depth: 14, width: 8, alpha: 4, stem_kernel: 3}
data:
  root: videos
  train_list: train.list
  val_list: val.list
  num_frames: 8
  min_short_side: 32
  max_short_side: 36
  crop_size: 32
  num_workers: 0
test: {short_side: 32, crop_size: 32}
optim: {warmup_epochs: 1}
train: {epochs: 2, batch_size: 4}
output_dir: out
"""
"""Stands in ``small.yaml``, see tests/cli/conftest.py."""


def touch_videos() -> None:
    """Three empty files in ``videos``."""
    Path("videos").mkdir()
    for name in "abc":
        Path(f"videos/{name}.mp4").touch()


def write_weights(path: str, num_classes: int = 5) -> None:
    """Weights of ``small.yaml``'s network, but for the number of classes."""
    model = load_config("small.yaml", [f"model.num_classes={num_classes}"]).model
    Path(path).parent.mkdir(exist_ok=True)
    paddle.save(build_model(model, 32).state_dict(), path)


def refusal(*flags: str) -> str:
    """What is wrong with what the flags name."""
    with pytest.raises(UserError) as caught:
        read_inputs(parse_args(list(flags)))
    assert "\n" not in str(caught.value)
    return str(caught.value)
