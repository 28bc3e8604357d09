"""Which actions, directions of view and pictures each set of the record's videos has."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """A class: a recording of ``humanoid3d_*.txt``, as it was or played backwards."""

    name: str
    recording: str
    backwards: bool = False


TARGET = (
    Action("walk", "walk"),
    Action("walk backwards", "walk", True),
    Action("run", "run"),
    Action("run backwards", "run", True),
    Action("jump forwards", "jump"),
    Action("jump backwards", "jump", True),
    Action("crawl forwards", "crawl"),
    Action("crawl backwards", "crawl", True),
    Action("roll forwards", "roll"),
    Action("roll backwards", "roll", True),
    Action("get up from the back", "getup_faceup"),
    Action("lie down on the back", "getup_faceup", True),
    Action("get up from the belly", "getup_facedown"),
    Action("lie down on the belly", "getup_facedown", True),
    Action("somersault backwards", "backflip"),
    Action("somersault forwards", "backflip", True),
    Action("kick", "kick"),
    Action("punch", "punch"),
)
"""What the network is fine-tuned on."""
SOURCE = tuple(
    Action(name + suffix, recording, bool(suffix))
    for recording, name in {
        "dance_a": "dance a", "dance_b": "dance b", "spin": "spin", "spinkick": "spin kick",
        "cartwheel": "cartwheel",
    }.items()
    for suffix in ("", ", played backwards")
)  # fmt: skip
"""What it is pretrained on: none of the recordings above."""

PICTURES = ("astronaut", "brick", "camera", "coffee", "grass", "motorcycle_left", "rocket", "coins")
NEW_PICTURES = ("cell", "chelsea", "gravel", "hubble_deep_field", "moon")
"""Floors and walls of the test: in no other set."""
DIRECTIONS = (0, 60, 120, 180, 240, 300)
NEW_DIRECTIONS = (30, 90, 150, 210, 270, 330)
"""From where the test looks, degrees about the person; a mirrored view of DIRECTIONS is one too."""


@dataclass(frozen=True)
class Split:
    """One list of videos."""

    folder: str
    name: str
    actions: Sequence[Action]
    per_action: int
    pictures: Sequence[str] = PICTURES
    directions: Sequence[int] = DIRECTIONS

    @property
    def num_videos(self) -> int:
        """All its videos."""
        return self.per_action * len(self.actions)


def splits(scale: float) -> list[Split]:
    """All lists; ``scale`` times the number of training videos, and at least one of each."""

    def times(count: int) -> int:
        return max(1, round(scale * count))

    return [
        Split("source", "train", SOURCE, times(24)),
        Split("source", "val", SOURCE, times(4)),
        Split("target", "train", TARGET, times(24)),
        Split("target", "val", TARGET, times(4)),
        Split("target", "test", TARGET, times(10), NEW_PICTURES, NEW_DIRECTIONS),
    ]
