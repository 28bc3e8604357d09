"""What files of boxes say: times, corners and scores, which are checked here.

Each fault is a ValueError whose message says what is wrong; whoever reads the file adds where.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any

from slowfast.data.samples import Box, Corners

Moment = tuple[str, float]
"""A video, as the annotations call it, and a time, as annotated, to the millisecond."""
BoxesAt = dict[Moment, tuple[Box, ...]]
"""The boxes of each moment of a file, both in its order; there may be none."""
ClassOf = Callable[[int], int | None]
"""From an action's number in the annotations to its class index; None: left out. A ValueError says
that there is no such action."""
SizeOf = Callable[[str], tuple[int, int]]
"""The width and height of a video's pictures."""

CORNERS = "x1", "y1", "x2", "y2"
ACTION = re.compile("[0-9]{1,9}")
PERSON = re.compile(r"([0-9]{1,9})(\.0)?")
LEAST, MOST = -0.25, 1.25
"""Of a corner: boxes of a detector may reach beyond the picture; pixels reach further."""
LATEST = 1e9
MOST_PERSONS = 10**9
"""Above all numbers of persons."""


def moment_of(video: str, time: str) -> Moment:
    """What two fields say."""
    if not video:
        raise ValueError("no video is named")
    return video, time_of(time)


@functools.lru_cache(1 << 16)
def time_of(text: str) -> float:
    """A time, ``0902`` or ``902.5``, to the millisecond."""
    time = decimal(text)
    if not 0 <= time <= LATEST:
        raise ValueError(f"{text!r} is not a time (0902 or 902.5, without a header above it)")
    return round(time, 3)


def checked(corners: Any) -> Corners:
    """Corners of a box, which must be shares, and in order."""
    x1, y1, x2, y2 = corners
    if LEAST <= x1 <= x2 <= MOST and LEAST <= y1 <= y2 <= MOST:
        return x1, y1, x2, y2
    for name, value in zip(CORNERS, corners, strict=True):
        if not LEAST <= value <= MOST:
            raise ValueError(
                f"{name} is {value:g}, not a share of 0..1 of the picture's width or height (boxes "
                'in pixels: a .jsonl with "pixels": true)'
            )
    raise ValueError(f"the corners {x1:g}, {y1:g}, {x2:g}, {y2:g} are not x1, y1, x2, y2")


def score_of(value: float) -> float:
    """A score, which must be one."""
    if not 0 <= value <= 1:
        raise ValueError(f"score {value:g} is not in 0..1")
    return value


def action_number(text: str) -> int:
    """The number of an action."""
    if not ACTION.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an action's number")
    return int(text)


def person_number(text: str) -> int:
    """The number of a person; -1 of none."""
    number = PERSON.fullmatch(text)
    if text and not number:
        raise ValueError(
            f"{text[:40]!r} is not a person's number (annotations end with one or with the action; "
            "with a score: detected boxes)"
        )
    return int(number[1]) if number else -1


def decimal(text: str) -> float:
    """A decimal number, or nan."""
    try:
        return math.nan if "_" in text or not text.isascii() else float(text)
    except ValueError:
        return math.nan
