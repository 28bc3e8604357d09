"""The pass over videos: each process reads its share, runs the network on it, and yields each
video's index with a row or an error. Validation, test, prediction and features all use it.

With train.task=detection a sample is a key frame of a video: its view is the whole picture, its row
that of its boxes.

Legend: V views of a video, n of them so far, T frames, H x W pixels, K classes.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip
from slowfast.data.clips.key_clips import KeyViews
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.order import film_numbers, shard_batches, shard_numbers
from slowfast.data.packed import PackedSamples
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader, workers_that_fit
from slowfast.log import Progress, logger
from slowfast.predict import enough
from slowfast.predict.answer import threshold_of
from slowfast.predict.runtime.built import Row
from slowfast.predict.runtime.runtimes import Backend

Item = TypeVar("Item")


def rows_of_videos(
    backend: Backend, samples: list[Sample], cfg: Config, *, what: str,
    only: Sequence[int] | None = None, until_enough: bool = False,
    seen: Callable[[int, Row], None] = lambda index, row: None,
) -> Iterator[tuple[int, Row | VideoError]]:  # fmt: skip
    """Runs the network on the views of this process's share of the videos; yields each video's
    index and its row ``[V, ...]``, or why it cannot be read. With detection the row has a line for
    each box of the key frame, ``[boxes, ...]``.

    Args:
        what: label of the progress bar.
        only: indices of the videos to use; None: all.
        until_enough: rows are those of ``views_until_enough``: ``[n, K]``.
        seen: with ``until_enough``, is called with a video's index and its row so far.
    """

    def compute(videos: list[Any]) -> Iterable[Row]:
        if cfg.train.task == "detection":
            return rows_of_boxes(backend, videos)
        if not until_enough:
            return rows_of_views(backend, videos, cfg)
        return (views_until_enough(backend, video, cfg, seen) for video in videos)

    is_of_boxes, size = cfg.train.task == "detection", cfg.test.batch_size
    loader_of: Callable[..., Loader[int, Any]] = key_loader if is_of_boxes else view_loader
    if is_of_boxes:  # a batch is of one reader, so mostly of one film, whose pictures have one size
        size = max(size, backend.views_at_once)
        cfg = dataclasses.replace(cfg, test=dataclasses.replace(cfg.test, batch_size=size))
    places = range(len(samples)) if only is None else only
    count = -(-len(places) // (size * distributed.world_size()))
    with loader_of(samples, cfg, count) as loader:
        shares = own_batches([samples[i] for i in places], size, cfg, loader.num_workers)
        batches = [[places[i] for i in share] for share in shares]
        yield from rows_of(loader, batches, compute, what)


def rows_of(
    loader: Loader[Any, Item], batches: Sequence[Sequence[int]],
    compute: Callable[[list[Item]], Iterable[Any]], what: str = "",
) -> Iterator[tuple[int, Any]]:  # fmt: skip
    """Yields each index of the batches, in order, with its row (see ``finite``) or VideoError.

    Args:
        compute: gives a row for each readable item of a batch.
        what: label of rank 0's progress bar; empty: no bar.
    """
    show = bool(what) and distributed.rank() == 0
    progress, done = Progress(what, sum(map(len, batches)), show=show), 0
    for batch, answers in zip(batches, loader.run(batches), strict=True):
        items = [answer for answer in answers if not isinstance(answer, VideoError)]
        rows = iter(compute(items) if items else ())
        for index, answer in zip(batch, answers, strict=True):
            yield index, answer if isinstance(answer, VideoError) else finite(next(rows))
        done += len(batch)
        progress.update(done)
    progress.finish()


def finite(row: Any) -> Any:
    """A row; a VideoError in its place if the network came to numbers that are not finite."""
    if np.isfinite(row).all():
        return row
    return VideoError("the network's output for it is not finite: its weights are broken")


def rows_of_views(backend: Backend, videos: Sequence[VideoViews], cfg: Config) -> list[Row]:
    """The rows of each video's views, ``[V, ...]``.

    The backend gets the views of all videos, in order, as many of one size at once as it is
    fastest with.
    """
    every = (_views(backend, video, range(video.num_views)) for video in videos)
    rows = []
    for _, views in itertools.groupby(itertools.chain(*every), key=lambda view: view.shape):
        while chunk := list(itertools.islice(views, backend.views_at_once)):
            rows.append(backend(chunk))
    return np.split(np.concatenate(rows), len(videos))


def rows_of_boxes(backend: Backend, clips: Sequence[Clip]) -> list[Row]:
    """The rows of each key frame's boxes; one without boxes is not computed."""
    boxes = [clip.boxes for clip in clips if clip.boxes is not None]
    return backend.of_boxes([clip.frames for clip in clips], boxes)


def views_until_enough(
    backend: Backend, video: VideoViews, cfg: Config, seen: Callable[[int, Row], None]
) -> Row:
    """The rows of a video's views ``[n, K]`` in the order of ``enough.spread_order``, as many as
    ``enough.is_enough`` asks for. As long as more are needed, ``seen`` gets those so far."""
    views = _views(backend, video, enough.spread_order(len(video.clips), len(video.crops)))
    chunks: list[Row] = []
    while True:
        number = enough.next_views(sum(map(len, chunks)), backend.views_at_once)
        chunks.append(backend(list(itertools.islice(views, number))))
        row = np.concatenate(chunks)
        if not np.isfinite(row).all():  # nor will it be with more
            return row
        if enough.is_enough(row, video.num_views, cfg.test.average_clips, threshold_of(cfg)):
            return row
        seen(video.index, row)


def _views(backend: Backend, video: VideoViews, order: Iterable[int]) -> Iterator[Any]:
    """These views of a video, uint8 ``[T, H, W, 3]``: view v is crop ``v % num_crops`` of clip
    ``v // num_crops``."""
    (height, width), num_crops = video.size, len(video.crops)
    frames_FHWC = backend.put(video.frames)
    for clip, views in itertools.groupby(order, key=lambda view: view // num_crops):
        clip_THWC = frames_FHWC[video.clips[clip]]
        for view in views:
            y, x = video.crops[view % num_crops]
            yield clip_THWC[:, y : y + height, x : x + width]


def own_batches(
    samples: Sequence[Sample], batch_size: int, cfg: Config, readers: int | None = None
) -> list[list[int]]:
    """Indices of this process's share of the samples; each sample is in exactly one share.

    Args:
        readers: the loader's, if they are not data.num_workers: memory may have room for none.
    """
    return shard_batches(
        len(samples), batch_size=batch_size,
        rank=distributed.rank(), world_size=distributed.world_size(),
        shards=film_numbers(samples) or shard_numbers(samples),
        num_workers=cfg.data.num_workers if readers is None else readers,
    )  # fmt: skip


def view_loader(
    samples: list[Sample], cfg: Config, num_batches: int, *, tells: bool = False
) -> Loader[int, VideoViews]:
    """The loader of ``num_batches`` batches of videos with their views; with their ``facts`` if
    ``tells``."""
    # The distinct frames of a video of 10 s at 30 fps.
    frames = min(cfg.test.num_clips * cfg.data.num_frames, 300)
    read = MultiViewVideos(samples, cfg.data, cfg.test, tells=tells)
    return _loader(read, samples, cfg, num_batches, frames)


def key_loader(
    samples: list[Sample], cfg: Config, num_batches: int, *, tells: bool = False
) -> Loader[int, Clip]:
    """The loader of ``num_batches`` batches of key frames with their boxes; with their ``facts`` if
    ``tells``."""
    read = KeyViews(PackedSamples(samples), cfg.data, cfg.test, cfg.detection, tells=tells)
    return _loader(read, samples, cfg, num_batches, cfg.data.num_frames)


def _loader(
    read: Callable[[int], Item], samples: list[Sample], cfg: Config, num_batches: int, frames: int
) -> Loader[int, Item]:
    """A loader of samples of about so many frames, in 16:9."""
    video_bytes = frames * cfg.test.short_side**2 * 16 // 9 * 3
    return Loader(
        read,
        num_workers=min(num_readers(cfg, cfg.test.batch_size * video_bytes), num_batches),
        describe=lambda index: samples[index].shown,
        seconds=cfg.data.read_seconds,
    )


def num_readers(cfg: Config, batch_bytes: int) -> int:
    """``data.num_workers``; 0, with a warning, if their batches do not fit into memory."""
    number, reason = workers_that_fit(
        cfg.data.num_workers, batch_bytes, distributed.processes_on_this_machine()
    )
    if reason:
        logger.warning(reason)
    return number
