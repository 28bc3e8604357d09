"""Lists checked for real: files that hang or crash their reader, interruption, a full disk."""

import csv
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.locks import lock_held
from support.video_tools import (
    is_running,
    lines,
    num_lines,
    reader_at,
    start,
    wait_until,
    write_hanging,
    write_list,
)
from support.videos import numbered_picture, write_frames, write_mpeg4, write_numbered_video

from slowfast.data.video import pyav
from slowfast.tools.check_videos import main

pytestmark = pytest.mark.usefixtures("no_hang")


def check(folder: Path, *args: object, name: str = "train.list") -> int:
    return main([str(folder / name), "--workers", "2", *map(str, args)])


def rows(path: Path) -> dict[str, dict[str, str]]:
    """The rows of the table by file name."""
    with open(path, newline="", encoding="utf-8") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_good_short_and_bad(
    tmp_path: Path, decoder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a b").mkdir()
    write_numbered_video(tmp_path / "a b/été.mp4", 30, fps=25, codec="h264", gop=12)
    whole = write_numbered_video(tmp_path / "whole.avi", 90, size=(96, 64))
    (tmp_path / "short.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    cut = write_numbered_video(tmp_path / "cut.mp4", 30).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(cut[: len(cut) // 2])  # its index was at the end
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    good = ["a b/été.mp4  3", "whole.avi 0", "short.avi 1"]
    bad = ["cut.mp4 1", "text.mp4 0", "empty.mp4 2", "gone.mp4 17"]
    write_list(tmp_path, bad[0], *good[:2], "", bad[1], good[2], *bad[2:], good[1])

    assert check(tmp_path, "--decoder", decoder) == 0
    assert lines(tmp_path / "train.good.list") == [*good, good[1]]
    assert lines(tmp_path / "train.bad.list") == bad
    table = rows(tmp_path / "train.videos.csv")
    assert {name: row["status"] for name, row in table.items() if row["status"] != "bad"} == {
        "été.mp4": "good", "whole.avi": "good", "short.avi": "short",
    }  # fmt: skip
    first = table["été.mp4"]
    assert [first[name] for name in ("frames", "frames_said", "seconds", "fps")] == [
        "30", "30", "1.2", "25.0",
    ]  # fmt: skip
    assert (first["width"], first["height"], first["codec"]) == ("64", "48", "h264")
    assert (first["keyframes"], first["mean_gap"], first["longest_gap"]) == ("3", "10.0", "12")
    short = table["short.avi"]
    assert 0 < int(short["frames"]) < 80 and int(short["frames_said"]) == 90
    assert short["reason"] == f"{short['frames']} frames where the container says 90"
    assert table["empty.mp4"]["reason"] == "the file is empty (0 bytes)"
    assert table["gone.mp4"]["reason"] == "No such file or directory"
    assert table["text.mp4"]["reason"].startswith("not a video")
    said = capsys.readouterr().out
    assert "\n4 good: " in said and "\n4 bad: " in said
    assert "text.mp4: not a video" in said
    assert "1 of the good hold fewer frames" in said
    assert "(median 64) pixels" in said or "(median 56) pixels" in said


def test_frame_folders(tmp_path: Path) -> None:
    pictures = [numbered_picture(n) for n in range(5)]
    for name in ("whole", "hole", "sizes"):
        write_frames(tmp_path / name, pictures)
    (tmp_path / "hole/img_00003.jpg").unlink()
    write_frames(tmp_path / "other", [numbered_picture(0, (32, 24))])
    (tmp_path / "other/img_00001.jpg").rename(tmp_path / "sizes/img_00004.jpg")
    write_list(tmp_path, "whole 5 0", "hole 5 1", "sizes 5 1", "other 7 1")
    assert check(tmp_path, "--frame-fps", 10) == 0
    assert lines(tmp_path / "train.good.list") == ["whole 5 0"]
    table = rows(tmp_path / "train.videos.csv")
    assert (table["whole"]["frames"], table["whole"]["seconds"]) == ("5", "0.5")
    assert "img_00003.jpg: No such file" in table["hole"]["reason"]
    assert "img_00004.jpg: its size differs" in table["sizes"]["reason"]


def test_other_forms_of_lists(tmp_path: Path) -> None:
    folder, out = tmp_path / "videos", tmp_path / "new/out"
    folder.mkdir()
    write_numbered_video(folder / "a,b.mp4", 5)
    write_list(tmp_path, "a,b.mp4,7", "gone.mp4,7", name="train.csv")
    write_list(tmp_path, "a,b.mp4", "gone.mp4", name="paths.txt")
    assert check(tmp_path, "--root", folder, "--out", out, name="train.csv") == 0
    assert lines(out / "train.good.csv") == ["a,b.mp4,7"]
    assert check(tmp_path, "--root", folder, "--out", out, name="paths.txt") == 0
    assert lines(out / "paths.good.txt") == ["a,b.mp4"]
    assert lines(out / "paths.bad.txt") == ["gone.mp4"]


def test_a_list_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, message in (
        (("a.mp4 0", "b.mp4"), "train.list:2: no label in 'b.mp4'"),
        ((), "train.list: the list is empty"),
    ):
        write_list(tmp_path, *text)
        assert check(tmp_path) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert check(tmp_path, name="gone.list") == 1
    assert "gone.list cannot be read: No such file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["train.list"]


def test_a_file_that_hangs_is_bad_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_hanging(tmp_path / "hang.mp4")
    write_numbered_video(tmp_path / "good.mp4", 5)
    write_list(tmp_path, "hang.mp4 0", "good.mp4 0")
    assert check(tmp_path, "--seconds", 1, "--workers", 1) == 0
    assert lines(tmp_path / "train.bad.list") == ["hang.mp4 0"]
    assert rows(tmp_path / "train.videos.csv")["hang.mp4"]["reason"] == "not read within 1 s"
    capsys.readouterr()
    assert check(tmp_path, "--seconds", 0.5) == 0
    assert rows(tmp_path / "train.videos.csv")["hang.mp4"]["reason"] == "not read within 0.5 s"
    assert "1 of 2 videos are checked already\n" in capsys.readouterr().out


def test_a_file_that_leads_to_an_exception_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("good.mp4", "odd.mp4"):
        write_numbered_video(tmp_path / name, 5)

    def fail(self: pyav.PyAVReader) -> Iterator[Any]:
        if self.path.endswith("odd.mp4"):
            raise ZeroDivisionError("no\nrate")
        return every_frame(self)

    every_frame = pyav.PyAVReader.every_frame
    monkeypatch.setattr(pyav.PyAVReader, "every_frame", fail)
    write_list(tmp_path, "odd.mp4 0", "good.mp4 0")
    assert check(tmp_path, "--decoder", "pyav") == 0
    reason = rows(tmp_path / "train.videos.csv")["odd.mp4"]["reason"]
    assert reason == "ZeroDivisionError: no rate"
    assert lines(tmp_path / "train.good.list") == ["good.mp4 0"]
    assert capsys.readouterr().err == ""


def test_a_file_that_crashes_its_process_is_bad(tmp_path: Path) -> None:
    write_hanging(tmp_path / "crash.mp4")
    write_numbered_video(tmp_path / "good.mp4", 5)
    write_numbered_video(tmp_path / "last.mp4", 5)
    (tmp_path / "text.mp4").write_text("not a video")
    path = write_list(tmp_path, "good.mp4 0", "crash.mp4 0", "text.mp4 0", "last.mp4 0")
    with start("check_videos", path, "--workers", 1) as process:
        os.kill(reader_at(process, tmp_path / "crash.mp4"), signal.SIGSEGV)
        _, error = process.communicate()
    assert (process.returncode, error) == (0, "")  # libraries are quiet, too
    assert lines(tmp_path / "train.good.list") == ["good.mp4 0", "last.mp4 0"]
    reason = rows(tmp_path / "train.videos.csv")["crash.mp4"]["reason"]
    assert reason == "its reader process was killed by SIGSEGV"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_run_goes_on(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    write_numbered_video(tmp_path / "first.mp4", 5)
    hanging = write_hanging(tmp_path / "second.mp4")
    path = write_list(tmp_path, "first.mp4 0", "second.mp4 0")
    journal = tmp_path / "train.checked.jsonl"
    with start("check_videos", path, "--workers", 1) as process:
        child = reader_at(process, hanging)
        process.send_signal(number)
        _, error = process.communicate()
    said = "interrupted (the same command goes on from here)\n"
    if number == signal.SIGKILL:
        assert (process.returncode, error) == (-9, "")
    else:
        assert (process.returncode, error) == (128 + number, said)
    assert num_lines(journal) == 1
    wait_until(lambda: not is_running(child))
    assert not (tmp_path / "train.good.list").exists()

    hanging.unlink()
    write_numbered_video(hanging, 5)
    assert check(tmp_path) == 0
    assert lines(tmp_path / "train.good.list") == ["first.mp4 0", "second.mp4 0"]
    assert "1 of 2 videos are checked already\n" in capsys.readouterr().out


def test_only_what_has_changed_is_checked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_numbered_video(tmp_path / name, 5)
    write_list(tmp_path, "a.mp4 0", "b.mp4 0")
    assert check(tmp_path) == 0
    (tmp_path / "a.mp4").write_text("not a video any more")
    with open(tmp_path / "train.checked.jsonl", "a") as file:
        file.write('{"key": "cut o')  # the machine went down
    assert check(tmp_path) == 0
    assert "1 of 2 videos are checked already\n" in capsys.readouterr().out
    assert lines(tmp_path / "train.bad.list") == ["a.mp4 0"]
    assert check(tmp_path) == 0
    assert "2 of 2 videos are checked already\n" in capsys.readouterr().out
    write_numbered_video(tmp_path / "a.mp4", 6)
    assert check(tmp_path) == 0
    assert rows(tmp_path / "train.videos.csv")["a.mp4"]["frames"] == "6"
    assert not (tmp_path / "train.bad.list").exists()
    capsys.readouterr()
    assert check(tmp_path) == 0
    assert "2 of 2 videos are checked already\n" in capsys.readouterr().out


def test_full_disk_keeps_what_is_done(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_numbered_video(tmp_path / name, 5)
    path = write_list(tmp_path, "a.mp4 0", "b.mp4 0", "c.mp4 0")
    with start("check_videos", path, "--workers", 1, most_bytes=700) as process:
        _, error = process.communicate()
    journal = tmp_path / "train.checked.jsonl"
    assert process.returncode == 1
    assert error.startswith("error: ") and str(journal) in error and error.count("\n") == 1
    assert num_lines(journal) >= 1
    with start("check_videos", path) as process:
        said, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    assert "of 3 videos are checked already" in said
    assert len(lines(tmp_path / "train.good.list")) == 3


def test_two_runs_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_numbered_video(tmp_path / "a.mp4", 5)
    write_list(tmp_path, "a.mp4 0")
    with lock_held(tmp_path / "train.checked.jsonl"):
        assert check(tmp_path) == 1
    assert "is in use by another run" in capsys.readouterr().err
    assert check(tmp_path) == 0


def test_wide_keyframes_are_remarked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mpeg4(tmp_path / "near.mp4", (numbered_picture(n) for n in range(30)))
    write_numbered_video(tmp_path / "far.mp4", 60, codec="h264", gop=60)
    hint = "prepare_videos makes files that read faster"
    write_list(tmp_path, "near.mp4 0")
    assert check(tmp_path) == 0
    assert hint not in capsys.readouterr().out
    write_list(tmp_path, "far.mp4 0")
    assert check(tmp_path) == 0
    said = capsys.readouterr().out
    assert "keyframes   every 60.0 frames, 60 at most\n" in said and hint in said
