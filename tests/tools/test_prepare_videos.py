"""Re-encoded files: the same frames at the same times, as was promised of them, whole or absent."""

import importlib.util
import json
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import video_tools
from support.videos import (
    moving,
    numbered_picture,
    numbers_of,
    write_frames,
    write_h264,
    write_numbered_video,
)

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.tools.prepare_videos import main

av = pytest.importorskip("av", reason="PyAV encodes")

pytestmark = pytest.mark.usefixtures("no_hang")

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def prepare(source: Path, *args: object, dst: str = "new", name: str = "train.list") -> int:
    path = source / name
    return main([str(path), str(source.parent / dst), "--workers", "2", *map(str, args)])


def error(capsys: Capsys, source: Path, *args: object, **names: str) -> str:
    return video_tools.error_line(capsys, prepare(source, *args, **names))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_frame_folders_become_videos(source: Path) -> None:
    write_frames(source / "frames", [numbered_picture(n) for n in range(12)])
    video_tools.write_list(source, "frames 9 5")
    assert prepare(source, "--frame-fps", 15) == 0
    new = source.parent / "new"
    assert video_tools.lines(new / "train.list") == ["frames.mp4 5"]
    assert numbers_of(new / "frames.mp4") == [*range(9)]
    assert open_video(Sample(str(new / "frames.mp4")), "", 0).fps == 15


def test_what_is_told(source: Path, capsys: Capsys) -> None:
    """The PSNR is that of the frames compared, and falls with the quality."""
    for name in ("a.mp4", "b.mp4"):
        write_h264(source / name, moving(), pixels="yuv420p")
    rng = np.random.default_rng(0)
    write_h264(source / "noise.mp4", (rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in "0123"))
    video_tools.write_list(source, "a.mp4 0", "noise.mp4 0", "b.mp4 0")
    psnr = {}
    for crf in (10, 45):
        assert prepare(source, "--crf", crf, dst=f"crf{crf}") == 0
        said = capsys.readouterr().out
        found = re.search(r"PSNR +([\d.]+) dB on average, ([\d.]+) dB at worst \((.*)\)", said)
        assert found and found[3] == "noise.mp4"
        rows = map(json.loads, video_tools.lines(source.parent / f"crf{crf}/prepared.jsonl"))
        entries = {row["key"]: row for row in rows}
        values = [entry["psnr"] for entry in entries.values()]
        assert float(found[1]) == pytest.approx(np.mean(values), abs=0.06)
        assert float(found[2]) == pytest.approx(min(values), abs=0.06)
        psnr[crf] = entries["a.mp4"]["psnr"]
        assert re.search(r"reading [\d,]+ ms -> [\d,]+ ms for a training clip \(mean of 3\)", said)
        before = sum((source / name).stat().st_size for name in entries)
        after = sum((source.parent / f"crf{crf}" / name).stat().st_size for name in entries)
        sizes = f"{before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB, {after / before:.0%}"
        assert f"size    {sizes}\n" in said
    assert psnr[45] + 8 < psnr[10]
    numbers = np.unique(np.linspace(0, 19, 8).astype(int))
    was, now = (
        open_video(Sample(str(path)), "", 0).frames(numbers).astype(float)
        for path in (source / "a.mp4", source.parent / "crf45/a.mp4")
    )
    assert psnr[45] == pytest.approx(10 * np.log10(255**2 / np.mean((was - now) ** 2)), abs=0.02)


def test_only_what_has_changed_is_made_again(source: Path, capsys: Capsys) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_numbered_video(source / name, 10)
    video_tools.write_list(source, "a.mp4 0", "b.mp4 1", "c.mp4 0", "a.mp4 0")
    assert prepare(source) == 0
    new = source.parent / "new"
    assert video_tools.lines(new / "train.list") == ["a.mp4 0", "b.mp4 1", "c.mp4 0", "a.mp4 0"]
    before = (new / "a.mp4").stat().st_mtime_ns
    write_numbered_video(source / "b.mp4", 12)
    (new / "c.mp4").unlink()
    capsys.readouterr()
    assert prepare(source) == 0
    assert "1 of 3 videos are prepared already\n" in capsys.readouterr().out
    assert numbers_of(new / "b.mp4") == [*range(12)]
    assert numbers_of(new / "c.mp4") == [*range(10)]
    video_tools.write_list(source, "c.mp4,4", name="val.csv")
    assert prepare(source, name="val.csv") == 0
    assert "1 of 1 videos are prepared already\n" in capsys.readouterr().out
    assert video_tools.lines(new / "val.csv") == ["c.mp4,4"]
    assert "--short-side 256" in error(capsys, source, "--short-side", 320)
    assert (new / "a.mp4").stat().st_mtime_ns == before


def test_a_bad_video_is_left_out(source: Path, capsys: Capsys) -> None:
    write_numbered_video(source / "a.mp4", 10)
    (source / "bad.mp4").write_text("not a video")
    video_tools.write_hanging(source / "hang.mp4")
    video_tools.write_list(source, "bad.mp4 0", "a.mp4 1", "gone.mp4 0", "hang.mp4 0")
    new = source.parent / "new"
    reasons = new / "train.list.failed"
    message = error(capsys, source, "--seconds", 2)
    assert message == f"error: 3 of 4 videos failed, see {reasons}\n"
    assert video_tools.lines(new / "train.list") == ["a.mp4 1"]
    assert sorted(video_tools.lines(reasons)) == [
        f"{source}/bad.mp4: not a video that PyAV can open",
        f"{source}/gone.mp4: No such file or directory",
        f"{source}/hang.mp4: no progress for 2 s (--seconds)",
    ]
    assert names_in(new) == {"a.mp4", "prepared.jsonl", "train.list", "train.list.failed"}
    video_tools.write_list(source, "a.mp4 1")
    assert prepare(source) == 0
    assert not reasons.exists()


def test_several_processes_share_a_list(
    source: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is told by the one that finishes last: the launcher ends all when one fails."""
    lines = [f"{number}.mp4 {number}" for number in range(4)]
    for number in range(1, 4):
        write_numbered_video(source / f"{number}.mp4", 5)
    (source / "0.mp4").write_text("not a video")
    video_tools.write_list(source, *lines)
    new = source.parent / "new"
    left = new / ".partial/2/123.mp4"  # of a killed run of more processes
    left.parent.mkdir(parents=True)
    left.touch()
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    assert prepare(source) == 0
    assert "1 failed" in capsys.readouterr().out
    assert {name for name in names_in(new) if not name.endswith(".jsonl")} == {"2.mp4"}
    monkeypatch.setenv("PADDLE_TRAINER_ID", "1")
    assert "1 of 4 videos failed" in error(capsys, source)
    assert video_tools.lines(new / "train.list") == lines[1:]
    assert len(video_tools.lines(new / "train.list.failed")) == 1

    write_numbered_video(source / "0.mp4", 5)
    before = [(new / f"{number}.mp4").stat().st_mtime_ns for number in range(1, 4)]
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "1")
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    assert "--crf 21" in error(capsys, source, "--crf", 22)
    assert prepare(source) == 0
    told = capsys.readouterr().out
    assert "3 of 4 videos are prepared already\n" in told and "(mean of 4)" in told
    assert video_tools.lines(new / "train.list") == lines
    assert [(new / f"{number}.mp4").stat().st_mtime_ns for number in range(1, 4)] == before
    assert not {"train.list.failed", ".partial"} & names_in(new)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_ended_within_a_video_goes_on(
    source: Path, number: signal.Signals, capsys: Capsys
) -> None:
    write_numbered_video(source / "first.mp4", 10)
    long = source / "long.mp4"
    long.write_text("ffconcat version 1.0\n" + 1000 * "file first.mp4\n")
    path = video_tools.write_list(source, "first.mp4 0", "long.mp4 1")
    new = source.parent / "new"
    with video_tools.start("prepare_videos", path, new, "--workers", 1) as process:
        child = video_tools.reader_at(
            process, new / f".partial/0/{video_tools.reader_at(process, long)}.mp4"
        )
        process.send_signal(number)
        _, said = process.communicate()
    video_tools.wait_until(lambda: not video_tools.is_running(child))
    assert len(video_tools.lines(new / "prepared.jsonl")) == 1
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert said == "interrupted (the same command goes on from here)\n"
        assert names_in(new) == {"first.mp4", "prepared.jsonl"}
    write_numbered_video(long, 10)
    assert prepare(source) == 0
    assert video_tools.lines(new / "train.list") == ["first.mp4 0", "long.mp4 1"]
    assert "1 of 2 videos are prepared already\n" in capsys.readouterr().out
    assert names_in(new) == {"first.mp4", "long.mp4", "prepared.jsonl", "train.list"}


def test_full_disk_leaves_no_part_of_a_video(source: Path) -> None:
    write_h264(source / "small.mp4", moving((32, 32), 5))
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 256, (128, 128, 3), np.uint8) for _ in range(20))
    write_h264(source / "large.mp4", noise)
    path = video_tools.write_list(source, "small.mp4 0", "large.mp4 0")
    new = source.parent / "new"
    with video_tools.start(
        "prepare_videos", path, new, "--workers", 1, most_bytes=50_000
    ) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert said.startswith("error: ") and "File too large" in said and said.count("\n") == 1
    assert str(new) in said
    assert names_in(new) == {"small.mp4", "prepared.jsonl"}
    assert prepare(source) == 0
    assert video_tools.lines(new / "train.list") == ["small.mp4 0", "large.mp4 0"]


def test_names_never_meet(source: Path, capsys: Capsys) -> None:
    for name in ("a.avi", "a.mp4", "B.MP4"):
        write_numbered_video(source / name, 4 if name == "a.avi" else 5)
    video_tools.write_list(source, "a.avi 0", "a.mp4 1", "B.MP4 2")
    assert prepare(source) == 0
    new = source.parent / "new"
    assert video_tools.lines(new / "train.list") == ["a.avi.mp4 0", "a.mp4 1", "B.MP4 2"]
    assert (numbers_of(new / "a.avi.mp4"), numbers_of(new / "a.mp4")) == ([*range(4)], [*range(5)])
    write_numbered_video(source / "a.avi.mp4", 6)
    video_tools.write_list(source, "a.avi 0", "a.avi.mp4 1")
    assert "would both become a.avi.mp4" in error(capsys, source)
    other = source.parent / "other"
    other.mkdir()
    write_numbered_video(other / "a.mp4", 7)
    video_tools.write_list(other, "a.mp4 0", name="val.list")
    assert "is made of" in error(capsys, other, name="val.list")
    assert numbers_of(new / "a.mp4") == [*range(5)]


def test_sources_are_never_overwritten(source: Path, capsys: Capsys) -> None:
    path = write_numbered_video(source / "a.mp4", 5)
    (source / "new").mkdir()
    below = write_numbered_video(source / "new/a.mp4", 6)
    before = [file.read_bytes() for file in (path, below)]
    video_tools.write_list(source, "a.mp4 0", "new/a.mp4 0")
    (source.parent / "link").symlink_to(source)
    for dst in ("source", "link"):
        assert "where the sources are" in error(capsys, source, dst=dst)
    assert "would overwrite a source" in error(capsys, source, dst="source/new")
    other = source.parent / "other"
    other.mkdir()
    below.rename(other / "a.mp4")
    below.symlink_to(other / "a.mp4")
    video_tools.write_list(source, "new/a.mp4 0", name="linked.list")
    (source.parent / "away/new").mkdir(parents=True)
    (source.parent / "away/new/a.mp4").symlink_to(other / "a.mp4")
    (source.parent / "back").mkdir()
    (source.parent / "back/new").symlink_to(other)  # where the source lies
    linked = {"name": "linked.list"}
    assert "would overwrite a source" in error(capsys, source, dst="back", **linked)
    assert prepare(source, dst="away", **linked) == 0  # this link is replaced, not the source
    assert not (source.parent / "away/new/a.mp4").is_symlink()
    listed = source / "train.list"
    assert "would be overwritten" in error(capsys, source, "--list-out", listed)
    video_tools.write_list(source, "../a.mp4 0", name="out.list")
    assert "is not below --root" in error(capsys, source, name="out.list")
    assert [file.read_bytes() for file in (path, below)] == before
    assert names_in(source) == {"a.mp4", "new", "train.list", "out.list", "linked.list"}


def test_missing_parts_are_named(
    source: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbered_video(source / "a.mp4", 5)
    video_tools.write_list(source, "a.mp4 0")
    (source.parent / "file").touch()
    assert "file" in error(capsys, source, dst="file")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install av" in error(capsys, source)
    assert not (source.parent / "new").exists()


def test_several_labels_and_parts_stay_as_they_are(source: Path, capsys: Capsys) -> None:
    write_frames(source / "frames", [numbered_picture(n) for n in range(12)])
    for name in ("a.avi", "b.mp4"):
        write_numbered_video(source / name, 12)
    new = source.parent / "new"
    video_tools.write_list(source, "a.avi 3,17", "b.mp4", "frames 9 1,2", "frames 9", "b.mp4 5")
    assert prepare(source) == 0
    prepared = ["a.avi.mp4 3,17", "b.mp4", "frames.mp4 1,2", "frames.mp4", "b.mp4 5"]
    assert video_tools.lines(new / "train.list") == prepared
    video_tools.write_list(source, "a.avi 3", "b.mp4")
    assert "no label in 'b.mp4'" in error(capsys, source)
    assert prepare(source, "--task", "multi") == 0
    assert video_tools.lines(new / "train.list") == ["a.avi.mp4 3", "b.mp4"]
    video_tools.write_list(source, 'a.avi,"3,17"', "b.mp4,", "b.mp4,5", name="x.csv")
    assert prepare(source, name="x.csv") == 0
    assert video_tools.lines(new / "x.csv") == ['a.avi.mp4,"3,17"', "b.mp4,", "b.mp4,5"]
    rows: list[dict[str, Any]] = [
        {"path": "a.avi", "start": 0.1, "end": 0.2, "label": 3},
        {"labels": [17, 3], "path": "a.avi", "actions": [[3, 0, 0.25]]},
        {"path": "frames", "num_frames": 9, "labels": []},
    ]
    video_tools.write_list(source, *map(json.dumps, rows), name="x.jsonl")
    assert prepare(source, name="x.jsonl") == 0
    rows[1]["labels"] = [3, 17]
    del rows[2]["num_frames"]
    paths = ["a.avi.mp4", "a.avi.mp4", "frames.mp4"]
    found = [json.loads(line) for line in video_tools.lines(new / "x.jsonl")]
    assert found == [row | {"path": path} for row, path in zip(rows, paths, strict=True)]
    assert numbers_of(new / "a.avi.mp4") == [*range(12)]
    said = error(capsys, source, "--list-out", new / "y.list", name="x.jsonl")
    assert "both must end in .jsonl, or none" in said
