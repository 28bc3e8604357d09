"""What a person detector takes and gives: the forms that are common, and ``MODEL.yaml`` beside the
model, ``MODEL.onnx``, for what is different (docs/answers.md)."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from slowfast.config import ranges
from slowfast.config.parse import read_settings
from slowfast.config.ranges import Natural, Rule, Share
from slowfast.errors import UserError

STRIDES = (8, 16, 32)
"""Pixels of the input for one cell of YOLO's feature maps."""
USUAL_SIDE = 640
"""Of an input whose size the model leaves open, pixels."""


class DetectorError(UserError):
    """A person detector that cannot be used."""


TWO_OR_NONE = Rule(
    "2 numbers, or none", "{} is not a height and a width, or none", lambda x: len(x) in (0, 2)
)
Side = Annotated[
    int, Rule("1 to 4,096", "{} must be between 1 and 4,096", lambda x: 1 <= x <= 4096)
]
Divisor = Annotated[
    float, Rule("1e-6 to 1e6", "{} must be between 1e-6 and 1e6", lambda x: 1e-6 <= x <= 1e6)
]
Shift = Annotated[
    float, Rule("-1e6 to 1e6", "{} must be between -1e6 and 1e6", lambda x: -1e6 <= x <= 1e6)
]


@dataclass(frozen=True)
class DetectorSettings:
    """How a picture becomes a detector's input, and its output boxes."""

    form: Literal[
        "auto", "yolov8", "yolov5", "yolox", "yolov10", "rtdetr", "ssd", "torchvision", "paddle"
    ] = "auto"
    """Which of ``FORMS`` the settings below begin with; auto: by the model's inputs and outputs."""
    size: Annotated[tuple[Side, ...], TWO_OR_NONE] = ()
    """Height and width of the input, pixels; empty: as the model says, else 640 by 640."""
    fit: Literal["stretch", "letterbox", "corner", "none"] = "stretch"
    """Stretched to the size; whole, grey around it; whole, grey below and beside it; as it is."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """The order of the input's channels."""
    divide: Divisor = 1.0
    """What pixel values, 0 to 255, are divided by; then ``mean`` and ``std`` apply."""
    mean: Annotated[tuple[Shift, ...], ranges.COLOURS] = (0.0, 0.0, 0.0)
    """Subtracted, in the order of ``colour``."""
    std: Annotated[tuple[Divisor, ...], ranges.COLOURS] = (1.0, 1.0, 1.0)
    """By which the difference is divided."""
    boxes: str = ""
    """The name of the output with the boxes, ``[..., 4]``, where they have one of their own."""
    scores: str = ""
    """That with the scores: one a box, or one a class."""
    labels: str = ""
    """That with the number of each box's class; empty: there is none."""
    columns: Literal[
        "", "box scores", "box object scores", "box score label", "label score box"
    ] = ""
    """What a row of the only output with boxes has; ``object scores``: both are multiplied."""
    corners: Literal["xyxy", "yxyx", "cxcywh"] = "xyxy"
    """What the four numbers of a box are; ``c``: of its centre."""
    unit: Literal["pixels", "shares", "picture"] = "pixels"
    """What they are in: pixels of the input, shares of it from 0 to 1, pixels of the picture."""
    grid: bool = False
    """Boxes are relative to the cells of YOLOX, which its export leaves to others."""
    person: Natural = 0
    """The number of the class of persons."""
    nms: Share = 0.0
    """Of two boxes that overlap by more than this, intersection over union, the better one stays;
    0: all stay, as the model has chosen already."""
    score: Share = 0.5
    """Least score of a box."""


_YOLO = {"fit": "letterbox", "divide": 255.0, "corners": "cxcywh", "nms": 0.45}
FORMS: dict[str, DetectorSettings] = {
    "yolov8": DetectorSettings(**_YOLO, columns="box scores"),  # type: ignore[arg-type]
    "yolov5": DetectorSettings(**_YOLO, columns="box object scores"),  # type: ignore[arg-type]
    "yolox": DetectorSettings(
        fit="corner", colour="bgr", columns="box object scores", corners="cxcywh", grid=True,
        nms=0.45,
    ),
    "yolov10": DetectorSettings(fit="letterbox", divide=255.0, columns="box score label"),
    "rtdetr": DetectorSettings(
        divide=255.0, columns="box scores", corners="cxcywh", unit="shares"
    ),
    "ssd": DetectorSettings(
        fit="none", boxes="detection_boxes", scores="detection_scores",
        labels="detection_classes", corners="yxyx", unit="shares", person=1,
    ),
    "torchvision": DetectorSettings(
        fit="none", divide=255.0, boxes="boxes", scores="scores", labels="labels", person=1
    ),
    "paddle": DetectorSettings(
        divide=255.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
        columns="label score box", unit="picture",
    ),
}  # fmt: skip
"""YOLOv8, 9 and 11 of Ultralytics, ``[1, 84, 8400]``; YOLOv5 and 7, ``[1, 25200, 85]``; YOLOX,
``[1, 8400, 85]``; YOLOv10 and others that need no suppression, ``[1, 300, 6]``; Ultralytics'
RT-DETR, ``[1, 300, 84]``; TensorFlow's detection models; torchvision's; PaddleDetection's."""


class Port(NamedTuple):
    """An input or output of a model."""

    shape: tuple[int | None, ...]
    """None where the model leaves a side open."""
    dtype: str
    """As numpy names it."""


class Signature(NamedTuple):
    """A model's inputs and outputs by name."""

    inputs: dict[str, Port]
    outputs: dict[str, Port]

    def picture(self) -> str:
        """The name of the input with a picture. Raises a DetectorError if there is none."""
        for name, port in self.inputs.items():
            if len(port.shape) in (3, 4) and 3 in (port.shape[-3], port.shape[-1]):
                return name
        raise DetectorError(
            f"it takes {shown(self.inputs)}, and not a picture of three colours, as a person "
            "detector does"
        )

    def layout(self) -> str:
        """``HWC`` or ``CHW``, with an N before it if the picture's input has four axes."""
        shape = self.inputs[self.picture()].shape
        return ("N" if len(shape) == 4 else "") + ("CHW" if shape[-3] == 3 else "HWC")

    def size(self) -> tuple[int, int] | None:
        """Height and width of the picture, if the model says them."""
        shape = self.inputs[self.picture()].shape
        height, width = shape[-2:] if self.layout().endswith("CHW") else shape[-3:-1]
        return (height, width) if height and width else None


def shown(ports: dict[str, Port]) -> str:
    """Inputs or outputs in a message."""
    return ", ".join(
        f"{name} [{', '.join(str(side or '?') for side in port.shape)}]"
        for name, port in ports.items()
    )


def settings_of(model: Path, signature: Signature) -> DetectorSettings:
    """The settings of a model: those of its form, and over them those of its YAML file.

    Raises:
        ConfigError: the file has an unknown key, or a value that does not fit.
        DetectorError: they do not say which outputs are the boxes.
    """
    signature.picture()
    beside = model.with_suffix(".yaml")
    said = read_settings(beside, DetectorSettings()) if beside.is_file() else DetectorSettings()
    form = recognised(signature) if said.form == "auto" else said.form
    begin = FORMS.get(form, DetectorSettings())
    settings = read_settings(beside, begin) if beside.is_file() else begin
    _require_outputs(settings, signature, beside)
    _require_size(settings, signature, beside)
    return settings


def _require_outputs(settings: DetectorSettings, signature: Signature, beside: Path) -> None:
    """Raises a DetectorError if the settings do not say which outputs are the boxes."""
    own = [name for name in (settings.boxes, settings.scores, settings.labels) if name]
    if settings.columns and own:
        raise DetectorError(
            f"{beside} says columns, of one output, and boxes, scores or labels, of outputs of "
            "their own: leave one out (columns: '')"
        )
    if not settings.columns and not (settings.boxes and settings.scores):
        raise DetectorError(
            f"its outputs are {shown(signature.outputs)}, of which the boxes are not known: say "
            f"it in {beside} (form, or boxes, scores, labels, corners, unit; docs/answers.md)"
        )
    for name in own:
        if name not in signature.outputs:
            raise DetectorError(
                f"it has no output {name}, but {shown(signature.outputs)}: correct {beside}"
            )
    if len({*own}) < len(own):
        raise DetectorError(f"boxes, scores and labels are different outputs: correct {beside}")


def _require_size(settings: DetectorSettings, signature: Signature, beside: Path) -> None:
    """Raises a DetectorError if the model takes no picture of the size that is wanted."""
    if settings.size and signature.size() not in (None, settings.size):
        raise DetectorError(
            f"it takes {shown(signature.inputs)}, and size is {list(settings.size)}: correct "
            f"{beside}"
        )


def recognised(signature: Signature) -> str:
    """Which of ``FORMS`` a model has, by its inputs and outputs; empty: none."""
    outputs = signature.outputs
    if "detection_boxes" in outputs:
        return "ssd"
    if {"boxes", "labels", "scores"} <= outputs.keys():
        return "torchvision"
    if "scale_factor" in signature.inputs:
        return "paddle"
    shapes = [port.shape for port in outputs.values()]
    if len(shapes) != 1 or len(shapes[0]) != 3:
        return ""
    _, rows, columns = shapes[0]
    if columns == 6 and (rows is None or rows <= 1000):
        return "yolov10"
    if rows is not None and rows <= 1000 and columns != 6 and (columns is None or columns > rows):
        return "yolov8"
    height, width = signature.size() or (USUAL_SIDE, USUAL_SIDE)
    cells = sum(math.ceil(height / stride) * math.ceil(width / stride) for stride in STRIDES)
    if rows == cells:
        return "yolox"
    if rows == 3 * cells or rows is None:
        return "yolov5"
    return "rtdetr" if rows <= 1000 else ""
