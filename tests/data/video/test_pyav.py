"""What is special about PyAV: what it decodes, and where it counts instead."""

import wave
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from support.odd_videos import copied
from support.videos import numbered_picture, read_numbers, write_h264, write_numbered_video

from slowfast.data.samples import Sample
from slowfast.data.video import pyav
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError


@pytest.mark.parametrize("held_bytes", [pyav.HELD_BYTES, 0])
def test_what_frames_need_is_decoded_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counter[str], held_bytes: int
) -> None:
    """Also where the packets were too many to be kept from the first look at them."""
    monkeypatch.setattr(pyav, "HELD_BYTES", held_bytes)
    path = write_numbered_video(tmp_path / "a.mp4", 200, codec="h264", gop=10)
    wanted = np.array([3, 63, 64, 190])
    assert read_numbers(pyav.PyAVReader(str(path)).frames(wanted)) == wanted.tolist()
    assert counts["decoded"] == 4 + 5 + 1  # from the keyframes 0, 60 and 190


@pytest.mark.parametrize("b_frames", [0, 2])
def test_going_onward_begins_at_the_keyframe_before(
    tmp_path: Path, counts: Counter[str], b_frames: int
) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 200, codec="h264", gop=10, b_frames=b_frames)
    reader = pyav.PyAVReader(str(path))
    assert reader.onward(np.array([], np.int64)) == []
    assert read_numbers(np.stack(reader.onward(np.array([155, 157])))) == [155, 157]
    assert counts["decoded"] <= 12
    assert read_numbers(np.stack(reader.onward(np.array([160, 199, 200])))) == [160, 199]
    assert counts["decoded"] == 50 and reader.num_frames == 200


@pytest.mark.parametrize(("name", "begins"), [("a.mp4", 1.5), ("a.mkv", 1.5), ("a.ts", 0.0)])
def test_the_first_frame_is_shown_when_players_show_it(
    tmp_path: Path, name: str, begins: float
) -> None:
    copied(tmp_path / name, lambda frame: frame + 45)
    reader = pyav.PyAVReader(str(tmp_path / name))
    assert reader.begins == pytest.approx(begins, abs=2e-3)
    assert reader.seconds(np.array([0, 30])) == pytest.approx([0, 1])
    cut = tmp_path / "cut.mp4"
    copied(cut, lambda frame: frame - 25, gop=250, avoid_negative_ts="disabled")
    assert pyav.PyAVReader(str(cut)).begins == 0


def test_frames_are_counted_where_there_are_no_times(tmp_path: Path, counts: Counter[str]) -> None:
    path = write_numbered_video(tmp_path / "a.avi", 100, codec="h264", gop=10)
    assert read_numbers(pyav.PyAVReader(str(path)).frames(np.array([63]))) == [63]
    assert counts["decoded"] >= 64


def test_a_damaged_frame_is_the_one_before_it(tmp_path: Path) -> None:
    pictures = [numbered_picture(number) for number in range(60)]
    path = write_h264(tmp_path / "a.mp4", pictures, gop=10)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 60] = b"\xff" * 60
    path.write_bytes(content)
    reader = pyav.PyAVReader(str(path))
    count, size = reader.decode_all()
    assert 30 < count < reader.num_frames == 60 and size == (64, 48)
    frames = list(reader.every_frame())
    assert len(frames) == 60
    times = [frame.pts for frame in frames]
    assert times == sorted(times)


def test_what_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    for name, reason in (
        ("text.mp4", "not a video that PyAV can open"), ("sound.wav", "no video in it")
    ):  # fmt: skip
        with pytest.raises(VideoError, match=f"{tmp_path}/{name}: {reason}"):
            pyav.PyAVReader(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.m3u8", "a.mp4"])
def test_a_playlist_leads_to_no_other_file(tmp_path: Path, name: str) -> None:
    write_numbered_video(tmp_path / "part.ts", 8, codec="h264")
    path = tmp_path / name
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\npart.ts\n#EXT-X-ENDLIST\n", "utf-8"
    )
    with pytest.raises(VideoError, match=rf"{name}: a playlist, not a video: name the files"):
        open_video(Sample(str(path)), "", 0)
    with pytest.raises(VideoError, match=r"not a video that PyAV can open"):
        pyav.PyAVReader(str(path))
    if name == "a.m3u8":  # by itself FFmpeg goes where it leads
        with av.open(str(path)) as container:
            assert len(list(container.decode(video=0))) == 8


def test_a_stream_that_begins_in_the_middle_is_named() -> None:
    """As in a damaged MPEG-TS; PyAV 18.1 has no name for it."""

    def demux(stream: object) -> Iterator[object]:
        yield SimpleNamespace(size=1)
        raise IndexError("list index out of range")

    packets = pyav._packets(SimpleNamespace(name="a.ts", demux=demux), None)
    with pytest.raises(VideoError, match=r"^a\.ts: another stream begins in its middle"):
        list(packets)


def test_frames_behind_the_end_that_was_found(tmp_path: Path) -> None:
    """Of damaged files: by its times, a frame of a clip may come after as many as came out."""
    reader = pyav.PyAVReader(str(write_numbered_video(tmp_path / "a.mp4", 60, codec="h264")))
    reader.num_frames = 20
    assert read_numbers(reader.frames(np.array([3, 19, 45]))) == [3, 19, 45]
