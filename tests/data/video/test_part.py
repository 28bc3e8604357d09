"""A part of a video has the frames of the whole, to the bit, and is told apart where it fails."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.odd_videos import copied, much_slower
from support.videos import (
    SIZE,
    numbered_picture,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast.data.samples import Action, Sample
from slowfast.data.unreadable import reason_of
from slowfast.data.video.open import open_video
from slowfast.data.video.part import PartReader
from slowfast.data.video.reader import Reader, VideoError


def opened(path: Path, start: float | None, end: float | None, decoder: str = "auto") -> Reader:
    return open_video(Sample(str(path), start=start, end=end), "img_{:05d}.jpg", 30.0, decoder)


def shown(reader: Reader) -> list[int]:
    return read_numbers(reader.frames(np.arange(reader.num_frames)))


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [
        (1.0, 2.0, range(24, 48)), (None, 1.0, range(24)), (3.0, None, range(72, 96)),
        (0.99999, 1.04166, range(24, 25)),  # times that were rounded
        (1.01, 1.03, range(24, 25)),  # no frame begins there, and this one is seen
        (0.0, 0.0005, range(1)), (3.99, 4.0, range(95, 96)),
        (1.0, 1.0005, range(24, 25)), (1.0, 1.001, range(24, 25)),  # with a frame, none in it
        (3.0, 4.9, range(72, 96)),  # times of lists are rounded: it ends with the video
    ],
)  # fmt: skip
def test_which_frames_a_part_has(
    tmp_path: Path, decoder: str, start: float | None, end: float | None, numbers: range
) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 96, 24, "h264", b_frames=2)
    part = opened(path, start, end, decoder)
    assert (part.num_frames, part.fps, part.codec) == (len(numbers), 24, "h264")
    assert part.starts == pytest.approx(numbers[0] / 24)
    assert part.seconds_said == pytest.approx(min(4.0, end or 4.0) - (start or 0.0))
    assert shown(part) == [*numbers]
    assert part.seconds(np.arange(len(numbers))).tolist() == [i / 24 for i in range(len(numbers))]


@pytest.mark.parametrize("kind", ["mp4", "mkv", "frames"])
def test_the_frames_are_those_of_the_whole_to_the_bit(
    tmp_path: Path, decoder: Any, kind: str
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "frames":
        write_frames(path, map(numbered_picture, range(60)))
    elif kind == "mkv":
        copied(path, much_slower)  # thirty frames in a second, then thirty in four
    else:
        write_numbered_video(path, 60, 30, "h264", b_frames=2)
    whole = opened(path, None, None, decoder)
    times = whole.seconds(np.arange(60))
    start, end = float(times[20]), float(times[45])
    expected = whole.frames(np.arange(20, 45))
    part = opened(path, start, end, decoder)
    assert part.num_frames == 25
    np.testing.assert_array_equal(part.frames(np.arange(25)), expected)
    again = opened(path, start, end, decoder)
    pictures = [*again.onward(np.arange(9)), *again.onward(np.arange(9, 30))]
    np.testing.assert_array_equal(np.stack(pictures), expected)
    again.close()
    np.testing.assert_allclose(part.starts + part.seconds(np.arange(25)), times[20:45], atol=1e-6)
    # Where the rate varies it is the part's own, and clips are laid out by time.
    assert part.fps == pytest.approx(30 if kind != "mkv" else 24 / (times[44] - times[20]))
    at = part.starts + np.arange(25) / part.fps
    wanted = np.searchsorted(times[20:45], at + 1e-3, side="right") - 1
    np.testing.assert_array_equal(part.clocked(np.arange(25)), wanted)
    assert (wanted.tolist() == [*range(25)]) == (kind != "mkv")


def test_a_part_of_an_even_stretch_counts_at_its_own_rate(tmp_path: Path, decoder: Any) -> None:
    path = tmp_path / "a.mkv"
    copied(path, much_slower)
    times = opened(path, None, None, decoder).seconds(np.arange(60))
    part = opened(path, float(times[30]), None, decoder)
    assert part.num_frames == 30 and part.fps == pytest.approx(7.5, abs=0.01)
    assert part.clocked(np.arange(30)).tolist() == [*range(30)]


def test_times_of_a_part_are_those_of_the_whole(tmp_path: Path, decoder: Any) -> None:
    """Also where no frame is half a frame away from the part's own rate."""
    path = tmp_path / "a.mp4"
    copied(path, lambda frame: much_slower(frame) + 0.3 * (frame % 2))
    times = opened(path, None, None, decoder).seconds(np.arange(60))
    assert np.ptp(np.diff(times[:25])) > 0.01
    part = opened(path, None, float(times[25]), decoder)
    np.testing.assert_allclose(part.seconds(np.arange(25)), times[:25], atol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (12.0, 15.0, "from 12 to 15 s"), (12.25, None, "from 12.25 s on"),
        (None, 5.1, "from 0 to 5.1 s"), (1.0, 5.001, "from 1 to 5.001 s"),
        (4.0, None, "from 4 s on"),
    ],
)  # fmt: skip
def test_times_outside_the_video(
    tmp_path: Path, decoder: str, start: float | None, end: float | None, words: str
) -> None:
    path = write_numbered_video(tmp_path / "clip.mp4", 96, 24)
    with pytest.raises(VideoError) as caught:
        opened(path, start, end, decoder)
    expected = f"{path} ({words}): the part is outside the video, which has 4.0 s"
    assert str(caught.value) == expected


@pytest.mark.parametrize(("start", "end"), [(None, None), (1.0, None), (1.0, 2.0)])
def test_an_action_that_begins_after_the_video(
    tmp_path: Path, decoder: str, start: float | None, end: float | None
) -> None:
    """Up to 1 s after: lists round times."""
    path = write_numbered_video(tmp_path / "clip.mp4", 96, 24)
    sample = Sample(str(path), (3,), None, start, end, (Action(3, 0, 9), Action(3, 5, 9)))
    assert open_video(sample, "", 24.0, decoder).num_frames
    late = sample._replace(actions=(*sample.actions, Action(3, 5.001, 9.5)))
    with pytest.raises(VideoError) as caught:
        open_video(late, "", 24.0, decoder)
    said = f"{sample.shown}: the action [3, 5.001, 9.5] is outside the video, which has 4.0 s"
    assert str(caught.value) == said


@pytest.mark.parametrize("actions", [(), (Action(3, 0, 9),)])
def test_a_part_of_a_file_that_cannot_be_opened(
    tmp_path: Path, actions: tuple[Action, ...]
) -> None:
    sample = Sample(f"{tmp_path}/gone.mp4", (), None, 1.0, 2.5, actions)
    with pytest.raises(VideoError) as caught:
        open_video(sample, "", 24.0)
    assert str(caught.value) == f"{tmp_path}/gone.mp4 (from 1 to 2.5 s): No such file or directory"
    assert reason_of(sample.shown, caught.value) == str(caught.value)


def test_an_error_says_which_part_it_is_about(tmp_path: Path) -> None:
    count = write_frames(tmp_path / "v", map(numbered_picture, range(30)))
    (tmp_path / "v/img_00025.jpg").write_bytes(b"no picture")
    assert count == 30 and shown(opened(tmp_path / "v", 0.0, 0.8)) == [*range(24)]
    with pytest.raises(VideoError) as caught:
        shown(opened(tmp_path / "v", 0.5, 1.0))
    assert str(caught.value) == (
        f"{tmp_path}/v (from 0.5 to 1 s): {tmp_path}/v/img_00025.jpg: not a picture that OpenCV "
        "can read"
    )


def test_a_part_of_a_file_that_ends_early(tmp_path: Path, decoder: str) -> None:
    """It has 40 frames, and says 60."""
    path = write_numbered_video(tmp_path / "a.avi", 40, 30)

    def promised(start: float, end: float) -> Reader:
        whole: Any = opened(path, None, None, decoder)
        whole.num_frames = 60
        return PartReader(whole, Sample(str(path), start=start, end=end))

    part = promised(0.5, 1.6)
    assert part.num_frames == 33
    assert shown(part)[:25] == [*range(15, 40)]
    assert part.num_frames == 25
    part = promised(0.5, 1.6)
    assert len(part.onward(np.arange(33))) == part.num_frames == 25
    with pytest.raises(
        VideoError, match=re.escape("a.avi (from 1.5 to 2 s): the film ends before it")
    ):
        promised(1.5, 2.0).frames(np.arange(15))


def test_what_is_told_of_the_whole_file(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 48, 24)
    whole, part = opened(path, None, None), opened(path, 1.0, None)
    packets, keys = whole.keyframes()
    assert part.keyframes()[0] == packets == 48 and part.keyframes()[1].tolist() == keys.tolist()
    assert part.decode_all() == (48, SIZE)
    part.close()
