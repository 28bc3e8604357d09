"""Small real video files for the tests, whose frame i shows the number i."""

import io
import struct
import tarfile
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video

Picture = NDArray[np.uint8]
"""RGB ``[H, W, 3]``."""
SIZE = (64, 48)
BITS = 12


def numbered_picture(number: int, size: tuple[int, int] = SIZE) -> Picture:
    """A picture of ``size`` (width, height): ``number`` in binary, a block a bit, white is 1."""
    bits = (number >> np.arange(BITS)) & 1
    blocks = (255 * bits).astype(np.uint8).reshape(3, 4)
    return np.repeat(cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)[..., None], 3, 2)


def read_number(picture: Picture) -> int:
    """The number that a picture shows; a block that is neither black nor white is an error."""
    blocks = cv2.resize(picture.mean(axis=2), (4, 3), interpolation=cv2.INTER_AREA).ravel()
    assert np.all((blocks < 70) | (blocks > 185)), f"no number is shown: {blocks.round()}"
    return int((blocks > 127) @ (1 << np.arange(BITS)))


def read_numbers(pictures: NDArray[np.uint8]) -> list[int]:
    """The number of each picture of ``[F, H, W, 3]``."""
    return [read_number(picture) for picture in pictures]


def write_numbered_video(
    path: Path,
    num_frames: int,
    fps: Fraction | int = 30,
    codec: Literal["mpeg4", "h264"] = "mpeg4",
    size: tuple[int, int] = SIZE,
    b_frames: int = 0,
    gop: int = 12,
) -> Path:
    """Writes a video whose frame i shows i, see ``write_mpeg4`` and ``write_h264``."""
    pictures = (numbered_picture(number, size) for number in range(num_frames))
    if codec == "mpeg4":
        assert (b_frames, gop) == (0, 12), "OpenCV decides these"
        return write_mpeg4(path, pictures, fps)
    return write_h264(path, pictures, fps, b_frames=b_frames, gop=gop)


def write_mpeg4(path: Path, pictures: Iterable[Picture], fps: Fraction | int = 30) -> Path:
    """Writes an MPEG-4 video through OpenCV: .mp4 or .avi, sides even. Returns its path."""
    fourcc = cv2.VideoWriter.fourcc(*("XVID" if path.suffix == ".avi" else "mp4v"))
    writer = None
    for picture in pictures:
        if writer is None:
            height, width, _ = picture.shape
            writer = cv2.VideoWriter(str(path), fourcc, float(fps), (width, height))
            assert writer.isOpened()
        writer.write(picture[:, :, ::-1])
    assert writer is not None
    writer.release()
    return path


def write_h264(
    path: Path,
    pictures: Iterable[Picture],
    fps: Fraction | int = 30,
    *,
    b_frames: int = 0,
    gop: int = 12,
    pixels: str = "yuv420p",
    movflags: str = "",
    x264: str = "",
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Writes an H.264 video through PyAV: .mp4, .mkv, .ts or bare .h264. Returns its path.

    ``x264`` holds more of the encoder's own options, ``name=value:name=value``.

    Skips the test where there is no PyAV, or none with libx264.
    """
    av = pytest.importorskip("av", reason="PyAV writes the H.264 files")
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV has no libx264")
    options = {
        "preset": "ultrafast", "crf": "20", "g": str(gop), "sc_threshold": "0",
        "bf": str(b_frames), "b_adapt": "0", "threads": "1", "x264-params": x264,
    }  # fmt: skip
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options=options)
        stream.pix_fmt = pixels
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width, _ = picture.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_frames(folder: Path, pictures: Iterable[Picture], pattern: str = "img_{:05d}.jpg") -> int:
    """Writes a folder of JPEG (quality 97) or PNG frames, numbered from 1; returns how many."""
    folder.mkdir(parents=True)
    count = 0
    for count, picture in enumerate(pictures, 1):
        path = folder / pattern.format(count)
        assert cv2.imwrite(str(path), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])
    return count


def rewrite(
    source: Path, path: Path, change: Callable[[int], int], title: str = "", **options: str
) -> Path:
    """Copies a video without decoding, with each packet's times changed."""
    import av

    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        new.metadata["title"] = title
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts, packet.dts = change(packet.pts), change(packet.dts)
                packet.stream = stream
                new.mux(packet)
    return path


def cut_to(path: Path, share: float) -> None:
    """Leaves the beginning of a file only."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def storage(path: Path) -> list[tuple[int, bool]]:
    """Of each packet in the file's order: when it is shown, and whether it is a keyframe."""
    import av

    with av.open(str(path)) as container:
        return [(p.pts, p.is_keyframe) for p in container.demux(video=0) if p.size]


def shown_at(path: Path) -> list[float]:
    """When the frames are shown, in seconds."""
    import av

    with av.open(str(path)) as container:
        unit = float(container.streams.video[0].time_base or 0)
        return [time * unit for time, _ in sorted(storage(path))]


def turn_clockwise(path: Path, degrees: int) -> None:
    """Overwrites the track's matrix (ISO 14496-12, 8.3.2)."""
    content = bytearray(path.read_bytes())
    cos, sin = ((0, 1), (-1, 0), (0, -1))[degrees // 90 - 1]
    matrix = [one << 16 for one in (cos, sin, 0, -sin, cos, 0, 0, 0)] + [1 << 30]
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, *matrix)
    path.write_bytes(content)


def moving(size: tuple[int, int] = (192, 128), count: int = 20) -> Iterator[Picture]:
    """Colours that change smoothly from place to place and with time."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    for number in range(count):
        bands = (np.sin((x + 3 * number) / 20), np.cos((y - number) / 15), np.sin((x + y) / 30))
        yield (127.5 + 110 * np.stack(bands, axis=2)).astype(np.uint8)


def numbers_of(path: Path) -> list[int]:
    """The numbers that a video's frames show."""
    reader = open_video(Sample(str(path)), "", 0)
    return read_numbers(reader.frames(np.arange(reader.num_frames)))


def write_tar(path: Path, files: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> str:
    """A tar of these files; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=kind) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def touch(root: Path, *names: str) -> Path:
    """Empty files in the place of videos; returns their folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root
