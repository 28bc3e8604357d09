"""Writes videos with the labels of their segments drawn in, which change as the video goes on."""

import functools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from slowfast.config import Config
from slowfast.data.find import Named
from slowfast.files import atomic
from slowfast.metrics.accuracy import name_of
from slowfast.predict.annotate.answers import IN_VIDEO, Best, files_of, show_answers
from slowfast.predict.annotate.drawn_labels import annotate_video
from slowfast.predict.timeline.kept_windows import Found
from slowfast.predict.timeline.segments import Segment

Captions = list[tuple[float, float, str, float]]
"""Start and end (seconds after the first frame), label and score of each segment."""


def write_captioned(
    folder: Path, videos: Sequence[Named], found: Sequence[tuple[Found, Path] | None],
    labels: list[str] | None, cfg: Config, digest: str,
) -> int:  # fmt: skip
    """Writes into the folder, for each video with a timeline, the video with the labels of its
    segments, and the timeline's picture; see ``show_answers``.

    Args:
        found: what is in each video, and where its timeline's picture is.
    """
    answers = [
        one and (captions_of(one[0].segments, one[0].video.begins, labels), one[1]) for one in found
    ]
    return show_answers(folder, videos, answers, cfg, digest, show=_show)


def captions_of(segments: Sequence[Segment], begins: float, labels: list[str] | None) -> Captions:
    """The segments of a video, by the time of its frames, the first of which is at ``begins``."""
    return [
        (start - begins, end - begins, name_of(label, labels), score)
        for start, end, label, score in segments
    ]


def best_at(captions: Captions, seconds: float, most: int) -> Best:
    """What is seen at a time: so many labels at most, with scores, best first."""
    now = [(name, score) for start, end, name, score in captions if start <= seconds < end]
    return sorted(now, key=lambda each: -each[1])[:most]


def _show(
    folder: Path, video: Named, answer: tuple[Captions, Path], cfg: Config,
    report: Callable[[float], None],
) -> None:  # fmt: skip
    captions, drawn = answer
    new, picture = files_of(folder, video.name)
    with open(drawn, "rb") as source, atomic(picture) as target:
        shutil.copyfileobj(source, target)
    shown = functools.partial(best_at, captions, most=IN_VIDEO[cfg.train.task])
    annotate_video(video.sample, new, shown, cfg.data, report)
