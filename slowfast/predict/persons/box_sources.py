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
from slowfast.data.boxes.boxes_files import ENDINGS, read_boxes
from slowfast.data.clips.datasets import frame_at
from slowfast.data.clips.key_sliding import Seconds
from slowfast.data.clips.window_reader import is_inside
from slowfast.data.find import without_ending
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, Sample
from slowfast.data.video.reader import Picture, VideoError
from slowfast.errors import printable
from slowfast.files import file_digest
from slowfast.log import logger
from slowfast.predict.persons.detector_settings import DetectorError
from slowfast.predict.persons.file_boxes import BoxesOf, usable_boxes
from slowfast.predict.persons.person_detectors import PersonDetector
from slowfast.predict.runtime.runtimes import BackendError

WHOLE = "whole"
"""In place of a file of boxes: one box, all of the picture."""
EVERY = 1.0
"""Seconds from one key frame to the next, as in AVA."""
LARGEST = 1 << 20
"""Pixels of a long side that no picture has."""
SHOWN = 3
"""Names in a message."""
AVA_START = 900
"""The time of the first frame of AVA's films, in its annotations."""


class BoxSource:
    """Where the key frames of a video are, and the boxes in them.

    By default every ``every`` seconds, and all of the picture is the box.

    Args:
        detection: says how times are annotated.
    """

    longest = 0
    """Pixels of the long side of the pictures that ``boxes`` needs; 0: it needs none."""

    def __init__(self, detection: DetectionConfig, every: float = EVERY) -> None:
        self._every, self._start, self._rate = every, detection.start, detection.rate
        self.about = "the whole picture"
        self.digest = f"{WHOLE} {every} {self._start} {self._rate}"
        """Tells boxes and key frames, and their times, from all others."""

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
        return round(key * self._rate + self._start, 3)

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        """The boxes of a key frame. Raises a VideoError if they cannot be found."""
        return (ava.WHOLE,)

    def hint(self) -> str:
        """What may be wrong with the boxes of all key frames so far; empty: nothing is known."""
        return ""


class Detected(BoxSource):
    """The persons that a detector finds."""

    def __init__(
        self, detector: PersonDetector, detection: DetectionConfig, every: float = EVERY
    ) -> None:
        super().__init__(detection, every)
        self._detector = detector
        self.longest = detector.longest_side
        self.about = detector.about
        self.digest = f"{detector.digest} {self.digest}"

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        try:
            return self._detector(picture)
        except (BackendError, DetectorError) as error:
            raise VideoError(f"at {key:g} s: {error}") from error

    def hint(self) -> str:
        return self._detector.hint


class FromFile(BoxSource):
    """The boxes of a file, at its times.

    Args:
        path: see ``boxes_files.py``.
        samples: the videos; one is called in the file as its own file is, with or without ending.

    Raises:
        ListError: the file cannot be read, or it has no box of any of the videos.
    """

    def __init__(self, path: Path, samples: Sequence[Sample], cfg: Config) -> None:
        super().__init__(cfg.detection)
        self._path, self._samples = path, samples
        by_name = {name: i for i, sample in enumerate(samples) for name in names_of(sample)}

        @functools.cache
        def size_of(video: str) -> tuple[int, int]:
            with contextlib.suppress(KeyError, VideoError):  # its boxes are not used
                height, width, _ = frame_at(samples[by_name[video]], cfg.data, 0, LARGEST).shape
                return width, height
            return LARGEST, LARGEST

        self._found: BoxesOf = {}
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
        used = [video for video in dict.fromkeys(self._videos) if video]
        usable = usable_boxes(path, {video: self._found[video] for video in used}, cfg.detection)
        self._found |= usable
        self._tell_shared(samples)
        self.about = path.name
        least, best = cfg.detection.box_score, cfg.detection.keeps_best
        depends_on = f"{file_digest(path)} {self._start} {self._rate} {least} {best}"
        self.digest = hashlib.sha256(depends_on.encode()).hexdigest()[:16]

    def _tell_shared(self, samples: Sequence[Sample]) -> None:
        """Says which videos have the same boxes, as they have one name."""
        paths: dict[str, set[str]] = {}
        for sample, video in zip(samples, self._videos, strict=True):
            paths.setdefault(video, set()).add(os.path.abspath(sample.path))
        for video, own in paths.items():
            if video and len(own) > 1:
                logger.warning(
                    f"{self._path}: {len(own):,} videos are called {printable(video)}, and each "
                    f"gets its boxes: {printable(', '.join(sorted(own)[:SHOWN]))}"
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
                f"video, which has {self.time(place, begin):g} to {self.time(place, end):g} "
                f"({self._advice(times)})"
            )
        if len(outside):
            logger.warning(
                f"{self._path}: {len(outside):,} of {len(times):,} times of {video} are outside of "
                f"the video and left out, the first is {outside[0]:g}"
            )
        return keys

    def _advice(self, times: NDArray[np.float64]) -> str:
        """What else the times may be."""
        if times[-1] < self._start:
            return "-o detection.start=0 if they count seconds from its first frame"
        frames = "detection.rate=25 data.target_fps=25 if they are numbers of frames, 25 a second"
        if times[0] < AVA_START or self._start == AVA_START:
            return f"-o {frames}"
        return f"-o detection.start={AVA_START} if they are AVA's, {frames}"

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
        return Detected(PersonDetector(detector, score), cfg.detection, every)
    if boxes is None or boxes == WHOLE:
        return BoxSource(cfg.detection, every)
    if Path(boxes).suffix.lower() not in ENDINGS:
        raise ListError(
            f"--boxes {boxes}: a file of boxes ends in {', '.join(ENDINGS)}; {WHOLE} takes all of "
            "the picture"
        )
    return FromFile(Path(boxes), samples, cfg)


def names_of(sample: Sample) -> list[str]:
    """What a file may call a video: its file's name without ending, and with it."""
    name = os.path.basename(os.path.abspath(sample.path))
    return [without_ending(name), name]


def _named(sample: Sample, found: BoxesOf) -> str:
    """How a file calls the video; empty if it is not there."""
    return next((name for name in names_of(sample) if name in found), "")
