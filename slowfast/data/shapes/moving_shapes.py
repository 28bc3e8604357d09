"""Moving shapes, the built-in data set: small real video files that need both pathways.

A class is a pair. WHAT the thing is: drops of one outline that differ only in their fine texture,
which takes channels to tell. HOW it moves, most of which shows only at a high frame rate: a
pathway that sees every fifth frame finds a shaking or a pulsing drop (period: 5 frames) at rest,
and cannot tell the two spins apart (36 degrees a frame: half a turn in 5 frames, whichever way).

With two classes a video, its drop moves in one way and then in another.

Legend: T frames, H x W pixels. Lengths are in frame heights, angles in radians.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import Pictures

Floats = NDArray[np.floating[Any]]

FPS = 30.0
SUPERSAMPLE = 2  # a frame is drawn this much finer, and the drop in it as much finer again
PERIOD = 5  # frames from one slow frame to the next: what repeats after 5 looks at rest
FRAMES = {1: 60, 2: 90}  # of a video with so many motions


class Motion(NamedTuple):
    """What varies over time. A clip of every class draws all quantities; a rate of 0 freezes them,
    so that a motion of period 5 frames is distributed like rest at every fifth frame."""

    shake: float = 0.0  # to and fro, cycles a frame
    pulse: float = 0.0  # larger and smaller, cycles a frame
    spin: float = 0.0  # radians a frame, clockwise
    slide: float = 0.0  # straight on, in units of the clip's speed


class Poses(NamedTuple):
    """How the drop lies, four arrays [T]: its centre, its size (1: as drawn) and its angle."""

    x: Floats
    y: Floats
    size: Floats
    angle: Floats


# Where a drop has its light marks (> 0), by texture. (u, v) is the place along and across the drop,
# r the distance from its middle that is the same all along the outline; 2 pi is one period.
TEXTURES: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "striped": lambda u, v, r: np.sin(u) - 0.2,
    "checked": lambda u, v, r: np.sin(u) * np.sin(v) - 0.1,
    "dotted": lambda u, v, r: np.sin(u) + np.sin(v) - 0.5,
    "ringed": lambda u, v, r: np.sin(r) - 0.2,
}
MOTIONS = {
    "still": Motion(),
    "shaking": Motion(shake=1 / PERIOD),
    "pulsing": Motion(pulse=1 / PERIOD),
    "spinning clockwise": Motion(spin=math.pi / PERIOD),
    "spinning counter-clockwise": Motion(spin=-math.pi / PERIOD),
    "sliding": Motion(slide=1.0),
}
WHATS = tuple(TEXTURES)
HOWS = tuple(MOTIONS)
CLASS_NAMES = [f"{what} drop, {how}" for what in WHATS for how in HOWS]


def bounce(position: Floats, low: float, high: float) -> Floats:
    """Folds a straight path back into [low, high], as if it were reflected at both ends."""
    span = high - low
    return low + span - np.abs((position - low) % (2 * span) - span)


def parts_of(num_frames: int, num_motions: int) -> list[tuple[int, int]]:
    """The first frame of each motion, and the one after its last: as many frames for each."""
    ends = [round(i * num_frames / num_motions) for i in range(num_motions + 1)]
    return list(itertools.pairwise(ends))


def draw_poses(
    motions: Sequence[Motion], rng: np.random.Generator, num_frames: int, width: float
) -> Poses:
    """The drop's poses [T], one motion after the other, in a frame that is `width` high ones wide;
    its centre stays in view."""
    t, parts = np.arange(num_frames), parts_of(num_frames, len(motions))

    def so_far(rate: str, unit: float) -> Floats:
        steps = (np.clip(t - first, 0, end - first) for first, end in parts)
        moved = zip(motions, steps, strict=True)
        return sum((unit * getattr(m, rate) * own for m, own in moved), np.zeros(num_frames))

    heading, turned, phase_s, phase_p = rng.uniform(0, 2 * math.pi, 4)
    shake = rng.uniform(0.05, 0.09) * np.sin(phase_s + so_far("shake", 2 * math.pi))
    pulse = rng.uniform(0.12, 0.25) * np.sin(phase_p + so_far("pulse", 2 * math.pi))
    angle = turned + so_far("spin", rng.uniform(0.92, 1.08))
    way = shake + so_far("slide", rng.uniform(0.015, 0.03))
    x = rng.uniform(-0.14, 0.14) + math.cos(heading) * way
    y = rng.uniform(-0.14, 0.14) + math.sin(heading) * way
    x, y = width / 2 + bounce(x, -0.22, 0.22), 0.5 + bounce(y, -0.22, 0.22)
    return Poses(x, y, 1 + pulse, angle)


def draw_drop(what: str, rng: np.random.Generator, pixels: int) -> Pictures:
    """A drop lying on its side, RGBA [S, S, 4], its colour multiplied by alpha.

    `pixels` is the number of them in one frame height. Light marks in a random phase on a dark
    ground with a dark rim: the outline stands out alike for every texture.
    """
    half_length = rng.uniform(0.28, 0.36)
    stretch = 1 / rng.uniform(0.58, 0.7)
    wave = 2 * math.pi / rng.uniform(0.14, 0.18)
    phase_u, phase_v = rng.uniform(0, 2 * math.pi, 2)
    brightness = np.array([[rng.uniform(190, 235)], [rng.uniform(15, 55)]])
    colours = np.clip(brightness + rng.uniform(-30, 30, (2, 3)), 0, 255).astype(np.uint8)

    side = 2 * math.ceil(half_length * pixels + 1)
    fine = side * SUPERSAMPLE
    place = (np.arange(fine, dtype=np.float32) + 0.5 - fine / 2) / (pixels * SUPERSAMPLE)
    v, u = np.meshgrid(place, place, indexing="ij")
    taper = np.maximum(1 + 0.6 * u / half_length, 0.1)
    r = np.hypot(u, v * stretch / taper)
    marks = TEXTURES[what](u * wave + phase_u, v * wave + phase_v, r * wave + phase_u) > 0
    marks &= r < half_length - 0.03
    drop = np.full((fine, fine, 4), 255, np.uint8)
    drop[..., :3] = np.where(marks[..., None], *colours)
    drop[r > half_length] = 0
    return cv2.resize(drop, (side, side), interpolation=cv2.INTER_AREA)


def draw_background(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Smooth blotches of random colour and scale, float32 RGB [H, W, 3] in 0..255."""
    height, width = size
    picture = np.full((height, width, 3), rng.uniform(135, 215, 3), np.float32)
    for cells, contrast in ((2, 20), (5, 12), (12, 6)):
        blotches = rng.normal(0, contrast, (cells, cells + 1, 3)).astype(np.float32)
        picture += cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255)


def draw_layers(
    what: str, hows: Sequence[str], rng: np.random.Generator, num_frames: int, size: tuple[int, int]
) -> Pictures:
    """The drop alone in each frame, RGBA [T, H, W, 4], its colour multiplied by alpha. It moves in
    one way after the other."""
    height, width = size
    poses = draw_poses([MOTIONS[how] for how in hows], rng, num_frames, width / height)
    drop = draw_drop(what, rng, height * SUPERSAMPLE)
    return paint(drop, poses, size, height)


def paint(drop: Pictures, poses: Poses, size: tuple[int, int], unit: int) -> Pictures:
    """A drop in its poses, RGBA [T, H, W, 4]; their unit is as many pixels."""
    height, width = size
    pixels, middle = unit * SUPERSAMPLE, (len(drop) - 1) / 2
    layers: Pictures = np.empty((len(poses.x), height, width, 4), np.uint8)
    for layer, x, y, grow, angle in zip(layers, *poses, strict=True):
        to_canvas = cv2.getRotationMatrix2D((middle, middle), -math.degrees(angle), grow)
        to_canvas[:, 2] += (x * pixels - 0.5 - middle, y * pixels - 0.5 - middle)
        canvas = cv2.warpAffine(drop, to_canvas, (width * SUPERSAMPLE, height * SUPERSAMPLE))
        cv2.resize(canvas, (width, height), dst=layer, interpolation=cv2.INTER_AREA)
    return layers


def render_clip(
    what: str, hows: Sequence[str], rng: np.random.Generator, num_frames: int = FRAMES[1],
    size: tuple[int, int] = (64, 80), noise: float = 4.0,
) -> Pictures:  # fmt: skip
    """One clip of the classes (`what`, each of `hows`), uint8 RGB [T, H, W, 3] for `size` (H, W).

    `noise` is the standard deviation, in grey levels, of a fresh sensor noise in every frame: with
    it no frame repeats another, so a codec cannot give a resting thing away.
    """
    layers = draw_layers(what, hows, rng, num_frames, size)
    return compose(layers, rng, noise)


def compose(layers: Pictures, rng: np.random.Generator, noise: float) -> Pictures:
    """Layers [T, H, W, 4] over a background and under sensor noise, uint8 RGB [T, H, W, 3]."""
    background = draw_background(rng, layers.shape[1:3])
    clip = rng.standard_normal((*layers.shape[:3], 3), np.float32)
    clip *= noise
    clip += background * (1 - layers[..., 3:].astype(np.float32) / 255)
    clip += layers[..., :3]
    return np.clip(np.rint(clip), 0, 255).astype(np.uint8)
