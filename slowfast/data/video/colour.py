"""From the frames that PyAV decodes to pictures: which colours, and which way up.

Every decoder and every copy follows one rule, see docs/data.md: the tags of a frame say by which
matrix and range its colours are computed, and wide gamuts and HDR become SDR's, as in OpenCV.
"""

import functools
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from slowfast.data.video.orientation import AS_STORED, Matrix, turned, upright
from slowfast.data.video.reader import Picture, VideoError

WIDE = {8, 9, 10, 11, 12}
"""Primaries that are wider than SDR's (film, BT.2020, XYZ, P3), by their numbers in ITU-T H.273."""
HDR = {16, 18}
"""Transfer functions of HDR: PQ and HLG. Dolby Vision 8.4 is HLG with more beside it."""
UNSPECIFIED = 2
"""What OpenCV tags its pictures with: libswscale then takes SDR's colours, clipped."""


class Converter:
    """Makes pictures of the frames of one video."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None
        self._orientation = (0, False)

    def picture(self, frame: Any) -> Picture:
        """RGB ``[H, W, 3]``, upright. Size and orientation stay those of the first frame.

        Raises:
            VideoError: FFmpeg has no conversion for the frame's colours.
        """
        if self._size is None:
            self._size = frame.width, frame.height
            self._orientation = upright(display_matrix(frame))
        if is_sdr(frame):
            rgb = self.reformat(frame, self._size, "rgb24", "BICUBIC")  # bicubic, as with OpenCV
        else:
            try:
                rgb = _mapped(frame, self._size)
            except av.FFmpegError as error:
                raise self._fault(frame) from error
        plane: Any = rgb.planes[0]
        shape, strides = (rgb.height, rgb.width, 3), (plane.line_size, 3, 1)
        picture: Picture = np.ndarray(shape, np.uint8, plane, strides=strides)
        return turned(picture, *self._orientation)

    def reformat(self, frame: Any, size: tuple[int, int], form: str, interpolation: str) -> Any:
        """A frame of SDR in another size and form. Raises VideoError as ``picture`` does."""
        try:  # on one thread: the readers themselves run in parallel
            return self._reformatter.reformat(
                frame, *size, format=form, interpolation=interpolation, threads=1
            )
        except av.FFmpegError as error:
            raise self._fault(frame) from error

    def _fault(self, frame: Any) -> VideoError:
        return VideoError(
            f"{self.path}: FFmpeg cannot convert its colours (matrix {int(frame.colorspace)} of "
            "ITU-T H.273)"
        )


def is_sdr(frame: Any) -> bool:
    """Whether a frame's colours are those of SDR by its tags, or it has none."""
    return frame.color_primaries not in WIDE and frame.color_trc not in HDR


def _mapped(frame: Any, size: tuple[int, int]) -> Any:
    """The frame in SDR's colours, rgb24."""
    tags = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    graph = _graph((frame.width, frame.height, frame.format.name), tags, size)
    try:
        graph.push(frame)
        return graph.pull()
    except av.FFmpegError:
        _graph.cache_clear()  # or what is left in it would be taken for the next file's
        raise


@functools.lru_cache(maxsize=8)
def _graph(form: tuple[int, int, str], tags: tuple[int, ...], size: tuple[int, int]) -> Graph:
    """A filter graph for frames of a form and of these tags. Its table of colours takes 3 seconds
    to compute, so it is kept for the next file."""
    graph = Graph()
    graph.threads = 1
    source = "width={}:height={}:pix_fmt={}:time_base=1/1000".format(*form)
    filters = [
        graph.add("buffer", source),
        # The filter would take the place of chroma for the centre; OpenCV goes by the tag, which
        # PyAV does not tell, and which is nearly always left.
        graph.add(
            "scale",
            f"{size[0]}:{size[1]}:flags=bicubic:in_chroma_loc=left"
            f":out_primaries={UNSPECIFIED}:out_transfer={UNSPECIFIED}",
        ),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*filters).configure()
    return graph


def display_matrix(frame: Any) -> Matrix:
    """How a frame is to be shown, see ``orientation``."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return AS_STORED
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    return a, b, c, d
