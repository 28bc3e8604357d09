"""Where the videos of annotations are: films, folders, frame lists, and cuts of Kinetics."""

from pathlib import Path

import numpy as np
import pytest
from support.video_tools import write
from support.videos import write_frames

from slowfast.config import Config, DataConfig, DetectionConfig
from slowfast.data.boxes.ava_videos import Place, Places, read_frame_list
from slowfast.data.lists.read_lists import ListError

HEADER = "original_vido_id video_id frame_id path labels\n"
CUT = "-5KQ66BBWC4_000010_000020"


def places(root: Path, frame_list: str = "", **data: str) -> Places:
    detection = DetectionConfig(start=900)
    return Places(Config(data=DataConfig(root=str(root), **data), detection=detection), frame_list)  # type: ignore[arg-type]


def test_films_and_folders(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.c.WEBM", "both.mp4", "part.mp4.part", "below/d.mp4", "-5KQ.mp4"):
        write(tmp_path / name, "x")
    picture = np.zeros((4, 4, 3), np.uint8)
    write_frames(tmp_path / "frames", [picture] * 3)
    write_frames(tmp_path / "both", [picture] * 3)
    (tmp_path / "empty").mkdir()
    found = places(tmp_path)
    for video, name in (
        ("a", "a.mkv"), ("a.mkv", "a.mkv"), ("b.c", "b.c.WEBM"), ("both", "both.mp4"),
        ("below/d", "below/d.mp4"), ("-5KQ", "-5KQ.mp4"), ("part", "part"), ("gone", "gone"),
        ("a.mp4", "a.mp4"),
    ):  # fmt: skip
        assert found.of(video, 902) == Place(str(tmp_path / name), None, 900)
    assert found.of("frames", 902) == Place(str(tmp_path / "frames"), 3, 900)
    assert found.of("empty", 902) == Place(str(tmp_path / "empty"), None, 900)


def test_cuts_of_kinetics(tmp_path: Path) -> None:
    """By the id at YouTube and a time, or by their whole names; times are those at YouTube."""
    later = CUT.replace("10_000020", "50_000060")
    for name in (CUT, later, "-5KQ66BBWC4_10_20", "zzKQ66BBWC4"):
        write(tmp_path / f"{name}.mp4", "x")
    found = places(tmp_path)
    assert found.of(CUT, 15.5) == Place(str(tmp_path / f"{CUT}.mp4"), None, 10)
    assert found.of("-5KQ66BBWC4", 15.5) == Place(str(tmp_path / f"{CUT}.mp4"), None, 10)
    assert found.of("-5KQ66BBWC4", 50) == Place(str(tmp_path / f"{later}.mp4"), None, 50)
    assert found.of("-5KQ66BBWC4", 30) == Place(str(tmp_path / "-5KQ66BBWC4"), None, 900)
    assert found.of("zzKQ66BBWC4", 902).start == 900
    assert found.of("-5KQ66BBWC4_10_20", 902).start == 900


def test_pyslowfasts_list_of_frames(tmp_path: Path) -> None:
    rows = [f'a 0 {i} a/a_{i + 1:06d}.jpg ""\nb 1 {i} x/b/b_{i:06d}.jpg ""' for i in range(3)]
    source = write(tmp_path / "frames.csv", HEADER + "\n".join(rows) + "\n\n")
    found = places(tmp_path, str(source), frame_pattern="{name}_{:06d}.jpg")
    assert found.of("a", 902) == Place(str(tmp_path / "a"), 3, 900)
    assert found.of("b", 902) == Place(str(tmp_path / "x/b"), 3, 900)
    assert found.of("c", 902) == Place(str(tmp_path / "c"), None, 900)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ('a 0 0 a/a_000001.jpg ""', "1: the header is not 'original_vido_id video_id frame_id"),
        (f'{HEADER}a 0 0 a/a_000001.jpg', "2: a line is not 'original_vido_id video_id frame_id"),
        (f'{HEADER}a 0 0 a/img_00001.jpg ""', "2: a/img_00001.jpg is not number 0 or 1 of data."
         "frame_pattern={name}_{:06d}.jpg; it is like img_{:05d}.jpg: set data.frame_pattern=img_"
         "{:05d}.jpg"),
        (f'{HEADER}a 0 0 a/a_000001.jpg ""\na 0 1 a/a_000003.jpg ""', "3: a/a_000003.jpg, not "
         "a/a_000002.jpg: the lines of a video are its frames in order"),
        (f'{HEADER}a 0 0 a/a_000001.jpg ""\na 0 1 b/a_000002.jpg ""', "3: b/a_000002.jpg, not "),
    ],
    ids=["header", "columns", "pattern", "gap", "folder"],
)  # fmt: skip
def test_a_line_of_it_that_is_wrong(tmp_path: Path, rows: str, fault: str) -> None:
    source = write(tmp_path / "frames.csv", rows)
    with pytest.raises(ListError) as caught:
        read_frame_list(str(source), DataConfig(frame_pattern="{name}_{:06d}.jpg"))
    assert str(caught.value).startswith(f"{source}:{fault}")
