"""What an exported network takes and gives, as data."""

from typing import Any

from slowfast.config import Config
from slowfast.predict.runtime.noise import INPUTS

BOXES = {
    "boxes": {
        "name": INPUTS[1], "dtype": "float32", "shape": ["K", 4],
        "is": "x1, y1, x2, y2 in pixels of the clip, those of the first clip first",
    },
    "counts": {
        "name": INPUTS[2], "dtype": "int32", "shape": ["N"], "is": "how many boxes each clip has"
    },
}  # fmt: skip
"""What a network for boxes takes besides clips."""


def preprocessing(cfg: Config) -> dict[str, Any]:
    """What becomes of a video before the graph, and the names of what goes in and comes out."""
    data, test = cfg.data, cfg.test
    frames = {"num_frames": data.num_frames, "sampling_stride": data.sampling_stride}
    views: dict[str, Any] = {"short_side": test.short_side}
    answer, boxes, rows = dict[str, Any](), BOXES, "K"
    if cfg.train.task != "detection":
        views |= {"crop_size": test.crop_size, "num_clips": test.num_clips}
        views |= {"num_crops": test.num_crops, "spatial": test.spatial}
        answer, boxes, rows = {"average_clips": test.average_clips}, {}, "N"
    shape = ["N", data.num_frames, "H", "W", 3]
    several: dict[str, Any] = {}
    if cfg.train.task != "single":
        activation = "softmax" if cfg.has_one_label else "sigmoid"
        several = {"task": cfg.train.task, "activation": activation, "threshold": test.threshold}
    return {
        **frames, "target_fps": data.target_fps, **views, "protocol": test.protocol,
        **answer, **several, "colour_order": "RGB",
        "input": {"name": INPUTS[0], "dtype": "uint8", "layout": "NTHWC", "shape": shape},
        **boxes,
        "output": {
            "name": "rows", "dtype": "float32",
            "shape": [rows, cfg.model.num_classes], "is": "probabilities",
        },
    }  # fmt: skip
