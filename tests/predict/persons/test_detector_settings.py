"""Which form a detector has, and what its YAML file changes."""

from pathlib import Path

import pytest

from slowfast.config import ConfigError
from slowfast.predict.persons.detector_settings import (
    DetectorError,
    Port,
    Signature,
    recognised,
    settings_of,
)

Shape = tuple[int | None, ...]
PICTURE: dict[str, Shape] = {"images": (1, 3, 640, 640)}


def signature(inputs: dict[str, Shape], outputs: dict[str, Shape]) -> Signature:
    return Signature(
        {name: Port(shape, "float32") for name, shape in inputs.items()},
        {name: Port(shape, "float32") for name, shape in outputs.items()},
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "form"),
    [
        (PICTURE, {"output0": (1, 84, 8400)}, "yolov8"),
        (PICTURE, {"output0": (1, 5, 8400)}, "yolov8"),
        ({"images": (1, 3, None, None)}, {"output0": (1, 84, None)}, "yolov8"),
        (PICTURE, {"output0": (1, 25200, 85)}, "yolov5"),
        (PICTURE, {"output": (1, 8400, 85)}, "yolox"),
        ({"images": (1, 3, 416, 416)}, {"output": (1, 3549, 85)}, "yolox"),
        (PICTURE, {"output0": (1, 300, 6)}, "yolov10"),
        (PICTURE, {"output0": (1, 300, 84)}, "rtdetr"),
        (
            {"image_tensor": (None, None, None, 3)},
            {"detection_boxes": (1, 100, 4), "detection_scores": (1, 100)},
            "ssd",
        ),
        (
            {"image": (3, None, None)},
            {"boxes": (None, 4), "labels": (None,), "scores": (None,)},
            "torchvision",
        ),
        (
            {"image": (1, 3, 640, 640), "scale_factor": (1, 2)},
            {"multiclass_nms3_0.tmp_0": (None, 6), "multiclass_nms3_0.tmp_2": (1,)},
            "paddle",
        ),
        (PICTURE, {"logits": (1, 100, 92), "pred_boxes": (1, 100, 4)}, ""),
    ],
    ids=[
        "yolov8", "yolov8 of one class", "yolov8 of any size", "yolov5", "yolox", "yolox 416",
        "yolov10", "rtdetr", "ssd", "torchvision", "paddle", "detr",
    ],
)  # fmt: skip
def test_forms_are_told_by_shapes(
    inputs: dict[str, Shape], outputs: dict[str, Shape], form: str
) -> None:
    assert recognised(signature(inputs, outputs)) == form


def test_the_yaml_beside_a_model_goes_over_its_form(tmp_path: Path) -> None:
    yolo = signature(PICTURE, {"output0": (1, 84, 8400)})
    plain = settings_of(tmp_path / "m.onnx", yolo)
    assert (plain.fit, plain.score, plain.columns) == ("letterbox", 0.5, "box scores")
    (tmp_path / "m.yaml").write_text("score: 0.25\nperson: 2\n")
    own = settings_of(tmp_path / "m.onnx", yolo)
    assert (own.fit, own.score, own.person) == ("letterbox", 0.25, 2)
    (tmp_path / "m.yaml").write_text("form: yolov5\n")
    assert settings_of(tmp_path / "m.onnx", yolo).columns == "box object scores"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("skore: 1", r"m.yaml: unknown config key 'skore'"),
        ("score: 2", r"m.yaml: score: 2.* must be between 0 and 1"),
        ("mean: [1]", r"m.yaml: mean: .* needs 3 numbers"),
        ("form: best", r"m.yaml: form='best' is not one of auto, yolov8"),
        ("size: [64]", r"m.yaml: size: .64. is not a height and a width, or none"),
        ("size: [64, 96, 3]", r"m.yaml: size: .64, 96, 3. is not a height and a width, or none"),
        ("size: [100000, 100000]", r"m.yaml: size: .* must be between 1 and 4,096"),
        ("divide: 1e-320", r"m.yaml: divide: 1e-320 must be between 1e-6 and 1e6"),
        ("mean: [1e300, 0, 0]", r"m.yaml: mean: .* must be between -1e6 and 1e6"),
        ("std: [1, 1, 0]", r"m.yaml: std: .* must be between 1e-6 and 1e6"),
    ],
    ids=["key", "range", "colours", "form", "one side", "three sides", "huge", "divide", "mean",
         "std"],
)  # fmt: skip
def test_a_yaml_that_does_not_fit(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(ConfigError, match=line):
        settings_of(tmp_path / "m.onnx", signature(PICTURE, {"output0": (1, 84, 8400)}))


def test_outputs_that_nobody_knows_are_asked_for(tmp_path: Path) -> None:
    unknown = signature(PICTURE, {"a": (1, 100, 4), "b": (1, 100)})
    with pytest.raises(DetectorError, match=r"outputs are a \[1, 100, 4\], b \[1, 100\].*m.yaml"):
        settings_of(tmp_path / "m.onnx", unknown)
    (tmp_path / "m.yaml").write_text("boxes: a\nscores: c\n")
    with pytest.raises(DetectorError, match="no output c, but a"):
        settings_of(tmp_path / "m.onnx", unknown)
    (tmp_path / "m.yaml").write_text("boxes: a\nscores: b\n")
    assert settings_of(tmp_path / "m.onnx", unknown).scores == "b"


def test_a_model_of_clips_is_no_detector(tmp_path: Path) -> None:
    clips = signature({"clips": (None, 32, None, None, 3)}, {"rows": (None, 400)})
    with pytest.raises(
        DetectorError, match=r"takes clips \[\?, 32, \?, \?, 3\], and not a picture"
    ):
        settings_of(tmp_path / "m.onnx", clips)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("boxes: b\ncolumns: box scores", "m.yaml says columns, of one output, and boxes, scores"),
        ("scores: labels", "boxes, scores and labels are different outputs: correct .*m.yaml"),
        (
            "size: [64, 96]",
            r"takes image \[3, 640, 640\], and size is \[64, 96\]: correct .*m.yaml",
        ),
    ],
    ids=["two forms", "one output twice", "another size"],
)
def test_a_yaml_that_contradicts(tmp_path: Path, text: str, line: str) -> None:
    own = signature(
        {"image": (3, 640, 640)}, {"boxes": (None, 4), "labels": (None,), "scores": (None,)}
    )
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DetectorError, match=line):
        settings_of(tmp_path / "m.onnx", own)
