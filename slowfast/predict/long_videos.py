"""The pass along videos of any length, in constant memory: clips slide over each, and the network
runs on them. Features and timelines both use it.

Legend: N clips, C channels of the classifier's input, n clips of a chunk.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, SlidingClips, VideoTimes
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.predict.runtime.built import Row
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import finite, num_readers

Chunk = TypeVar("Chunk", bound=ClipChunk)
ChunkLoader = Loader[ChunkKey, ClipChunk | None]

USUAL_SECONDS = 10.0
"""Seconds of video that ``data.read_seconds`` is meant for; longer chunks get more time."""
LONGEST = 10.0**6
"""The longest time limit for a reader, in seconds; poll(2) takes at most twice as many."""


class Part(NamedTuple):
    """What some clips of a video come to."""

    seconds: NDArray[np.float64]
    """Start and end of each ``[n, 2]``, from the video's first frame on."""
    rows: Row
    """``[n, ...]``"""
    video: VideoTimes
    is_last: bool


EarlierParts = Mapping[int, list[Part]]
"""What earlier runs came to, by the video's place in the list: its first parts, in order."""


def sliding_rows(
    backend: Backend, samples: list[Sample], cfg: Config, *, every: float,
    report: Callable[[float, int], None], kept: EarlierParts | None = None,
    seen: Callable[[int, Part], None] = lambda index, part: None,
) -> Iterator[tuple[int, list[Part] | VideoError]]:  # fmt: skip
    """Yields each video's index and its parts, or its VideoError, as they become ready. Rows may
    not be finite.

    Args:
        every: see ``SlidingClips``.
        report: called with the number of videos done, which may be fractional, and of clips.
        kept: the clips behind these are computed; the last one of these is not its video's.
        seen: called with a video's index and each new part, once that is there.
    """
    parts = {index: list((kept or {}).get(index, ())) for index in range(len(samples))}
    first = {index: sum(len(part.rows) for part in found) for index, found in parts.items()}
    with sliding_loader(samples, cfg, every, backend.views_at_once, first) as loader:
        shares: dict[int, float] = {}
        num_done = num_clips = 0
        for index, chunk in chunks_in_turn(loader, len(samples), loader.num_workers):
            if isinstance(chunk, ClipChunk):
                # A copy: a view would keep the chunk's frames in shared memory.
                row = chunk_rows(backend, chunk)
                part = Part(chunk.seconds.copy(), row, chunk.video, chunk.is_last)
                parts[index].append(part)
                num_clips += len(chunk.clips)
                seen(index, part)
            shares[index] = chunk.share if isinstance(chunk, ClipChunk) else 1.0
            if not isinstance(chunk, ClipChunk) or chunk.is_last:
                num_done, found = num_done + 1, parts.pop(index)
                del shares[index]
                yield index, chunk if isinstance(chunk, VideoError) else found
            report(num_done + sum(shares.values()), num_clips)


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
    """Yields each video's index and ``clip_rows``, or its VideoError; see ``sliding_rows``."""
    for index, found in sliding_rows(backend, samples, cfg, every=every, report=report):
        joined = found if isinstance(found, VideoError) else joined_parts(found)
        yield index, joined if isinstance(joined, VideoError) else clip_rows(*joined)


def joined_parts(parts: list[Part]) -> tuple[NDArray[np.float64], Row] | VideoError:
    """The seconds ``[N, 2]`` and rows ``[N, ...]`` of a video; a VideoError if rows are not
    finite, see ``finite``."""
    row = finite(np.concatenate([part.rows for part in parts]))
    if isinstance(row, VideoError):
        return row
    return np.concatenate([part.seconds for part in parts]), row


def chunk_rows(backend: Backend, chunk: ClipChunk) -> Row:
    """The rows ``[n, ...]`` of a chunk's clips."""
    frames_FHWC = backend.put(chunk.frames)
    return backend([frames_FHWC[clip] for clip in chunk.clips])


def sliding_loader(
    samples: list[Sample], cfg: Config, every: float, clips: int,
    first: Mapping[int, int] | None = None,
) -> ChunkLoader:  # fmt: skip
    """The loader of the videos' chunks, of so many clips each; ``first`` as in ``SlidingClips``."""
    chunk_bytes = clips * cfg.data.num_frames * cfg.test.crop_size**2 * 3
    return Loader(
        SlidingClips(samples, cfg.data, cfg.test, every=every, clips_at_once=clips, first=first),
        num_workers=min(num_readers(cfg, chunk_bytes), len(samples)),
        describe=lambda key: samples[key.sample].shown,
        seconds=min(cfg.data.read_seconds * max(clips * every / USUAL_SECONDS, 1.0), LONGEST),
    )


def chunks_in_turn(
    loader: Loader[ChunkKey, Chunk | None], num_videos: int, num_readers: int
) -> Iterator[tuple[int, Chunk | VideoError | None]]:
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
        if chunk is None or isinstance(chunk, VideoError) or chunk.is_last:
            at[readers[0]] = None
        yield key.sample, chunk
