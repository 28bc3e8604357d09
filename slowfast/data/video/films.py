"""Films that many clips are read from: what a first look at one tells is kept.

Looking at the packets of a film of 15 minutes reads the whole file and takes as long as decoding
some clips of it; key frames ask for 900 clips.
"""

import os
from collections import OrderedDict

from slowfast.config import DataConfig
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.data.video.open import open_video
from slowfast.data.video.part import named
from slowfast.data.video.reader import Reader

MOST_FRAMES = 10_000_000
"""Of the films that are kept, together: those of AVA have 8 million, which take 300 MB."""


class Films:
    """Readers of whole films or frame folders, in each process its own; closed, they remember when
    each frame is shown, and open their files again where they read."""

    def __init__(self, data: DataConfig, most_frames: int = MOST_FRAMES) -> None:
        self._data, self._most = data, most_frames
        self._readers: OrderedDict[object, Reader] = OrderedDict()
        self._process = os.getpid()

    def reader(self, sample: Sample) -> Reader:
        """That of a sample's film, as the file is now. Raises VideoError as ``open_video``."""
        if self._process != os.getpid():  # an open file would be shared with the other process
            self._readers.clear()
            self._process = os.getpid()
        whole = sample.whole()
        key = whole, str(state_of(whole.path))
        found = self._readers.pop(key, None)
        if found is None:
            data = self._data
            with named(sample):
                found = open_video(
                    whole, data.frame_pattern, data.frame_fps, data.decoder, data.frame_start
                )
        self._readers[key] = found
        while len(self._readers) > 1 and self._frames() > self._most:
            self._readers.popitem(last=False)[1].close()
        return found

    def _frames(self) -> int:
        return sum(reader.num_frames for reader in self._readers.values())
