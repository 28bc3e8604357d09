"""How each system prepares its clips and tests, by the config's keys."""

from slowfast.zoo.architecture import Settings

_IMAGENET: Settings = {"data.mean": [0.485, 0.456, 0.406], "data.std": [0.229, 0.224, 0.225]}

OF_CLIPS: dict[str, Settings] = {
    "mmaction2": {
        "model.slow_frames": "strided",
        "model.head_pooling": "global",
        **_IMAGENET,
        "test.protocol": "mmaction2",
    },
    "PyTorchVideo": {"model.average_positions": "score", "test.protocol": "pytorchvideo"},
}
"""By system. PySlowFast and PaddleVideo have the defaults. The mean and the deviation of mmaction2
are ImageNet's. All systems train on RGB."""

_PYSLOWFAST: Settings = {
    "train.task": "detection",
    "model.roi_aligned": False,
    "detection.rule": "pyslowfast",
}
_MMACTION2: Settings = {
    "train.task": "detection",
    "model.dilations": [1, 1],
    "model.roi_size": 8,
    "model.roi_dropout_first": True,
    **_IMAGENET,
    "detection.box_score": 0.9,
    "detection.keeps_best": True,
    "detection.jitter": True,
    "detection.learns_negatives": False,
    "detection.rule": "mmaction2",
    "test.protocol": "mmaction2",
}
OF_BOXES: dict[str, Settings] = {
    "PySlowFast": _PYSLOWFAST,
    "PySlowFast (caffe2)": _PYSLOWFAST,
    "PyTorchVideo": _PYSLOWFAST,
    "mmaction2": _MMACTION2 | {"model.slow_frames": "strided"},
    "PaddleVideo": _MMACTION2,
}
"""Those of detectors. PySlowFast's are of its configs/AVA/c2, which its published files belong to.
PyTorchVideo's files were measured in PySlowFast; the network is its hub's. PaddleVideo follows
mmaction2, but for the frames of the slow pathway."""
