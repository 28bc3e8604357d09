"""Videos that could not be read: the limit, the lines, the list."""

from pathlib import Path

import pytest

from slowfast.data.samples import KeyFrame, Sample
from slowfast.data.unreadable import (
    Unreadable,
    UnreadableVideo,
    in_order,
    reason_of,
    write_unreadable,
)
from slowfast.data.video.reader import VideoError

VIDEOS = [Sample(f"{name}.mp4") for name in "abcde"]


def test_up_to_the_limit_is_counted_and_the_next_one_ends_it() -> None:
    unreadable = Unreadable(2)
    assert unreadable.note(VIDEOS, 3, VideoError("d.mp4: cut off"))
    assert unreadable.note(VIDEOS, 0, VideoError("no frames"))
    assert unreadable.note(VIDEOS, 3, VideoError("d.mp4: cut off")) is None  # substituted twice
    lines = [video.line() for video in in_order([unreadable.videos])]
    assert lines == ["a.mp4: no frames", "d.mp4: cut off"]
    with pytest.raises(VideoError) as caught:
        unreadable.note(VIDEOS, 2, VideoError("c.mp4: empty"))
    assert str(caught.value) == "c.mp4: empty (3 unreadable videos; data.max_errors=2)"
    with pytest.raises(VideoError) as caught:
        Unreadable(0).note(VIDEOS, 0, VideoError("no frames"))
    assert str(caught.value) == "a.mp4: no frames"


def test_those_of_all_processes_in_the_lists_order() -> None:
    other = {1: UnreadableVideo(1, "b.mp4", "here, too"), 4: UnreadableVideo(4, "e.mp4", "y")}
    unreadable = Unreadable(5)
    unreadable.note(VIDEOS, 2, VideoError("z"))
    unreadable.note(VIDEOS, 1, VideoError("here, too"))
    videos = in_order([unreadable.videos, {}, other])
    assert [video.line() for video in videos] == ["b.mp4: here, too", "c.mp4: z", "e.mp4: y"]


def test_a_reason_of_several_lines_is_one_line_of_the_list(tmp_path: Path) -> None:
    unreadable = Unreadable(5)
    video = unreadable.note(VIDEOS, 2, VideoError("c.mp4: broken\nhere\n"))
    assert video is not None
    path = write_unreadable(str(tmp_path), [video.line()])
    assert Path(path) == tmp_path / "unreadable.txt"
    assert Path(path).read_text(encoding="utf-8") == "c.mp4: broken here\n"
    write_unreadable(str(tmp_path), [])
    assert not Path(path).exists()


def test_a_reason_begins_with_the_path() -> None:
    assert reason_of("a.mp4", VideoError("a.mp4: cut\noff")) == "a.mp4: cut off"
    assert reason_of("a.mp4", "/dev/shm is full") == "a.mp4: /dev/shm is full"


def test_a_reason_is_one_line_for_a_name_with_line_breaks() -> None:
    """And bytes of the name that are not UTF-8 stay."""
    path = "a\n\udce9\x1b.mp4"
    line = r"a\n" + "\udce9" + r"\x1b.mp4"
    assert reason_of(path, VideoError(f"{path}: cut\noff")) == f"{line}: cut off"
    assert reason_of(path, "empty") == f"{line}: empty"
    unreadable = Unreadable(1)
    video = unreadable.note([Sample(path)], 0, VideoError(f"{path}: cut\noff"))
    assert video and video.line() == f"{line}: cut off" and video.path == path


def test_key_frames_of_a_video_are_noted_together() -> None:
    """Others each for themselves, be they of one video or not."""
    parts = [Sample("a.mp4", start=1.0), Sample("a.mp4", start=2.0), Sample("b.mp4")]
    keys = [
        Sample(f"{video}.mp4", key=KeyFrame(video, time, time, ()))
        for video, time in (("a", 1.0), ("a", 2.0), ("b", 1.0), ("b", 2.0), ("b", 3.0))
    ]
    unreadable = Unreadable(5)
    assert [unreadable.note(parts, i, VideoError("x")) is None for i in range(3)] == [False] * 3
    lines = [video.line() for video in in_order([unreadable.videos])]
    assert lines == [f"{part.shown}: x" for part in parts]
    rows = [video.row() for video in in_order([unreadable.videos])]
    assert rows[2] == {"index": 2, "path": "b.mp4", "error": "x"}
    processes = [Unreadable(1), Unreadable(1)]  # each has a part of the second video
    for index in (2, 3):
        processes[0].note(keys, index, VideoError(f"b.mp4: key frame {index}"))
    processes[1].note(keys, 4, VideoError("b.mp4: key frame 4"))
    (video,) = in_order(process.videos for process in processes)
    assert video.row()["num_key_frames"] == 3 and video.index == 2
    assert video.line() == "b.mp4: key frame 2 (and 2 more of its key frames)"
    processes = [Unreadable(2)]
    processes[0].note(keys, 1, VideoError("cut off"))
    processes[0].note(keys, 4, VideoError("cut off"))
    lines = [video.line() for video in in_order([processes[0].videos])]
    assert lines == ["a.mp4: cut off", "b.mp4: cut off"]
