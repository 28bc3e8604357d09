"""Lists checked for real: files that hang or crash their reader, interruption, a full disk."""

import csv
import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from support import video_tools
from support.processes import free_ports
from support.tiny_run import environment
from support.videos import cut_to, numbered_picture, write_frames, write_numbered_video

from slowfast.tools.check_videos import main

pytestmark = pytest.mark.usefixtures("no_hang")

Capsys = pytest.CaptureFixture[str]


def check(folder: Path, *args: object, name: str = "train.list") -> int:
    return main([str(folder / name), "--workers", "2", *map(str, args)])


def rows(path: Path) -> dict[str, dict[str, str]]:
    """The rows of the table by file name."""
    with open(path, newline="", encoding="utf-8") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_good_short_and_bad(tmp_path: Path, decoder: str, capsys: Capsys) -> None:
    (tmp_path / "a b").mkdir()
    write_numbered_video(tmp_path / "a b/été.mp4", 30, fps=25, codec="h264", gop=12)
    write_numbered_video(tmp_path / "whole.avi", 90, size=(96, 64))
    cut_to(write_numbered_video(tmp_path / "short.avi", 90, size=(96, 64)), 0.8)
    cut_to(write_numbered_video(tmp_path / "half.avi", 90, size=(96, 64)), 0.5)
    cut_to(write_numbered_video(tmp_path / "cut.mp4", 30), 0.5)  # its index was at the end
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    good = ["a b/été.mp4  3", "whole.avi 0", "short.avi 1"]
    bad = ["cut.mp4 1", "text.mp4 0", "empty.mp4 2", "half.avi 0", "gone.mp4 17"]
    video_tools.write_list(tmp_path, bad[0], *good[:2], "", bad[1], good[2], *bad[2:], good[1])

    assert check(tmp_path, "--decoder", decoder) == 0
    assert video_tools.lines(tmp_path / "train.good.list") == [*good, good[1]]
    assert video_tools.lines(tmp_path / "train.bad.list") == bad
    table = rows(tmp_path / "train.videos.csv")
    statuses = {name: row["status"] for name, row in table.items() if row["status"] != "bad"}
    assert statuses == {"été.mp4": "good", "whole.avi": "good", "short.avi": "short"}
    expected = {
        "frames": "30", "frames_said": "30", "seconds": "1.2", "fps": "25.0", "width": "64",
        "height": "48", "codec": "h264", "keyframes": "3", "mean_gap": "10.0", "longest_gap": "12",
        "seconds_said": "1.2",
    }  # fmt: skip
    assert table["été.mp4"].items() >= expected.items()
    short = table["short.avi"]
    assert 70 < int(short["frames"]) < 80 and 1 < 30 * float(short["seconds"]) / 72 < 1.1
    assert short["reason"].endswith(f"{short['seconds']} s where the container says 3")
    assert table["half.avi"]["reason"].endswith(" s where the container says 3")
    assert table["empty.mp4"]["reason"] == "the file is empty (0 bytes)"
    assert table["gone.mp4"]["reason"] == "No such file or directory"
    assert table["text.mp4"]["reason"].startswith("not a video")
    said = capsys.readouterr().out
    for text in (
        "\n4 good: ", "\n5 bad: ", "text.mp4: not a video", "1 of the good hold less than they say",
    ):  # fmt: skip
        assert text in said
    assert "(median 64) pixels" in said or "(median 56) pixels" in said


def test_frame_folders(tmp_path: Path) -> None:
    pictures = [numbered_picture(n) for n in range(5)]
    for name in ("whole", "hole", "sizes"):
        write_frames(tmp_path / name, pictures)
    (tmp_path / "hole/img_00003.jpg").unlink()
    write_frames(tmp_path / "other", [numbered_picture(0, (32, 24))])
    (tmp_path / "other/img_00001.jpg").rename(tmp_path / "sizes/img_00004.jpg")
    video_tools.write_list(tmp_path, "whole 5 0", "hole 5 1", "sizes 5 1", "other 7 1")
    assert check(tmp_path, "--frame-fps", 10) == 0
    assert video_tools.lines(tmp_path / "train.good.list") == ["whole 5 0"]
    table = rows(tmp_path / "train.videos.csv")
    assert (table["whole"]["frames"], table["whole"]["seconds"]) == ("5", "0.5")
    assert table["hole"]["reason"].startswith("2 frames without a gap, img_00001.jpg to img_00002.")
    assert "img_00004.jpg: its size differs" in table["sizes"]["reason"]


def test_other_forms_of_lists(tmp_path: Path) -> None:
    folder, out = tmp_path / "videos", tmp_path / "new/out"
    folder.mkdir()
    write_numbered_video(folder / "a,b.mp4", 5)
    video_tools.write_list(tmp_path, "a,b.mp4,7", "gone.mp4,7", name="train.csv")
    video_tools.write_list(tmp_path, "a,b.mp4", "gone.mp4", name="paths.txt")
    assert check(tmp_path, "--root", folder, "--out", out, name="train.csv") == 0
    assert video_tools.lines(out / "train.good.csv") == ["a,b.mp4,7"]
    assert check(tmp_path, "--root", folder, "--out", out, name="paths.txt") == 0
    assert video_tools.lines(out / "paths.good.txt") == ["a,b.mp4"]
    assert video_tools.lines(out / "paths.bad.txt") == ["gone.mp4"]


def test_a_list_that_cannot_be_used(tmp_path: Path, capsys: Capsys) -> None:
    video_tools.write_list(tmp_path, "a.mp4 0", "b.mp4")
    assert "train.list:2: no label in 'b.mp4'" in video_tools.error_line(capsys, check(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["train.list"]


def test_a_file_that_hangs_is_bad_and_tried_again(tmp_path: Path, capsys: Capsys) -> None:
    video_tools.write_hanging(tmp_path / "hang.mp4")
    write_numbered_video(tmp_path / "good.mp4", 5)
    video_tools.write_list(tmp_path, "hang.mp4 0", "good.mp4 0")
    for seconds in ("2", "1.5"):
        capsys.readouterr()
        assert check(tmp_path, "--seconds", seconds, "--workers", 1) == 0
        assert video_tools.lines(tmp_path / "train.bad.list") == ["hang.mp4 0"]
        reason = rows(tmp_path / "train.videos.csv")["hang.mp4"]["reason"]
        assert reason == f"no progress for {seconds} s (--seconds)"
    assert "1 of 2 videos are checked already\n" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_run_goes_on(tmp_path: Path, number: signal.Signals, capsys: Capsys) -> None:
    write_numbered_video(tmp_path / "first.mp4", 5)
    (tmp_path / "text.mp4").write_text("not a video")
    hanging = video_tools.write_hanging(tmp_path / "second.mp4")
    path = video_tools.write_list(tmp_path, "text.mp4 0", "first.mp4 0", "second.mp4 0")
    with video_tools.start("check_videos", path, "--workers", 1) as process:
        child = video_tools.reader_at(process, hanging)
        process.send_signal(number)
        _, error = process.communicate()
    said = "interrupted (the same command goes on from here)\n"
    expected = (-9, "") if number == signal.SIGKILL else (128 + number, said)
    assert (process.returncode, error) == expected  # libraries are quiet, too
    assert len(video_tools.lines(tmp_path / "train.checked.jsonl")) == 2
    video_tools.wait_until(lambda: not video_tools.is_running(child))
    assert not (tmp_path / "train.good.list").exists()

    hanging.unlink()
    write_numbered_video(hanging, 5)
    assert check(tmp_path) == 0
    assert video_tools.lines(tmp_path / "train.good.list") == ["first.mp4 0", "second.mp4 0"]
    assert "2 of 3 videos are checked already\n" in capsys.readouterr().out


def test_only_what_has_changed_is_checked_again(tmp_path: Path, capsys: Capsys) -> None:
    def checked_already() -> str:
        assert check(tmp_path) == 0
        first, _, rest = capsys.readouterr().out.partition(" videos are checked already\n")
        return first.rpartition("  ")[2] if rest else "0"

    for name in ("a.mp4", "b.mp4"):
        write_numbered_video(tmp_path / name, 5)
    video_tools.write_list(tmp_path, "a.mp4 0", "b.mp4 0")
    assert checked_already() == "0"
    (tmp_path / "a.mp4").write_text("not a video any more")
    assert checked_already() == "1 of 2"
    assert video_tools.lines(tmp_path / "train.bad.list") == ["a.mp4 0"]
    assert checked_already() == "2 of 2"
    write_numbered_video(tmp_path / "a.mp4", 6)
    assert checked_already() == "1 of 2"
    assert rows(tmp_path / "train.videos.csv")["a.mp4"]["frames"] == "6"
    assert not (tmp_path / "train.bad.list").exists()
    assert checked_already() == "2 of 2"


@pytest.mark.parametrize("max_lost, status", [(0.1, "bad"), (0.3, "short"), (1, "short")])
def test_how_much_may_be_lost(tmp_path: Path, max_lost: float, status: str, capsys: Capsys) -> None:
    cut_to(write_numbered_video(tmp_path / "part.avi", 90, size=(96, 64)), 0.8)
    video_tools.write_list(tmp_path, "part.avi 0")
    for share in (0.5, max_lost):  # told anew of what is in the journal
        assert check(tmp_path, "--max-lost", share) == 0
    assert rows(tmp_path / "train.videos.csv")["part.avi"]["status"] == status
    assert "1 of 1 videos are checked already\n" in capsys.readouterr().out


def test_seconds_are_true_ones(tmp_path: Path) -> None:
    """Also where the frame rate varies."""
    with av.open(str(tmp_path / "slower.mkv"), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.time_base = Fraction(1, 30)
            frame.pts = number if number < 10 else 10 + 4 * (number - 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    video_tools.write_list(tmp_path, "slower.mkv 0")
    assert check(tmp_path) == 0
    row = rows(tmp_path / "train.videos.csv")["slower.mkv"]
    assert (row["frames"], row["status"]) == ("20", "good")
    rate = float(row["fps"])
    assert float(row["seconds"]) == pytest.approx(46 / 30 + 1 / rate, abs=0.002)
    assert rate == pytest.approx(19 * 30 / 46, abs=0.02)


def test_results_of_other_settings_do_not_count(tmp_path: Path, capsys: Capsys) -> None:
    write_frames(tmp_path / "frames", [numbered_picture(n) for n in range(5)])
    video_tools.write_list(tmp_path, "frames 5 0")
    for flags in ([], ["--frame-fps", 10], ["--frame-start", 1], ["--decoder", "opencv"]):
        assert check(tmp_path, *flags) == 0
        assert "checked already" not in capsys.readouterr().out
        seconds = rows(tmp_path / "train.videos.csv")["frames"]["seconds"]
        assert float(seconds) == (0.5 if "--frame-fps" in flags else 0.167)
    assert check(tmp_path) == 0
    assert "1 of 1 videos are checked already\n" in capsys.readouterr().out


def test_several_processes_share_a_list(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They need not run at the same time, and another number of them goes on."""
    video_tools.write_list(tmp_path, *(f"{n}.mp4 {n}" for n in range(5)), "0.mp4 0")
    for number in range(1, 5):
        write_numbered_video(tmp_path / f"{number}.mp4", 5)
    assert check(tmp_path) == 0
    results = [path for path in tmp_path.glob("train.*") if path.suffix != ".jsonl"]
    expected = {path.name: path.read_text() for path in results}
    said = capsys.readouterr().out.partition("\n4 good: ")[2]
    assert said
    for path in tmp_path.glob("train.*.*"):
        path.unlink()

    for world, ranks in ((3, (2, 0)), (2, (1, 0))):
        for rank in ranks:
            assert not (tmp_path / "train.good.list").exists()
            monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
            monkeypatch.setenv("PADDLE_TRAINERS_NUM", str(world))
            assert check(tmp_path) == 0
    told = capsys.readouterr().out
    assert "process 2 has done its share; 4 of 5 are not done yet, of process 0, 1: " in told
    assert "1 of 2 videos are checked already\n" in told  # those of three processes
    assert told.partition("\n4 good: ")[2] == said
    assert {name: (tmp_path / name).read_text() for name in expected} == expected
    assert {*expected} == {"train.list", "train.good.list", "train.bad.list", "train.videos.csv"}


@pytest.mark.parametrize("variables, message", [
    ({"PADDLE_TRAINER_ID": "2", "PADDLE_TRAINERS_NUM": "2"}, "is not below PADDLE_TRAINERS_NUM=2"),
    ({"PADDLE_TRAINER_ID": ""}, "PADDLE_TRAINER_ID='' is not a whole number from 0 on"),
    ({"PADDLE_TRAINERS_NUM": "0"}, "PADDLE_TRAINERS_NUM='0' is not a whole number from 1 on"),
    ({"PADDLE_LOCAL_SIZE": "two"}, "PADDLE_LOCAL_SIZE='two' is not a whole number from 1 on"),
])  # fmt: skip
def test_wrong_numbers_of_processes(
    tmp_path: Path, variables: dict[str, str], message: str, capsys: Capsys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = video_tools.write_list(tmp_path, "a.mp4 0")
    assert message in video_tools.error_line(capsys, main([str(path)]))


@pytest.mark.slow
def test_two_launchers_and_one_that_is_killed(tmp_path: Path) -> None:
    """As on two machines; then one process does the rest."""
    lines = [f"{number}.mp4 {number}" for number in range(6)]
    for number in range(6):
        write_numbered_video(tmp_path / f"{number}.mp4", 5)
    hanging = tmp_path / "3.mp4"
    hanging.unlink()
    path = video_tools.write_list(tmp_path, *lines)
    logs = [tmp_path / f"log{node}" for node in range(2)]

    def launch() -> "list[subprocess.Popen[bytes]]":
        (port,) = free_ports(1)
        return [
            subprocess.Popen(
                [
                    sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "2",
                    "--master", f"127.0.0.1:{port}", "--rank", str(node), "--nproc_per_node", "1",
                    "--log_dir", str(logs[node]), sys.executable, "-m",
                    "slowfast.tools.check_videos", str(path), "--workers", "1",
                ],
                env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for node in range(2)
        ]  # fmt: skip

    def checked(rank: int) -> int:
        journal = tmp_path / f"train.checked.{rank}-of-2.jsonl"
        return len(video_tools.lines(journal)) if journal.exists() else 0

    video_tools.write_hanging(hanging)
    first, second = launch()
    try:
        video_tools.wait_until(lambda: checked(0) == 3 and checked(1) == 1)
        second_worker = int(video_tools.children(second)[0])
        os.kill(second_worker, signal.SIGKILL)
        assert second.wait() != 0
    finally:
        for process in (first, second):
            process.terminate()
            process.wait()
    assert not (tmp_path / "train.good.list").exists()
    hanging.unlink()
    write_numbered_video(hanging, 5)
    assert [process.wait() for process in launch()] == [0, 0]
    assert video_tools.lines(tmp_path / "train.good.list") == lines
    said = "".join(log.read_text() for folder in logs for log in folder.glob("workerlog.0"))
    assert "1 of 3 videos are checked already\n" in said
    assert "3 of 3 videos are checked already\n" in said
    assert "\n6 good: " in said


def test_wide_keyframes_are_remarked_on(tmp_path: Path, capsys: Capsys) -> None:
    write_numbered_video(tmp_path / "near.mp4", 30)
    write_numbered_video(tmp_path / "far.mp4", 60, codec="h264", gop=60)
    hint = "prepare_videos makes files that read faster"
    video_tools.write_list(tmp_path, "near.mp4 0")
    assert check(tmp_path) == 0
    assert hint not in capsys.readouterr().out
    video_tools.write_list(tmp_path, "far.mp4 0")
    assert check(tmp_path) == 0
    said = capsys.readouterr().out
    assert "keyframes   every 60.0 frames, 60 at most\n" in said and hint in said


def test_parts_of_one_file_are_checked_in_one_pass(tmp_path: Path, capsys: Capsys) -> None:
    write_numbered_video(tmp_path / "a.mp4", 60, fps=30)
    rows_of = [
        {"path": "a.mp4", "start": 0, "end": 0.5, "labels": [3]}, {"path": "a.mp4", "start": 1.5},
        {"path": "a.mp4", "start": 2, "end": 3}, {"path": "a.mp4", "end": 2.9},
        {"path": "gone.mp4", "end": 2.9, "label": 1}, {"path": "a.mp4", "actions": [[1, 3.1, 4]]},
        {"path": "a.mp4", "actions": [[1, 2.9, 4]]},
    ]  # fmt: skip
    lines = [json.dumps(row) for row in rows_of]
    video_tools.write_list(tmp_path, *lines, name="x.jsonl")
    assert check(tmp_path, name="x.jsonl") == 0
    assert video_tools.lines(tmp_path / "x.good.jsonl") == [*lines[:2], lines[3], lines[6]]
    assert video_tools.lines(tmp_path / "x.bad.jsonl") == [lines[2], lines[4], lines[5]]
    assert len(video_tools.lines(tmp_path / "x.checked.jsonl")) == 2
    with open(tmp_path / "x.videos.csv", newline="", encoding="utf-8") as file:
        table = [*csv.DictReader(file)]
    assert [row["seconds"] for row in table] == ["0.5", "0.5", "0.0", "2.0", "0.0", "0.0", "2.0"]
    assert [(row["start"], row["end"]) for row in table] == [
        ("", "0.5"), ("1.5", ""), ("2.0", "3.0"), ("", "2.9"), ("", "2.9"), ("", ""), ("", ""),
    ]  # fmt: skip
    outside, said = "is outside the video, which has 2.0 s", capsys.readouterr().out
    for row, part, what in (
        (table[2], " (from 2 to 3 s)", "the part"), (table[5], "", "the action [1, 3.1, 4]"),
    ):  # fmt: skip
        assert row["reason"] == f"{what} {outside}"
        assert f"{tmp_path}/a.mp4{part}: {what} {outside}" in said


def test_a_list_of_several_labels_comes_out_line_by_line(tmp_path: Path) -> None:
    for name in "ab":
        write_numbered_video(tmp_path / f"{name}.mp4", 4)
    lines = ["a.mp4 17,3", "b.mp4", "gone.mp4 3", "b.mp4 1"]
    video_tools.write_list(tmp_path, *lines)
    assert check(tmp_path) == 0
    assert video_tools.lines(tmp_path / "train.good.list") == [*lines[:2], lines[3]]
    lines[0] = "a.mp4 17"  # without a line of several labels, the flag tells
    video_tools.write_list(tmp_path, *lines)
    assert check(tmp_path) == 1
    assert check(tmp_path, "--task", "multi") == 0
    assert video_tools.lines(tmp_path / "train.good.list") == [*lines[:2], lines[3]]
    assert video_tools.lines(tmp_path / "train.bad.list") == [lines[2]]
