"""One connection: which kinds are live, what says times, and what is refused."""

import os
import pty
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from support import streams
from support.odd_videos import sound_with_cover
from support.videos import numbered_picture, read_number, write_h264

from slowfast.data.video.connection import Connection
from slowfast.data.video.reader import VideoError

pytestmark = pytest.mark.usefixtures("no_hang")


def film(folder: Path, ending: str = ".ts", movflags: str = "") -> bytes:
    pictures = (numbered_picture(number) for number in range(20))
    return write_h264(folder / f"film{ending}", pictures, movflags=movflags).read_bytes()


def refuse(content: bytes, folder: Path, more: str = "") -> None:
    with (
        streams.piped(content, folder) as pipe,
        pytest.raises(VideoError, match=f"fifo: no video in it{more}$"),
    ):
        Connection(pipe, 5.0)


@pytest.mark.parametrize(
    ("ending", "says_length", "is_live"),
    [(".ts", False, True), (".ts", True, False), (".mp4", False, False)],
)
def test_what_has_no_end_is_live(
    tmp_path: Path, ending: str, says_length: bool, is_live: bool
) -> None:
    content = film(tmp_path, ending, movflags="faststart" if ending == ".mp4" else "")
    with streams.served(streams.sent(content, says=says_length and len(content))) as url:
        connection = Connection(url, 5.0)
        assert connection.is_live == is_live
        connection.close()


def test_a_webcam_that_sends_jpegs(tmp_path: Path) -> None:
    """As many do over HTTP; nothing says when a picture is shown."""
    path = tmp_path / "a.mjpeg"
    with av.open(str(path), "w", format="mpjpeg") as container:
        pictures = container.add_stream("mjpeg", rate=30)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuvj420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            container.mux(pictures.encode(frame))

    kind = "multipart/x-mixed-replace;boundary=ffmpeg"
    with streams.served(streams.sent(path.read_bytes(), kind=kind)) as url:
        connection = Connection(url, 5.0)
        assert connection.is_live
        found = []
        for said, picture in connection.frames():
            assert said is None
            found.append(read_number(picture))
        connection.close()
    assert found == [*range(20)]


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own is trusted if it is named."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    for name in ("localhost", "elsewhere"):
        command = f"openssl req -x509 -nodes -newkey rsa:2048 -keyout {name} -out {name}.pem -subj"
        more = [f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        subprocess.run([*command.split(), *more], cwd=tmp_path, check=True, capture_output=True)
        own = tmp_path / f"{name}.pem"
        own.write_bytes(own.read_bytes() + (tmp_path / name).read_bytes())
    content = film(tmp_path)
    answer = streams.sent(content, says=len(content))
    cases = [("localhost", "localhost"), ("localhost", ""), ("elsewhere", "elsewhere")]
    for name, trusted in cases:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{trusted}.pem"))
        with streams.served(answer, certificate=tmp_path / f"{name}.pem") as url:
            if (name, trusted) == cases[0]:
                connection = Connection(url, 5.0)
                assert len([*connection.frames()]) == 20
                connection.close()
            else:
                with pytest.raises(VideoError, match=r"a certificate that is not trusted"):
                    Connection(url, 5.0)


def test_text_is_no_video(tmp_path: Path) -> None:
    answer = streams.sent(b"text\n" * 500, kind="text/plain")
    with (
        streams.served(answer) as url,
        pytest.raises(VideoError, match=r"film.txt: text, not a video"),
    ):
        Connection(f"{url.upper().partition(':')[0]}:{url.partition(':')[2]}.txt", 5.0)


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=44100)
        silence = np.zeros((1, 2 * 44100), np.int16)
        frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
        frame.sample_rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    refuse(path.read_bytes(), tmp_path)


def test_sound_with_a_cover(tmp_path: Path) -> None:
    sound_with_cover(tmp_path / "a.mp4")
    refuse((tmp_path / "a.mp4").read_bytes(), tmp_path, ", only a cover picture")


def test_a_video_that_freezes_while_the_sound_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=30, options={"bf": "0"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        silence = np.zeros((2, 60 * 44100), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with streams.served(streams.sent(path.read_bytes(), seconds=4)) as url:
        connection, count = Connection(url, 1.0), 0
        with pytest.raises(VideoError, match=r"no frame for 1 s"):
            for _ in connection.frames():
                count += 1
        connection.close()
    assert 0 < count <= 10


def test_a_socket_as_standard_input(tmp_path: Path) -> None:
    """As of a process that inetd or another program starts."""
    ours, theirs = socket.socketpair()
    content = film(tmp_path)

    def send() -> None:
        with ours:
            ours.sendall(content)

    thread = threading.Thread(target=send)
    thread.start()
    with theirs:
        connection = Connection(f"/dev/fd/{theirs.fileno()}", 5.0)
        assert len([*connection.frames()]) == 20
        connection.close()
    thread.join()


def test_what_is_no_pipe_with_a_video(tmp_path: Path) -> None:
    reading, terminal = pty.openpty()
    with pytest.raises(VideoError, match=f"/dev/fd/{terminal}: a terminal, not a video: pipe one"):
        Connection(f"/dev/fd/{terminal}", 5.0)
    os.close(terminal)
    os.close(reading)
    with pytest.raises(VideoError, match=f"/dev/fd/{terminal}: Bad file descriptor"):
        Connection(f"/dev/fd/{terminal}", 5.0)
    with open("/dev/zero") as device:
        name = f"/dev/fd/{device.fileno()}"
        with pytest.raises(VideoError, match=f"{name}: a device, not a video"):
            Connection(name, 5.0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(VideoError, match="socket: No such device or address"):
            Connection(str(tmp_path / "socket"), 5.0)
