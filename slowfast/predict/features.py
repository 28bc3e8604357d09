"""Computes the features of videos once and keeps them, one file per video: of sliding clips for
other programs (``extract``), and of views to train a classifier on (``video_features``).

Legend: n clips of a video, C channels of the classifier's input.
"""

import contextlib
import hashlib
import os
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.find import Named, require_own_names
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.data.unreadable import Unreadable, in_order, reason_of
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError
from slowfast.journal import Journal
from slowfast.log import Progress, logger
from slowfast.predict.kept import META, Kept, Plan, key_of, plan_of
from slowfast.predict.long_videos import sliding_features
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.views import own_batches, rows_of_videos

SOURCES = "videos.jsonl"
"""Beside the features: each file's video, with the size and time of the video's file then."""
FOLDER = "features"
"""In a training's output folder; has a folder for each network and its settings."""

Rows = list[NDArray[np.float32] | None]
"""For each video the features of its clips ``[n, C]``; None if it could not be read."""


def extract(
    network: Weighted, videos: list[Named], folder: Path, cfg: Config, every: float
) -> list[str]:
    """Writes the features of each video that has none yet, see ``sliding_features``.

    Rank 0 logs how many there are already. Returns, in all processes, the unreadable videos, each
    with its reason.

    Raises:
        ListError: two videos have the same name.
        FolderError: the folder's features are of other weights or settings, or another run is
            writing there.
        OSError: the disk is full, or similar; features written before stay.
    """
    require_own_names(videos)
    kept = Kept(folder)
    plan = plan_of_clips(network, cfg, every)
    with contextlib.ExitStack() as opened:

        def begin() -> list[Named]:
            sources = opened.enter_context(Journal(folder / SOURCES))
            todo = _not_there(videos, kept, sources)
            kept.claim(plan)
            for video in todo:  # before the work, so that old features are never taken for new
                kept.path(video.name).unlink(missing_ok=True)
                sources.add(video.name, _source(video.sample))
            return todo

        todo = distributed.on_first(begin)
        if len(todo) < len(videos):
            logger.info(f"{len(videos) - len(todo):,} of {len(videos):,} videos are there already")
        faults = distributed.gather(_extract_own(network, todo, kept, cfg, every))
        if distributed.rank() == 0:
            for line in chain(*faults[1:]):  # its own, the first, are already logged
                logger.warning(f"unreadable: {line}")
        distributed.barrier()  # the launcher ends all processes as soon as one exits with an error
    return list(chain(*faults))


def plan_of_clips(network: Weighted, cfg: Config, every: float) -> Plan:
    """What the features of sliding clips depend on. Where clips leave something out between them,
    the last one did not always end with the video."""
    data = cfg.data
    leaves_out = every > data.num_frames * data.sampling_stride / data.target_fps
    more = {"last_clip": "ends with the video"} if leaves_out else {}
    return plan_of(network, cfg, with_head=False, every=every, **more)


def _extract_own(
    network: Weighted, todo: list[Named], kept: Kept, cfg: Config, every: float
) -> list[str]:
    """Extracts this process's share; returns the unreadable videos with their reasons."""
    own = [todo[i] for i in chain(*own_batches([video.sample for video in todo], 1, cfg))]
    faults: list[str] = []
    if not own:
        return faults
    progress = Progress("extract", len(own), show=distributed.rank() == 0)
    found = sliding_features(
        open_backend(network, cfg, "features"), [video.sample for video in own], cfg, every=every,
        report=lambda done, clips: progress.update(done, f"{clips:,} clips"),
    )  # fmt: skip
    for index, rows in found:
        if isinstance(rows, VideoError):
            faults.append(reason_of(own[index].sample.shown, rows))
            logger.warning(f"unreadable: {faults[-1]}")
        else:
            kept.write(own[index].name, rows)
    progress.finish(f"{len(own) - len(faults):,} videos")
    return faults


def _not_there(videos: list[Named], kept: Kept, sources: Journal) -> list[Named]:
    """The videos without features in the folder, or whose file has changed since. Raises a
    FolderError if the folder has features but no ``META``, or a file has those of another video."""
    todo = []
    has_plan = (kept.folder / META).exists()
    for video in videos:
        target, now = kept.path(video.name), _source(video.sample)
        if target.exists() and not has_plan:
            raise FolderError(
                f"{target} is there, and no {kept.folder / META} that says which weights it is "
                "from: name another folder"
            )
        then = sources.get(video.name) or {}
        is_known = kept.has(video.name) and {*now} <= {*then}
        # Where the video is gone its features stay.
        if is_known and now["state"] in (None, then["state"]):
            continue
        if is_known and now["video"] != then["video"]:
            raise FolderError(
                f"{target} is of {then['video']}, not of {now['video']}: write to another folder"
            )
        todo.append(video)
    return todo


def _source(sample: Sample) -> dict[str, object]:
    state = state_of(sample.path)
    return {"video": os.path.abspath(sample.path), **sample.times, "state": state}


def claim_features(network: Weighted, cfg: Config) -> Kept:
    """The folder, in the output folder, for features of this network with these settings."""
    plan = plan_of(network, cfg, with_head=False, clips=cfg.train.head_clips)
    name = hashlib.sha256(repr(sorted(plan.items())).encode()).hexdigest()[:16]
    kept = Kept(Path(cfg.output_dir) / FOLDER / name)
    distributed.on_first(lambda: kept.claim(plan))
    return kept


def video_features(
    network: Weighted, samples: list[Sample], cfg: Config, kept: Kept, what: str
) -> Rows:
    """The features of each video on rank 0, an empty list elsewhere. All processes compute the
    missing ones, each file once.

    A video's clips are the views of a test with ``train.head_clips`` clips and only the centre
    crop.

    Args:
        what: kind of the videos, ``training`` or ``validation``.

    Raises:
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` does not
            allow leaving it out; or all are unreadable.
    """
    cfg = cfg.with_test(num_clips=cfg.train.head_clips, num_crops=1, spatial="crops")

    def find(name: str) -> NDArray[np.float32] | None:
        return kept.read(name, cfg.test.num_clips)

    def begin() -> tuple[list[str], list[int]]:
        """The names of all rows, and the indices of the videos without features; a video listed
        twice counts once."""
        names = [key_of(sample) for sample in samples]
        first: dict[str, int] = {}
        for index, name in enumerate(names):
            first.setdefault(name, index)
        return names, [index for name, index in first.items() if find(name) is None]

    # Names of the first process: on other machines the videos' files may have other times.
    names, todo = distributed.on_first(begin)
    num_all = len(set(names))
    if len(todo) < num_all:
        logger.info(f"features of {num_all - len(todo):,} of {num_all:,} {what} videos are there")
    if todo:
        _extract_views(network, samples, todo, names, kept, cfg, what)
    if distributed.rank() > 0:
        return []
    rows = [find(name) for name in names]
    if samples and all(row is None for row in rows):
        raise VideoError(f"none of the {len(samples):,} {what} videos could be read")
    return rows


def _extract_views(
    network: Weighted, samples: list[Sample], todo: list[int], names: list[str], kept: Kept,
    cfg: Config, what: str,
) -> None:  # fmt: skip
    """Computes and keeps the features of the videos with the indices ``todo``."""
    backend = open_backend(network, cfg, "features")
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)
    title = f"features of {what} videos"
    for index, row in rows_of_videos(backend, samples, cfg, what=title, only=todo):
        if isinstance(row, VideoError):
            if video := unreadable.note(samples, index, row):
                logger.warning(f"unreadable, left out: {video.line()}")
        else:
            kept.write(names[index], row)
    missing = in_order(distributed.gather(unreadable.videos))  # also waits until all are written
    if distributed.rank() == 0 and missing:
        logger.warning(f"{len(missing):,} of {len(set(names)):,} {what} videos are left out")
