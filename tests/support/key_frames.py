"""Films of two squares that each do something of their own, annotated in the forms of AVA: only the
box tells which of the two is meant."""

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from support.videos import Picture, write_frames, write_mpeg4

SIZE = (64, 48)
"""Width and height of a film, pixels."""
FPS, START, SECONDS = 30, 900, 4
"""The key frames are at the seconds 900 to 903, of which the first and the last are close to an end
of the film."""
SIDE = 14
NAMES = ["still", "across", "up and down", "bright"]
"""Of the classes, with the ids 1 to 4; a square does one of the first three, and may be bright."""
EXCLUDED = 901
"""In the first film of each list."""
YAML = """
model: {num_classes: 4, slow_depth: 14, fast_depth: 14, width: 8, alpha: 4, stem_kernel: 3}
data:
  root: ROOT/videos
  train_list: ROOT/train.csv
  val_list: ROOT/val.csv
  labels: ROOT/labels.txt
  num_frames: 8
  sampling_stride: 2
  min_short_side: 48
  max_short_side: 52
  crop_size: 48
  flip: 0
  num_workers: 0
test: {short_side: 48, crop_size: 48, backend: eager}
detection: {valid: [], val_boxes: ROOT/val_boxes.csv}
optim: {base_lr: 0.1, scale_lr: false, warmup_epochs: 1}
train: {task: detection, epochs: 2, batch_size: 4, log_interval: 2, precise_bn_batches: 0}
"""


class Square(NamedTuple):
    """What a square of a film does."""

    middle: float
    """Where it is on the average, a share of the width."""
    action: int
    """Its class's id, 1 to 3."""
    is_bright: bool
    phase: float

    @property
    def ids(self) -> list[int]:
        """The ids of its classes."""
        return [self.action, *([4] if self.is_bright else [])]

    def corners(self, frame: int) -> tuple[float, float, float, float]:
        """Its box in a frame, x1, y1, x2, y2 in pixels."""
        away = math.sin(2 * math.pi * (1.3 * frame / FPS + self.phase))
        x = self.middle * SIZE[0] + (8 * away if self.action == 2 else 0)
        y = SIZE[1] / 2 + (16 * away if self.action == 3 else 0)
        return x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2

    def shares(self, time: int) -> list[float]:
        """Its box at a second as annotated, shares of the width and the height."""
        corners = self.corners((time - START) * FPS)
        return [round(float(x) / side, 3) for x, side in zip(corners, 2 * SIZE, strict=True)]


def squares(number: int) -> list[Square]:
    """The two squares of a film."""
    left, right = number % 3, (number + 1 + number // 3 % 2) % 3
    return [
        Square(0.25, left + 1, number % 2 == 0, 0.37 * number % 1),
        Square(0.75, right + 1, number % 4 < 2, 0.71 * number % 1),
    ]


def film(number: int) -> Iterator[Picture]:
    """The pictures of a film."""
    for frame in range(SECONDS * FPS):
        picture = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
        for square in squares(number):
            x1, y1, x2, y2 = (round(x) for x in square.corners(frame))
            picture[y1:y2, x1:x2] = 240 if square.is_bright else 130
        yield picture


def times() -> range:
    """The annotated seconds of a film."""
    return range(START, START + SECONDS)


def write_ava(folder: Path, num_train: int = 4, num_val: int = 2, *, frames: bool = False) -> Path:
    """Films ``v0``, ``v1`` ... in ``folder/videos``, or folders of their frames, the first ones for
    training; returns ``folder/ava.yaml``, whose output goes to ``folder/out``.

    Beside it are, of ``train`` and ``val`` each: ``train.csv`` as AVA has it,
    ``train_excluded.csv``, and detected boxes as PySlowFast (``train_boxes.csv``) and as mmaction2
    (``train_boxes.pkl``) have them. Those are the squares, a little off, with a score of 0.95; at
    odd seconds a box in a corner where nobody is, 0.85; and a weak one, 0.3.
    """
    (folder / "videos").mkdir(parents=True)
    for number in range(num_train + num_val):
        if frames:
            write_frames(folder / f"videos/v{number}", film(number))
        else:
            write_mpeg4(folder / f"videos/v{number}.mp4", film(number), FPS)
    write_lists(folder, "train", range(num_train))
    write_lists(folder, "val", range(num_train, num_train + num_val))
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    path = folder / "ava.yaml"
    path.write_text(YAML.replace("ROOT", str(folder)) + f"output_dir: {folder / 'out'}\n")
    return path


def write_lists(folder: Path, split: str, numbers: range) -> None:
    """The annotations and the detected boxes of some films."""
    annotated, detected, arrays = [], [], {}
    for number in numbers:
        for time in times():
            where, boxes = f"v{number},{time:04d}", []
            for person, square in enumerate(squares(number)):
                corners = square.shares(time)
                text = ",".join(f"{x:.3f}" for x in corners)
                annotated += [f"{where},{text},{action},{person}" for action in square.ids]
                boxes.append([*(x + 0.005 for x in corners), 0.95])
                found = ",".join(f"{x:.3f}" for x in boxes[-1][:4])
                detected += [f"{where},{found},{action},0.95" for action in square.ids]
            nobody = [[0.01, 0.02, 0.1, 0.15, 0.85]] if time % 2 else []
            boxes += [*nobody, [0.4, 0.8, 0.6, 0.99, 0.3]]
            for *corner, score in boxes[2:]:
                detected.append(f"{where},{','.join(f'{x:.3f}' for x in corner)},,{score}")
            arrays[where] = np.array(boxes)
    (folder / f"{split}.csv").write_text("".join(f"{row}\n" for row in annotated))
    (folder / f"{split}_excluded.csv").write_text(f"v{numbers[0]},{EXCLUDED:04d}\n")
    (folder / f"{split}_boxes.csv").write_text("".join(f"{row}\n" for row in detected))
    (folder / f"{split}_boxes.pkl").write_bytes(pickle.dumps(arrays))
