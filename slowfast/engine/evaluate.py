"""Validation during training (one centre view) and the multi-view test.

Legend: V views, N clips, T frames, H x W pixels, K classes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.data.dataset import Clip, ClipKey, MultiViewVideos, VideoViews
from slowfast.data.decode import VideoError
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.order import shard_batches
from slowfast.engine.loss import cross_entropy
from slowfast.engine.preprocess import normalize
from slowfast.files import write_whole
from slowfast.log import Progress, logger
from slowfast.metrics import Meter
from slowfast.models.slowfast import VideoClassifier


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], num_samples: int, cfg: Config
) -> dict[str, float]:
    """Loss, top-1 and top-5 of the centre view of every sample, each counted once.

    Raises:
        VideoError: a video cannot be read.
    """
    model.eval()
    meter = Meter()
    batches = shard_batches(
        num_samples,
        batch_size=cfg.train.batch_size,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
    )
    for items in loader.run([(None, index) for index in batch] for batch in batches):
        clips = [readable(item) for item in items]
        frames = paddle.to_tensor(np.stack([clip.frames for clip in clips]))
        labels = np.array([clip.label for clip in clips])
        logits = model(normalize(frames, cfg.data.mean, cfg.data.std))
        loss = cross_entropy(logits, paddle.to_tensor(labels))
        meter.add(logits.numpy(), labels, float(loss))
    model.train()
    return meter.result()


@paddle.no_grad()
def view_scores(model: VideoClassifier, video: VideoViews, cfg: Config) -> NDArray[np.float32]:
    """Each view's probabilities, or logits where ``average_clips`` is ``score``: ``[V, K]``.

    The video's frames go to the device once, as bytes; views are cut there,
    ``views_per_chunk`` at a time.
    """
    size, at_once = cfg.test.crop_size, cfg.test.views_per_chunk
    score = model.predict if cfg.test.average_clips == "prob" else model
    frames_FHWC = paddle.to_tensor(video.frames)
    views = [(clip, y, x) for clip in video.clips for y, x in video.crops]
    scores = []
    for first in range(0, len(views), at_once):
        chunk = []
        for clip, y, x in views[first : first + at_once]:
            view = paddle.gather(frames_FHWC, paddle.to_tensor(clip))[:, y : y + size, x : x + size]
            chunk.append(normalize(view.unsqueeze(0), cfg.data.mean, cfg.data.std))
        scores.append(score(paddle.concat(chunk)).numpy())
    return np.concatenate(scores)


def average_views(scores_VK: NDArray[np.float32], average_clips: str) -> NDArray[np.float64]:
    """A video's probabilities ``[K]`` from those of its views, or from their logits."""
    mean = scores_VK.astype(np.float64).mean(axis=0)
    if average_clips == "prob":
        return mean
    powers = np.exp(mean - mean.max())
    return powers / powers.sum()


def multi_view_test(model: VideoClassifier, samples: list[Sample], cfg: Config) -> dict[str, Any]:
    """The multi-view test over all processes; each video is counted once.

    Writes ``test_result.json`` to the output folder and returns its content: ``top1``, ``top5``,
    ``num_videos``, ``num_views`` and, for each video in the list's order, its prediction.

    Raises:
        VideoError: a video cannot be read.
    """
    path = Path(cfg.output_dir) / "test_result.json"
    path.parent.mkdir(parents=True, exist_ok=True)  # now, not after hours of work
    model.eval()
    meter, rows = Meter(), []
    batches = shard_batches(
        len(samples), batch_size=1, rank=distributed.rank(), world_size=distributed.world_size()
    )
    progress = Progress("test", len(batches), show=distributed.rank() == 0)
    with multi_view_loader(samples, cfg) as loader:
        for done, items in enumerate(loader.run(batches), 1):
            video = readable(items[0])
            scores = average_views(view_scores(model, video, cfg), cfg.test.average_clips)
            meter.add(scores[None], np.array([video.label]))
            best = np.argsort(-scores, kind="stable")[:5]
            rows.append(
                {
                    "index": video.index,
                    "path": samples[video.index].path,
                    "label": video.label,
                    "top5_indices": best.tolist(),
                    "top5_values": scores[best].tolist(),
                }
            )
            progress.update(done)
    progress.finish()
    found = meter.result()
    predictions = [row for part in distributed.gather(rows) for row in part]
    result = {
        "top1": found["top1"],
        "top5": found["top5"],
        "num_videos": int(found["seen"]),
        "num_views": cfg.test.num_clips * cfg.test.num_crops,
        "predictions": sorted(predictions, key=lambda row: row["index"]),
    }
    if distributed.rank() == 0:
        logger.info(
            f"test: top1: {result['top1']:.5f} top5: {result['top5']:.5f} over "
            f"{result['num_videos']} videos, {cfg.test.num_clips} x {cfg.test.num_crops} views "
            f"each ({path})"
        )
        write_whole(path, json.dumps(result, ensure_ascii=False))
    return result


def multi_view_loader(samples: list[Sample], cfg: Config) -> Loader[int, VideoViews]:
    """The loader of videos with their views."""
    # The distinct frames of a video of 10 s at 30 fps, in 16:9.
    frames = min(cfg.test.num_clips * cfg.data.num_frames, 300)
    video_bytes = frames * cfg.test.short_side**2 * 16 // 9 * 3
    processes = distributed.processes_on_this_machine()
    workers, reason = workers_that_fit(cfg.data.num_workers, video_bytes, processes)
    if reason:
        logger.warning(reason)
    return Loader(
        MultiViewVideos(samples, cfg.data, cfg.test),
        num_workers=min(workers, len(samples)),
        describe=lambda index: samples[index].path,
    )


def readable(item: Any) -> Any:
    """The item, unless it is the error in its place: then that is raised."""
    if isinstance(item, VideoError):
        raise item
    return item
