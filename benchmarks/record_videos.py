"""Writes the record's videos: a person who was recorded, seen from many sides, in many rooms.

A video that is there stays, so a stopped run goes on where it was. Each depends on its list and its
number only.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import record_scene as scene
from benchmarks.record_motions import Motion, read_motion
from benchmarks.record_sets import Action, Split
from benchmarks.videos import FPS, write_h264
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.files import write_lines

SIZE = (176, 132)
"""Width and height, pixels."""
FRAMES = 64
CODING = {"preset": "veryfast", "crf": "21", "g": "8", "bf": "0"}
TEXTURE = 512
PICTURE_CONTRAST = 0.12
"""Of the pictures on floor and walls, against the original's: the person is to be seen."""
SWAY = 0.04
"""How far the hand that holds the camera moves, metres."""
CALM = 12
"""Frames before and after over which the camera's place is averaged."""


@dataclass(frozen=True)
class Sources:
    """Folders: DeepMimic's motions, and the pictures of scikit-image as PNG files."""

    motions: Path
    pictures: Path


def write_split(
    split: Split, root: Path, sources: Sources, processes: int, report: Callable[[int], None]
) -> None:
    """Writes a split's videos, its list and its class names below ``root``.

    Raises:
        VideoError, OSError: a video cannot be made or written.
    """
    folder = root / split.folder
    (folder / split.name).mkdir(parents=True, exist_ok=True)
    names = [f"{split.name}/{number:05d}.mp4" for number in range(split.num_videos)]
    missing = [i for i, name in enumerate(names) if not (folder / name).exists()]

    def write(number: int) -> None:
        part = folder / names[number].replace(".mp4", ".part.mp4")
        write_h264(part, draw_video(split, number, sources), CODING)
        os.replace(part, folder / names[number])

    with Loader(write, num_workers=processes, describe=names.__getitem__) as writers:
        for done, (_, error) in enumerate(writers.as_ready(missing), start=1):
            if isinstance(error, VideoError):
                raise error
            report(len(names) - len(missing) + done)
    labels = [number % len(split.actions) for number in range(split.num_videos)]
    rows = [f"{name} {label}" for name, label in zip(names, labels, strict=True)]
    write_lines(folder / f"{split.name}.list", rows)
    write_lines(folder / "labels.txt", [action.name for action in split.actions])


def copy_pictures(source: Path, folder: Path, names: tuple[str, ...]) -> None:
    """The pictures as square PNG files: MuJoCo reads no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path,) = [p for p in source.glob(f"{name}.*") if p.suffix in (".png", ".jpg")]
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert picture is not None  # a file of a package
        side = min(picture.shape[:2])
        square = cv2.resize(picture[:side, :side], (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA)
        faint = PICTURE_CONTRAST * square + (1 - PICTURE_CONTRAST) * square.mean((0, 1))
        cv2.imwrite(str(folder / f"{name}.png"), faint.astype(np.uint8))


def draw_video(split: Split, number: int, sources: Sources) -> Iterator[NDArray[np.uint8]]:
    """The pictures of one video, RGB ``[H, W, 3]``."""
    place = [*f"{split.folder}/{split.name}".encode(), number]
    rng = np.random.default_rng(place)
    action = split.actions[number % len(split.actions)]
    body = scene.draw_body(rng)
    model = scene.build_model(body, _surroundings(split, sources.pictures, rng), SIZE)
    motion = _motion(sources.motions / f"humanoid3d_{action.recording}.txt")
    moments = _moments(motion, action, rng)
    poses = [scene.model_pose(motion.pose(moment), body) for moment in moments]
    view = _view(split, np.stack(poses), rng)
    return scene.film(model, poses, view, SIZE)


@lru_cache
def _motion(path: Path) -> Motion:
    return read_motion(path)


def _moments(motion: Motion, action: Action, rng: np.random.Generator) -> NDArray[np.float64]:
    """The moment of the recording, seconds, that each frame shows.

    The speed is from 0.85 to 1.2 of the recorded one. A repeated motion begins anywhere; of
    another, the middle is always shown.
    """
    shown = rng.uniform(0.85, 1.2) * FRAMES / FPS
    if motion.repeats:
        begin = rng.uniform(0, motion.seconds)
    else:
        begin = rng.uniform(0.2, 0.8) * (motion.seconds - shown)
    moments = begin + shown * np.arange(FRAMES) / FRAMES
    return moments[::-1] if action.backwards else moments


def _surroundings(split: Split, pictures: Path, rng: np.random.Generator) -> scene.Surroundings:
    floor, walls = rng.choice(split.pictures, 2)
    angle = rng.uniform(0, 2 * np.pi)
    tints = rng.uniform(0.55, 1.0, (2, 3))
    return scene.Surroundings(
        pictures / f"{floor}.png", pictures / f"{walls}.png", rng.uniform(4, 12),
        rng.uniform(2, 6), tuple(tints[0]), tuple(tints[1]), rng.uniform(0, 90),
        (np.cos(angle), np.sin(angle), rng.uniform(-2.0, -0.6)), rng.uniform(0.7, 1.2),
    )  # fmt: skip


def _view(split: Split, poses: NDArray[np.float64], rng: np.random.Generator) -> scene.View:
    """A camera that goes with the person, in a hand."""
    azimuth = rng.choice(split.directions) + rng.uniform(-10, 10)
    elevation, distance = rng.uniform(-35, -4), rng.uniform(2.1, 3.1)
    padded = np.pad(poses[:, :2], ((CALM, CALM), (0, 0)), "edge")
    kernel = np.ones(2 * CALM + 1) / (2 * CALM + 1)
    path = np.stack([np.convolve(axis, kernel, "valid") for axis in padded.T], axis=1)
    height = np.full((FRAMES, 1), rng.uniform(0.6, 0.85))
    times = np.arange(FRAMES)[:, None] / FPS
    phase, speed = rng.uniform(0, 2 * np.pi, 3), rng.uniform(2, 5, 3)
    looks = np.concatenate([path, height], axis=1) + SWAY * np.sin(speed * times + phase)
    return scene.View(azimuth, elevation, distance, looks)
