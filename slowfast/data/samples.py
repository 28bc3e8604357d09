"""What a list says of a video: where it is, which part of it is meant, and its labels."""

import re
from typing import Any, NamedTuple

Label = int | tuple[int, ...]
"""A class index, -1 where there is none; or, with several labels a video, all of its class indices,
rising."""
MOST_DIGITS = 100
"""Of a whole number; ids have up to 39."""


def classes_of(label: Label) -> tuple[int, ...]:
    """All class indices of a label."""
    if isinstance(label, tuple):
        return label
    return () if label == -1 else (label,)


def number_of(text: str) -> int:
    """The whole number that the digits of a text are; a ValueError if there are too many."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"{text[:20]}... is a number of {len(text):,} digits")
    return int(text)


def rising(labels: list[Any], num_classes: int) -> tuple[int, ...]:
    """The labels in order, each a class and there once; else a ValueError says what is wrong."""
    for label in labels:
        if type(label) is not int:
            raise ValueError(f"label {label!r} is not a class's number")
        if not 0 <= label < num_classes:
            raise ValueError(f"label {label} is not in 0..{num_classes - 1}")
    found = tuple(sorted(labels))
    if twice := [a for a, b in zip(found, found[1:], strict=False) if a == b]:
        raise ValueError(f"label {twice[0]} is there twice")
    return found


class Action(NamedTuple):
    """What happens for a part of a video: a class index, and the seconds of the first and the last
    frame that shows it."""

    label: int
    start: float
    end: float


Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2, as shares of a picture's width and height."""


class Box(NamedTuple):
    """Somebody in a picture."""

    corners: Corners
    labels: tuple[int, ...] = ()
    """Class indices of the actions, rising."""
    score: float = 1.0
    """The person detector's, 0 to 1; 1 of an annotated box."""
    person: int = -1
    """Number of the person in its video; -1: not known."""


class KeyFrame(NamedTuple):
    """The moment of a video whose boxes are classified (train.task=detection)."""

    video: str
    """What the annotations call the video."""
    time: float
    """As annotated."""
    seconds: float
    """The same from the first frame of the file or folder on."""
    boxes: tuple[Box, ...]
    """Those to learn from, or to classify; there may be none."""
    truth: tuple[Box, ...] = ()
    """The annotated ones, with which a test compares."""
    is_excluded: bool = False
    """Whether the data set excludes it from evaluation."""
    is_listed: bool = False
    """Whether the annotations name it, if only to say that nobody acts there (AVA-Kinetics)."""


class Sample(NamedTuple):
    """One video: a file, a member of a tar, or a folder of ``num_frames`` frames; or a part of
    one; or a key frame of one."""

    path: str
    label: Label = -1
    num_frames: int | None = None
    """Frames of a frame folder; None for a video file."""
    start: float | None = None
    """Where the part begins, seconds; None: with the video."""
    end: float | None = None
    """Where it ends; None: with the video."""
    actions: tuple[Action, ...] = ()
    """When the labels are seen, in the whole video's seconds: a training clip then has those of its
    own time. Empty: all the time."""
    key: KeyFrame | None = None
    """With train.task=detection; ``label`` then has the actions of all its boxes."""

    @property
    def span(self) -> tuple[float | None, ...]:
        """The start and the end of the part; empty if it is the whole video."""
        return () if self.start is None and self.end is None else (self.start, self.end)

    @property
    def times(self) -> dict[str, float | None]:
        """The same for a file of results, by name."""
        return dict(zip(("start", "end"), self.span, strict=False))

    @property
    def place(self) -> tuple[str | float | None, ...]:
        """What there is to read: the file, and the part of it."""
        return self.path, *self.span, *([self.key.time] if self.key else [])

    @property
    def truth(self) -> "Label | KeyFrame":
        """What a test compares with."""
        return self.label if self.key is None else self.key

    @property
    def part(self) -> str:
        """Which part of the video it is, in words; empty if it is the whole."""
        if self.key is not None:
            return f"at {seconds_text(self.key.time)}"
        if self.end is not None:
            return f"from {seconds_text(self.start or 0)} to {seconds_text(self.end)} s"
        return "" if self.start is None else f"from {seconds_text(self.start)} s on"

    @property
    def shown(self) -> str:
        """How it is called: its path, and which part of it."""
        return f"{self.path} ({self.part})" if self.part else self.path

    @staticmethod
    def called(shown: str) -> "Sample":
        """The sample that is ``shown`` so; of a file whose own name ends as a part's does, too."""
        if found := _PART.fullmatch(shown):
            path, start, end = found.groups()
            return Sample(path, start=float(start), end=float(end) if end else None)
        return Sample(shown)

    def whole(self) -> "Sample":
        """The video that it is a part of, without labels."""
        return Sample(self.path, num_frames=self.num_frames)


_PART = re.compile(r"(.+) \(from ([\d.]+)(?: to ([\d.]+) s| s on)\)", re.DOTALL)
"""What ``Sample.shown`` makes of a part of a video."""


def seconds_text(seconds: float) -> str:
    """A time to the millisecond, without zeros at its end."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
