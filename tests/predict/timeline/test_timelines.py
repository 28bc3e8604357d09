"""Timelines: changes at their true seconds, runs that go on, files of all kinds."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import odd_videos
from support.exporting import exported_once
from support.full_disk import largest_file
from support.locks import lock_held
from support.paths import REPOSITORY
from support.seeing import SQUARE, Seeing, seeing_config
from support.tiny_run import (
    environment,
    main_here,
    main_py,
    save_tiny_model,
    tiny_config,
    tiny_data,
)
from support.videos import write_frames, write_numbered_video

from slowfast.config import Config
from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError
from slowfast.predict.timeline import timeline_files
from slowfast.predict.timeline.timelines import Windows, timeline_rows, timelines, video_thumbs

NAMES = ["before", "then", "last"]


def copied(folder: Path, name: str, at: Callable[[int], float], **how: Any) -> Path:
    odd_videos.copied(folder / name, at, size=SQUARE, **how)
    return folder / name


KINDS: dict[str, tuple[Callable[[Path], Path], float]] = {
    "even": (lambda f: write_numbered_video(f / "a.mp4", 60, codec="h264", size=SQUARE), 1.0),
    "ntsc": (
        lambda f: write_numbered_video(
            f / "a.mp4", 60, Fraction(30000, 1001), "h264", SQUARE
        ),
        1.001,
    ),
    "the second half slower": (lambda f: copied(f, "a.mkv", odd_videos.much_slower), 1.0),
    "frames that hold": (lambda f: copied(f, "a.mp4", odd_videos.slow_every_20th), 30.5 / 30),
    "an edit list that begins later": (lambda f: copied(f, "a.mp4", lambda i: i + 45), 2.5),
    "an edit list that cuts": (
        lambda f: copied(f, "a.mp4", lambda i: i - 15, avoid_negative_ts="disabled"), 0.5,
    ),
    "begins later": (lambda f: copied(f, "a.mkv", lambda i: i + 45), 2.5),
    "a stream with a clock of its own": (lambda f: copied(f, "a.ts", lambda i: i + 45), 1.0),
}  # fmt: skip
"""A video of 60 frames, and when players show the one with number 30."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_found_when_a_player_shows_it(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("av")
    make, shown = KINDS[kind]
    path, every = make(tmp_path), 0.1
    cfg = seeing_config(
        tmp_path, f"timeline.every={every}", "timeline.enter=0.5", "timeline.leave=0.5",
        "timeline.smooth=1", "timeline.shortest=0",
    )  # fmt: skip
    listed = [Named(Sample(str(path)), "a.mp4")]
    timelines(Seeing(30), listed, NAMES, cfg, weights="w", folder=tmp_path / "t", top=2)
    found = json.loads((tmp_path / "t" / "a.json").read_text())
    first, second = found["segments"]
    assert (first["label"], second["label"]) == ("before", "then")
    near = every + 1 / found["fps"]  # windows begin at whole frames of the mean rate
    assert first["end"] == pytest.approx(shown, abs=near)
    assert second["start"] == pytest.approx(shown, abs=near)
    assert found["windows"][0]["start"] == found["first_frame"]


def rows(backend: Seeing, cfg: Config, *paths: Path) -> dict[int, Windows | VideoError]:
    return dict(timeline_rows(backend, [Sample(str(path)) for path in paths], cfg))


@pytest.mark.parametrize(("frames", "number"), [(2, 1), (9, 1), (16, 1), (17, 2), (31, 2)])
def test_a_window_or_two(tmp_path: Path, frames: int, number: int) -> None:
    """Half a second each; a shorter video is one."""
    path = write_numbered_video(tmp_path / "a.mp4", frames, size=SQUARE)
    cfg = seeing_config(tmp_path, "timeline.every=0.5")
    found = rows(Seeing(30), cfg, path)[0]
    assert isinstance(found, Windows)
    assert len(found.scores) == len(found.seconds) == number
    np.testing.assert_allclose(found.scores.sum(axis=1), 1)
    assert found.seconds[0, 0] == 0 and found.seconds[-1, 1] == pytest.approx(frames / 30)


class Runs:
    """Runs over a video of 8 s, of which a window is 0.5 s, into the folder ``t``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_numbered_video(folder / "a.mp4", 240, size=SQUARE, codec="h264")

    def __call__(
        self, *settings: str, ends_after: int = 10**9, weights: str = "w", to: str = "t",
        views_at_once: int = 3,
    ) -> int:  # fmt: skip
        """The number of windows that were computed."""
        backend = Seeing(90, 180, ends_after=ends_after, views_at_once=views_at_once)
        cfg = seeing_config(self.folder, "timeline.every=0.25", *settings)
        videos = [Named(Sample(str(self.folder / "a.mp4")), "a.mp4")]
        folder = self.folder / to
        try:
            timelines(backend, videos, NAMES, cfg, weights=weights, folder=folder, top=2)
        except KeyboardInterrupt:
            assert ends_after < 10**9
        return backend.views

    def files(self, to: str = "t") -> dict[str, bytes]:
        """All that a run leaves but for what it keeps."""
        paths = (self.folder / to).iterdir()
        return {p.name: p.read_bytes() for p in paths if p.suffix not in (".jsonl", "", ".png")}


@pytest.fixture
def runs(tmp_path: Path, logging_as_it_was: None) -> Runs:
    pytest.importorskip("av")
    return Runs(tmp_path)


def test_a_run_that_was_interrupted_computes_what_is_missing(runs: Runs) -> None:
    assert runs(to="whole") == 31
    assert runs(ends_after=12) == 12
    assert not (runs.folder / "t" / "a.json").exists()
    assert runs(ends_after=6, views_at_once=2) == 6
    assert runs() == 31 - 18
    assert runs.files() == runs.files("whole")
    assert sorted(runs.files()) == [
        "a.json", "a.srt", "a.vtt", "activitynet.csv", "activitynet.json",
    ]  # fmt: skip
    assert runs() == 0


def test_half_a_line_of_a_killed_process_does_not_count(runs: Runs) -> None:
    runs(ends_after=12)
    kept = runs.folder / "t" / "a.jsonl"
    kept.write_bytes(kept.read_bytes()[:-40])
    assert runs() == 31 - 9


def test_other_thresholds_need_no_network_and_other_windows_do(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runs() == 31
    before = runs.files()
    assert "  last " in capsys.readouterr().out
    assert runs("timeline.shortest=2.6") == 0  # of 3, 3 and 2 s
    assert "  last " not in capsys.readouterr().out
    assert b"last" not in runs.files()["a.srt"]
    assert runs() == 0
    assert runs.files() == before
    (runs.folder / "t" / "a.vtt").unlink()
    assert runs() == 0
    assert runs.files() == before
    assert runs("timeline.every=0.5") == 16
    assert runs(weights="others") == 31
    write_numbered_video(runs.folder / "a.mp4", 120, size=SQUARE, codec="h264")
    assert runs(weights="others") == 15
    assert len((runs.folder / "t" / "a.jsonl").read_text().splitlines()) == 5 + 1


def test_a_full_disk_keeps_what_was_computed(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = runs.folder / "t" / "a.jsonl"
    with largest_file(1000), pytest.raises(OSError) as caught:
        runs()
    assert caught.value.filename == str(kept)
    there = kept.read_bytes().count(b"\n")
    assert there > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline_files, "write_video", _full)
        with pytest.raises(OSError, match="No space left"):
            runs()
    assert "  last " in capsys.readouterr().out  # the answer is told all the same
    assert runs() == 0


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.json")


def test_what_cannot_be_drawn_stops_no_other(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    def thumbs(*_: object) -> None:
        raise ValueError("no room")

    monkeypatch.setattr("slowfast.predict.timeline.timelines.video_thumbs", thumbs)
    with pytest.raises(VideoError, match="1 of 1 videos could not be read"):
        runs()
    assert any(line.endswith("a.mp4: ValueError: no room") for line in lines)
    monkeypatch.undo()
    assert runs() == 0


@pytest.mark.parametrize("size", [(3000, 2), (2, 3000)], ids=["wide", "tall"])
def test_frames_above_a_timeline_are_small(tmp_path: Path, size: tuple[int, int]) -> None:
    write_frames(tmp_path / "f", [np.full((*size, 3), 90, np.uint8)] * 3)
    thumbs = video_thumbs(Sample(str(tmp_path / "f")), seeing_config(tmp_path))
    assert thumbs.shape == (12, *(max(side * 384 // 3000, 1) for side in size), 3)


def test_what_is_there_of_somebody_else_stays(runs: Runs) -> None:
    (runs.folder / "t").mkdir()
    (runs.folder / "t" / "a.srt").write_text("mine")
    with pytest.raises(FolderError, match=r"t/a\.srt is there, and not of a timeline"):
        runs()
    assert (runs.folder / "t" / "a.srt").read_text() == "mine"
    with lock_held(runs.folder / "t" / ".lock"), pytest.raises(FolderError, match="another run"):
        runs()


@pytest.fixture
def weights(own_folder: Path) -> Path:
    """Of a network whose classes all come to about the same."""
    return save_tiny_model(tiny_config(own_folder))


def bad_videos() -> list[str]:
    Path("zero.mp4").touch()
    Path("cut.mp4").write_bytes((tiny_data() / "val" / "000000.mp4").read_bytes()[:400])
    write_numbered_video(Path("one.mp4"), 1)
    odd_videos.text(Path("text.mp4"))
    odd_videos.sound_with_cover(Path("cover.mp4"))
    odd_videos.picture(Path("picture.jpg"))
    return ["zero.mp4", "cut.mp4", "one.mp4", "text.mp4", "cover.mp4", "picture.jpg", "gone.mp4"]


@pytest.mark.parametrize("processes", [1, 2])
def test_of_bad_videos_one_line_says_why_and_others_are_done(
    own_folder: Path, weights: Path, processes: int
) -> None:
    bad = bad_videos()
    good = [tiny_data() / "val" / "000000.mp4", Path("höhe.mp4"), tiny_data() / "val/000001.mp4"]
    shutil.copy(good[0], good[1])
    flags: list[str | Path] = ["--infer", *bad[:4], *good, *bad[4:], good[0], "--timeline", "new/t",
                               "-w", weights, "-o", "timeline.every=0.5"]  # fmt: skip
    if processes == 1:
        done = main_here(*flags, cwd=own_folder)
    else:
        done = main_py(*flags, cwd=own_folder, processes=2)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said
    assert "error: 7 of 10 videos could not be read\n" in said
    for path in bad:
        assert said.count(f"unreadable: {path}: ") == 1
    assert "one.mp4: a single picture, not a video" in said
    assert "cover.mp4: no video in it, only a cover picture" in said
    for each in good:
        assert said.count(f"{each}\n  no segment; the best window is ") == 1
    names = {path.name for path in Path("new/t").iterdir()}
    of_each = [f"{path.stem}{end}" for path in good for end in (".json", ".srt", ".vtt", ".png")]
    assert names >= {*of_each, "activitynet.csv", "activitynet.json"}
    assert not any(name.startswith(("zero", "text", "gone")) for name in names)
    found = json.loads(Path("new/t/000001.json").read_text())
    assert len(found["windows"]) == 4 and found["duration"] == 2
    assert len(found["windows"][0]["labels"]) == 5
    assert {*json.loads(Path("new/t/activitynet.json").read_text())["results"]} == {
        path.stem for path in good
    }


def test_an_exported_folder_makes_timelines_and_views_are_refused(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tiny_data() / "val" / "000000.mp4"
    done = main_here(
        "--infer", video, "--timeline", "-w", exported_once(), "--top", "2", cwd=own_folder
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(Path("data/results/timeline/000000.json").read_text())
    labels = (tiny_data() / "labels.txt").read_text().splitlines()
    best = found["windows"][0]
    assert best["labels"] == [labels[i] for i in best["classes"]] and len(best["labels"]) == 2
    with pytest.raises(SystemExit):
        main_here("--infer", video, "--timeline", "--views", "1x1", cwd=own_folder)


def resident_bytes(pid: int) -> int:
    """Of a process and all below it; what they share counts for each."""
    psutil = pytest.importorskip("psutil")
    try:
        own = psutil.Process(pid)
        return sum(each.memory_info().rss for each in [own, *own.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


@pytest.mark.slow
def test_two_hours_need_little_memory(own_folder: Path, weights: Path) -> None:
    path = write_numbered_video(Path("long.mp4"), 36_000, 5, "h264", SQUARE, gop=50)
    command = [sys.executable, str(REPOSITORY / "main.py"), "--infer", str(path), "--timeline", "t",
               "-w", str(weights), "-o", "timeline.every=2"]  # fmt: skip
    most = 0
    with subprocess.Popen(command, env=environment(), cwd=own_folder) as process:
        while process.poll() is None:
            most = max(most, resident_bytes(process.pid))
            time.sleep(0.05)
    assert process.returncode == 0
    found = json.loads(Path("t/long.json").read_text())
    assert found["duration"] == pytest.approx(7200) and len(found["windows"]) == 3601
    assert 0 < most < 1.5e9
