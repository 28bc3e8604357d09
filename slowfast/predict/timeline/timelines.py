"""What happens when, in videos of any length: windows slide over each, and neighbours that agree
become segments.

Legend: N windows, K classes.
"""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import distinct_frames, open_sample
from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import Picture, Pictures, VideoError
from slowfast.errors import printable
from slowfast.files import FolderError, sole_writer
from slowfast.journal import Journal
from slowfast.log import Progress, logger, over_bar, say
from slowfast.metrics.accuracy import name_of
from slowfast.predict.annotate.answers import require_own_files
from slowfast.predict.answer import require_classifier
from slowfast.predict.long_videos import EarlierParts, Part, joined_parts, sliding_rows
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.timeline import kept_windows, timeline_files
from slowfast.predict.timeline.captions import write_captioned
from slowfast.predict.timeline.kept_windows import Found, Video
from slowfast.predict.timeline.segments import Scores, Seconds, Segment, cell_edges, find_segments
from slowfast.predict.timeline.timeline_files import beside
from slowfast.predict.views import own_batches

THUMBS, THUMB_SIDE, LONGEST_THUMB = 12, 96, 384
"""Frames above the picture of a timeline; their short side, and their long one at most, pixels."""


class Windows(NamedTuple):
    """What the windows of a video come to."""

    seconds: Seconds
    """Start and end of each ``[N, 2]``, on a player's clock."""
    scores: Scores
    """Probabilities ``[N, K]``."""
    video: VideoTimes


def timeline_rows(
    backend: Backend, samples: list[Sample], cfg: Config, *,
    report: Callable[[float, int], None] = lambda done, windows: None,
    kept: EarlierParts | None = None, seen: Callable[[int, Part], None] = lambda index, part: None,
) -> Iterator[tuple[int, Windows | VideoError]]:  # fmt: skip
    """Yields each video's index and windows, or its VideoError, as they become ready. For the
    arguments see ``sliding_rows``.

    Args:
        backend: of kind ``prob``.
    """
    rows = sliding_rows(
        backend, samples, cfg, every=cfg.timeline.every, report=report, kept=kept, seen=seen
    )
    for index, found in rows:
        yield index, found if isinstance(found, VideoError) else windows_of(found)


def windows_of(parts: list[Part]) -> Windows | VideoError:
    """What all parts of a video come to."""
    joined, video = joined_parts(parts), parts[-1].video
    if isinstance(joined, VideoError):
        return joined
    seconds, rows = joined
    return Windows(seconds + video.begins, rows, video)


def timelines(
    backend: Backend, listed: list[Named], labels: list[str] | None, cfg: Config, *,
    weights: str, folder: Path, top: int, annotate: Path | None = None,
) -> None:  # fmt: skip
    """Writes each video's timeline into a folder, and prints it; the processes share the videos.
    What is there already stays, if it is of the same weights and settings, and of files that have
    not changed.

    Args:
        backend: of kind ``prob``.
        listed: the videos, with the names for their files.
        labels: the names of the classes.
        weights: a digest of the weights.
        top: the best classes that are written for each window.
        annotate: a folder that gets each video with the labels of its segments.

    Raises:
        ListError: two videos have the same name.
        FolderError: another run is writing there, or a file there is not of this function.
        OSError: the disk is full, or similar; what was kept before stays.
        VideoError: at the end, if videos could not be read, or not be written to ``annotate``.
    """
    require_classifier(cfg, "a timeline")
    run = _Run(labels, cfg, weights, top)
    if annotate:
        require_own_files(annotate, listed)
    with contextlib.ExitStack() as opened:

        def begin() -> tuple[list[Video], list[Video]]:
            """All videos, and those that have no timeline yet."""
            opened.enter_context(sole_writer(folder, "writing timelines"))
            videos = kept_windows.videos_of(listed, weights, folder, cfg)
            videos = [kept_windows.begin(video) for video in videos]
            return videos, [video for video in videos if run.found(video) is None]

        videos, todo = distributed.on_first(begin)
        if not folder.is_dir():
            raise FolderError(f"{folder} is not there for all processes: name one that all see")
        if len(todo) < len(videos):
            logger.info(f"{len(videos) - len(todo):,} of {len(videos):,} timelines are there")
        faults = distributed.gather(_compute_own(backend, todo, run))

        def end() -> list[tuple[Found, Path] | None]:
            """Writes what is of all videos; gives what is in each, and where its picture is."""
            for line in chain(*faults[1:]):  # its own, the first, are already logged
                logger.warning(f"unreadable: {line}")
            found = {video: one for video in videos if (one := run.found(video))}
            for video, one in found.items():
                if video not in run.shown:
                    run.show(video, one)
            by_name = {os.path.relpath(v.path, folder): one.segments for v, one in found.items()}
            timeline_files.write_all(folder, by_name, labels)
            say(folder)
            of = {v.sample.place: (one, beside(v.path, ".png")) for v, one in found.items()}
            return [of.get(each.sample.place) for each in listed]

        pairs = distributed.on_first(end)
    failed = 0
    if annotate:
        failed = write_captioned(annotate, listed, pairs, labels, cfg, run.digest)
    if unread := len([*chain(*faults)]):
        raise VideoError(f"{unread:,} of {len(videos):,} videos could not be read")
    if failed:
        raise VideoError(f"{failed:,} of {len(videos):,} videos are not in {annotate}, see above")


def _compute_own(backend: Backend, todo: list[Video], run: "_Run") -> list[str]:
    """Computes this process's share; returns the unreadable videos with their reasons."""
    shares = own_batches([video.sample for video in todo], 1, run.cfg)
    own, kept = _without_windows([todo[index] for index in chain(*shares)], run)
    counts = [sum(len(part.rows) for part in kept.get(index, ())) for index in range(len(own))]
    if sum(counts):
        logger.info(f"{sum(counts):,} windows are there from an earlier run")
    samples = [video.sample for video in own]
    progress = Progress("timeline", 100, show=bool(own) and distributed.rank() == 0)
    with contextlib.ExitStack() as opened:
        journals: dict[int, Journal] = {}

        def seen(index: int, part: Part) -> None:
            if index not in journals:
                journals[index] = opened.enter_context(own[index].journal())
            kept_windows.keep_part(journals[index], own[index], counts[index], part)
            counts[index] += len(part.rows)

        def report(done: float, windows: int) -> None:
            progress.update(100 * done / len(own), f"{windows:,} windows")

        rows = timeline_rows(backend, samples, run.cfg, report=report, kept=kept, seen=seen)
        for index, found in rows:
            if index in journals:
                journals.pop(index).close()
            if isinstance(found, VideoError):
                run.note(own[index], found)
            else:
                run.write(own[index], found)
    progress.finish(f"{len(own) - len(run.faults):,} videos")
    return run.faults


def _without_windows(videos: list[Video], run: "_Run") -> tuple[list[Video], EarlierParts]:
    """Writes the videos of which all windows are kept; returns the others, and the windows that
    are kept of these."""
    left: list[Video] = []
    kept = {}
    for video in videos:
        parts = kept_windows.kept_parts(video)
        if parts and parts[-1].is_last:
            found = windows_of(parts)
            assert isinstance(found, Windows)  # what is kept is finite
            run.write(video, found)
            continue
        if parts:
            kept[len(left)] = parts
        left.append(video)
    return left, kept


class _Run:
    """What timelines are made with, which have been printed, and what could not be read."""

    def __init__(self, labels: list[str] | None, cfg: Config, weights: str, top: int) -> None:
        self.cfg, self.shown, self.faults = cfg, set[Video](), list[str]()
        self._labels, self._weights, self._top = labels, weights, top
        self._settings = dataclasses.asdict(cfg.timeline)
        depends_on = repr([self._settings, labels, top])
        of_windows = sorted(kept_windows.settings_of_windows(cfg).items())
        self.digest = f"{weights} {depends_on} {of_windows}"
        self._files = hashlib.sha256(depends_on.encode(errors="surrogateescape")).hexdigest()[:16]

    def found(self, video: Video) -> Found | None:
        """What is in a video, if its files are there."""
        return kept_windows.kept_found(video, self._files)

    def write(self, video: Video, windows: Windows) -> None:
        """Prints a video's segments, and writes its files."""
        seconds, scores, times = windows
        segments = find_segments(seconds, scores, self.cfg.timeline)
        window, label = np.unravel_index(np.argmax(scores), scores.shape)
        start, end = seconds[window].tolist()
        best = Segment(start, end, int(label), float(scores[window, label]))
        found = Found(segments, best, times)
        if distributed.rank() == 0:
            self.show(video, found)  # first: no full disk takes them
        try:
            self._write_files(video, windows, segments)
        except OSError:
            raise
        except Exception as error:  # whatever it is, the other videos go on
            self.note(video, error)
        else:
            kept_windows.keep_found(video, found, self._files)

    def note(self, video: Video, error: Exception) -> None:
        """Logs why a video cannot be read, or drawn."""
        self.faults.append(reason_of(video.sample.shown, error))
        logger.warning(f"unreadable: {self.faults[-1]}")

    def _write_files(self, video: Video, windows: Windows, segments: list[Segment]) -> None:
        # Here: matplotlib takes half a second to import.
        from slowfast.predict.timeline.timeline_picture import draw_timeline

        seconds, scores, times = windows
        sample = video.sample
        head = {
            "video": sample.path, **sample.times, "fps": round(times.fps, 4),
            "duration": round(times.length, 3), "first_frame": round(times.begins, 3),
            "weights": self._weights,
            "settings": kept_windows.settings_of_windows(self.cfg)
            | {f"timeline.{key}": value for key, value in self._settings.items()},
        }  # fmt: skip
        timeline_files.write_video(
            video.path, head, seconds, scores, segments, self._labels, self._top
        )
        draw_timeline(
            cell_edges(seconds), scores, segments, beside(video.path, ".png"),
            name_of=lambda label: name_of(label, self._labels),
            title=os.path.basename(sample.shown),
            thumbs=video_thumbs(sample, self.cfg),
        )  # fmt: skip

    def show(self, video: Video, found: Found) -> None:
        """Prints a video's segments."""
        self.shown.add(video)
        text = timeline_files.table(found.segments, found.best, self._labels)
        print(over_bar(f"{printable(video.sample.shown)}\n{text}\n"), flush=True)


def video_thumbs(sample: Sample, cfg: Config) -> Pictures:
    """Frames spread over a video ``[n, H, W, 3]``; none if they cannot be read any more. They are
    read in this process, for less memory: a reader has decoded the file to its end by now."""
    try:
        reader, _ = open_sample(sample, cfg.data)
        try:
            frames, places = distinct_frames(
                reader, lambda count: np.arange(THUMBS) * count // THUMBS, _thumb
            )
        finally:
            reader.close()
    except VideoError:
        return np.zeros((0, 1, 1, 3), np.uint8)
    return frames[places]


def _thumb(picture: Picture) -> Picture:
    height, width, _ = picture.shape
    scale = min(THUMB_SIDE / min(height, width), LONGEST_THUMB / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
