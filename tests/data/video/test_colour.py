"""One rule of colour and orientation: both decoders, and a prepared copy, show the same picture."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from support.videos import Picture

from slowfast.data.samples import Sample
from slowfast.data.video import colour
from slowfast.data.video.encode import Settings, prepare_video
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError

PATCH = 16
COLOURS = np.array(
    [[(0, 0, 0), (64, 64, 64), (128, 128, 128), (192, 192, 192)],
     [(255, 255, 255), (200, 60, 60), (60, 180, 60), (50, 70, 190)],
     [(220, 180, 150), (90, 60, 40), (180, 180, 40), (120, 60, 150)]], np.uint8
)  # fmt: skip
"""Grey, strong colours and two of skin; few that another matrix would clip."""
MATRICES = {0: 0, 1: 1, 9: 9}
"""Of ITU-T H.273 to libswscale's number; the others are BT.601's, 5."""


def write(
    path: Path, tags: tuple[int, int, int] = (2, 2, 2), is_full: bool = False,
    pixels: str = "yuv420p", codec: str = "libx264", size: tuple[int, int] = (64, 48),
) -> Path:  # fmt: skip
    """A video of ``COLOURS``; ``tags``: matrix, primaries, transfer by ITU-T H.273, 2 is none."""
    matrix, primaries, transfer = tags
    attributes = {
        "colorspace": matrix, "color_primaries": primaries, "color_trc": transfer,
        "color_range": 2 if is_full else 1,
    }  # fmt: skip
    patches = COLOURS.repeat(PATCH, 0).repeat(PATCH, 1)
    width, height = size
    picture = np.pad(patches, ((0, height - 48), (0, width - 64), (0, 0)), "edge")
    # With B-frames libx265 now and then gave two frames times that no container takes (PyAV 18.1).
    options: dict[str, dict[str, str]] = {
        "libx264": {"preset": "ultrafast", "crf": "1", "threads": "1"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:crf=1:bframes=0"},
        "mpeg4": {"qmin": "1", "qmax": "1"},
    }
    options["libx264rgb"] = options["libx264"]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options.get(codec, {}))
        stream.pix_fmt, stream.width, stream.height = pixels, width, height
        frames = [
            av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixels,
                dst_colorspace=MATRICES.get(matrix, 5),
                dst_color_range=attributes["color_range"],
            )
            for _ in range(2)
        ]
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for name, tag in attributes.items():
                setattr(stream.codec_context, name, tag)
                setattr(frame, name, tag)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def picture_of(path: Path, decoder: str) -> Picture:
    (picture,) = open_video(Sample(str(path)), "", 0, decoder).frames(np.array([1]))
    return picture


def colours(picture: Picture) -> NDArray[np.float64]:
    """The colour of each patch, but for its edge, where colours that are stored coarser mix."""
    patches = picture[:48, :64].reshape(3, PATCH, 4, PATCH, 3)[:, 4:-4, :, 4:-4]
    return patches.mean(axis=(1, 3))


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.abs(one.astype(float) - other).max())


def check_all_alike(path: Path, bound: float, in_copy: float) -> NDArray[np.float64]:
    """Holds OpenCV, PyAV and a copy, through either, to each other; returns the colours."""
    shown = picture_of(path, "pyav")
    assert difference(shown, picture_of(path, "opencv")) <= bound
    copy = path.with_name("copy.mp4")
    prepare_video(Sample(str(path)), copy, path.with_name("partial.mp4"), Settings(crf=1))
    copied = picture_of(copy, "pyav")
    assert difference(copied, picture_of(copy, "opencv")) == 0
    assert difference(colours(copied), colours(shown)) <= in_copy
    return colours(shown)


BT601, BT709 = (6, 6, 6), (1, 1, 1)
SDR: dict[str, dict[str, Any]] = {
    "no tags": {},
    "BT.601": {"tags": BT601},
    "BT.601 of PAL": {"tags": (5, 5, 5)},
    "BT.709": {"tags": BT709},
    "sRGB": {"tags": (1, 1, 13)},
    "only a matrix": {"tags": (1, 2, 2)},
    "BT.2020's matrix": {"tags": (9, 2, 2)},
    "RGB": {"tags": (0, 1, 13), "pixels": "rgb24", "codec": "libx264rgb", "is_full": True},
    "BT.601, 4:2:2": {"tags": BT601, "pixels": "yuv422p"},
    "BT.709, HEVC": {"tags": BT709, "codec": "libx265"},
    "odd sizes": {"size": (67, 51), "codec": "mpeg4"},
    "odd sizes, 4:4:4": {"size": (67, 51), "tags": BT709, "pixels": "yuv444p"},
    "odd sizes, 10 bit": {"size": (67, 51), "pixels": "yuv444p10le"},
    "10 bit": {"tags": BT709, "pixels": "yuv420p10le"},
    "10 bit, HEVC": {"tags": BT601, "pixels": "yuv420p10le", "codec": "libx265"},
}


@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("name", SDR)
def test_colours_are_those_of_the_tags(tmp_path: Path, name: str, is_full: bool) -> None:
    """Equal to the bit with 8 bits; in a copy a level is lost to each of two more roundings."""
    case = {"is_full": is_full} | SDR[name]
    path = write(tmp_path / "video.mkv", **case)
    shown = check_all_alike(path, bound=5 if "10" in case.get("pixels", "") else 0, in_copy=3)
    assert difference(shown, COLOURS) < 4


@pytest.mark.parametrize(("codec", "pixels"), [
    ("libx264", "gray"), ("libx264", "yuvj420p"), ("libx264", "nv16"), ("libx265", "yuv444p"),
    ("libvpx-vp9", "yuv440p"), ("libvpx-vp9", "yuva420p"), ("libvpx-vp9", "gbrp"),
    ("mjpeg", "yuvj422p"), ("mpeg2video", "yuv422p"),
])  # fmt: skip
def test_each_pixel_format_is_read_alike(tmp_path: Path, codec: str, pixels: str) -> None:
    """By both decoders; the default is one of them."""
    path = write(tmp_path / "video.mkv", BT709, pixels=pixels, codec=codec)
    shown = {decoder: picture_of(path, decoder) for decoder in ("auto", "pyav", "opencv")}
    assert shown["auto"].std() > 20
    assert difference(shown["auto"], shown["pyav"]) == 0
    bound = 5 if pixels == "yuv440p" else 0  # whose chroma is coarser from row to row alone: rare
    assert difference(shown["auto"], shown["opencv"]) <= bound


@pytest.mark.slow
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize(
    "tags",
    [(9, 9, 18), (9, 9, 16), (9, 9, 14), (1, 12, 1), (1, 12, 13), (6, 11, 6)],
    ids=["HLG", "PQ", "BT.2020", "P3", "P3 of displays", "P3 of cinemas"],
)
def test_wide_gamuts_and_hdr_become_sdr(tmp_path: Path, tags: Any, pixels: str) -> None:
    codec = "libx265" if "10" in pixels else "libx264"
    path = write(tmp_path / "video.mkv", tags, pixels=pixels, codec=codec)
    shown = check_all_alike(path, bound=0, in_copy=3)
    assert difference(shown, COLOURS) > 15, "as it is stored"


HLG_SHOWN = [
    [(0, 0, 0), (72, 72, 72), (144, 144, 144), (255, 255, 255)],
    [(255, 255, 255), (255, 70, 78), (0, 212, 113), (0, 114, 213)],
    [(255, 166, 134), (112, 64, 43), (233, 211, 0), (150, 69, 167)],
]
"""What OpenCV 5.0.0 makes of ``COLOURS`` in HLG: 75 % is SDR's white."""


def test_hlg_as_opencv_shows_it(tmp_path: Path) -> None:
    """A quick form of the test above."""
    path = write(tmp_path / "video.mp4", (9, 9, 18), pixels="yuv420p10le")
    assert difference(colours(picture_of(path, "pyav")), np.array(HLG_SHOWN)) <= 2
    copy = tmp_path / "copy.mp4"
    prepare_video(Sample(str(path)), copy, tmp_path / "partial.mp4", Settings(crf=1))
    assert difference(colours(picture_of(copy, "opencv")), np.array(HLG_SHOWN)) <= 3


@pytest.mark.parametrize("transfer", [1, 18])
def test_colours_that_ffmpeg_cannot_convert(tmp_path: Path, transfer: int) -> None:
    """YCgCo; and no picture of such a file is left for the next one."""
    path = write(tmp_path / "video.mp4", (8, 1, transfer), pixels="yuv444p")
    for _ in range(2):
        with pytest.raises(VideoError, match=f"{path}: FFmpeg cannot convert .*matrix 8"):
            picture_of(path, "pyav")
    assert not colour._graph.cache_info().currsize or transfer == 1
    with pytest.raises(VideoError, match="matrix 8"):
        prepare_video(Sample(str(path)), tmp_path / "copy.mp4", tmp_path / "p.mp4", Settings())
    assert [file.name for file in tmp_path.iterdir()] == ["video.mp4"]
