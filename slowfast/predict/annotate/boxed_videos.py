"""Writes a video with the persons that were found in it, and a picture of its best moment."""

import bisect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from slowfast.config import Config
from slowfast.data.clips.datasets import frame_at
from slowfast.data.clips.transforms import squared
from slowfast.data.find import Named
from slowfast.data.samples import Corners, Sample
from slowfast.data.video.open import aspect_of
from slowfast.data.video.reader import Picture
from slowfast.files import atomic
from slowfast.predict.annotate.answers import files_of
from slowfast.predict.annotate.drawn_boxes import Actions, Person, with_persons
from slowfast.predict.annotate.drawn_labels import MOST_SIDE, redraw_video
from slowfast.predict.persons.tracks import BRIDGED

DrawnKeyFrames = list[tuple[float, list[tuple[int, Corners, Actions]]]]
"""Of each key frame its seconds, from the video's first frame on, and of each person there the
number, the box, and what it is seen doing."""


class _Seen(NamedTuple):
    """A person at a key frame."""

    place: int
    """Of the key frame among all."""
    seconds: float
    corners: Corners
    actions: Actions


class Moving:
    """The persons of a video at any time: between two key frames at which somebody is seen the box
    moves evenly; before the first and behind the last it stays for half the time to the next key
    frame, or to the video's end. The actions are those of the nearest key frame."""

    def __init__(self, drawn: DrawnKeyFrames) -> None:
        times = [seconds for seconds, _ in drawn]
        gap = float(np.median(np.diff(times))) if len(times) > 1 else float("inf")
        self._gap, self._last = gap, len(times) - 1
        self._seen: dict[int, list[_Seen]] = {}
        for place, (seconds, persons) in enumerate(drawn):
            for number, corners, actions in persons:
                seen = _Seen(place, seconds, corners, actions)
                self._seen.setdefault(number, []).append(seen)

    def at(self, seconds: float) -> list[Person]:
        """The persons at a time, by number."""
        found = (self._person(number, seconds) for number in sorted(self._seen))
        return [person for person in found if person is not None]

    def _person(self, number: int, seconds: float) -> Person | None:
        seen = self._seen[number]
        after = bisect.bisect_right([one.seconds for one in seen], seconds)
        before = seen[after - 1] if after else None
        behind = seen[after] if after < len(seen) else None
        if before and behind and behind.place - before.place <= BRIDGED + 1:
            share = (seconds - before.seconds) / (behind.seconds - before.seconds)
            corners = tuple(
                (1 - share) * one + share * two
                for one, two in zip(before.corners, behind.corners, strict=True)
            )
            near = before if share < 0.5 else behind
            return Person(number, corners, near.actions)  # type: ignore[arg-type]
        for one in (before, behind):
            if one and abs(seconds - one.seconds) <= self._held(one, seconds):
                return Person(number, one.corners, one.actions)
        return None

    def _held(self, seen: _Seen, seconds: float) -> float:
        """For how many seconds a box stays, on the side of this time."""
        at_end = seen.place == (0 if seconds < seen.seconds else self._last)
        return self._gap * (1.5 if at_end else 0.5)


def show_persons(
    folder: Path, video: Named, drawn: DrawnKeyFrames, cfg: Config, report: Callable[[float], None]
) -> None:
    """Writes both files of a video, see ``show_answers``."""
    new, picture = files_of(folder, video.name)
    moving = Moving(drawn)
    frame = frame_at(video.sample, cfg.data, best_moment(drawn), MOST_SIDE)
    frame = squared(frame, aspect_of(video.sample))
    with atomic(picture) as file:
        file.write(png(with_persons(frame, moving.at(best_moment(drawn)))))
    write_boxed(video.sample, new, drawn, cfg, report)


def write_boxed(
    sample: Sample, path: Path, drawn: DrawnKeyFrames, cfg: Config, report: Callable[[float], None]
) -> None:
    """Writes a video with these persons drawn in, see ``redraw_video``."""
    moving = Moving(drawn)
    redraw_video(
        sample, path, lambda picture, seconds: with_persons(picture, moving.at(seconds)),
        cfg.data, report,
    )  # fmt: skip


def best_moment(drawn: DrawnKeyFrames) -> float:
    """The seconds of the key frame that shows most: where the probabilities of what is seen, of all
    persons, add up to most; else where there are most persons."""
    if not drawn:
        return 0.0

    def shows(moment: tuple[float, list[tuple[int, Corners, Actions]]]) -> tuple[float, int]:
        return sum(value for *_, actions in moment[1] for _, value in actions), len(moment[1])

    return max(drawn, key=shows)[0]


def png(picture: Picture) -> bytes:
    """A picture ``[H, W, 3]`` as PNG."""
    _, content = cv2.imencode(".png", picture[:, :, ::-1])
    return bytes(content)
