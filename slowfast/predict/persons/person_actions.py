"""What is found in a video, and what its persons are seen doing.

Legend: K boxes of a key frame, A actions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slowfast.config import Config
from slowfast.data.boxes.action_lists import class_numbers
from slowfast.data.clips.sliding import VideoTimes
from slowfast.metrics.accuracy import best_classes, name_of
from slowfast.predict.persons.key_rows import KeyFrameRows, KeyPart
from slowfast.predict.persons.tracks import numbered
from slowfast.predict.runtime.built import Row


class Found(NamedTuple):
    """What is found in a video."""

    keys: list[KeyFrameRows]
    persons: list[list[int]]
    """The number of the person in each box of each key frame."""
    size: tuple[int, int]
    """Height and width."""
    video: VideoTimes


def joined(parts: Sequence[KeyPart]) -> Found:
    """What all parts of a video come to."""
    keys = [key for part in parts for key in part.keys]
    persons = numbered([key.boxes for key in keys])
    return Found(keys, persons, max(part.size for part in parts), parts[-1].video)


class AnswerSettings(NamedTuple):
    """How answers are given."""

    labels: list[str] | None
    threshold: float
    """The probability from which on an action is seen."""
    top: int
    """The best actions of a person that are always listed."""
    ids: Sequence[int]
    """The numbers of the actions in annotations."""

    def actions(self, row_A: Row) -> list[tuple[int, float]]:
        """What is listed of a person: the actions that are seen, and the best ones."""
        number = max(self.top, int((row_A >= self.threshold).sum()))
        return [*zip(*best_classes(row_A.astype(np.float64), number), strict=True)]

    def seen(self, row_A: Row) -> list[tuple[str, float]]:
        """The actions that are seen, by name, best first."""
        return [
            (name_of(action, self.labels), value)
            for action, value in self.actions(row_A)
            if value >= self.threshold
        ]


def answer_settings(cfg: Config, labels: list[str] | None, top: int) -> AnswerSettings:
    """How answers are given by a config."""
    number = cfg.model.num_classes
    ids = class_numbers(cfg.detection, number)
    return AnswerSettings(labels, cfg.test.threshold, min(top, number), ids)


class PersonActions(NamedTuple):
    """What a person of a video is seen doing."""

    person: int
    first: float
    """Seconds of the first and the last key frame that show the person."""
    last: float
    actions: list[tuple[str, float]]
    """Those that are seen in most key frames first, with the highest probability of each."""
    nearest: tuple[str, float]
    """The action with the highest probability, seen or not."""


def actions_of_persons(found: Found, settings: AnswerSettings) -> list[PersonActions]:
    """What each person is seen doing, those first that are there longest."""
    of: dict[int, list[tuple[float, Row]]] = {}
    for key, persons in zip(found.keys, found.persons, strict=True):
        for person, row_A in zip(persons, key.rows, strict=True):
            of.setdefault(person, []).append((key.seconds, row_A))
    listed = []
    for person in sorted(of, key=lambda person: (-len(of[person]), person)):
        times, rows_nA = zip(*of[person], strict=True)
        counts, most = (
            (np.stack(rows_nA) >= settings.threshold).sum(axis=0),
            np.max(rows_nA, axis=0),
        )
        order = [action for action in np.lexsort((-most, -counts)).tolist() if counts[action]]
        named = [(name_of(action, settings.labels), float(most[action])) for action in order]
        best = int(most.argmax())
        nearest = name_of(best, settings.labels), float(most[best])
        listed.append(PersonActions(person, times[0], times[-1], named, nearest))
    return listed
