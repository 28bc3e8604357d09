"""Validation during training (one centre view) and the multi-view test.

Legend: V views, N clips, T frames, H x W pixels, K classes.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.data.dataset import Clip, ClipKey, MultiViewVideos, VideoViews
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.order import shard_batches, shard_numbers
from slowfast.data.video import VideoError
from slowfast.engine import report
from slowfast.engine.loss import cross_entropy
from slowfast.engine.preprocess import normalize
from slowfast.engine.score_rows import ScoreRows
from slowfast.engine.unreadable import Unreadable, UnreadableVideo
from slowfast.log import Progress, logger
from slowfast.metrics import Meter, average_views, class_table, rank_of_label
from slowfast.models.slowfast import VideoClassifier


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """Loss, top-1 and top-5 of the centre view of every sample, each counted once.

    Where ``data.on_error`` is not ``raise``, videos that cannot be read are left out, never
    replaced: rank 0 logs which, and ``seen`` counts the others.

    Raises:
        VideoError: a video cannot be read and ``data.on_error`` is ``raise``; or in one process
            more than ``data.max_errors`` cannot; or none can.
    """
    model.eval()
    meter = Meter()
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)
    batches = own_batches(samples, cfg.train.batch_size, cfg)
    items_of_batches = loader.run(batches)
    for batch, items in zip(batches, items_of_batches, strict=True):
        clips = []
        for index, item in zip(batch, items, strict=True):
            if isinstance(item, VideoError):
                unreadable.note(index, "", item)  # the message names the file
            else:
                clips.append(item)
        if not clips:
            continue
        frames = paddle.stack([paddle.to_tensor(clip.frames) for clip in clips])
        labels = np.array([clip.label for clip in clips])
        logits = model(normalize(frames, cfg.data.mean, cfg.data.std))
        loss = cross_entropy(logits, paddle.to_tensor(labels))
        meter.add(logits.numpy(), labels, float(loss))
    model.train()
    result = meter.result()
    _tell_coverage(result["seen"], len(samples), unreadable.gather_videos())
    return result


def _tell_coverage(seen: float, num_samples: int, missing: list[UnreadableVideo]) -> None:
    """Says what a validation could not read.

    Raises:
        VideoError: nothing was read.
    """
    if not seen:
        raise VideoError(
            f"none of the {num_samples:,} validation videos could be read "
            f"(first: {missing[0].line()})"
        )
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {seen:,.0f} of {num_samples:,} videos")


@paddle.no_grad()
def view_scores(
    model: VideoClassifier, videos: Sequence[VideoViews], cfg: Config
) -> list[NDArray[np.float32]]:
    """Of each video, each view's probabilities ``[V, K]``; logits for ``average_clips=score``.

    A video's frames go to the device once, as bytes; views are cut there. The views of all videos
    stand one after another and are computed ``views_per_chunk`` at a time.
    """
    score = model.predict if cfg.test.average_clips == "prob" else model
    return of_each_view(score, videos, cfg)


@paddle.no_grad()
def of_each_view(
    network: Callable[[paddle.Tensor], paddle.Tensor], videos: Sequence[VideoViews], cfg: Config
) -> list[NDArray[np.float32]]:
    """Of each video, what ``network`` makes of its views: a row each."""
    views = _views(videos, cfg)
    rows = []
    while chunk := list(itertools.islice(views, cfg.test.views_per_chunk)):
        rows.append(network(paddle.concat(chunk)).numpy())
    return np.split(np.concatenate(rows), len(videos)) if videos else []


def _views(videos: Iterable[VideoViews], cfg: Config) -> Iterator[paddle.Tensor]:
    """The views ``[1, 3, T, H, W]`` of each video, normalised: clip by clip, all its crops."""
    size = cfg.test.crop_size
    for video in videos:
        frames_FHWC = paddle.to_tensor(video.frames)
        for clip in video.clips:
            clip_THWC = paddle.gather(frames_FHWC, paddle.to_tensor(clip))
            for y, x in video.crops:
                view = clip_THWC[:, y : y + size, x : x + size]
                yield normalize(view.unsqueeze(0), cfg.data.mean, cfg.data.std)


def multi_view_test(
    model: VideoClassifier,
    samples: list[Sample],
    cfg: Config,
    *,
    metrics: Sequence[str] = ("top_k_accuracy",),
    rows: ScoreRows | None = None,
    class_names: list[str] | None = None,
) -> dict[str, Any]:
    """The multi-view test over all processes; each video that can be read is counted once.

    Writes ``test_result.json`` and ``unreadable.txt`` to the output folder, and with ``rows`` the
    file of scores. Returns the content of ``test_result.json``: ``top1``, ``top5``,
    ``mean_class_accuracy``, ``num_videos`` that were read of ``num_listed``, ``coverage`` (their
    share), ``num_views``, ``unreadable`` and, in the list's order, each video's prediction.

    Args:
        metrics: of ``METRICS``; what the log line tells.
        rows: where each video's scores are kept, see ``open_rows``; those there are not computed.
        class_names: for the file of scores.

    Raises:
        VideoError: no video can be read, or in one process more than ``data.max_errors`` cannot.
    """
    Path(cfg.output_dir).mkdir(parents=True, exist_ok=True)  # now, not after hours of work
    model.eval()
    unreadable = Unreadable(cfg.data.max_errors)
    table, own = np.zeros((cfg.model.num_classes, 3), np.int64), []
    for index, scores_VK in _scored(model, samples, cfg, unreadable, rows):
        scores = average_views(scores_VK, cfg.test.average_clips)
        labels = np.array([samples[index].label])
        table += class_table(rank_of_label(scores[None], labels), labels, len(table))
        own.append(report.prediction(index, samples[index], scores))
    counts = np.array(distributed.all_reduce_sum(*table.ravel().tolist())).reshape(table.shape)
    predictions = [row for part in distributed.gather(own) for row in part]
    missing = unreadable.gather_videos()
    if not predictions:
        raise VideoError(
            f"none of the {len(samples):,} videos could be read (first: {missing[0].line()})"
        )
    result = report.summary(counts, predictions, missing, cfg)
    if distributed.rank() == 0:
        report.write_report(result, missing, cfg, metrics)
        if rows is not None:
            report.write_scores_of(rows, result, class_names or [], cfg)
    distributed.barrier()  # the launcher ends all processes as soon as one exits with an error
    return result


def _scored(
    model: VideoClassifier,
    samples: list[Sample],
    cfg: Config,
    unreadable: Unreadable,
    rows: ScoreRows | None,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Of this process's share of the videos: place in the list, and scores ``[V, K]``."""
    rank, world = distributed.rank(), distributed.world_size()
    done = rows.done if rows else []
    for index in done[rank::world]:
        assert rows is not None
        yield index, rows.read(index)
    todo = sorted(set(range(len(samples))) - set(done))
    shares = own_batches([samples[i] for i in todo], cfg.test.batch_size, cfg)
    batches = [[todo[i] for i in share] for share in shares]
    progress, count = Progress("test", sum(map(len, batches)), show=rank == 0), 0
    with multi_view_loader(samples, cfg, len(batches)) as loader:
        for batch, items in zip(batches, loader.run(batches), strict=True):
            videos = []
            for index, item in zip(batch, items, strict=True):
                if isinstance(item, VideoError):
                    line = unreadable.note(index, samples[index].path, item).line()
                    logger.warning(f"unreadable: {line}")
                else:
                    videos.append(item)
            for video, scores in zip(videos, view_scores(model, videos, cfg), strict=True):
                if rows is not None:
                    rows.write(video.index, scores)
                yield video.index, scores
            count += len(batch)
            progress.update(count)
    progress.finish()


def own_batches(samples: Sequence[Sample], batch_size: int, cfg: Config) -> list[list[int]]:
    """This process's share of the samples, by place; of all processes each sample once."""
    return shard_batches(
        len(samples),
        batch_size=batch_size,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        shards=shard_numbers(samples),
        num_workers=cfg.data.num_workers,
    )


def multi_view_loader(
    samples: list[Sample], cfg: Config, num_batches: int
) -> Loader[int, VideoViews]:
    """The loader of ``num_batches`` batches of videos with their views."""
    # The distinct frames of a video of 10 s at 30 fps, in 16:9.
    frames = min(cfg.test.num_clips * cfg.data.num_frames, 300)
    video_bytes = frames * cfg.test.short_side**2 * 16 // 9 * 3
    workers, reason = workers_that_fit(
        cfg.data.num_workers,
        cfg.test.batch_size * video_bytes,
        distributed.processes_on_this_machine(),
    )
    if reason:
        logger.warning(reason)
    return Loader(
        MultiViewVideos(samples, cfg.data, cfg.test),
        num_workers=min(workers, num_batches),
        describe=lambda index: samples[index].path,
        seconds=cfg.data.read_seconds,
    )
