"""What the config in a detector's file says of its boxes, by our keys.

``file_config`` reads the texts, and what detectors have in common with classifiers.
"""

from collections.abc import Callable
from typing import Any

from slowfast.models.published import MULTISPORTS
from slowfast.weights.damage import WeightsError, shown
from slowfast.zoo.architecture import Settings
from slowfast.zoo.python_literals import Assigned, last_with

STRIDE = 16
"""Pixels for a cell of the last feature map; ``models/roi_head.py`` has it, too."""


def pyslowfast_boxes(get: Callable[[str, str], Any]) -> Settings:
    """See DETECTION, AVA and NONLOCAL in slowfast/config/defaults.py of PySlowFast.

    Args:
        get: the value of a section's key.

    Raises:
        WeightsError: it describes a network that this project does not have.
    """
    blocks = get("NONLOCAL", "LOCATION")
    stages = [stage for stage in blocks if isinstance(stage, list)] if blocks else []
    has_blocks = any(any(stage) for stage in stages)
    pool = get("NONLOCAL", "POOL")
    pool = pool[2][0] if isinstance(pool, list) and len(pool) == 4 and pool[2] else None
    for name, value, usual in (
        ("DETECTION.SPATIAL_SCALE_FACTOR", get("DETECTION", "SPATIAL_SCALE_FACTOR"), STRIDE),
        ("MODEL.HEAD_ACT", get("MODEL", "HEAD_ACT"), "sigmoid"),
        ("AVA.BGR", get("AVA", "BGR"), False),
        ("NONLOCAL.INSTANTIATION",
         get("NONLOCAL", "INSTANTIATION") if has_blocks else None, "dot_product"),
        ("NONLOCAL.POOL of res4", pool if has_blocks else None, [2, 2, 2]),
    ):  # fmt: skip
        _require(name, value, usual)
    spread = get("RESNET", "SPATIAL_DILATIONS")
    spread = spread[-1] if isinstance(spread, list) and spread else None
    return {
        "train.task": "detection",
        "model.dilations": spread * (3 - len(spread)) if isinstance(spread, list) else None,
        "model.roi_size": get("DETECTION", "ROI_XFORM_RESOLUTION"),
        "model.roi_aligned": get("DETECTION", "ALIGNED"),
        "detection.box_score": get("AVA", "DETECTION_SCORE_THRESH"),
        "test.protocol": "pyslowfast",
    }


def is_mmaction2_detector(assigned: Assigned) -> bool:
    """Whether a config of mmaction2 has a head for boxes."""
    return isinstance(last_with(assigned, "model", "roi_head"), dict)


def mmaction2_boxes(assigned: Assigned, *, in_1x: bool) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and notes for the user; see configs/detection/ of mmaction2.

    Raises:
        WeightsError: it describes a network that this project does not have.
    """

    def head(key: str) -> Any:
        return last_with(assigned, "model", "roi_head", "bbox_head", key)

    def extractor(key: str) -> Any:
        return last_with(assigned, "model", "roi_head", "bbox_roi_extractor", key)

    if last_with(assigned, "model", "roi_head", "shared_head") is not None:
        raise WeightsError("its config has a shared_head (ACRN, LFB), which this project lacks")
    for name, value, usual in (
        ("roi_layer_type", extractor("roi_layer_type"), "RoIAlign"),
        ("featmap_stride", extractor("featmap_stride"), STRIDE),
        ("pool_mode", extractor("pool_mode"), "avg"),
        ("with_temporal_pool", extractor("with_temporal_pool"), True),
        ("spatial_pool_type", head("spatial_pool_type"), "max"),
        ("multilabel", head("multilabel"), True),
    ):
        _require(name, value, usual)
    settings = {
        "train.task": "detection",
        "model.dilations": _dilations(assigned),
        "model.roi_size": extractor("output_size"),
        "model.roi_aligned": extractor("aligned"),
        "model.roi_sampling": extractor("sampling_ratio"),
        "model.roi_time": {"avg": "mean", "max": "max"}.get(str(extractor("temporal_pool_mode"))),
        "model.roi_dropout_first": head("dropout_before_pool"),
        "model.dropout": head("dropout_ratio"),
        "train.focal_alpha": head("focal_alpha"),
        "train.focal_gamma": head("focal_gamma"),
        "detection.jitter": not in_1x,
        "detection.box_score": _of_data(assigned, "person_det_score_thr"),
        "detection.start": _of_data(assigned, "timestamp_start"),
        "detection.first_id": 0 if head("background_class") is False else None,
    }
    if isinstance(ids := _of_data(assigned, "custom_classes"), list):
        settings["detection.ids"] = [id for id in ids if id != 0]
    if _of_data(assigned, "fps") != 1:
        return settings, ()
    settings |= {key: MULTISPORTS[key] for key in ("detection.rate", "detection.valid")}
    return settings, (
        f"its times are numbers of frames: detection.rate={MULTISPORTS['detection.rate']} frames a "
        "second is MultiSports'",
    )


def _dilations(assigned: Assigned) -> list[Any] | None:
    """Of res5, in the slow and in the fast pathway."""
    found = []
    for path in (("slow_pathway",), ("fast_pathway",), ()):
        spread = last_with(assigned, "model", "backbone", *path, "dilations")
        found.append(spread[-1] if isinstance(spread, list) and spread else None)
    slow, fast, alone = found
    if alone is not None:  # of a slow pathway alone
        return [alone, alone]
    return None if slow is None and fast is None else [slow or 1, fast or 1]


def _of_data(assigned: Assigned, key: str) -> Any:
    """An entry of the data set of 1.x or 0.x: the test's, the validation's or the training's."""
    for part in ("test", "val", "train"):
        for place in ((f"{part}_dataloader", "dataset"), ("data", part)):
            if (value := last_with(assigned, *place, key)) is not None:
                return value
    return None


def _require(name: str, value: Any, usual: Any) -> None:
    if value not in (None, usual):
        raise WeightsError(f"its config has {name}={shown(value)}; here it is {shown(usual)}")
