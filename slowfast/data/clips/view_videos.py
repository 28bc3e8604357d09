"""From a sample to what the loader ships for a test: a video, decoded once, with its views.

Numpy and OpenCV, no Paddle, so that it runs in reader processes.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from slowfast.config import DataConfig, TestConfig
from slowfast.data.clips import transforms
from slowfast.data.clips.datasets import distinct_frames, open_sample
from slowfast.data.clips.facts import Facts, Watched, area_of, facts_of
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import ClipGrid
from slowfast.data.samples import Label, Sample
from slowfast.data.video.reader import Indices, Pictures


@dataclass
class VideoViews:
    """One video, decoded once, and where its views lie in it."""

    frames: Pictures
    """The distinct frames that the views need ``[F, H, W, 3]``, resized."""
    clips: Indices
    """For each clip, the positions of its T frames in ``frames``: ``[num_clips, T]``."""
    crops: list[tuple[int, int]]
    """Top left corner ``(y, x)`` of each crop."""
    size: tuple[int, int]
    """Height and width of the crops."""
    label: Label
    index: int
    facts: Facts | None = None
    """Where they are from, if their reader ``tells``."""

    @property
    def num_views(self) -> int:
        """Each crop of each clip."""
        return len(self.clips) * len(self.crops)


class MultiViewVideos:
    """Videos with the views of the multi-view test, see ``protocols.py``; each is opened once. With
    their ``facts`` if ``tells``."""

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig, *, tells: bool = False
    ) -> None:
        self.samples, self.data, self.test, self.tells = samples, data, test, tells

    def __call__(self, index: int) -> VideoViews:
        data, test, sample = self.data, self.test, self.samples[index]
        reader, _ = open_sample(sample, data)
        protocol = PROTOCOLS[test.protocol]
        grid = ClipGrid(test.num_clips, data.num_frames, data.sampling_stride, data.target_fps)
        # Each at once: 300 frames of 1080p as decoded would be 1.9 GB.
        each = functools.partial(
            transforms.resize_short_side,
            short_side=test.short_side, scaled=protocol.size, in_float=protocol.in_float,
        )  # fmt: skip

        def clips(count: int) -> Indices:
            return protocol.clips(count, reader.fps, grid)

        watched = Watched(each) if self.tells else None
        counts = protocol.counts_frames
        frames, places = distinct_frames(reader, clips, watched or each, counts)
        _, height, width, _ = frames.shape
        crops, size = [(0, 0)], (height, width)
        if test.spatial == "crops":
            crops = protocol.crops(height, width, test.crop_size, test.num_crops)
            size = test.crop_size, test.crop_size
        found = VideoViews(frames, places, crops, size, sample.label, index)
        if watched:
            source, numbers = watched.source, clips(reader.num_frames)
            areas = [area_of(source, (height, width), corner, size) for corner in crops]
            found.facts = facts_of(
                reader, numbers if counts else reader.clocked(numbers), watched,
                areas=areas, short_side=test.short_side,
            )  # fmt: skip
        return found
