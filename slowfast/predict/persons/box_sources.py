"""Where boxes come from: a person detector, a file, or the whole picture as one box."""

import contextlib
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config, DetectionConfig
from slowfast.data.boxes import ava
from slowfast.data.boxes.boxes_files import read_boxes
from slowfast.data.clips.datasets import frame_at
from slowfast.data.clips.key_sliding import Seconds
from slowfast.data.clips.window_reader import is_inside
from slowfast.data.find import without_ending
from slowfast.data.lists import ListError
from slowfast.data.samples import Box, Sample
from slowfast.data.video.reader import Picture, VideoError
from slowfast.files import file_digest
from slowfast.log import logger
from slowfast.predict.persons.person_detectors import PersonDetector

WHOLE = "whole"
"""In place of a file of boxes: one box, all of the picture."""
EVERY = 1.0
"""Seconds from one key frame to the next, as in AVA."""
LARGEST = 1 << 20
"""Pixels of a long side that no picture has."""
SHOWN = 3
"""Names in a message."""


class BoxSource:
    """Where the key frames of a video are, and the boxes in them.

    By default every ``every`` seconds, and all of the picture is the box.
    """

    longest = 0
    """Pixels of the long side of the pictures that ``boxes`` needs; 0: it needs none."""

    def __init__(self, every: float = EVERY) -> None:
        self._every = every
        self.about = "the whole picture"
        self.digest = f"{WHOLE} {every}"
        """Tells boxes and key frames from all others."""

    def keys(self, place: int, begin: float, end: float) -> Seconds:
        """The key frames of the video at this place in the list, which lasts from ``begin`` to
        ``end``, seconds; not its first frame, of which only half a window would be there. Raises a
        VideoError if it cannot be known where they are."""
        count = int((end - begin) / self._every)
        keys: Seconds = begin + self._every * np.arange(1.0, count + 1)
        inside = keys[keys <= end - self._every / 2]
        return inside if len(inside) else np.array([(begin + end) / 2])

    def time(self, place: int, key: float) -> float:
        """A key frame's time, as annotated."""
        return round(key, 3)

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        """The boxes of a key frame."""
        return (ava.WHOLE,)


class Detected(BoxSource):
    """The persons that a detector finds."""

    def __init__(self, detector: PersonDetector, every: float = EVERY) -> None:
        super().__init__(every)
        self._detector = detector
        self.longest = detector.longest_side
        self.about = detector.about
        self.digest = f"{detector.digest} {every}"

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        return self._detector(picture)


class FromFile(BoxSource):
    """The boxes of a file, at its times.

    Args:
        path: see ``boxes_files.py``.
        samples: the videos; one is called in the file as its own file is, with or without ending.

    Raises:
        ListError: the file cannot be read, or it has no box of any of the videos.
    """

    def __init__(self, path: Path, samples: Sequence[Sample], cfg: Config) -> None:
        super().__init__()
        self._samples = samples
        self._path, self._start, self._rate = path, cfg.detection.start, cfg.detection.rate
        by_name = {name: i for i, sample in enumerate(samples) for name in names_of(sample)}

        @functools.cache
        def size_of(video: str) -> tuple[int, int]:
            with contextlib.suppress(KeyError, VideoError):  # its boxes are not used
                height, width, _ = frame_at(samples[by_name[video]], cfg.data, 0, LARGEST).shape
                return width, height
            return LARGEST, LARGEST

        self._found: dict[str, dict[float, tuple[Box, ...]]] = {}
        for (video, time), boxes in read_boxes(path, size_of=size_of).items():
            self._found.setdefault(video, {})[time] = boxes
        self._videos = [_named(sample, self._found) for sample in samples]
        if not any(self._videos):
            raise ListError(
                f"{path}: no boxes of {samples[0].path}, but of {self._shown()}: a video is called "
                "there as its file is, with or without ending"
            )
        if unused := len(self._found.keys() - {*self._videos}):
            logger.info(f"{path}: boxes of {unused:,} other videos are not used")
        self._leave_out(cfg.detection)
        self.about = path.name
        least, best = cfg.detection.box_score, cfg.detection.keeps_best
        depends_on = f"{file_digest(path)} {self._start} {self._rate} {least} {best}"
        self.digest = hashlib.sha256(depends_on.encode()).hexdigest()[:16]

    def _leave_out(self, detection: DetectionConfig) -> None:
        """Leaves out the boxes that do not count, and says how many."""
        before = after = 0
        for video in {*self._videos} - {""}:
            for time, boxes in self._found[video].items():
                self._found[video][time] = tuple(ava.kept(boxes, detection))
                before, after = before + len(boxes), after + len(self._found[video][time])
        if after < before:
            logger.warning(
                f"{self._path}: {before - after:,} of {before:,} boxes are below detection."
                f"box_score={detection.box_score:g} and left out"
            )

    def keys(self, place: int, begin: float, end: float) -> Seconds:
        video = self._videos[place]
        if not video:
            raise VideoError(f"{self._path}: no boxes of it, but of {self._shown()}")
        times = np.array(sorted(self._found[video]))
        keys = self._seconds(times)
        unit = 0.0 if self._samples[place].part else 1 / self._rate
        outside = times[~is_inside(keys, begin, end + unit)]
        if len(outside) == len(times):
            raise VideoError(
                f"{self._path}: all its times, {times[0]:g} to {times[-1]:g}, are outside of the "
                f"video, which has {self.time(place, begin):g} to {self.time(place, end):g} (-o "
                "detection.start=0 if they count seconds from its first frame)"
            )
        if len(outside):
            logger.warning(
                f"{self._path}: {len(outside):,} of {len(times):,} times of {video} are outside of "
                f"the video and left out, the first is {outside[0]:g}"
            )
        return keys

    def time(self, place: int, key: float) -> float:
        return round(key * self._rate + self._start, 3)

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        return self._found[self._videos[place]][self.time(place, key)]

    def _seconds(self, times: NDArray[np.float64]) -> Seconds:
        return (times - self._start) / self._rate

    def _shown(self) -> str:
        rest = "" if len(self._found) <= SHOWN else f" and {len(self._found) - SHOWN:,} others"
        return ", ".join([*self._found][:SHOWN]) + rest


def open_source(
    boxes: str | None, detector: str | None, every: float | None, samples: Sequence[Sample],
    cfg: Config, score: float | None = None,
) -> BoxSource:  # fmt: skip
    """What the flags ask for: boxes of a file, or all of the picture, or a detector's.

    Args:
        score: least score of a detector's box; None: as its settings say.

    Raises:
        ListError, DetectorError, ConfigError, OSError: it cannot be used.
    """
    every = every or EVERY
    if detector is not None:
        return Detected(PersonDetector(detector, score), every)
    if boxes is None or boxes == WHOLE:
        return BoxSource(every)
    return FromFile(Path(boxes), samples, cfg)


def names_of(sample: Sample) -> list[str]:
    """What a file may call a video: its file's name without ending, and with it."""
    name = os.path.basename(os.path.abspath(sample.path))
    return [without_ending(name), name]


def _named(sample: Sample, found: dict[str, dict[float, tuple[Box, ...]]]) -> str:
    """How a file calls the video; empty if it is not there."""
    return next((name for name in names_of(sample) if name in found), "")
