"""Pictures of explanations: where the heat is, and how many frames there are."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.pixels import pixels, share_of

from slowfast.pictures import figures
from slowfast.predict.explain.heat_maps import HeatRow, heat_maps


def heat_picture(path: Path, heat: list[NDArray[np.float32]], size: tuple[int, int]) -> Any:
    """Of a slow pathway of 4 frames and a fast one; ``heat [T, h, w]`` is their."""
    rows = []
    for name, own in zip(("slow", "fast"), heat, strict=True):
        frames = np.full((len(own), *size, 3), 255, np.uint8)
        rows.append(HeatRow(name, "#00ff00", frames, list(range(len(own))), own))
    parts = {name: np.array([1, -1], np.float32) for name in ("slow", "fast", "bias")}
    with open(path, "wb") as file:
        heat_maps(rows, parts, ["a $class$", "another " * 12], "50 % of $it", "logit", file)
    return pixels(path)


def test_heat_is_drawn_over_its_place(tmp_path: Path) -> None:
    """Hot is yellow: in the upper left quarter of the slow pathway's third frame."""
    slow, fast = np.zeros((4, 8, 8), np.float32), np.zeros((16, 8, 8), np.float32)
    slow[2, 1:4, 1:4] = 3
    picture = heat_picture(tmp_path / "h.png", [slow, fast], (32, 32))
    part = picture[:, : picture.shape[1] * 60 // 100]
    edges = np.argwhere(np.abs(part - [0, 255, 0]).sum(axis=-1) < 12)[:, 1]
    frame = (edges.max() - edges.min()) / 4  # the frames of the first line
    rows, columns = np.nonzero(part[:, :, 2] < part[:, :, 0] - 100)
    where = (columns.mean() - edges.min()) / frame
    assert 2.15 < where < 2.5 and np.ptp(columns) < 0.6 * frame and np.ptp(rows) < 0.6 * frame
    assert all(share_of(picture, colour) > 0.001 for colour in (figures.SLOW, figures.FAST))


@pytest.mark.parametrize("counts", [(1, 1), (2, 12), (16, 64)])
def test_any_number_of_frames_has_a_picture(tmp_path: Path, counts: tuple[int, int]) -> None:
    heat = [np.ones((count, 2, 3), np.float32) for count in counts]
    picture = heat_picture(tmp_path / "h.png", heat, (20, 30))
    frames = min(counts[0], 16) + min(counts[1], 16)
    green = (np.abs(picture - [0, 255, 0]).sum(axis=-1) < 12).astype(np.uint8)
    number, _, boxes, _ = cv2.connectedComponentsWithStats(green)
    assert (boxes[1:, cv2.CC_STAT_WIDTH] > 50).sum() == frames == number - 1
    assert 300 < picture.shape[0] < 1500 and picture.shape[1] < 2200
