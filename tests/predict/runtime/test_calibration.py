"""Which videos int8 is calibrated on, and which clips of them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from support.tiny_run import tiny_config, tiny_data

from slowfast.config import Config
from slowfast.data.clips.view_videos import VideoViews
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.predict.runtime import calibration
from slowfast.predict.runtime.calibration import (
    Videos,
    calibration_digest,
    calibration_videos,
    clips_of,
    halves,
    views_of,
)
from slowfast.predict.runtime.runtimes import PrecisionError


def config(folder: Path, videos: Path | str) -> Config:
    return tiny_config(
        folder, "test.precision=int8", f"test.calibration_list={videos}", "data.num_workers=0"
    )


def test_which_videos_calibrate(tmp_path: Path) -> None:
    cfg = config(tmp_path, tiny_data() / "train.list")
    videos = calibration_videos(cfg)
    assert len(videos) == 24 and videos != sorted(videos, key=lambda sample: sample.path)
    first, second = halves([*videos, *videos])
    assert len(first) == len(second) == 12
    assert not {sample.path for sample in first} & {sample.path for sample in second}


def test_all_parts_of_a_video_are_used_and_on_one_side() -> None:
    parts = [Sample(f"{n % 3}.mp4", -1, None, n, n + 1.0) for n in range(6)]
    found = halves([*parts, *parts, Sample("3.mp4")])
    assert found == ([parts[i] for i in (0, 2, 3, 5)], [parts[1], parts[4], Sample("3.mp4")])


def test_other_videos_or_other_parts_of_them_are_another_calibration(tmp_path: Path) -> None:
    video, digests = str(tiny_data() / "val" / "000000.mp4"), []
    for name, row in (("all", {}), ("first", {"end": 0.2}), ("last", {"start": 0.2})):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(json.dumps({"path": video, **row}) + "\n")
        digests.append(calibration_digest(config(tmp_path, path)))
    (tmp_path / "same.list").write_text(f"{video} 0\n")
    assert calibration_digest(config(tmp_path, tmp_path / "same.list")) == digests[0]
    assert len(set(digests)) == 3


def test_no_videos_to_calibrate_on(tmp_path: Path) -> None:
    cfg = config(tmp_path, tiny_data() / "train.list")
    for name, fault in (("", "int8 needs a list of videos"), ("/gone.list", "cannot be read")):
        test = dataclasses.replace(cfg.test, calibration_list=name)
        with pytest.raises((PrecisionError, ListError), match=fault):
            calibration_videos(dataclasses.replace(cfg, test=test))


@pytest.mark.parametrize(
    ("videos", "grid", "used"),
    [(1000, (3, 1), 1), (200, (3, 1), 1), (67, (3, 1), 3), (50, (2, 3), 4), (4, (10, 3), 30)],
)
def test_the_fewer_videos_the_more_views(videos: int, grid: tuple[int, int], used: int) -> None:
    assert views_of(videos) == (grid, used)
    assert used <= grid[0] * grid[1]


def test_views_from_the_middle_on() -> None:
    frames = np.arange(6, dtype=np.uint8)[:, None, None, None] + np.zeros((6, 4, 8, 3), np.uint8)
    clips = np.array([[0, 1], [2, 3], [4, 5]])
    crops = [(0, 0), (0, 2), (0, 4)]
    video = VideoViews(frames, clips, crops, (4, 4), -1, 0)
    found = clips_of(video, 2)
    assert [clip.shape for clip in found] == [(1, 2, 4, 4, 3)] * 2
    assert found[0][0, :, 0, 0, 0].tolist() == [2, 3]
    assert len(clips_of(video, 30)) == 9


def test_too_few_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = config(tmp_path, tiny_data() / "train.list")
    monkeypatch.setattr(calibration, "LEAST_CLIPS", 5)
    gone = [Sample(str(tmp_path / f"{i}.mp4")) for i in range(8)]
    with pytest.raises(PrecisionError, match=r"and have 0: .*cannot be read: .*0\.mp4"):
        list(Videos(gone, cfg).clips("all"))
    with pytest.raises(PrecisionError, match="5 clips, and have 0: name 10 different videos"):
        next(Videos([], cfg).clips("none"))
