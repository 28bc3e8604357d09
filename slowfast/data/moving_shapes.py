"""Moving shapes, the built-in data set: small real video files that need both pathways.

A class is a pair. WHAT the thing is: drops of one outline that differ only in their fine texture,
which takes channels to tell. HOW it moves, most of which shows only at a high frame rate: a
pathway that sees every fifth frame finds a shaking or a pulsing drop (period: 5 frames) at rest,
and cannot tell the two spins apart (36 degrees a frame: half a turn in 5 frames, whichever way).

Legend: T frames, H x W pixels. Lengths are in frame heights, angles in radians.
"""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import Pictures, VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError

Floats = NDArray[np.floating[Any]]

FPS = 30.0
SUPERSAMPLE = 2  # a frame is drawn this much finer, and the drop in it as much finer again
PERIOD = 5  # frames from one slow frame to the next: what repeats after 5 looks at rest
MARKER = "moving_shapes.json"  # written last: what stands beside it is complete
VERSION = 1  # to be raised with every change to the pictures, so that old files are replaced
SPLITS = ("train", "val")


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


def draw_poses(motion: Motion, rng: np.random.Generator, num_frames: int, width: float) -> Poses:
    """The drop's poses [T] in a frame that is `width` high ones wide; its centre stays in view."""
    t = np.arange(num_frames)
    heading, turned, phase_s, phase_p = rng.uniform(0, 2 * math.pi, 4)
    shake = rng.uniform(0.05, 0.09) * np.sin(phase_s + 2 * math.pi * motion.shake * t)
    pulse = rng.uniform(0.12, 0.25) * np.sin(phase_p + 2 * math.pi * motion.pulse * t)
    angle = turned + rng.uniform(0.92, 1.08) * motion.spin * t
    way = shake + rng.uniform(0.015, 0.03) * motion.slide * t
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
    what: str, how: str, rng: np.random.Generator, num_frames: int, size: tuple[int, int]
) -> Pictures:
    """The drop alone in each frame, RGBA [T, H, W, 4], its colour multiplied by alpha."""
    height, width = size
    pixels = height * SUPERSAMPLE
    poses = draw_poses(MOTIONS[how], rng, num_frames, width / height)
    drop = draw_drop(what, rng, pixels)
    middle = (len(drop) - 1) / 2

    layers: Pictures = np.empty((num_frames, height, width, 4), np.uint8)
    for layer, x, y, grow, angle in zip(layers, *poses, strict=True):
        to_canvas = cv2.getRotationMatrix2D((middle, middle), -math.degrees(angle), grow)
        to_canvas[:, 2] += (x * pixels - 0.5 - middle, y * pixels - 0.5 - middle)
        canvas = cv2.warpAffine(drop, to_canvas, (width * SUPERSAMPLE, pixels))
        cv2.resize(canvas, (width, height), dst=layer, interpolation=cv2.INTER_AREA)
    return layers


def render_clip(
    what: str, how: str, rng: np.random.Generator, num_frames: int = 60,
    size: tuple[int, int] = (64, 80), noise: float = 4.0,
) -> Pictures:  # fmt: skip
    """One clip of class (`what`, `how`), uint8 RGB [T, H, W, 3] for `size` (H, W).

    `noise` is the standard deviation, in grey levels, of a fresh sensor noise in every frame: with
    it no frame repeats another, so a codec cannot give a resting thing away.
    """
    layers = draw_layers(what, how, rng, num_frames, size)
    background = draw_background(rng, size)
    clip = rng.standard_normal((num_frames, *size, 3), np.float32)
    clip *= noise
    clip += background * (1 - layers[..., 3:].astype(np.float32) / 255)
    clip += layers[..., :3]
    return np.clip(np.rint(clip), 0, 255).astype(np.uint8)


def write_video(path: Path, clip: Pictures) -> None:
    """Encodes uint8 RGB [T, H, W, 3] as MPEG-4; the file appears under its name when complete.

    Raises:
        UserError: it cannot be written in full; the message names it.
    """
    part = path.with_suffix(".part.mp4")
    size = (clip.shape[2], clip.shape[1])
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    for frame in clip:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    reader = cv2.VideoCapture(str(part))
    num_written = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
    reader.release()
    if num_written != len(clip):
        part.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {num_written} of {len(clip)} frames are there "
            "(is the disk full, the folder writable, MPEG-4 in this OpenCV?)"
        )
    os.replace(part, path)


def label_of(index: int) -> int:
    """Clips take the classes in turn, so that any number of clips is balanced."""
    return index % len(CLASS_NAMES)


def write_clip(clip_id: tuple[str, int], root: Path, seed: int) -> None:
    """Writes clip number `index` of a split; it depends on (seed, split, index) only."""
    split, index = clip_id
    what, how = divmod(label_of(index), len(HOWS))
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    write_video(root / clip_path(split, index), render_clip(WHATS[what], HOWS[how], rng))


def clip_path(split: str, index: int) -> str:
    """Path of a clip relative to the data set's root, as in its list file."""
    return f"{split}/{index:06d}.mp4"


def is_complete(root: Path, params: dict[str, int]) -> bool:
    """Whether a data set of exactly these parameters was written to its end and is still there."""
    marker = root / MARKER
    if not marker.is_file() or marker.read_text() != json.dumps(params):
        return False
    names = ["labels.txt", *(f"{split}.list" for split in SPLITS)]
    names += [clip_path(split, i) for split in SPLITS for i in range(params[f"num_{split}"])]
    return all((root / name).is_file() for name in names)


def write_dataset(
    root: str | os.PathLike[str], *, num_train: int, num_val: int, seed: int, num_processes: int,
    report: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    """Writes train/*.mp4, val/*.mp4, train.list, val.list and labels.txt below `root`.

    An earlier data set is kept if it is complete and has the same parameters, else written anew.
    `report(done, total)` is called after every clip.

    Raises:
        UserError, OSError: a file cannot be written, or its process was killed; names the file.
    """
    root = Path(root)
    params = {"version": VERSION, "num_train": num_train, "num_val": num_val, "seed": seed}
    if is_complete(root, params):
        return
    for split in SPLITS:
        (root / split).mkdir(parents=True, exist_ok=True)
    (root / MARKER).unlink(missing_ok=True)
    clip_ids = [(split, i) for split in SPLITS for i in range(params[f"num_{split}"])]

    def write(clip_id: tuple[str, int]) -> None:
        write_clip(clip_id, root, seed)

    def path_of(clip_id: tuple[str, int]) -> str:
        return str(root / clip_path(*clip_id))

    with Loader(write, num_workers=num_processes, describe=path_of) as writers:
        for done, (_, error) in enumerate(writers.as_ready(clip_ids), start=1):
            if isinstance(error, VideoError):
                raise error
            if report:
                report(done, len(clip_ids))
    for split in SPLITS:
        lines = [f"{clip_path(of, i)} {label_of(i)}\n" for of, i in clip_ids if of == split]
        (root / f"{split}.list").write_text("".join(lines))
    (root / "labels.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES))
    (root / MARKER).write_text(json.dumps(params))
