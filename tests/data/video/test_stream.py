"""Streams: their frames, times and ends; real ones, on this machine."""

import logging
import socket
from pathlib import Path

import numpy as np
import pytest
from support import streams
from support.processes import free_ports
from support.videos import numbered_picture, read_number, write_h264

from slowfast.data.video import stream
from slowfast.data.video.reader import VideoError
from slowfast.data.video.stream import Camera, Stream, StreamFrame
from slowfast.errors import masked

pytestmark = pytest.mark.usefixtures("no_hang")
NUM_FRAMES, FPS = 60, 30


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 1.2)
    monkeypatch.setattr(stream, "WAITS", (0.05, 0.1, 0.1))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """MPEG-TS, whose frames show numbers."""
    pictures = (numbered_picture(number) for number in range(NUM_FRAMES))
    return write_h264(tmp_path_factory.mktemp("film") / "a.ts", pictures, FPS).read_bytes()


def numbers(frames: list[StreamFrame]) -> list[int]:
    return [read_number(frame.picture) for frame in frames]


def read(opened: Stream) -> tuple[list[StreamFrame], str]:
    """The frames of a stream, and the error at its end."""
    frames: list[StreamFrame] = []
    try:
        frames.extend(opened.frames())  # those before an error stay
    except VideoError as error:
        return frames, str(error)
    return frames, ""


def test_a_live_url_is_followed_until_it_does_not_come_back(film: bytes) -> None:
    with streams.served(streams.sent(film, seconds=0.5, breaks=True), streams.missing) as url:
        opened = Stream(url)
        assert opened.is_live and opened.fps == FPS
        frames, error = read(opened)
    assert numbers(frames) == [*range(NUM_FRAMES)]
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(NUM_FRAMES) / FPS)
    assert "Server returned 404 Not Found; given up after 3 tries" in error
    assert "secret" not in error


def test_a_live_url_that_breaks_off_is_connected_again(
    film: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Its times go on by the clock on the wall, and the tries are counted."""
    half = film[: len(film) // 2]
    broken = streams.sent(half, breaks=True)
    with streams.served(broken, streams.missing, streams.sent(film)) as url:
        opened = Stream(url)
        frames, error = [], ""
        with caplog.at_level(logging.WARNING, "slowfast"):
            for frame in opened.frames():
                frames.append(frame)
                if read_number(frame.picture) == NUM_FRAMES - 1:
                    opened.stop()
    shown = numbers(frames)
    again = shown.index(0, 1)
    assert shown == [*range(again), *range(NUM_FRAMES)] and 10 < again < NUM_FRAMES
    steps = np.diff([frame.seconds for frame in frames])
    assert (steps > 0).all() and steps[again - 1] > 0.05 + 0.1
    assert [m.partition("; ")[2] for m in caplog.messages] == [
        "connecting again in 0.05 s (1 of 3)", "connecting again in 0.1 s (2 of 3)"
    ]  # fmt: skip
    assert not error and "secret" not in caplog.text


@pytest.mark.parametrize("says", [0, -5, 10**20], ids=["no length", "negative", "absurd"])
def test_a_live_url_that_ends_in_order_has_ended(film: bytes, says: int) -> None:
    with streams.served(streams.sent(film, says=says)) as url:
        opened = Stream(url)
        assert opened.is_live
        frames, error = read(opened)
    assert numbers(frames) == [*range(NUM_FRAMES)] and not error


def test_the_tries_count_until_one_connection_lasts(
    film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long they all take together."""
    monkeypatch.setattr(stream, "PATIENCE", 2.5)  # more than the film lasts
    monkeypatch.setattr(stream, "WAITS", (0.5, 0.5, 0.5))
    with streams.served(streams.sent(film, breaks=True)) as url:
        frames, error = read(Stream(url))
    assert numbers(frames) == [*range(NUM_FRAMES)] * 4 and "given up after 3 tries" in error


def test_a_file_behind_an_url_goes_on_where_it_broke_off(film: bytes) -> None:
    size = len(film)
    half = streams.sent(film[: size // 2], says=size)
    with streams.served(half, streams.sent(film, says=size)) as url:
        opened = Stream(url)
        assert not opened.is_live
        frames, error = read(opened)
    assert numbers(frames) == [*range(NUM_FRAMES)]
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(NUM_FRAMES) / FPS)
    assert not error


def test_a_stream_that_stalls_is_lost_after_a_while(
    film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "WAITS", (0.05,))
    with streams.served(streams.sent(film[: len(film) // 2], then=3), streams.silent) as url:
        frames, error = read(Stream(url))
    assert 10 < len(frames) < NUM_FRAMES
    assert error.endswith("nothing came for 1.2 s; given up after 1 tries")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (streams.missing, "Server returned 404 Not Found"),
        (streams.silent, "nothing came for 1.2 s"),
        (streams.sent(b"text" * 99, says=396), "not a video that PyAV can read"),
    ],
    ids=["404", "silent", "text"],
)
def test_an_url_that_has_never_worked_is_not_tried_again(
    answer: streams.Answer, reason: str
) -> None:
    with streams.served(answer) as url, pytest.raises(VideoError) as caught:
        Stream(url)
    assert str(caught.value) == f"{masked(url)}: {reason}" and "secret" not in str(caught)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp"])
def test_nobody_listens(scheme: str) -> None:
    (port,) = free_ports(1)
    with pytest.raises(VideoError, match=r"\*\*\*@127.0.0.1:\d+: Connection refused"):
        Stream(f"{scheme}://me:secret@127.0.0.1:{port}")


def test_a_listener_that_never_speaks_rtsp() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(VideoError, match=r"nothing came for 1.2 s"),
    ):
        Stream(f"rtsp://127.0.0.1:{server.getsockname()[1]}/live")


def test_no_such_protocol_and_no_such_host() -> None:
    with pytest.raises(VideoError, match="foo://there: Protocol not found"):
        Stream("foo://there")
    with pytest.raises(VideoError, match="no such host"):
        Stream("http://no-such-host.invalid/film")


def test_a_camera_that_speaks_rtsp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PATIENCE", 5.0)  # FFmpeg looks at some frames first
    pictures = (numbered_picture(number) for number in range(30))
    with streams.camera(pictures, FPS) as url:
        opened = Stream(url)
        assert opened.is_live
        monkeypatch.setattr(stream, "WAITS", ())  # it serves one client
        frames, error = read(opened)
    shown = numbers(frames)
    assert len(shown) > 20 and shown == sorted(shown)
    assert "given up" in error and "secret" not in error


@pytest.mark.parametrize("ending", [".ts", ".mkv", ".avi", ".mp4"])
def test_a_pipe(tmp_path: Path, ending: str) -> None:
    fragmented = "frag_keyframe+empty_moov" if ending == ".mp4" else ""
    pictures = (numbered_picture(number) for number in range(NUM_FRAMES))
    path = write_h264(tmp_path / f"a{ending}", pictures, FPS, movflags=fragmented)
    with streams.piped(path.read_bytes(), tmp_path) as pipe:
        opened = Stream(pipe)
        assert not opened.is_live
        frames, error = read(opened)
    assert numbers(frames) == [*range(NUM_FRAMES)] and not error
    np.testing.assert_allclose([f.seconds for f in frames], np.arange(NUM_FRAMES) / FPS, atol=6e-4)


def test_a_pipe_that_breaks_off(
    film: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes before is read, as of a file that is cut off."""
    noise = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 48, 64, 3), np.uint8)
    fragmented = "frag_keyframe+empty_moov"
    path = write_h264(tmp_path / "a.mp4", noise, FPS, movflags=fragmented)
    content = path.read_bytes()
    with streams.piped(content[: len(content) // 2], tmp_path) as pipe:
        frames, error = read(Stream(pipe))
    assert 10 < len(frames) < NUM_FRAMES and not error


def test_an_mp4_whose_index_comes_last_cannot_be_piped(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 144, 192, 3), np.uint8)
    content = write_h264(tmp_path / "a.mp4", noise, FPS).read_bytes()
    with streams.piped(content, tmp_path) as pipe, pytest.raises(VideoError) as caught:
        list(Stream(pipe).frames())
    assert str(caught.value) == (
        f"{pipe}: an MP4 with its index at the end cannot be read from a pipe: write it into a "
        "file, or with ffmpeg -movflags +faststart"
    )


def test_what_is_piped_and_is_no_video(tmp_path: Path) -> None:
    contents = {
        b"": "nothing comes through this pipe",
        b"text, not a video\n" * 100: "not a video that PyAV can read",
    }
    for content, reason in contents.items():
        with streams.piped(content, tmp_path) as pipe, pytest.raises(VideoError) as caught:
            Stream(pipe)
        assert str(caught.value) == f"{pipe}: {reason}"


def test_a_webcam(tmp_path: Path) -> None:
    """Through OpenCV, which takes a file for one; it ends, and no webcam is there."""
    pictures = (numbered_picture(number) for number in range(8))
    camera = Camera(str(write_h264(tmp_path / "a.mp4", pictures, FPS)))
    shown = []
    with pytest.raises(VideoError, match="no frame comes from the webcam"):
        for time, picture in camera.frames():
            assert time is None
            shown.append(read_number(picture))
    assert shown == [*range(8)] and camera.fps == FPS
    with pytest.raises(VideoError, match="97: OpenCV can open no such webcam"):
        Stream("97")
