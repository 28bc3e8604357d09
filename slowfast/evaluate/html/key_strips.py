"""The seconds around key frames as strips of pictures, for a page that plays them::

-1 s           the key frame           1 s
[ 0 ][ 1 ][ 2 ][ 3 ][ 4 ][ 5 ][ 6 ][ 7 ][ 8 ]      one JPEG
"""

import base64
import contextlib
import dataclasses
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np

from slowfast.config import Config
from slowfast.data.boxes.ava_videos import Places
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.boxes_files import located
from slowfast.data.clips.transforms import fitted, squared
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import KeyFrame, Sample
from slowfast.data.video.films import Films
from slowfast.data.video.open import aspect_of
from slowfast.data.video.reader import ROUNDING, Picture, VideoError
from slowfast.evaluate.recorded import found_again

FRAMES, KEY = 9, 4
"""Pictures of a strip, and which of them, from 0, is that of the key frame."""
AROUND = 1.0
"""Seconds before and behind the key frame."""
LONGEST = 360
"""Pixels of the longer side of a picture."""
QUALITY = 72


class Strip(NamedTuple):
    """The pictures around a key frame."""

    address: str
    """A ``data:`` address; empty: there are none."""
    width: int
    """Of one picture, pixels."""
    height: int
    fault: str
    """Why there are none."""


class Strips:
    """Reads strips from the videos of a test, where these are still there.

    Args:
        run: what the test recorded about itself: paths are from its folder if they are not here.
    """

    def __init__(self, cfg: Config, run: Mapping[str, Any]) -> None:
        root = found_again(cfg.data.root, run)
        cfg = dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, root=root))
        self._cfg, self._films = cfg, Films(cfg.data)
        self._places: Places | None = None

    def of(self, moment: Moment) -> Strip:
        """The strip of a key frame."""
        try:
            return self._read(moment)
        except (VideoError, ListError, OSError) as error:
            return Strip("", 4, 3, str(error))

    def _read(self, moment: Moment) -> Strip:
        sample = self._sample(moment)
        aspect = aspect_of(sample) if os.path.exists(sample.path) else 1.0

        def each(picture: Picture) -> Picture:
            return fitted(squared(picture, aspect), LONGEST)

        with contextlib.closing(self._films.reader(sample)) as reader:
            assert sample.key is not None
            shown = reader.seconds(np.arange(reader.num_frames))
            wanted = sample.key.seconds + np.linspace(-AROUND, AROUND, FRAMES) + ROUNDING
            places = np.maximum(np.searchsorted(shown, wanted, side="right") - 1, 0)
            numbers, back = np.unique(places, return_inverse=True)
            pictures = reader.frames(numbers, each)[back]
        _, height, width, _ = pictures.shape
        strip = np.concatenate([*pictures], axis=1)
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(strip, cv2.COLOR_RGB2BGR), quality)
        text = base64.b64encode(data.tobytes()).decode()
        return Strip(f"data:image/jpeg;base64,{text}", width, height, "")

    def _sample(self, moment: Moment) -> Sample:
        if self._places is None:
            cfg, what = self._cfg, "detection.val_frames"
            listed = located(cfg.detection.val_frames, cfg.data.root, what)
            self._places = Places(cfg, listed)
        video, time = moment
        path, num_frames, start = self._places.of(video, time)
        seconds = (time - start) / self._cfg.detection.rate
        return Sample(path, num_frames=num_frames, key=KeyFrame(video, time, seconds, ()))
