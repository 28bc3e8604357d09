"""Windows of streams: those of a file, or the newest ones, whatever the time they take."""

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from support import streams
from support.videos import numbered_picture, read_numbers, write_h264

from slowfast.config import Config, DataConfig
from slowfast.data.clips import stream_clips
from slowfast.data.clips.sampling import clip_frames
from slowfast.data.clips.sliding import ChunkKey, SlidingClips
from slowfast.data.clips.stream_clips import StreamClips, Window
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.video.stream import StreamFrame

pytestmark = pytest.mark.usefixtures("no_hang")
SQUARE = (48, 48)
DATA = DataConfig(num_frames=8, sampling_stride=2)
VIEWS = Config().with_test(short_side=48, crop_size=48).test


def write(path: Path, num_frames: int, fps: int) -> Path:
    pictures = (numbered_picture(number, SQUARE) for number in range(num_frames))
    return write_h264(path, pictures, fps, b_frames=2)


@pytest.mark.parametrize(
    ("ending", "fps", "num_frames", "every"),
    [
        (".ts", 30, 130, 0.7),
        (".mkv", 25, 100, 0.1),
        (".ts", 60, 200, 2.0),
        (".mkv", 30, 9, 1.0),
        (".ts", 30, 46, 0.5),
    ],
)
def test_the_windows_of_a_pipe_are_those_of_the_file(
    tmp_path: Path, ending: str, fps: int, num_frames: int, every: float
) -> None:
    path = write(tmp_path / f"a{ending}", num_frames, fps)
    with (
        streams.piped(path.read_bytes(), tmp_path) as pipe,
        StreamClips(pipe, DATA, VIEWS, every) as clips,
    ):
        found = [*clips]
    sliding = SlidingClips([Sample(str(path))], DATA, VIEWS, every=every, clips_at_once=1000)
    chunk = sliding(ChunkKey(0, 0))
    assert chunk is not None
    assert len(found) == len(chunk.clips)
    for window, clip, seconds in zip(found, chunk.clips, chunk.seconds, strict=True):
        np.testing.assert_array_equal(window.clip, chunk.frames[clip])
        np.testing.assert_allclose([window.start, window.end], seconds, atol=1e-3)
        assert window.dropped == 0 and not window.is_live


def test_a_pipe_waits_for_who_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", 300, 30)
    newest = 0.0

    def watch(frame: StreamFrame, is_live: bool) -> None:
        nonlocal newest
        newest = frame.seconds

    with (
        streams.piped(path.read_bytes(), tmp_path) as pipe,
        StreamClips(pipe, DATA, VIEWS, 1.0, watch) as clips,
    ):
        for window in clips:
            time.sleep(0.02)
            assert newest < window.end + 2.5
            assert len(clips._frames) < 100


def live(film: bytes, seconds: float, slow: float, every: float) -> list[Window]:
    """The windows of a live stream that is sent in so many seconds; to compute each window takes so
    long."""
    found: list[Window] = []
    answer = streams.sent(film, seconds=seconds)
    with streams.served(answer) as url, StreamClips(url, DATA, VIEWS, every) as clips:
        for window in clips:
            found.append(window)
            time.sleep(slow)
    return found


@pytest.mark.parametrize(("slow", "is_dropped"), [(0.0, False), (0.6, True)], ids=["fast", "slow"])
def test_windows_of_a_live_stream_end_with_its_newest_frame(
    tmp_path: Path, slow: float, is_dropped: bool
) -> None:
    """Each holds the frames that a window of a file has that ends there. What a slow machine has no
    window for is dropped, and counted; the next window is not late for it."""
    film = write(tmp_path / "a.ts", 90, 30).read_bytes()
    found = live(film, 3.0, slow, 0.25)
    ends = [read_numbers(window.clip)[-1] for window in found]
    for window, end in zip(found, ends, strict=True):
        start = max(end - 15, 0)
        near = clip_frames(start, 16, 8, 90)
        np.testing.assert_allclose(read_numbers(window.clip), near, atol=1)
        assert window.end == pytest.approx((end + 1) / 30)
        assert window.is_live
    assert len(ends) > 1 and (np.diff(ends) > 7).all()
    gaps = sum(max(later - 15 - earlier - 1, 0) for earlier, later in itertools.pairwise(ends))
    dropped = sum(window.dropped for window in found)
    assert abs(dropped - gaps) <= len(found)
    assert (dropped > 10) == is_dropped


def test_what_comes_at_once_loses_no_window(tmp_path: Path) -> None:
    film = write(tmp_path / "a.ts", 240, 30).read_bytes()
    found = live(film, 0.0, 0.02, 1.0)
    assert [read_numbers(window.clip)[-1] for window in found] == [*range(15, 240, 30)]
    assert not any(window.dropped for window in found)


def test_what_comes_at_once_and_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few frames are held."""
    monkeypatch.setattr(stream_clips, "BEHIND", 1.0)
    film = write(tmp_path / "a.ts", 300, 30).read_bytes()
    with streams.served(streams.sent(film)) as url, StreamClips(url, DATA, VIEWS, 0.5) as clips:
        windows = iter(clips)
        first = next(windows)
        clips._thread.join()
        assert len(clips._frames) < 60
        found = [first, *windows]
    ends = [read_numbers(window.clip)[-1] for window in found]
    assert ends[-1] > 280 and sum(window.dropped for window in found) > 150


def test_a_stream_of_one_picture(tmp_path: Path) -> None:
    film = write(tmp_path / "a.ts", 1, 30).read_bytes()
    with (
        streams.piped(film, tmp_path) as pipe,
        StreamClips(pipe, DATA, VIEWS, 1.0) as clips,
        pytest.raises(VideoError, match="fifo: a single picture, not a video"),
    ):
        list(clips)


def test_what_goes_wrong_in_the_thread_is_raised(tmp_path: Path) -> None:
    def watch(frame: StreamFrame, is_live: bool) -> None:
        raise OSError("full")

    film = write(tmp_path / "a.ts", 60, 30).read_bytes()
    with (
        streams.piped(film, tmp_path) as pipe,
        StreamClips(pipe, DATA, VIEWS, 1.0, watch) as clips,
        pytest.raises(OSError, match="full"),
    ):
        list(clips)


def test_it_can_be_left_at_any_time(tmp_path: Path) -> None:
    film = write(tmp_path / "a.ts", 300, 30).read_bytes()
    with streams.piped(film, tmp_path) as pipe, StreamClips(pipe, DATA, VIEWS, 1.0) as clips:
        next(iter(clips))
    assert not clips._thread.is_alive()
