"""Features of clips that slide along videos of any length, in constant memory.

Legend: N clips, C channels of the classifier's input, n clips of a chunk.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, SlidingClips
from slowfast.data.lists import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.predict.runtimes import Backend
from slowfast.predict.views import finite, num_readers

ChunkLoader = Loader[ChunkKey, ClipChunk | None]

USUAL_SECONDS = 10.0
"""Seconds of video that ``data.read_seconds`` is meant for; longer chunks get more time."""
LONGEST = 10.0**6
"""The longest time limit for a reader, in seconds; poll(2) takes at most twice as many."""


def clip_rows(seconds: NDArray[np.float64], features_NC: NDArray[np.float32]) -> NDArray[Any]:
    """A video's structured array: a row per clip, with fields ``start``, ``end``, ``features``."""
    fields = [("start", "<f8"), ("end", "<f8"), ("features", "<f4", features_NC.shape[1:])]
    rows = np.empty(len(features_NC), np.dtype(fields))
    rows["start"], rows["end"], rows["features"] = seconds[:, 0], seconds[:, 1], features_NC
    return rows


def sliding_features(
    backend: Backend, samples: list[Sample], cfg: Config, *, every: float,
    report: Callable[[float, int], None],
) -> Iterator[tuple[int, NDArray[Any] | VideoError]]:  # fmt: skip
    """Yields each video's index and ``clip_rows``, or its VideoError, as they become ready.

    Args:
        every: see ``SlidingClips``.
        report: called with the number of videos done, which may be fractional, and of clips.
    """
    with sliding_loader(samples, cfg, every, backend.views_at_once) as loader:
        parts: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float32]]]] = {}
        shares: dict[int, float] = {}
        num_done = num_clips = 0
        for index, chunk in chunks_in_turn(loader, len(samples), loader.num_workers):
            if isinstance(chunk, ClipChunk):
                # A copy: a view would keep the chunk's frames in shared memory.
                row = (chunk.seconds.copy(), chunk_features(backend, chunk))
                parts.setdefault(index, []).append(row)
                num_clips += len(chunk.clips)
            shares[index] = chunk.share if isinstance(chunk, ClipChunk) else 1.0
            if not isinstance(chunk, ClipChunk) or chunk.is_last:
                num_done, found = num_done + 1, parts.pop(index, [])
                del shares[index]
                if isinstance(chunk, VideoError):
                    yield index, chunk
                else:
                    seconds, features = zip(*found, strict=True)
                    row = finite(np.concatenate(features))
                    is_row = not isinstance(row, VideoError)
                    yield index, clip_rows(np.concatenate(seconds), row) if is_row else row
            report(num_done + sum(shares.values()), num_clips)


def chunk_features(backend: Backend, chunk: ClipChunk) -> NDArray[np.float32]:
    """The features ``[n, C]`` of a chunk's clips."""
    frames_FHWC = backend.put(chunk.frames)
    return backend([frames_FHWC[clip] for clip in chunk.clips])


def sliding_loader(samples: list[Sample], cfg: Config, every: float, clips: int) -> ChunkLoader:
    """The loader of the videos' chunks, of so many clips each."""
    chunk_bytes = clips * cfg.data.num_frames * cfg.test.crop_size**2 * 3
    return Loader(
        SlidingClips(samples, cfg.data, cfg.test, every=every, clips_at_once=clips),
        num_workers=min(num_readers(cfg, chunk_bytes), len(samples)),
        describe=lambda key: samples[key.sample].path,
        seconds=min(cfg.data.read_seconds * max(clips * every / USUAL_SECONDS, 1.0), LONGEST),
    )


def chunks_in_turn(
    loader: ChunkLoader, num_videos: int, num_readers: int
) -> Iterator[tuple[int, ClipChunk | VideoError | None]]:
    """Yields all chunks of all videos with the video's index; each video's chunks in order.

    The loader gives batch j to reader ``j % num_readers``, so that each reader has one video at a
    time to itself. The number of chunks is not known before the last one, so some requests are in
    vain. A video ends with its last chunk, a VideoError, or None.
    """
    waiting = deque(range(num_videos))
    at: list[ChunkKey | None] = [None] * max(num_readers, 1)  # each reader's next
    asked: deque[ChunkKey | None] = deque()

    def requests() -> Iterator[list[ChunkKey]]:
        for reader in itertools.cycle(range(len(at))):
            if at[reader] is None and waiting:
                at[reader] = ChunkKey(waiting.popleft(), 0)
            key = at[reader]
            if key is None and not any(at):
                return
            asked.append(key)
            at[reader] = key and key._replace(number=key.number + 1)
            yield [key] if key else []

    for items in loader.run(requests()):
        key = asked.popleft()
        readers = [i for i, own in enumerate(at) if key and own and own.sample == key.sample]
        if key is None or not readers:  # a request in vain
            continue
        (chunk,) = items
        if not isinstance(chunk, ClipChunk) or chunk.is_last:
            at[readers[0]] = None
        yield key.sample, chunk
