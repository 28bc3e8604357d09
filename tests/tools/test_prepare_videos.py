"""Re-encoded files: the same frames at the same times, as was promised of them, whole or absent."""

import importlib.util
import json
import os
import re
import signal
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.videos import (
    Picture,
    numbered_picture,
    read_numbers,
    write_frames,
    write_h264,
    write_numbered_video,
)
from test_check_videos import (
    children,
    is_running,
    lines,
    num_lines,
    start,
    wait_until,
    write_hanging,
    write_list,
)
from test_odd_videos import rewrite, shown_at, turn_clockwise

from slowfast.data.lists import Sample, read_list
from slowfast.data.video.open import open_video
from slowfast.tools.prepare_videos import main

av = pytest.importorskip("av", reason="PyAV encodes")
NUM_FRAMES = 45

pytestmark = pytest.mark.usefixtures("no_hang")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def prepare(source: Path, *args: object, dst: str = "new", name: str = "train.list") -> int:
    path = source / name
    return main([str(path), str(source.parent / dst), "--workers", "2", *map(str, args)])


def error_of(capsys: pytest.CaptureFixture[str], source: Path, *args: object, **names: str) -> str:
    """The one line of a run that fails."""
    assert prepare(source, *args, **names) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def numbers_of(path: Path) -> list[int]:
    reader = open_video(Sample(str(path)), "", 0)
    return read_numbers(reader.frames(np.arange(reader.num_frames)))


def moving(size: tuple[int, int] = (192, 128), count: int = 20) -> Iterator[Picture]:
    """Colours that change smoothly from place to place and with time."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    for number in range(count):
        bands = (np.sin((x + 3 * number) / 20), np.cos((y - number) / 15), np.sin((x + y) / 30))
        yield (127.5 + 110 * np.stack(bands, axis=2)).astype(np.uint8)


def journal(source: Path) -> dict[str, dict[str, Any]]:
    text = (source.parent / "new/prepared.jsonl").read_text()
    return {entry["key"]: entry for entry in map(json.loads, text.splitlines())}


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
def test_frames_and_form(source: Path, name: str, fps: Fraction) -> None:
    codec: Any = "mpeg4" if name.endswith(".avi") else "h264"
    options: dict[str, int] = {} if codec == "mpeg4" else {"b_frames": 2, "gop": 30}
    (source / "a b").mkdir()
    old = write_numbered_video(
        source / "a b" / name, NUM_FRAMES, fps, codec, size=(160, 120), **options
    )
    write_list(source, f"a b/{name} 7")
    assert prepare(source, "--short-side", 64) == 0

    new = source.parent / "new" / "a b" / (name if name == "video.mp4" else f"{name}.mp4")
    (sample,) = read_list(str(source.parent / "new/train.list"), str(source.parent / "new"), 8)
    assert sample == Sample(str(new), 7)
    assert numbers_of(new) == [*range(NUM_FRAMES)] == numbers_of(old)
    was, now = (open_video(Sample(str(path)), "", 0) for path in (old, new))
    assert now.fps == pytest.approx(was.fps, rel=1e-9)
    with av.open(str(new)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (86, 64)
        assert not stream.codec_context.has_b_frames
        frames = list(container.decode(stream))
    assert {av.video.frame.PictureType(frame.pict_type).name for frame in frames} == {"I", "P"}
    assert [i for i, f in enumerate(frames) if f.key_frame] == [*range(0, NUM_FRAMES, 8)]
    assert [float(f.time) for f in frames] == pytest.approx(
        [float(i / fps) for i in range(NUM_FRAMES)], abs=float(1 / fps) / 512
    )


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_variable_frame_rate(source: Path, ending: str) -> None:
    pictures = (numbered_picture(number) for number in range(NUM_FRAMES))
    whole = write_h264(source / "whole.mp4", pictures, b_frames=2)
    path = rewrite(whole, source / f"video{ending}", lambda time: time + 2000 + max(time - 9000, 0))
    write_list(source, f"{path.name} 0")
    assert prepare(source) == 0
    new = source.parent / "new" / ("video.mp4" if ending == ".mp4" else "video.mkv.mp4")
    was, now = np.array(shown_at(path)), np.array(shown_at(new))
    assert len({round(gap, 3) for gap in np.diff(was)}) > 1, "the rate is meant to vary"
    assert now == pytest.approx(was - was[0], abs=1e-3)
    assert numbers_of(new) == [*range(NUM_FRAMES)]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_videos_become_upright(source: Path, degrees: int) -> None:
    turns = degrees // 90
    pictures = (np.rot90(numbered_picture(n, (96, 64)), turns).copy() for n in range(20))
    turn_clockwise(write_h264(source / "video.mp4", pictures), degrees)
    write_list(source, "video.mp4 0")
    assert prepare(source, "--short-side", 32) == 0
    new = source.parent / "new/video.mp4"
    assert numbers_of(new) == [*range(20)]
    with av.open(str(new)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (48, 32, 0)


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((64, 48), 256, (64, 48)),
        ((66, 34), 34, (66, 34)),
        ((100, 80), 40, (50, 40)),
        ((80, 100), 50, (50, 62)),
        ((65, 49), 256, (64, 48)),
    ],
)
def test_sizes(
    source: Path, size: tuple[int, int], short_side: int, expected: tuple[int, int]
) -> None:
    write_h264(source / "v.mp4", (numbered_picture(n, size) for n in range(3)), pixels="yuv444p")
    write_list(source, "v.mp4 0")
    assert prepare(source, "--short-side", short_side) == 0
    new = open_video(Sample(str(source.parent / "new/v.mp4")), "", 0)
    assert new.frames(np.arange(1)).shape == (1, expected[1], expected[0], 3)
    assert numbers_of(source.parent / "new/v.mp4") == [0, 1, 2]


def test_frame_folders_become_videos(source: Path) -> None:
    write_frames(source / "frames", moving(count=20))
    write_frames(source / "counted", [numbered_picture(n) for n in range(12)])
    write_list(source, "counted 9 5", "frames 20 3")
    assert prepare(source, "--frame-fps", 15, "--crf", 4) == 0
    new = source.parent / "new"
    assert lines(new / "train.list") == ["counted.mp4 5", "frames.mp4 3"]
    assert numbers_of(new / "counted.mp4") == [*range(9)]
    reader = open_video(Sample(str(new / "frames.mp4")), "", 0)
    assert (reader.num_frames, reader.fps) == (20, 15)
    shown = reader.frames(np.arange(20)).astype(float)
    assert abs(np.mean(shown - np.stack([*moving(count=20)]))) < 1.5, "brighter or darker"
    made = journal(source)["frames.mp4"]
    assert made["psnr"] > 33
    assert made["source_bytes"] == sum(f.stat().st_size for f in (source / "frames").iterdir())


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "gray", "yuv420p10le"])
@pytest.mark.parametrize("short_side", [128, 64])
def test_colours_stay(source: Path, pixels: str, short_side: int) -> None:
    old = write_h264(source / "video.mp4", moving(), pixels=pixels)
    write_list(source, "video.mp4 0")
    assert prepare(source, "--short-side", short_side, "--crf", 4) == 0
    new = source.parent / "new/video.mp4"
    was, now = (
        open_video(Sample(str(path)), "", 0).frames(np.arange(20), to_size(short_side))
        for path in (old, new)
    )
    difference = now.astype(float) - was
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 2.5, "a shift of the colours"
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 33


def to_size(short_side: int) -> Any:
    def resize(picture: NDArray[np.uint8]) -> Any:
        size = (short_side * 3 // 2, short_side)
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)

    return resize


def test_what_is_told(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The PSNR is that of the frames compared, and falls with the quality."""
    for name in ("a.mp4", "b.mp4"):
        write_h264(source / name, moving(), pixels="yuv420p")
    rng = np.random.default_rng(0)
    write_h264(source / "noise.mp4", (rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in "0123"))
    write_list(source, "a.mp4 0", "noise.mp4 0", "b.mp4 0")
    psnr = {}
    for crf in (10, 45):
        assert prepare(source, "--crf", crf, dst=f"crf{crf}") == 0
        said = capsys.readouterr().out
        found = re.search(r"PSNR +([\d.]+) dB on average, ([\d.]+) dB at worst \((.*)\)", said)
        assert found and found[3] == "noise.mp4"
        text = (source.parent / f"crf{crf}/prepared.jsonl").read_text()
        entries = {entry["key"]: entry for entry in map(json.loads, text.splitlines())}
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


def test_only_what_has_changed_is_made_again(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_numbered_video(source / name, 10)
    write_list(source, "a.mp4 0", "b.mp4 1", "c.mp4 0", "a.mp4 0")
    assert prepare(source) == 0
    new = source.parent / "new"
    assert lines(new / "train.list") == ["a.mp4 0", "b.mp4 1", "c.mp4 0", "a.mp4 0"]
    before = {name: (new / name).stat().st_mtime_ns for name in ("a.mp4", "b.mp4", "c.mp4")}
    write_numbered_video(source / "b.mp4", 12)
    (new / "c.mp4").unlink()
    capsys.readouterr()
    assert prepare(source) == 0
    assert "1 of 3 videos are prepared already\n" in capsys.readouterr().out
    assert (new / "a.mp4").stat().st_mtime_ns == before["a.mp4"]
    assert numbers_of(new / "b.mp4") == [*range(12)]
    assert numbers_of(new / "c.mp4") == [*range(10)]
    write_list(source, "c.mp4,4", name="val.csv")
    assert prepare(source, name="val.csv") == 0
    assert "1 of 1 videos are prepared already\n" in capsys.readouterr().out
    assert lines(new / "val.csv") == ["c.mp4,4"]
    assert "--short-side 256" in error_of(capsys, source, "--short-side", 320)
    assert (new / "a.mp4").stat().st_mtime_ns == before["a.mp4"]


def test_a_bad_video_is_left_out(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_numbered_video(source / "a.mp4", 10)
    (source / "bad.mp4").write_text("not a video")
    write_hanging(source / "hang.mp4")
    write_list(source, "bad.mp4 0", "a.mp4 1", "gone.mp4 0", "hang.mp4 0")
    new = source.parent / "new"
    reasons = new / "train.list.failed"
    error = error_of(capsys, source, "--seconds", 2)
    assert error == f"error: 3 of 4 videos failed, see {reasons}\n"
    assert lines(new / "train.list") == ["a.mp4 1"]
    assert sorted(lines(reasons)) == [
        f"{source}/bad.mp4: not a video that OpenCV can open",
        f"{source}/gone.mp4: No such file or directory",
        f"{source}/hang.mp4: not read within 2 s",
    ]
    assert {path.name for path in new.iterdir()} == {
        "a.mp4", "prepared.jsonl", "train.list", "train.list.failed",
    }  # fmt: skip
    write_list(source, "a.mp4 1")
    assert prepare(source) == 0
    assert not reasons.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_goes_on(
    source: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    write_numbered_video(source / "first.mp4", 10)
    hanging = write_hanging(source / "second.mp4")
    path = write_list(source, "first.mp4 0", "second.mp4 1")
    new = source.parent / "new"
    with start("prepare_videos", path, new, "--workers", 1) as process:
        wait_until(lambda: num_lines(new / "prepared.jsonl") == 1 and children(process))
        (child,) = children(process)
        process.send_signal(number)
        _, error = process.communicate()
    assert process.returncode == 130
    assert error == "\ninterrupted: the same command goes on from here\n"
    assert not is_running(child)
    assert {path.name for path in new.iterdir()} == {"first.mp4", "prepared.jsonl"}
    hanging.unlink()
    write_numbered_video(hanging, 10)
    assert prepare(source) == 0
    assert lines(new / "train.list") == ["first.mp4 0", "second.mp4 1"]
    assert "1 of 2 videos are prepared already\n" in capsys.readouterr().out


def test_full_disk_leaves_no_part_of_a_video(source: Path) -> None:
    write_h264(source / "small.mp4", moving((32, 32), 5))
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 256, (128, 128, 3), np.uint8) for _ in range(20))
    write_h264(source / "large.mp4", noise)
    path = write_list(source, "small.mp4 0", "large.mp4 0")
    new = source.parent / "new"
    with start("prepare_videos", path, new, "--workers", 1, most_bytes=50_000) as process:
        _, error = process.communicate()
    assert process.returncode == 1
    assert error.startswith("error: ") and "File too large" in error and error.count("\n") == 1
    assert str(new) in error
    assert {path.name for path in new.iterdir()} == {"small.mp4", "prepared.jsonl"}
    assert prepare(source) == 0
    assert lines(new / "train.list") == ["small.mp4 0", "large.mp4 0"]


def test_names_never_meet(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.avi", "a.mp4", "B.MP4"):
        write_numbered_video(source / name, 4 if name == "a.avi" else 5)
    write_list(source, "a.avi 0", "a.mp4 1", "B.MP4 2")
    assert prepare(source) == 0
    new = source.parent / "new"
    assert lines(new / "train.list") == ["a.avi.mp4 0", "a.mp4 1", "B.MP4 2"]
    assert (numbers_of(new / "a.avi.mp4"), numbers_of(new / "a.mp4")) == ([*range(4)], [*range(5)])
    write_numbered_video(source / "a.avi.mp4", 6)
    write_list(source, "a.avi 0", "a.avi.mp4 1")
    assert "would both become a.avi.mp4" in error_of(capsys, source)
    other = source.parent / "other"
    other.mkdir()
    write_numbered_video(other / "a.mp4", 7)
    write_list(other, "a.mp4 0", name="val.list")
    assert "is made of" in error_of(capsys, other, name="val.list")
    assert numbers_of(new / "a.mp4") == [*range(5)]


def test_sources_are_never_overwritten(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_numbered_video(source / "a.mp4", 5)
    (source / "new").mkdir()
    below = write_numbered_video(source / "new/a.mp4", 6)
    before = [file.read_bytes() for file in (path, below)]
    write_list(source, "a.mp4 0", "new/a.mp4 0")
    (source.parent / "link").symlink_to(source)
    for dst in ("source", "link"):
        assert "where the sources are" in error_of(capsys, source, dst=dst)
    assert "would overwrite a source" in error_of(capsys, source, dst="source/new")
    listed = source / "train.list"
    assert "would be overwritten" in error_of(capsys, source, "--list-out", listed)
    write_list(source, "../a.mp4 0", name="out.list")
    assert "is not below --root" in error_of(capsys, source, name="out.list")
    assert [file.read_bytes() for file in (path, below)] == before
    assert {file.name for file in source.iterdir()} == {"a.mp4", "new", "train.list", "out.list"}


def test_what_is_missing_is_named(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_numbered_video(source / "a.mp4", 5)
    write_list(source, "a.mp4 0")
    (source.parent / "file").touch()
    assert "file" in error_of(capsys, source, dst="file")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert "pip install av" in error_of(capsys, source)
    assert not os.path.exists(source.parent / "new")
