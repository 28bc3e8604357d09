"""Which paths are streams, and which stand for files."""

import os
import socket
from pathlib import Path

import pytest

from slowfast.data.video.sources import file_of, is_device, is_pipe, is_stream
from slowfast.errors import UserError


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("0", True),
        ("12", True),
        ("-", True),
        ("rtsp://me:secret@host/live", True),
        ("HTTPS://host/film.mp4", True),
        ("udp://@:1234", True),
        ("file:///there/a.mp4", False),
        ("FILE:///there/a.mp4", False),
        ("9" * 20, False),
        ("a.mp4", False),
        ("-1", False),
        ("٣", False),
        ("", False),
        ("/dev/null", False),
        ("c:/films/a.mp4", False),
        ("/there/http://host", False),
    ],
)
def test_what_is_a_stream_by_its_name(path: str, is_one: bool) -> None:
    assert is_stream(path) == is_one


def test_what_is_a_stream_by_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("3").touch()
    Path("4").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        found = {name: is_stream(name) for name in ("fifo", "socket", "3", "4", "5", ".")}
    assert found == {"fifo": True, "socket": True, "3": False, "4": False, "5": True, ".": False}


def test_an_open_file_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    reading, writing = os.pipe()
    with path.open() as file:
        for folder in ("/dev/fd", "/proc/self/fd"):
            assert file_of(f"{folder}/{file.fileno()}") == str(path)
            assert not is_stream(f"{folder}/{file.fileno()}")
            assert is_pipe(f"{folder}/{reading}")
            assert file_of(f"{folder}/{reading}") == f"{folder}/{reading}"
    for number in (reading, writing):
        os.close(number)


def test_an_url_of_a_file() -> None:
    assert file_of("file:///there/two%20words.mp4") == "/there/two words.mp4"
    assert file_of("FILE://localhost/there/a.mp4") == "/there/a.mp4"
    assert file_of("a.mp4") == "a.mp4"
    with pytest.raises(UserError, match=r"file://host/a.mp4: a file of another machine"):
        file_of("file://host/a.mp4")


def test_devices_are_no_files(tmp_path: Path) -> None:
    assert is_device("/dev/null") and not is_device(str(tmp_path)) and not is_device("missing")
