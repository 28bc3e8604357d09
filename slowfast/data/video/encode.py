"""Encoding whole videos with PyAV, for ``prepare_videos``."""

import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from slowfast.data.samples import Sample
from slowfast.data.shards import video_size
from slowfast.data.video.colour import Converter, display_matrix, is_sdr
from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.open import open_video
from slowfast.data.video.orientation import turned, upright
from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import Picture, Reader, VideoError, no_frame

PRESET = "veryfast"
"""Of x264's presets: the slower ones take 2 to 3 times as long for files of the same size."""
COMPARED = 8
"""Frames of each video that are compared with the source's."""
TICKS = 512
"""Time units to a frame: a variable frame rate is kept to a 512th of a frame."""
ROUNDING = 1e-3
"""Matroska rounds times to milliseconds; so near to a constant rate, the rate is meant, seconds."""


@dataclass(frozen=True)
class Settings:
    """What decides how a new file looks."""

    short_side: int = 256
    """Pixels; a smaller video keeps its size."""
    keyframe_every: int = 8
    crf: int = 21
    frame_pattern: str = "img_{:05d}.jpg"
    frame_fps: float = 30.0
    frame_start: int = -1


def prepare_video(sample: Sample, output: Path, beside: Path, settings: Settings) -> dict[str, Any]:
    """Encodes one video into ``beside``, compares it, and moves it to ``output``.

    Returns:
        Its frames, the bytes before and after, and the PSNR (dB, at most 100) of ``COMPARED``
        frames, for the journal.

    Raises:
        VideoError: the source cannot be read, or the new file is not the same frame by frame.
        OSError: the disk is full, or similar.
    """
    how = settings.frame_pattern, settings.frame_fps, "pyav", settings.frame_start
    reader = open_video(sample, *how)
    try:
        count = _encode(sample, reader, beside, settings)
        psnr = _compare(sample, reader, beside, count)
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        output.parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside, output)
    finally:
        beside.unlink(missing_ok=True)
    sizes = {"source_bytes": _num_bytes(sample), "bytes": os.path.getsize(output)}
    return {"frames": count, **sizes, "psnr": psnr}


def new_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height of the new video: even; the short side at most ``short_side``."""
    scale = min(1.0, short_side / min(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _encode(sample: Sample, reader: Reader, path: Path, settings: Settings) -> int:
    """Writes the new file; returns its number of frames."""
    rate = Fraction(reader.fps).limit_denominator(1001)
    unit = 1 / (rate * TICKS)
    options = {
        "preset": PRESET, "tune": "fastdecode", "crf": str(settings.crf), "bf": "0",
        "g": str(settings.keyframe_every), "keyint_min": str(settings.keyframe_every),
        "sc_threshold": "0", "threads": "1",
        # Whole macroblocks: a tenth less time to decode, for 0.15 dB (340x256).
        "x264-params": "partitions=none",
    }  # fmt: skip
    count, last = 0, -1
    try:
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.pix_fmt = "yuv420p"
            codec = stream.codec_context
            codec.time_base = unit
            for frame, seconds in _frames(sample, reader, settings.short_side):
                if count == 0:
                    stream.width, stream.height = frame.width, frame.height
                    codec.colorspace, codec.color_range = frame.colorspace, frame.color_range
                at, even = round(seconds / unit), count * TICKS
                last = max(last + 1, even if abs(at - even) * unit < ROUNDING else at)
                frame.pts, frame.time_base = last, unit
                frame.pict_type = 0  # or a keyframe of the source would stay one
                container.mux(stream.encode(frame))
                count += 1
            if not count:
                raise no_frame(sample.path)
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise VideoError(f"{sample.path}: cannot be encoded: {error}") from error
    return count


def _frames(sample: Sample, reader: Reader, short_side: int) -> Iterator[tuple[Any, float]]:
    """Each frame in its new size, upright, yuv420p, with its time from the first, seconds."""
    if isinstance(reader, FrameFolderReader):
        for number in range(reader.num_frames):
            (picture,) = reader.frames(np.array([number]))
            yield _coded(picture, short_side), number / reader.fps
        return
    assert isinstance(reader, PyAVReader)
    converter, size = Converter(reader.path), None
    for number, frame in enumerate(reader.every_frame()):
        seconds = float(reader.seconds(np.array(number)))
        if not is_sdr(frame):
            yield _coded(converter.picture(frame), short_side), seconds
            continue
        # A size that changes within the file stays the first one's, as the reader has it.
        size = size or new_size(frame.width, frame.height, short_side)
        small = converter.reformat(frame, size, "yuv420p", "AREA")
        yield _turned(small, *upright(display_matrix(frame))), seconds


def _coded(picture: Picture, short_side: int) -> Any:
    """An upright picture in its new size, yuv420p."""
    height, width, _ = picture.shape
    # OpenCV rounds, where swscale rounds down: a level darker.
    planes = cv2.cvtColor(
        _resize(picture, new_size(width, height, short_side)), cv2.COLOR_RGB2YUV_I420
    )
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace, frame.color_range = Colorspace.ITU601, ColorRange.MPEG
    return frame


def _turned(frame: Any, turns: int, is_mirrored: bool) -> Any:
    """A yuv420p frame, upright: see ``upright``."""
    if not turns and not is_mirrored:
        return frame
    width, height, flat = frame.width, frame.height, frame.to_ndarray().ravel()
    y, u, v = np.split(flat, [width * height, width * height * 5 // 4])
    planes = [y.reshape(height, width), *(x.reshape(height // 2, width // 2) for x in (u, v))]
    shown = np.concatenate([turned(plane, turns, is_mirrored).ravel() for plane in planes])
    new_width = height if turns % 2 else width
    new = av.VideoFrame.from_ndarray(shown.reshape(-1, new_width), format="yuv420p")
    new.colorspace, new.color_range = frame.colorspace, frame.color_range
    return new


def _resize(picture: Picture, size: tuple[int, int]) -> Picture:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _compare(sample: Sample, reader: Reader, made: Path, count: int) -> float:
    """The PSNR of frames of the new file against the source's, both through PyAV. Raises
    VideoError if the new file has another number of frames."""
    new = PyAVReader(str(made))
    if new.num_frames != count:
        new.close()
        raise VideoError(f"{sample.path}: {count} frames have become {new.num_frames}")
    numbers = np.unique(np.linspace(0, count - 1, COMPARED).astype(np.int64))
    shown = new.frames(numbers)
    _, height, width, _ = shown.shape
    resize = functools.partial(_resize, size=(width, height))
    difference = shown.astype(np.float64) - reader.frames(numbers, resize)
    error = max(float(np.mean(difference**2)), 1e-5)
    return round(min(10 * math.log10(255**2 / error), 100.0), 2)


def _num_bytes(sample: Sample) -> int:
    if not os.path.isdir(sample.path):
        return video_size(sample.path)
    with os.scandir(sample.path) as files:
        return sum(file.stat().st_size for file in files)
