"""Files of a tiny network as other systems write them, and what becomes of them."""

import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from support import torch_bytes as tb
from support.foreign_names import mmaction2, pyslowfast

from slowfast.config import Config, ModelConfig, load_config
from slowfast.models.variants import build_model
from slowfast.weights.systems import Tensors

MODEL: dict[str, Any] = {"slow_depth": 14, "fast_depth": 14, "width": 8, "num_classes": 5}
CONFIG_OF_MMACTION2 = """
model = dict(backbone=dict(resample_rate=4, speed_ratio=4))
test_pipeline = [
    dict(type='SampleFrames', clip_len=8, frame_interval=1, num_clips=2, test_mode=True),
    dict(type='Resize', scale=(-1, 36)), dict(type='ThreeCrop', crop_size=36)]
"""


@functools.lru_cache
def tensors(lateral_norm: bool = True) -> Tensors:
    """A tiny network's, drawn so that classes differ."""
    rng = np.random.default_rng(0)
    model = ModelConfig(**MODEL | {"lateral_norm": lateral_norm})
    return {
        name: np.asarray(
            rng.uniform(0.5, 1.5, x.shape)
            if name.endswith("_variance")
            else rng.normal(0, 0.3, x.shape),
            np.float32,
        )
        for name, x in build_model(model, 32).state_dict().items()
    }


def write_torch(path: str, inside: str = "model_state", **beside: str) -> Path:
    """A PySlowFast file (``model_state``) or an mmaction2 one (``state_dict``)."""
    names = pyslowfast if inside == "model_state" else mmaction2
    state = names(tensors(lateral_norm=inside == "model_state"))
    parts, storages = {}, {}
    for i, (name, value) in enumerate(state.items()):
        parts[name] = tb.whole(str(i), value, False)
        storages[str(i)] = value.tobytes()
    texts = {name: tb.text(value) for name, value in beside.items()}
    content = {inside: tb.dict_of(parts)}
    content |= {"meta": tb.dict_of(texts)} if inside == "state_dict" else texts
    Path(path).write_bytes(tb.zip_file(tb.dict_of(content), storages))
    return Path(path)


def converted(path: str = "new.pdparams") -> Config:
    """What was written: its tensors are the network's, and its config reads back."""
    file = Path(path)
    with file.open("rb") as opened:
        ours = pickle.load(opened)
    lateral_norm = "s1_fuse.bn.bias" in ours
    assert {*ours} == {*tensors(lateral_norm)}
    for name, value in ours.items():
        np.testing.assert_array_equal(value, tensors(lateral_norm)[name], err_msg=name)
    return load_config(file.with_suffix(".yaml"))
