"""``--infer --annotate``: what is written for each video, once, and over nobody else's files."""

import itertools
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.full_disk import largest_file
from support.odd_videos import sound_with_cover
from support.tiny_run import main_here, main_py, save_tiny_model, tiny_config, tiny_data
from support.videos import write_h264, write_numbered_video

from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.video.pyav import PyAVReader
from slowfast.predict.annotate import answers

FLAGS = ["--views", "1x1", "--annotate", "new"]


def copies(folder: Path, *names: str) -> Path:
    """Videos of the tiny data in a folder."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_data() / "val" / f"{number:06d}.mp4", folder / name)
    return folder


def written() -> list[str]:
    return sorted(str(path.relative_to("new")) for path in Path("new").rglob("*.*"))


def times(folder: str = "new") -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(folder).rglob("*.[mp]*[4g]")}


def test_each_video_and_only_once(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    videos = copies(own_folder / "videos", "a.mp4", "below/b.avi")
    sound_with_cover(videos / "song.mp4")
    (videos / "text.mp4").write_text("no video")
    cv2.imwrite("one.png", np.zeros((32, 44, 3), np.uint8))
    shutil.move("one.png", videos / "picture.mp4")
    done = main_here("--infer", videos, "-w", weights, *FLAGS, cwd=own_folder)
    assert done.stderr == "error: 3 of 5 videos could not be read\n"
    made = ["a.mp4", "a.png", "annotated.jsonl", "below/b.mp4", "below/b.png"]
    assert written() == made
    reader = PyAVReader("new/below/b.mp4")
    assert reader.frames(np.array([0])).shape[1:3] == (240, 300)  # from 32 x 40
    rows = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert ["error" in row for row in rows] == [False, False, True, True, True]

    before = times()
    again = main_here("--infer", videos, "-w", weights, *FLAGS, cwd=own_folder)
    assert "2 of 2 are in new already" in again.stdout and times() == before
    Path("new/a.png").unlink()  # as after a run that was killed
    os.utime(videos / "below" / "b.avi", (1, 1))  # another video in its place
    copies(videos, "c.mp4")
    again = main_here("--infer", videos, "-w", weights, *FLAGS, cwd=own_folder)
    assert all(times().get(path) != old for path, old in before.items())
    assert written() == sorted([*made, "c.mp4", "c.png"])
    (videos / "a.mp4").unlink()  # what was made of it stays
    before = times()
    main_here("--infer", videos / "a.mp4", videos / "c.mp4", "-w", weights, *FLAGS, cwd=own_folder)
    assert times() == before


@pytest.mark.parametrize(("paths", "error"), [
    (["videos/a.mp4", "--annotate", "videos"],
     "videos/a.mp4 is the video itself: name another folder"),
    (["videos/a.mp4", "--annotate", "other"],
     "other/a.png is there, and no run with --annotate wrote it: name another folder, or delete "
     "it"),
    (["videos/b.avi", "--annotate", "used"],
     "used/b.mp4 is of ROOT/elsewhere/b.mkv, not of ROOT/videos/b.avi: name another folder"),
    (["videos/b.avi", "videos/b.mov", "--annotate", "new"],
     "videos/b.avi and videos/b.mov would both be written to b.mp4: run twice, and write to two "
     "folders"),
])  # fmt: skip
def test_files_of_others_are_left_alone(paths: list[str], error: str, own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    copies(own_folder / "videos", "a.mp4", "b.avi", "b.mov")
    copies(own_folder, "other/a.png", "used/b.mp4")
    entry = {"key": "b", "video": f"{own_folder}/elsewhere/b.mkv", "answer": "", "state": [1, 1]}
    Path("used/annotated.jsonl").write_text(json.dumps(entry) + "\n")
    before = {folder: times(folder) for folder in ("videos", "other", "used")}
    done = main_here("--infer", *paths, "-w", weights, "--views", "1x1", cwd=own_folder)
    assert done.stderr == f"error: {error}\n".replace("ROOT", str(own_folder))
    assert {folder: times(folder) for folder in before} == before
    assert not Path("data").exists()  # it is told before the work


def test_a_full_disk_keeps_the_answers(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    noise = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3), np.uint8)
    write_h264(own_folder / "a.mp4", itertools.chain(*[noise] * 3))
    flags: list[str | Path] = ["--infer", "a.mp4", "-w", weights, *FLAGS]
    assert main_here(*flags, cwd=own_folder).returncode == 0
    size = Path("new/a.mp4").stat().st_size
    shutil.rmtree("new")
    Path("data/results/result.json").unlink()
    with largest_file(size // 2):
        done = main_here(*flags, cwd=own_folder)
    assert (done.returncode, done.stderr) == (1, "error: new/a.mp4: File too large\n")
    assert written() == ["a.png", "annotated.jsonl"]
    assert json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert main_here(*flags, cwd=own_folder).returncode == 0
    assert written() == ["a.mp4", "a.png", "annotated.jsonl"]


def test_what_cannot_be_drawn_stops_no_other(own_folder: Path, lines: list[str]) -> None:
    videos = [Named(Sample(f"{name}.mp4"), f"{name}.mp4") for name in "abc"]
    drawn = []

    def show(folder: Path, video: Named, *_: object) -> None:
        if video.name == "a.mp4":
            raise ValueError("no room")
        drawn.append(video.name)

    cfg = tiny_config(own_folder)
    best = [("run", 0.9)]
    assert answers.show_answers(Path("new"), videos, [best] * 3, cfg, "w", show=show) == 1
    assert drawn == ["b.mp4", "c.mp4"]
    assert "not annotated: a.mp4: ValueError: no room" in lines


@pytest.mark.slow
def test_processes_share_the_videos(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    copies(own_folder / "videos", "a.mp4", "b.mp4", "c.mp4")
    done = main_py("--infer", "videos", "-w", weights, *FLAGS, cwd=own_folder, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert written() == [f"{n}.{e}" for n in "abc" for e in ("mp4", "png")][:2] + [
        "annotated.jsonl", "b.mp4", "b.png", "c.mp4", "c.png"
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "slow"), [
    ("slowfast", [0, 7]), ("slow_only", [0, 1]), ("fast_only", []),
])  # fmt: skip
def test_the_picture_is_of_what_the_network_saw(
    name: str, slow: list[int], own_folder: Path
) -> None:
    """The centre of the clip in the middle of the video."""
    cfg = tiny_config(own_folder, f"model.name={name}", "test.num_clips=3", "test.num_crops=3")
    source = write_numbered_video(own_folder / "a.mp4", 60, size=(128, 96))
    frames, found = answers._seen(Sample(str(source)), cfg)
    assert found == slow
    assert frames.shape == (2 if name == "slow_only" else 8, 32, 32, 3)
    whole = PyAVReader(str(source)).frames(np.arange(60))
    small = np.stack([cv2.resize(picture, (42, 32), interpolation=1) for picture in whole])
    first = np.abs(small[:, :, 5:37].astype(int) - frames[0]).mean(axis=(1, 2, 3)).argmin()
    assert first == 14  # clip 1 of 3 begins at a third of the 44 frames that are free before it


def test_labels_of_several_classes_are_drawn_and_change_with_the_threshold(
    own_folder: Path,
) -> None:
    weights = save_tiny_model(tiny_config(own_folder, "train.task=multi"))
    video = tiny_data() / "val" / "000000.mp4"
    looks = []
    for threshold in ("0.1", "0.99"):
        more = "-o", f"test.threshold={threshold}"
        flags = "-w", weights, "--views", "1x1", "--annotate", "new", *more
        done = main_here("--infer", video, *flags, cwd=own_folder)
        assert done.returncode == 0, done.stderr
        number = {"0.1": 24, "0.99": 0}[threshold]
        assert f"({number} classes are seen" in done.stdout
        reader = PyAVReader("new/000000.mp4")
        looks.append(reader.frames(np.array([0]))[0].astype(int))
        reader.close()
    with_panel, without = looks
    tall = np.flatnonzero(np.abs(with_panel - without).max(axis=(1, 2)) > 60)
    assert 6 * 15 < tall.max() < 6 * 30  # six lines of 24
