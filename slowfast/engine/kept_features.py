"""The features of a list's videos for training on them: computed once, a file each.

Legend: n clips of a video, C channels of the classifier's input.
"""

import contextlib
import dataclasses
import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.data.video import VideoError
from slowfast.engine.evaluate import multi_view_loader, of_each_view, own_batches
from slowfast.engine.features import claim_folder, make_plan, write_array
from slowfast.engine.sources import state_of
from slowfast.engine.stop import Stop
from slowfast.engine.unreadable import Unreadable
from slowfast.log import Progress, logger
from slowfast.models.slowfast import VideoClassifier

FOLDER = "features"
"""In the output folder: a folder for each network and its settings, in it a file a video."""

Rows = list[NDArray[np.float32] | None]
"""Of each video the features of its clips ``[n, C]``; None where it could not be read."""


def claim_features(model: VideoClassifier, cfg: Config) -> Path:
    """The folder of this network's features, with these settings."""
    plan = make_plan(model, cfg, clips=cfg.train.head_clips)
    name = hashlib.sha256(repr(sorted(plan.items())).encode()).hexdigest()[:16]
    folder = Path(cfg.output_dir) / FOLDER / name
    if distributed.rank() == 0:
        claim_folder(folder, plan)
    distributed.barrier()
    return folder


def video_features(
    model: VideoClassifier, samples: list[Sample], cfg: Config, folder: Path, what: str, stop: Stop
) -> Rows:
    """On rank 0 the features of each video, of which the folder holds one file each; elsewhere
    none. What is not there yet is computed by all processes.

    A video's clips are the views that a test with ``train.head_clips`` clips and the centre crop
    alone has.

    Raises:
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` forbids to
            go on without it; or none can.
    """
    test = dataclasses.replace(cfg.test, num_clips=cfg.train.head_clips, num_crops=1)
    cfg = dataclasses.replace(cfg, test=test)
    paths = [folder / f"{_key(sample)}.npy" for sample in samples]
    is_first = distributed.rank() == 0
    rows = [_read(path, cfg) for path in paths] if is_first else []
    todo = [i for i, row in enumerate(rows) if row is None]
    todo = distributed.gather(todo)[0]
    if samples and len(todo) < len(samples):
        num_there = len(samples) - len(todo)
        logger.info(f"features of {num_there:,} of {len(samples):,} {what} videos are there")
    if todo:
        _extract(model, samples, todo, paths, cfg, what, stop)
    if not is_first:
        return []
    for index in todo:
        rows[index] = _read(paths[index], cfg)
    if samples and all(row is None for row in rows):
        raise VideoError(f"none of the {len(samples):,} {what} videos could be read")
    return rows


def _extract(
    model: VideoClassifier, samples: list[Sample], todo: list[int], paths: list[Path], cfg: Config,
    what: str, stop: Stop,
) -> None:  # fmt: skip
    """Writes the features of these videos, by place in the list."""
    model.eval()
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)
    shares = own_batches([samples[i] for i in todo], cfg.test.batch_size, cfg)
    batches = [[todo[i] for i in share] for share in shares]
    progress = Progress(f"features of {what} videos", sum(map(len, batches)),
                        show=distributed.rank() == 0)  # fmt: skip
    count = 0
    with contextlib.ExitStack() as opened:
        with stop.deferred():  # an exception while processes fork would be lost
            loader = opened.enter_context(multi_view_loader(samples, cfg, len(batches)))
        if stop.signal:
            raise stop.error("")
        for batch, items in zip(batches, loader.run(batches), strict=True):
            for index, item in zip(batch, items, strict=True):
                if isinstance(item, VideoError):
                    line = unreadable.note(index, samples[index].path, item).line()
                    logger.warning(f"unreadable, left out: {line}")
            videos = [item for item in items if not isinstance(item, VideoError)]
            for video, rows in zip(videos, of_each_view(model.embed, videos, cfg), strict=True):
                write_array(paths[video.index], rows)
            count += len(batch)
            progress.update(count)
    progress.finish()
    missing = unreadable.gather()  # and all are written
    if distributed.rank() == 0 and missing:
        logger.warning(f"{len(missing):,} of {len(samples):,} {what} videos are left out")


def _read(path: Path, cfg: Config) -> NDArray[np.float32] | None:
    """The features in a file; None if it is not there, or damaged."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_right = rows.ndim == 2 and len(rows) == cfg.train.head_clips and rows.dtype == np.float32
    return rows if is_right else None


def _key(sample: Sample) -> str:
    """What a video's features are filed under: its path, and the state of its file."""
    key = (os.path.abspath(sample.path), sample.num_frames, state_of(sample) or (-1, -1))
    return hashlib.sha256(repr(key).encode()).hexdigest()[:32]
