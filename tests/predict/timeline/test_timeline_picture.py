"""The picture of a timeline, looked at through the pixels."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.locks import locked_when_renamed

from slowfast.pictures import figures
from slowfast.predict.timeline import timeline_picture


def pixels(path: Path) -> NDArray[Any]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[:, :, ::-1].astype(int)


def near(picture: NDArray[Any], colour: str) -> NDArray[np.bool_]:
    """Which pixels are of a colour, ``#rrggbb``."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    found: NDArray[np.bool_] = np.abs(picture - rgb).sum(axis=-1) < 12
    return found


def draw(path: Path, number: int = 8, *, thumbs: int = 0, classes: int = 4) -> None:
    """Class 0 in the first half, class 1 in the second, both with segments."""
    scores = np.full((number, classes), 0.01)
    half = number // 2
    scores[:half, 0] = scores[half:, 1 % classes] = 0.9
    edges = np.arange(number + 1.0)
    timeline_picture.draw_timeline(
        edges, scores, [(0, half, 0, 0.9), (half, number, 1 % classes, 0.9)], path,
        name_of=lambda label: f"$a name that is long_{label}^$" * 3,
        title="a & <b> $ \udce9\x1b.mp4",
        thumbs=np.full((thumbs, 24, 32, 3), (250, 0, 250), np.uint8),
    )  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 8, 7200])
def test_a_timeline_has_each_class_where_it_is(tmp_path: Path, number: int) -> None:
    draw(tmp_path / "t.png", number, thumbs=2)
    picture = pixels(tmp_path / "t.png")
    for colour, is_left in ((figures.SLOW, True), (figures.FAST, False)):
        columns = np.nonzero(near(picture, colour).any(axis=0))[0]
        if number > 1:
            assert len(columns) and (columns.mean() < 0.63 * picture.shape[1]) == is_left
    assert near(picture, "#fa00fa").mean() > 0.05


def test_a_second_run_is_refused_until_the_picture_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locked_when_renamed(monkeypatch)
    draw(tmp_path / "t.png")
    assert found == {"t.png": True}


def test_a_timeline_shows_the_classes_that_last_longest(tmp_path: Path) -> None:
    heights = []
    for classes in (1, 40):
        scores = np.full((80, classes), 0.1)
        segments = [(2.0 * k, 2.0 * k + 1 + k / 100, k, 0.5) for k in range(classes)]
        assert timeline_picture._classes_shown(scores, segments) == (
            (list(range(26, 40)), 26) if classes == 40 else ([0], 0)
        )
        path = tmp_path / f"{classes}.png"
        timeline_picture.draw_timeline(
            np.arange(81.0), scores, segments, path, name_of=str, title="",
            thumbs=np.empty((0, 1, 1, 3), np.uint8),
        )  # fmt: skip
        heights.append(len(pixels(path)))
    assert heights[1] > 3 * heights[0]


@pytest.mark.parametrize(("second", "step", "end", "text"), [
    (3.5, 0.5, 8, "0:03.5"), (75, 15, 100, "1:15"), (75, 900, 7200, "0:01:15"),
])  # fmt: skip
def test_the_times_below_a_timeline(second: float, step: float, end: float, text: str) -> None:
    assert timeline_picture._clock(second, step, end) == text
