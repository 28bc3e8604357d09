"""What the persons of a video are seen doing."""

import numpy as np

from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.samples import Box
from slowfast.predict.persons.key_rows import KeyFrameRows, KeyPart
from slowfast.predict.persons.person_actions import AnswerSettings, actions_of_persons, joined

SAID = AnswerSettings(["stand", "walk", "a, b"], 0.5, 1, [11, 12, 17])
LEFT, RIGHT = Box((0.1, 0.2, 0.4, 0.8)), Box((0.6, 0.2, 0.9, 0.8))


def part(keys: list[KeyFrameRows], is_last: bool) -> KeyPart:
    return KeyPart(keys, (100, 200), VideoTimes(25.0, 6.0, 0.0), is_last)


def key(seconds: float, boxes: tuple[Box, ...], *rows: list[float]) -> KeyFrameRows:
    return KeyFrameRows(seconds, seconds, boxes, np.array(rows, np.float32))


def test_who_is_there_longest_comes_first() -> None:
    last = key(3.5, (RIGHT, LEFT), [0.2, 0.3, 0.4], [0.95, 0.1, 0.7])
    found = joined(
        [part([key(1, (LEFT,), [0.9, 0.6, 0.001]), key(2, ())], False), part([last], True)]
    )
    one, two = actions_of_persons(found, SAID)
    assert (one.person, one.first, one.last) == (1, 1.0, 3.5)
    assert [name for name, _ in one.actions] == ["stand", "a, b", "walk"]
    assert (two.person, two.actions, two.nearest[0]) == (2, [], "a, b")
