"""The seconds around key frames as strips of pictures."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.tiny_run import tiny_config
from support.videos import (
    SIZE,
    numbered_picture,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast.evaluate.html.key_strips import FRAMES, KEY, LONGEST, Strip, Strips

START, FPS = 900, 30
SETTINGS = (
    "train.task=detection", "model.num_classes=3", f"detection.start={START}",
    f"data.frame_fps={FPS}",
)  # fmt: skip


def film(path: Path, num_frames: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True)
    write_numbered_video(path, num_frames, FPS, size=size)


def strips_in(root: Path, folder: Path | None = None) -> Strips:
    """Of the videos in ``root``; ``folder`` is where the test was run."""
    cfg = tiny_config(root.parent, *SETTINGS, f"data.root={root}")
    return Strips(cfg, {} if folder is None else {"folder": str(folder)})


def shown_in(strip: Strip) -> list[int]:
    """The number that each picture shows."""
    head, _, data = strip.address.partition(",")
    assert head == "data:image/jpeg;base64" and strip.fault == ""
    buffer = np.frombuffer(base64.b64decode(data), np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(buffer, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert picture.shape == (strip.height, FRAMES * strip.width, 3)
    return read_numbers(np.stack(np.split(picture, FRAMES, axis=1)))


@pytest.mark.parametrize("kind", ["film", "frames"])
def test_a_second_to_both_sides_of_the_key_frame(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "videos"
    if kind == "film":
        film(root / "a.mp4", 120)
    else:
        write_frames(root / "a", map(numbered_picture, range(120)))
    numbers = shown_in(strips_in(root).of(("a", START + 2)))
    assert numbers[KEY] == 2 * FPS
    assert numbers == [int(2 * FPS + (i - KEY) * FPS / 4) for i in range(FRAMES)]


def test_at_an_end_of_the_film_its_last_picture_stays(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 45)
    strips = strips_in(tmp_path / "videos")
    assert shown_in(strips.of(("a", START)))[: KEY + 1] == [0] * (KEY + 1)
    assert shown_in(strips.of(("a", START + 1)))[KEY:] == [30, 37, 44, 44, 44]


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "a.mp4", 60, size=(720, 480))
    strip = strips_in(tmp_path / "videos").of(("a", START + 1))
    assert (strip.width, strip.height) == (LONGEST, 240)
    assert shown_in(strip)[KEY] == 30


def test_paths_start_from_the_folder_of_the_test_if_they_are_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "there" / "videos" / "a.mp4", 60)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    strips = strips_in(Path("videos"), tmp_path / "there")
    assert shown_in(strips.of(("a", START + 1)))[KEY] == 30


@pytest.mark.parametrize("content", [None, b"no film"])
def test_without_a_film_there_is_a_reason(content: bytes | None, tmp_path: Path) -> None:
    root = tmp_path / "videos"
    root.mkdir()
    if content is not None:
        (root / "a.mp4").write_bytes(content)
    strip = strips_in(root).of(("a", START + 1))
    assert strip.address == "" and strip.fault.startswith(f"{root}/a")
    assert strip.width > 0 and strip.height > 0
