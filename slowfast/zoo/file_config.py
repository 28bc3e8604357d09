"""Reads a checkpoint's own config: its clips, preprocessing and test, by our keys.

PySlowFast keeps its config beside the weights as YAML text (``cfg``), mmaction2 as the Python text
of an mmcv config (``meta``: ``config`` in 0.x, ``cfg`` in 1.x). The Python text is parsed, and its
literals are read; it is never run.
"""

from typing import Any, NamedTuple

import yaml

from slowfast.models.published import CHARADES
from slowfast.weights.damage import WeightsError, one_line, shown
from slowfast.zoo.architecture import Settings
from slowfast.zoo.box_config import is_mmaction2_detector, mmaction2_boxes, pyslowfast_boxes
from slowfast.zoo.python_literals import Assigned, last_with, read_assignments

LONGEST = 100_000
"""Characters of a config; mmaction2's have about 10,000. Python 3.10's parser ends the process at
about 120,000 brackets or dots in a row."""

FAULTS = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError,
          SyntaxError, TypeError, ValueError)  # fmt: skip
"""Errors of the parsers for a text that is no config."""

FROM_IMAGES = ("ssv2", "charades", "ava", "ptvssv2", "ptvcharades")
"""PySlowFast's data sets that OpenCV reads as pictures, in BGR."""

MMACTION2_TESTS = {"config": None, "cfg": "mmaction2-1.2"}
"""The keys of 0.x's and 1.x's config, and its test.protocol; None: the system's usual one."""


class Embedded(NamedTuple):
    """What a config beside the weights says."""

    settings: Settings
    notes: tuple[str, ...] = ()
    """What its system's test does that our settings cannot express, a sentence each."""


def embedded_settings(content: Any) -> Embedded:
    """The settings of the config in a checkpoint; none if it has none.

    Args:
        content: as ``read_content`` gives it.

    Raises:
        WeightsError: it describes a network that this project does not have.
    """
    content = _as(dict, content)
    texts, cfg = _as(dict, content.get("meta")), content.get("cfg")
    try:
        for key, protocol in MMACTION2_TESTS.items():
            text = texts.get(key)
            if isinstance(text, str) and text.strip():
                return _mmaction2(read_assignments(_short(text)), protocol)
        if isinstance(cfg, str):
            cfg = yaml.load(_short(cfg), _Loader)
        return _pyslowfast(cfg) if isinstance(cfg, dict) else Embedded({})
    except FAULTS as error:
        reason = one_line(error) or type(error).__name__
        return Embedded({}, (f"the config in the file is left out: {reason}",))


class _Loader(yaml.SafeLoader):
    """Knows no merge keys: with them a small text can become a large mapping."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        pass


def _as(kind: type[Any], value: Any) -> Any:
    """A value of a kind; an empty one in place of a value of any other kind."""
    return value if isinstance(value, kind) else kind()


def _short(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} characters, more than {LONGEST:,}")
    return text


def _known(settings: Settings) -> Settings:
    """The settings that have a value, each made ``_simple``."""
    return {key: _simple(value) for key, value in settings.items() if value is not None}


def _simple(value: Any) -> Any:
    """A text, a number below 64 bits or a list of them unchanged; anything else as a text."""
    items = value if isinstance(value, list) else [value]
    is_simple = all(
        item.bit_length() < 64 if isinstance(item, int) else isinstance(item, float | str)
        for item in items
    )
    return value if is_simple else shown(value)


def _pyslowfast(cfg: dict[Any, Any]) -> Embedded:
    """See slowfast/config/defaults.py and slowfast/datasets/ of PySlowFast."""

    def get(section: str, key: str) -> Any:
        return _as(dict, cfg.get(section)).get(key)

    detects = get("DETECTION", "ENABLE") is True
    _refuse_pyslowfast(get, detects)
    dataset = _dataset(get("TEST", "DATASET"))
    jitter = _as(list, get("DATA", "TRAIN_JITTER_SCALES"))
    shortest, longest = jitter if len(jitter) == 2 else (None, None)
    crops, crop = get("TEST", "NUM_SPATIAL_CROPS"), get("DATA", "TEST_CROP_SIZE")
    ptv = dataset.startswith("ptv")
    clips = "pytorchvideo" if ptv else "pyslowfast" if get("TEST", "DATASET") else None
    at_centre = crops == 1 and dataset == "kinetics"
    several = get("MODEL", "HEAD_ACT") == "sigmoid" or get("DATA", "MULTI_LABEL") is True
    settings = {
        "model.alpha": get("SLOWFAST", "ALPHA"),
        "data.num_frames": get("DATA", "NUM_FRAMES"),
        "data.sampling_stride": get("DATA", "SAMPLING_RATE"),
        "data.target_fps": get("DATA", "TARGET_FPS"),
        "data.mean": get("DATA", "MEAN"),
        "data.std": get("DATA", "STD"),
        "data.min_short_side": shortest,
        "data.max_short_side": longest,
        "data.crop_size": get("DATA", "TRAIN_CROP_SIZE"),
        "test.num_clips": get("TEST", "NUM_ENSEMBLE_VIEWS"),
        "test.num_crops": crops,
        # The smallest side of the jitter, where one crop does not need to be at the edges.
        "test.short_side": shortest if dataset == "ptvkinetics" or at_centre else crop,
        "test.crop_size": crop,
        "test.average_clips": "max" if get("DATA", "ENSEMBLE_METHOD") == "max" else None,
        "test.protocol": clips,
        "train.task": "multi" if several else None,
    }
    if on_charades := dataset.removeprefix("ptv") == "charades":
        settings |= CHARADES  # its frames are counted, and TARGET_FPS has no part in it
    if get("MODEL", "ARCH") not in ("slowfast", None):
        settings["model.alpha"] = None  # a default, which one pathway has no use for
    if detects:
        settings |= pyslowfast_boxes(get)
        return Embedded(_known(settings))
    notes = []
    if not on_charades and dataset.removeprefix("ptv") != "kinetics":
        notes.append(
            f"PySlowFast tests on {dataset}, where it spreads a clip's frames in another "
            "way; here every clip spans data.sampling_stride frames per frame"
        )
    if dataset == "ptvcharades":
        notes.append("PyTorchVideo begins its clips of Charades at other frames than PySlowFast")
    return Embedded(_known(settings), tuple(notes))


def _dataset(name: Any) -> str:
    return one_line(name).lower() if isinstance(name, str) and name else "kinetics"


def _refuse_pyslowfast(get: Any, detects: bool) -> None:
    """Raises a WeightsError for what our network cannot do and the tensors' shapes do not tell."""
    last = 1 if detects else 2
    usual: dict[str, list[Any]] = {
        "STRIDE_1X1": [False],
        "SPATIAL_STRIDES": [[[1], [2], [2], [last]], [[1, 1], [2, 2], [2, 2], [last, last]]],
        "SPATIAL_DILATIONS": [[[1]] * 4, [[1, 1]] * 4],
    }
    for key, values in usual.items():
        value = get("RESNET", key)
        if key == "SPATIAL_DILATIONS" and detects:  # res5 may have any
            value = value and [*_as(list, value)[:3], values[len(_as(list, value[0])) - 1][3]]
        if value not in (None, *values):
            fault = f"its config has RESNET.{key}={shown(value)}, which SlowFast does not have"
            raise WeightsError(fault)
    # It turns OpenCV's BGR pictures into RGB, but videos, which are RGB already, into BGR.
    reverse = get("DATA", "REVERSE_INPUT_CHANNEL")
    dataset = _dataset(get("TRAIN", "DATASET"))
    if reverse is not None and not detects and bool(reverse) != (dataset in FROM_IMAGES):
        raise WeightsError(
            f"its config has DATA.REVERSE_INPUT_CHANNEL={shown(reverse)} with the data set "
            f"{dataset}: it has seen BGR pictures, here all are RGB"
        )


def _mmaction2(assigned: Assigned, protocol: str | None) -> Embedded:
    """See configs/recognition/slowfast/ of mmaction2."""
    alpha = last_with(assigned, "model", "backbone", "speed_ratio")
    rate = last_with(assigned, "model", "backbone", "resample_rate")
    if rate is not None and not (isinstance(rate, int) and rate == alpha):
        raise WeightsError(
            f"its config has resample_rate={shown(rate)} and speed_ratio={shown(alpha)}: its "
            "fast pathway leaves frames out"
        )
    pipeline = _pipeline(assigned)
    sample = _step(pipeline, "SampleFrames") or _step(pipeline, "SampleAVAFrames")
    scale = _as(list, _step(pipeline, "Resize").get("scale"))
    sides = [side for side in scale if isinstance(side, int) and side > 0]
    three, centre = _step(pipeline, "ThreeCrop"), _step(pipeline, "CenterCrop")
    preprocessor = _as(dict, last_with(assigned, "model", "data_preprocessor"))
    normalize = _step(pipeline, "Normalize") or preprocessor
    if normalize.get("to_bgr") is True:
        raise WeightsError("its config has to_bgr=True: it has seen BGR pictures, here all are RGB")
    places = ("model", "cls_head"), ("model", "test_cfg"), ("test_cfg",)
    averages = [last_with(assigned, *place, "average_clips") for place in places]
    average = next(filter(None, averages), None)
    several = _is_multi_label(assigned)
    settings = {
        "model.alpha": alpha,
        "data.num_frames": sample.get("clip_len"),
        "data.sampling_stride": sample.get("frame_interval"),
        "data.mean": _of_one(normalize.get("mean")),
        "data.std": _of_one(normalize.get("std")),
        "test.num_clips": sample.get("num_clips", 1 if sample else None),
        "test.num_crops": 3 if three else 1 if centre else None,
        "test.short_side": sides[0] if len(sides) == 1 else None,  # beside -1
        "test.crop_size": (three or centre).get("crop_size"),
        "test.average_clips": average if average in ("prob", "score") else None,
        "test.protocol": protocol,
        "train.task": "multi" if several else None,
    }
    if is_mmaction2_detector(assigned):
        boxes, notes = mmaction2_boxes(assigned)
        whole = {"test.crop_size": settings["test.short_side"]}  # which has no part in it
        return Embedded(_known(settings | boxes | whole), notes)
    notes = ("mmaction2 averages softmax over the views, here sigmoid: its classes do not exclude "
             "each other",)  # fmt: skip
    return Embedded(_known(settings), notes if several and average == "prob" else ())


def _is_multi_label(assigned: Assigned) -> bool:
    """Whether a video has several labels: by the head, its loss or the data set (MultiClass)."""
    head, data = ("model", "cls_head"), (("data", "test"), ("test_dataloader", "dataset"))
    loss = _as(dict, last_with(assigned, *head, "loss_cls")).get("type")
    marks = [last_with(assigned, *place, "multi_class") for place in (head, *data)]
    return loss == "BCELossWithLogits" or True in marks


def _pipeline(assigned: Assigned) -> list[Any]:
    """The steps of mmaction2's test: of the test's data (0.x, 1.x), or assigned by name; or of the
    validation's, which is the test's for detection."""
    places = ("data", "test", "pipeline"), ("test_dataloader", "dataset", "pipeline")
    of_boxes = ("val_dataloader", "dataset", "pipeline"), ("data", "val", "pipeline")
    for place in (*places, ("test_pipeline",), *of_boxes):
        steps = last_with(assigned, *place)
        if isinstance(steps, list):
            return steps
    return []


def _step(pipeline: list[Any], kind: str) -> dict[Any, Any]:
    """The first step of a kind; empty if there is none."""
    steps = (step for step in pipeline if isinstance(step, dict))
    return next((step for step in steps if step.get("type") == kind), {})


def _of_one(values: Any) -> Any:
    """The three colours' values, from 0..255 to 0..1."""
    if isinstance(values, list) and all(isinstance(value, int | float) for value in values):
        return [round(value / 255, 6) for value in values]
    return values
