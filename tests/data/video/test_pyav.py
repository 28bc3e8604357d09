"""What is special about PyAV: what it decodes, and where it counts instead."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.videos import numbered_picture, read_numbers, write_h264, write_numbered_video

from slowfast.data.video.reader import VideoError

pyav = pytest.importorskip("slowfast.data.video.pyav", exc_type=ImportError)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each packet that goes into the decoder."""
    counts: list[int] = []
    decode = pyav._decoded

    def counting(codec: Any, packet: Any) -> list[Any]:
        counts.extend([1] * (packet is not None))
        found: list[Any] = decode(codec, packet)
        return found

    monkeypatch.setattr(pyav, "_decoded", counting)
    return counts


@pytest.mark.parametrize("held_bytes", [pyav.HELD_BYTES, 0])
def test_what_frames_need_is_decoded_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[int], held_bytes: int
) -> None:
    """Also where the packets were too many to be kept from the first look at them."""
    monkeypatch.setattr(pyav, "HELD_BYTES", held_bytes)
    path = write_numbered_video(tmp_path / "a.mp4", 200, codec="h264", gop=10)
    wanted = np.array([3, 63, 64, 190])
    assert read_numbers(pyav.PyAVReader(str(path)).frames(wanted)) == wanted.tolist()
    assert len(decoded) == 4 + 5 + 1  # from the keyframes 0, 60 and 190


def test_frames_are_counted_where_a_container_says_no_times(
    tmp_path: Path, decoded: list[int]
) -> None:
    path = write_numbered_video(tmp_path / "a.avi", 100, codec="h264", gop=10)
    assert read_numbers(pyav.PyAVReader(str(path)).frames(np.array([63]))) == [63]
    assert len(decoded) >= 64


def test_every_frame_passes_over_what_is_damaged(tmp_path: Path) -> None:
    pictures = [numbered_picture(number) for number in range(60)]
    path = write_h264(tmp_path / "a.mp4", pictures, gop=10)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 60] = b"\xff" * 60
    path.write_bytes(content)
    frames = list(pyav.PyAVReader(str(path)).every_frame())
    assert 30 < len(frames) <= 60
    times = [frame.time for frame in frames]
    assert times == sorted(times) and times[0] == 0


@pytest.mark.parametrize("kind", ["text", "sound"])
def test_what_is_no_video_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mp4"
    if kind == "text":
        path.write_text("no video")
    else:
        with pyav.av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=8000)
            sound = pyav.av.AudioFrame(format="fltp", layout="mono", samples=1024)
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    with pytest.raises(VideoError, match=f"{path}: not a video that PyAV can open"):
        pyav.PyAVReader(str(path))
