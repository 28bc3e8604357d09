"""What the config in a detector's file says of its boxes, by our keys.

``file_config`` reads the texts, and what detectors have in common with classifiers.
"""

from collections.abc import Callable
from typing import Any

from slowfast.models.published_ava import MULTISPORTS
from slowfast.models.roi_pooling import STRIDE
from slowfast.weights.damage import WeightsError, shown
from slowfast.zoo.architecture import Settings
from slowfast.zoo.python_literals import Assigned, last_with

FPS = 30
"""Frames a second of mmaction2's data set, where its config has none."""


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


def mmaction2_boxes(assigned: Assigned) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and notes for the user; see configs/detection/ of mmaction2.

    Raises:
        WeightsError: it describes a network that this project does not have.
    """

    def part(name: str, key: str, default: Any) -> Any:
        value = last_with(assigned, "model", "roi_head", name, key)
        # Without a type it only changes what another config, which is not here, has.
        is_whole = last_with(assigned, "model", "roi_head", name, "type") is not None
        return default if value is None and is_whole else value

    def head(key: str, default: Any = None) -> Any:
        return part("bbox_head", key, default)

    def extractor(key: str, default: Any = None) -> Any:
        return part("bbox_roi_extractor", key, default)

    if last_with(assigned, "model", "roi_head", "shared_head") is not None:
        raise WeightsError("its config has a shared_head (ACRN, LFB), which this project lacks")
    for name, value, usual in (
        ("roi_layer_type", extractor("roi_layer_type"), "RoIAlign"),
        ("featmap_stride", extractor("featmap_stride"), STRIDE),
        ("pool_mode", extractor("pool_mode"), "avg"),
        ("with_temporal_pool", extractor("with_temporal_pool"), True),
        ("spatial_pool_type", head("spatial_pool_type"), "max"),
    ):
        _require(name, value, usual)
    settings = {
        "train.task": "detection",
        "model.dilations": _dilations(assigned),
        "model.roi_size": extractor("output_size", 16),
        "model.roi_aligned": extractor("aligned"),
        "model.roi_sampling": extractor("sampling_ratio"),
        "model.roi_time": {"avg": "mean", "max": "max"}.get(str(extractor("temporal_pool_mode"))),
        "model.roi_dropout_first": head("dropout_before_pool"),
        "model.dropout": head("dropout_ratio", 0),
        "train.focal_alpha": head("focal_alpha"),
        "train.focal_gamma": head("focal_gamma"),
        "detection.box_score": _of_data(assigned, "person_det_score_thr"),
        "detection.start": _of_data(assigned, "timestamp_start"),
        "detection.first_id": 0 if head("background_class") is False else 1,
    }
    if isinstance(ids := _of_data(assigned, "custom_classes"), list):
        settings["detection.ids"] = [id for id in ids if id != 0]
    frames, notes = _frames(assigned)
    if head("multilabel") is False:
        settings |= {"model.labels_per_box": "one", **dict.fromkeys(_FOCAL)}
    return frames | {key: value for key, value in settings.items() if value is not None}, notes


_FOCAL = ("train.focal_alpha", "train.focal_gamma")
"""What boxes with one label each do not have here."""


def _frames(assigned: Assigned) -> tuple[Settings, tuple[str, ...]]:
    """Which frames are a key frame's, and notes for the user: SampleAVAFrames of mmaction2."""
    fps, kind = _or(_of_data(assigned, "fps"), FPS), _of_data(assigned, "type")
    first = _or(_of_data(assigned, "start_index"), 0 if kind == "AVAKineticsDataset" else 1)
    # What 1.x adds to the frames twice is nothing here, so that they are those of 0.x.
    protocol: Settings = {"test.protocol": "mmaction2"} if first == 0 else {}
    if fps == 1:
        rate = MULTISPORTS["detection.rate"]
        return MULTISPORTS | protocol, (
            f"its times are numbers of frames, here at MultiSports' {rate} a second: "
            f"detection.rate={rate}, data.target_fps={rate}",
        )
    if fps == FPS:
        return protocol, ()
    return protocol | {"data.target_fps": fps, "data.frame_fps": fps}, (
        f"its clips count {shown(fps)} frames a second (data.target_fps, data.frame_fps)",
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


def _or(value: Any, default: Any) -> Any:
    """A value, or mmaction2's where its config leaves it out."""
    return default if value is None else value


def _require(name: str, value: Any, usual: Any) -> None:
    if value not in (None, usual):
        raise WeightsError(f"its config has {name}={shown(value)}; here it is {shown(usual)}")
