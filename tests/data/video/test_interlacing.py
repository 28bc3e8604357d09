"""Headers of many forms are read to the field that tells."""

from pathlib import Path

import pytest
from support import odd_videos
from support.odd_videos import INTERLACED, X264

from slowfast.data.video import interlacing
from slowfast.data.video.opencv import OpenCVReader
from slowfast.data.video.reader import VideoError


def is_refused(path: Path) -> bool:
    try:
        OpenCVReader(str(path))
    except VideoError as error:
        assert "interlaced" in str(error)
        return True
    return False


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv422p10le", "gray"])
@pytest.mark.parametrize("options", ["cqm=flat", "cqm=jvt", "8x8dct=0:cabac=0"])
def test_profiles_of_avc(tmp_path: Path, pixels: str, options: str) -> None:
    path = tmp_path / "video.mp4"
    for field, expected in (("interlaced=1", True), ("interlaced=0", False)):
        x264 = X264 | {"x264-params": f"{options}:{field}"}
        odd_videos.encode(path, options=x264, pixels=pixels, count=3)
        assert is_refused(path) == expected


@pytest.mark.parametrize("options", [{"mpeg_quant": "1"}, {"bf": "2"}, {"aspect": "4:3"}])
def test_forms_of_mpeg4(tmp_path: Path, options: dict[str, str]) -> None:
    for ending in (".mp4", ".avi"):
        path = tmp_path / f"video{ending}"
        for flags, expected in ((INTERLACED, True), ({}, False)):
            odd_videos.encode(path, "mpeg4", options=options | flags, count=3)
            assert is_refused(path) == expected


def test_an_interlaced_part_behind_a_progressive_one(tmp_path: Path) -> None:
    for codec, ending in (("libx264", ".h264"), ("mpeg2video", ".m2v")):
        x264 = X264 if codec == "libx264" else {}
        fields = x264 | ({"x264-params": "interlaced=1"} if x264 else INTERLACED)
        parts = []
        for number, options in enumerate((x264, fields)):
            part = tmp_path / f"{number}{ending}"
            odd_videos.encode(part, codec, options=options, count=6)
            parts.append(part.read_bytes())
        path = tmp_path / f"both{ending}"
        path.write_bytes(parts[0] + parts[0])
        assert not is_refused(path)
        path.write_bytes(parts[0] + parts[1])
        assert is_refused(path)


def test_motion_jpeg_of_two_fields() -> None:
    picture = b"\xff\xd8\xff\xe0 scan \xff\xd9"
    assert not interlacing.jpeg(picture + b"\0\0")
    assert interlacing.jpeg(picture + picture)


@pytest.mark.parametrize("check", interlacing.BY_CODEC.values())
def test_packets_without_sense(check: object) -> None:
    assert callable(check)
    for packet in (b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x67" + bytes(9), b"\0\0\1\xb5\x80"):
        for start in (b"", b"\xff" * 30, bytes(30)):
            assert check(start + packet) in (True, False)
