"""The pass along videos with boxes: at each key frame the boxes are found, and the network runs on
the window around it.

Legend: n key frames, K boxes of one, A actions.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from slowfast.config import Config
from slowfast.data.clips.box_transforms import in_whole_picture
from slowfast.data.clips.key_sliding import KeyChunk, SlidingKeys
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sliding import ChunkKey, VideoTimes
from slowfast.data.samples import Box, Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.predict.long_videos import LONGEST, USUAL_SECONDS, chunks_in_turn
from slowfast.predict.persons.box_sources import BoxSource
from slowfast.predict.runtime.built import Row
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import num_readers

KEYS_AT_ONCE = 4
"""Key frames whose windows are in memory together."""


class KeyFrameRows(NamedTuple):
    """What is found at a key frame."""

    time: float
    """As annotated."""
    seconds: float
    """From the video's first frame on."""
    boxes: tuple[Box, ...]
    rows: Row
    """Probabilities ``[K, A]``."""


class KeyPart(NamedTuple):
    """Some key frames of a video, in order."""

    keys: list[KeyFrameRows]
    size: tuple[int, int]
    """Height and width of the video's pictures; 0, 0 without key frames."""
    video: VideoTimes
    is_last: bool


def key_rows(
    backend: Backend, samples: list[Sample], cfg: Config, source: BoxSource, *,
    places: list[int], first: Callable[[int], int],
    report: Callable[[float, int], None] = lambda done, keys: None,
) -> Iterator[tuple[int, KeyPart | VideoError]]:  # fmt: skip
    """Yields a video's place and its next part, or why it cannot be read.

    Args:
        backend: of kind ``prob``, for boxes.
        places: of the videos to use.
        first: how many key frames of a video are known already.
        report: called with the number of videos done, which may be fractional, and of key frames.
    """
    own = [samples[place] for place in places]
    frame_bytes = cfg.test.short_side**2 * 16 // 9 * 3
    with Loader(
        SlidingKeys(
            own, cfg.data, cfg.test, cfg.detection,
            keys_at_once=KEYS_AT_ONCE, longest=source.longest,
            keys_of=lambda i, *ends: source.keys(places[i], *ends),
            first=lambda i: first(places[i]),
        ),
        num_workers=min(
            num_readers(cfg, KEYS_AT_ONCE * cfg.data.num_frames * frame_bytes), len(own)
        ),
        describe=lambda key: own[key.sample].shown,
        seconds=min(cfg.data.read_seconds * max(_seconds_at_once(cfg), 1.0), LONGEST),
    ) as loader:  # fmt: skip
        yield from _found(backend, loader, source, cfg, places, report)


def _seconds_at_once(cfg: Config) -> float:
    """Of video that a chunk may need, counted in ``USUAL_SECONDS``."""
    clip = cfg.data.num_frames * cfg.data.sampling_stride / cfg.data.target_fps
    return math.ceil(KEYS_AT_ONCE * max(clip, 1.0)) / USUAL_SECONDS


def _found(
    backend: Backend, loader: Loader[ChunkKey, KeyChunk | None], source: BoxSource, cfg: Config,
    places: list[int], report: Callable[[float, int], None],
) -> Iterator[tuple[int, KeyPart | VideoError]]:  # fmt: skip
    shares: dict[int, float] = {}
    num_done, num_keys, failed = 0, 0, set[int]()
    for index, chunk in chunks_in_turn(loader, len(places), loader.num_workers):
        shares[index] = 0.0
        if chunk is None or isinstance(chunk, VideoError):
            num_done += 1
            if chunk is not None and index not in failed:
                yield places[index], chunk
        else:
            num_done += chunk.is_last
            shares[index] = 0.0 if chunk.is_last else chunk.share
            if index not in failed:
                part = _part(backend, chunk, source, places[index], cfg)
                if isinstance(part, VideoError):
                    failed.add(index)
                else:
                    num_keys += len(part.keys)
                yield places[index], part
        report(num_done + sum(shares.values()), num_keys)


_BROKEN = VideoError("the network's output for it is not finite: its weights are broken")


def _part(
    backend: Backend, chunk: KeyChunk, source: BoxSource, place: int, cfg: Config
) -> KeyPart | VideoError:
    """What a chunk comes to, or why it cannot be known."""
    try:
        part = found_at(backend, chunk, source, place, cfg)
    except VideoError as error:
        return error
    return part if all(np.isfinite(key.rows).all() for key in part.keys) else _BROKEN


def found_at(
    backend: Backend, chunk: KeyChunk, source: BoxSource, place: int, cfg: Config
) -> KeyPart:
    """What the key frames of a chunk come to. Raises a VideoError if boxes cannot be found."""
    rule = PROTOCOLS[cfg.test.protocol].boxes
    found = [
        source.boxes(place, key, picture)
        for key, picture in zip(chunk.keys.tolist(), chunk.pictures, strict=True)
    ]
    views = [chunk.frames[clip] for clip in chunk.clips]
    size = chunk.frames.shape[1], chunk.frames.shape[2]
    pixels = [
        in_whole_picture([box.corners for box in boxes], chunk.size, size, rule) for boxes in found
    ]
    rows = backend.of_boxes(views, pixels)
    keys = [
        KeyFrameRows(source.time(place, key), key, boxes, row)
        for key, boxes, row in zip(chunk.keys.tolist(), found, rows, strict=True)
    ]
    return KeyPart(keys, chunk.size, chunk.video, chunk.is_last)
