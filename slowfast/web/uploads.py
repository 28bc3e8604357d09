"""Looks at an uploaded file before anything is computed: whether it is a video, and how long.

Runs in a request's process, see ``jobs.py``.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import cv2

from slowfast.config import DataConfig
from slowfast.data.lists.folders import first_bytes
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Picture, VideoError, require_file, too_short
from slowfast.errors import one_line
from slowfast.log import duration
from slowfast.web.jobs import JobError

THUMBNAIL = 200
"""The longer side of a clip's picture, in pixels, at most."""


@contextlib.contextmanager
def by_its_name(path: str | Path) -> Iterator[None]:
    """Makes a JobError of what is wrong with an upload, which has the name of the person's file,
    not its place on the server."""
    try:
        yield
    except (VideoError, JobError) as error:
        text = one_line(error).replace(str(path), Path(path).name)
        raise JobError(text) from error


def seconds_of(path: str | Path, data: DataConfig, longest: float) -> float:
    """How long a video is, in seconds.

    Raises:
        VideoError: it is not one, or has one frame.
        JobError: it is longer than ``longest``.
    """
    require_file(str(path))
    # FFmpeg draws some text as a film, and some names files that it would open.
    if b"\0" not in first_bytes(str(path)):
        raise VideoError(f"{path}: not a video but text")
    with contextlib.closing(open_video(Sample(str(path)), "", 0, data.decoder)) as video:
        if video.num_frames < 2:
            raise too_short(str(path), video.num_frames)
        seconds = video.num_frames / video.fps
    if seconds > longest:
        raise JobError(
            f"{path}: it lasts {duration(seconds)}, and this page takes up to {duration(longest)}"
        )
    return seconds


def write_picture(frame: Picture, path: Path) -> None:
    """Writes a picture ``[H, W, 3]`` as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), frame[:, :, ::-1])
