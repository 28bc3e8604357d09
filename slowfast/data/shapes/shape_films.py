"""Films of two moving shapes, the built-in data set of detection: only a box tells which is meant.

A film is cut into scenes, one around each whole second. In a scene two drops of ``moving_shapes``
lie at separate places of a wide picture, of different colours and with different motions, and each
has two labels: its colour, and how it moves. Whoever sees both and does not know where to look has
to guess. The person detector that is played here finds every drop nearly where it is, and now and
then something where nothing is.

Legend: T frames, H x W pixels. Corners are shares of the picture's width and height.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Box, Corners
from slowfast.data.shapes.moving_shapes import (
    FPS,
    HOWS,
    MOTIONS,
    SUPERSAMPLE,
    WHATS,
    Floats,
    compose,
    draw_drop,
    draw_poses,
    paint,
)
from slowfast.data.video.reader import Pictures

SIZE = 64, 136
"""H and W of a film."""
UNIT = 46
"""Pixels of a drop's unit: it reaches 0.67 of it from the middle of its place at the most."""
COLOURS = {
    "red": (1.0, 0.3, 0.3),
    "green": (0.3, 1.0, 0.3),
    "blue": (0.3, 0.3, 1.0),
    "white": (1.0, 1.0, 1.0),
}
"""What is left of red, green and blue in a drop."""
ACTIONS = [*COLOURS, *HOWS]
"""Class names: four colours, then six motions."""
SURE = 0.8
"""Score from which on a detection counts (PySlowFast's)."""
NOISE = 4.0
"""Standard deviation of the sensor noise, grey levels."""

ATTEMPTS = 20  # at a place for what is no drop

Figure = tuple[int, int]
"""A drop's colour, and how it moves."""


class Moment(NamedTuple):
    """A key second of a film, as annotators and a person detector have it."""

    second: int
    truth: tuple[Box, ...]
    detected: tuple[Box, ...]
    is_excluded: bool = False


def render_film(rng: np.random.Generator, last: int) -> tuple[Pictures, list[Moment]]:
    """A film from second 0 to second ``last``, uint8 RGB [T, H, W, 3], and its key seconds, of
    which the first and the last one have half a scene. In one nobody is seen, and one is excluded:
    its annotators took each drop for the other."""
    empty, excluded = rng.choice(np.arange(1, last), 2, replace=False)
    ends = [round((second + 0.5) * FPS) for second in range(last)]
    scenes, moments = [], []
    for second, (first, end) in enumerate(itertools.pairwise([0, *ends, round(last * FPS) + 1])):
        figures = [] if second == empty else draw_figures(rng)
        things = [draw_figure(own, i, rng, end - first) for i, own in enumerate(figures)]
        layers = sum(things, np.zeros((end - first, *SIZE, 4), np.uint8))
        scenes.append(compose(layers, rng, NOISE))
        key = round(second * FPS) - first
        corners = [corners_of(own[key]) for own in things]
        if is_excluded := bool(second == excluded):
            figures.reverse()
        truth = tuple(
            Box(own, (colour, len(COLOURS) + how), person=person)
            for person, (own, (colour, how)) in enumerate(zip(corners, figures, strict=True))
        )
        moments.append(Moment(second, truth, detect(truth, rng), is_excluded))
    return np.concatenate(scenes), moments


def draw_figures(rng: np.random.Generator) -> list[Figure]:
    """Two drops that have nothing in common."""
    colours, hows = (rng.permutation(len(names))[:2].tolist() for names in (COLOURS, HOWS))
    return list(zip(colours, hows, strict=True))


def draw_figure(figure: Figure, place: int, rng: np.random.Generator, num_frames: int) -> Pictures:
    """A drop in the left (0) or the right (1) half of the picture, RGBA [T, H, W, 4]."""
    colour, how = list(COLOURS.values())[figure[0]], HOWS[figure[1]]
    height, width = SIZE
    poses = draw_poses([MOTIONS[how]], rng, num_frames, width=0)
    middle_x, middle_y = width * (1 + 2 * place) / 4 / UNIT, height / 2 / UNIT
    poses = poses._replace(x=poses.x + middle_x, y=poses.y - 0.5 + middle_y)
    drop = draw_drop(WHATS[rng.integers(len(WHATS))], rng, UNIT * SUPERSAMPLE)
    drop[..., :3] = np.rint(drop[..., :3] * np.array(colour))
    return paint(drop, poses, SIZE, UNIT)


def corners_of(layer: Pictures) -> Corners:
    """The smallest box around what is seen of a layer [H, W, 4]."""
    height, width = SIZE
    seen: NDArray[np.bool_] = layer[..., 3] > 127
    xs, ys = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    ends = xs[0] / width, ys[0] / height, (xs[-1] + 1) / width, (ys[-1] + 1) / height
    return rounded(np.array(ends))


def detect(truth: tuple[Box, ...], rng: np.random.Generator) -> tuple[Box, ...]:
    """What the detector finds: each drop, its sides within 2 % of where they are, and in a third
    of the scenes something beside them, which is no drop; of that it may be sure, too."""
    found = []
    for box in truth:
        x1, y1, x2, y2 = box.corners
        sides = np.array([x2 - x1, y2 - y1] * 2)
        moved = np.clip(box.corners + sides * rng.uniform(-0.02, 0.02, 4), 0, 1)
        found.append(box._replace(corners=rounded(moved), score=score_between(rng, 0.9, 1)))
    if rng.random() < 1 / 3:
        low = rng.uniform(0, 0.75, (ATTEMPTS, 2))
        tried = np.concatenate([low, low + rng.uniform(0.12, 0.25, (ATTEMPTS, 2))], axis=1)
        free = [own for own in tried if all(apart(own, box.corners) for box in truth)]
        score = score_between(rng, SURE - 0.2, 1)
        found += [Box(rounded(own), score=score) for own in free[:1]]
    return tuple(found)


def apart(one: Floats, other: Corners) -> bool:
    """Whether two boxes do not overlap."""
    return bool((one[2:] <= other[:2]).any() or (one[:2] >= other[2:]).any())


def rounded(corners: Floats) -> Corners:
    """To 3 decimals, as in AVA."""
    x1, y1, x2, y2 = (round(float(value), 3) for value in corners)
    return x1, y1, x2, y2


def score_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A detector's score, to 3 decimals."""
    return round(float(rng.uniform(low, high)), 3)
