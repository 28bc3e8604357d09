"""Clips of the user's own videos, for int8: to calibrate on, and others to compare.

Legend: T frames, H x W pixels.
"""

import dataclasses
import hashlib
import math
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.find import find_videos
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import Progress, logger
from slowfast.predict.runtime.noise import Clips
from slowfast.predict.runtime.runtimes import PrecisionError

CLIPS = 200
"""Clips to calibrate on, and as many others to compare."""
LEAST_CLIPS = 100
"""With fewer, one answer that changes would decide; and fewer are no sample of the videos."""


def calibration_digest(cfg: Config) -> str:
    """Tells the videos to calibrate on, and how, from all others."""
    told = [
        (os.path.abspath(sample.path), sample.num_frames, state_of(sample.path), *sample.span)
        for sample in calibration_videos(cfg)
    ]
    return hashlib.sha256(repr((CLIPS, told)).encode()).hexdigest()[:12]


def calibration_videos(cfg: Config) -> list[Sample]:
    """The videos of ``test.calibration_list``, in an order of no meaning.

    Raises:
        PrecisionError: there is none.
        ListError: it cannot be read.
    """
    if not cfg.test.calibration_list:
        raise PrecisionError(
            "test.precision=int8 needs a list of videos like yours to calibrate on: "
            "--calibration LIST"
        )
    videos = find_videos([cfg.test.calibration_list], cfg.data, several=cfg.train.task != "single")
    samples = [video.sample for video in videos]
    np.random.default_rng(0).shuffle(samples)  # lists are by class
    return samples


def halves(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Videos, or parts of them, to calibrate on, and others to compare; no file is in both, and
    nothing twice."""
    single = {(os.path.realpath(sample.path), sample.span): sample for sample in samples}
    files = list(dict.fromkeys(path for path, _ in single))
    first, second = (
        [sample for (path, _), sample in single.items() if path in half]
        for half in (set(files[::2]), set(files[1::2]))
    )
    return first, second


class Grid(NamedTuple):
    """The views of a video."""

    num_clips: int
    num_crops: int


def views_of(num_videos: int) -> tuple[Grid, int]:
    """The views of each of so many videos, and how many of them are used: as many as make
    ``CLIPS`` of all, and at most 10 x 3, as more are nearly the same pictures."""
    needed = min(math.ceil(CLIPS / max(num_videos, 1)), 30)
    # The only clip of a grid of 1 is at the video's beginning.
    return (Grid(3, 1) if needed <= 3 else Grid(math.ceil(needed / 3), 3)), needed


class Videos:
    """Clips of videos, up to ``CLIPS``."""

    def __init__(self, samples: list[Sample], cfg: Config) -> None:
        self._samples, self._cfg = samples, cfg
        self.number = 0
        """Of the clips that were read last."""

    def clips(self, what: str) -> Iterator[Clips]:
        """Yields each clip, ``[1, T, H, W, 3]``; shows progress.

        Raises:
            PrecisionError: there are fewer than ``LEAST_CLIPS``.
        """
        cfg, samples, self.number = self._cfg, self._samples[:CLIPS], 0
        grid, share = views_of(len(samples))
        expected, faults = self.require(), []
        test = dataclasses.replace(cfg.test, spatial="crops", **grid._asdict())
        progress = Progress(what, expected)
        with Loader(
            MultiViewVideos(samples, cfg.data, test),
            num_workers=min(cfg.data.num_workers, len(samples)),
            describe=lambda index: samples[index].shown,
            seconds=cfg.data.read_seconds,
        ) as loader:
            for (video,) in loader.run([[index] for index in range(len(samples))]):
                if isinstance(video, VideoError):
                    faults.append(str(video))
                    continue
                for clip in clips_of(video, share)[: CLIPS - self.number]:
                    self.number += 1
                    yield clip
                    progress.update(self.number)
        unread = f"{len(faults)} of {len(samples)} cannot be read: {faults[0]}" if faults else ""
        self._require(self.number, unread)
        progress.finish()
        if unread:
            logger.warning(f"{what}: {unread}")

    def require(self) -> int:
        """The number of clips, if all videos can be read.

        Raises:
            PrecisionError: it is below ``LEAST_CLIPS``.
        """
        number = len(self._samples[:CLIPS])
        expected = min(CLIPS, number * views_of(number)[1])
        self._require(expected)
        return expected

    def _require(self, number: int, unread: str = "") -> None:
        if number < LEAST_CLIPS:
            raise PrecisionError(
                f"{self._cfg.test.calibration_list}: for int8, half of its videos must have "
                f"{LEAST_CLIPS} clips, and have {number}: name 10 different videos or more, "
                f"better {2 * CLIPS}{f'; {unread}' if unread else ''}"
            )


def clips_of(video: VideoViews, most: int) -> list[Clips]:
    """Up to ``most`` views of a video, from the middle one on, ``[1, T, H, W, 3]`` each."""
    num_crops, (height, width) = len(video.crops), video.size
    places = [(clip, crop) for crop in range(num_crops) for clip in range(len(video.clips))]
    middle = len(places) // 2
    found = []
    for clip, (y, x) in ((c, video.crops[k]) for c, k in [*places[middle:], *places[:middle]]):
        clip_THWC = video.frames[video.clips[clip]]
        found.append(clip_THWC[None, :, y : y + height, x : x + width])
        if len(found) == most:
            break
    return found
