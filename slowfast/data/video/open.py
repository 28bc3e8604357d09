"""Opening a video, or a part of one: a file, or one in a tar shard, through a decoder; or a folder
of frames."""

import importlib.util
import os
import re

import cv2

from slowfast.config import ConfigError
from slowfast.data.samples import Sample
from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.opencv import OpenCVReader
from slowfast.data.video.part import PartReader, length_of, named, times_in
from slowfast.data.video.reader import Reader, require_file


def open_video(
    sample: Sample, pattern: str, fps: float, decoder: str = "auto", start: int = -1
) -> Reader:
    """The reader for a sample: a frame folder, or a video file that ``decoder`` decodes, see
    ``chosen_decoder``. ``pattern``, ``fps`` and ``start`` are those of a frame folder.

    Raises:
        VideoError: the file is missing, empty, or not a video; or its part, or an action, is
            outside of it.
    """
    if not sample.part and not sample.actions:
        return _open_whole(sample, pattern, fps, decoder, start)
    with named(sample):
        reader = _open_whole(sample, pattern, fps, decoder, start)
        try:
            if sample.part:
                return PartReader(reader, sample)
            times_in(sample, length_of(reader))
        except BaseException:
            reader.close()
            raise
        return reader


def _open_whole(sample: Sample, pattern: str, fps: float, decoder: str, start: int) -> Reader:
    if sample.num_frames is not None or os.path.isdir(sample.path):
        return FrameFolderReader(sample.path, sample.num_frames, pattern, fps, start)
    require_file(sample.path)
    if chosen_decoder(decoder) == "pyav":
        from slowfast.data.video.pyav import PyAVReader  # which need not be there

        return PyAVReader(sample.path)
    return OpenCVReader(sample.path)


def chosen_decoder(decoder: str) -> str:
    """``pyav`` or ``opencv``; ``auto`` is PyAV, or OpenCV where PyAV is not installed."""
    if decoder != "auto":
        return decoder
    return "pyav" if importlib.util.find_spec("av") else "opencv"


def decoder_version(decoder: str) -> str:
    """The decoder's name and version, for the log. Raises ConfigError if it is not installed, or so
    old that it shows colours wrong."""
    if chosen_decoder(decoder) == "opencv":
        return _not_older("OpenCV", cv2.__version__, "4.13", "opencv-python")
    if importlib.util.find_spec("av") is None:
        raise ConfigError("data.decoder=pyav: PyAV is not installed here (pip install av)")
    import av

    return _not_older("PyAV", av.__version__, "17.0.1", "av")


def _not_older(name: str, version: str, least: str, package: str) -> str:
    if _numbers(version) < _numbers(least):
        raise ConfigError(
            f"{name} {version} is too old to show all colours right: pip install "
            f"'{package}>={least}'"
        )
    return f"{name} {version}"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def aspect_of(sample: Sample) -> float:
    """How many times as wide as high the pixels of a video are; 1 of frames, and where PyAV, which
    knows it, is not installed."""
    if os.path.isdir(sample.path) or not importlib.util.find_spec("av"):
        return 1.0
    from slowfast.data.video.pyav import pixel_aspect

    return pixel_aspect(sample.path)
