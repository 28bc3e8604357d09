"""A network of detection small enough for tests, and person detectors made on the spot."""

from pathlib import Path
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast.config import Config, load_config
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.weights.save import write_config, write_pickles

YAML = """
model: {num_classes: 4, slow_depth: 14, fast_depth: 14, width: 8, alpha: 4, stem_kernel: 3}
data: {num_frames: 8, sampling_stride: 4, min_short_side: 32, max_short_side: 36, crop_size: 32,
  num_workers: 1}
test: {short_side: 32, crop_size: 32, backend: eager}
optim: {warmup_epochs: 1}
train: {task: detection, epochs: 2, batch_size: 4, precise_bn_batches: 0}
detection: {start: 0, valid: []}
"""
BOXES = np.array([[10, 20, 30, 60], [50, 8, 90, 40], [11, 21, 31, 61], [0, 0, 0, 0]], np.float32)
"""Of the detectors, x1, y1, x2, y2 in pixels of an input of 64 x 96: the third is nearly the first,
and the second is of another class."""
SCORES = np.array([0.9, 0.8, 0.7, 0.0], np.float32)


def detection_config(folder: Path, *overrides: str) -> Config:
    """A config whose output goes to ``folder/out``."""
    path = folder / "detection.yaml"
    path.write_text(YAML + f"output_dir: {folder / 'out'}\n", encoding="utf-8")
    return load_config(path, list(overrides))


def detector_of(cfg: Config) -> VideoClassifier:
    """An untrained network, whose actions differ from box to box."""
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    weight = model.head.projection.weight
    weight.set_value(0.3 * paddle.randn(weight.shape))
    model.eval()
    return model


def save_detector(cfg: Config) -> Path:
    """The same as a file of weights, with its config and class names beside it."""
    write_config(cfg, ["stand", "walk", "talk", "dance"])
    path = Path(cfg.output_dir) / "net.pdparams"
    state = {name: x.numpy() for name, x in detector_of(cfg).state_dict().items()}
    write_pickles({path: state})
    return path


def write_onnx(path: Path, outputs: dict[str, NDArray[np.float32]], inputs: str = "NCHW") -> Path:
    """A detector that finds the same in each picture, of 64 x 96 pixels, or, ``NHWC``, of any
    size, bytes."""
    from onnx import TensorProto, helper, numpy_helper, save

    def info(name: str, kind: int, shape: list[int | str]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    if inputs == "NHWC":
        feeds = [info("image_tensor", TensorProto.UINT8, [1, "h", "w", 3])]
    else:
        feeds = [info("images", TensorProto.FLOAT, [1, 3, 64, 96])]
    if inputs == "paddle":
        feeds.append(info("scale_factor", TensorProto.FLOAT, [1, 2]))
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
             for name, value in outputs.items()]  # fmt: skip
    found = [info(name, TensorProto.FLOAT, [*value.shape]) for name, value in outputs.items()]
    graph = helper.make_graph(nodes, "detector", feeds, found)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, str(path))
    return path
