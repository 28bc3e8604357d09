"""Finds the moments most similar to a clip, in a folder of features that ``features.extract`` has
written.

Similar is what has the same direction: the cosine of the features. On the demo's videos nothing
else found more of the same label, neither features without their mean over the folder, nor
standardised or whitened ones (docs/features.md).

Legend: C channels of the classifier's input, n clips of a video.
"""

import contextlib
import dataclasses
import filecmp
import heapq
import json
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from slowfast.config import Config, DataConfig
from slowfast.data.clips.datasets import frame_at
from slowfast.data.samples import Sample
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import Picture, VideoError
from slowfast.errors import one_line
from slowfast.files import FolderError
from slowfast.journal import entries_of
from slowfast.log import Progress, logger
from slowfast.predict.features import SOURCES, plan_of_clips
from slowfast.predict.kept import META, Kept, Plan
from slowfast.predict.long_videos import chunk_rows, chunks_in_turn, sliding_loader
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import finite

ROWS = 1024
"""Rows of a file that are in memory at once."""
OVERLAP = 0.1
"""Share of the shorter one from which on two moments overlap: starts are rounded to frames."""
THUMBNAIL = 400
"""The longer side of a frame that is shown, pixels."""
TINY = 1e-30


class Query(NamedTuple):
    """What is looked for: a part of a video."""

    path: str
    start: float
    end: float
    """Seconds."""
    features: NDArray[np.float64]
    """The mean over the part's clips, ``[C]``."""


class Moment(NamedTuple):
    """A part of a video that is similar to what is looked for."""

    video: str
    start: float
    end: float
    """Seconds."""
    similarity: float
    """The cosine of the features: 1 is the same."""


class Found(NamedTuple):
    """What is similar to a query."""

    moments: list[Moment]
    """The most similar first."""
    own: list[str]
    """The videos that are the query's own, or copies of it: the part looked for is left out."""


def plan_in(folder: Path) -> Plan:
    """What the features in a folder depend on: its key ``every`` is the seconds from one clip to
    the next, those with a dot are settings.

    Raises:
        FolderError: there are none, or ``extract`` has not written them.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder}: there is no such folder of features (extract_features --out)")
    plan = Kept(folder).plan()
    if "every" not in plan:
        raise FolderError(
            f"{folder} has no features of extract_features: there is no {META} of theirs in it"
        )
    return plan


def overrides_of(plan: Plan) -> list[str]:
    """The plan's settings, as overrides of a config."""
    return [f"{key}={json.dumps(value)}" for key, value in plan.items() if "." in key]


def require_same(network: Weighted, cfg: Config, folder: Path) -> None:
    """Raises a FolderError if a folder's features are of other weights or settings."""
    every = plan_in(folder)["every"]
    plan = plan_of_clips(network, cfg, every)
    if odd := Kept(folder).differing(plan):
        raise FolderError(f"what is in {folder} is of other {odd}: name those with -w and -o")


def query_of(
    backend: Backend, path: str, cfg: Config, every: float, at: tuple[float, float] | None = None
) -> Query:
    """The features of a video, or of its part from one second to another.

    A clip counts if at least half of it, or of the part, lies in the other one.

    Args:
        backend: gives features.
        every: seconds from the start of one clip to that of the next.

    Raises:
        VideoError: the video cannot be read, or there is no such part of it.
    """
    begin, end = at or (0.0, math.inf)
    found, seconds = [], []
    with sliding_loader([Sample(path)], cfg, every, backend.views_at_once) as loader:
        for _, chunk in chunks_in_turn(loader, 1, loader.num_workers):
            if isinstance(chunk, VideoError):
                raise chunk
            if chunk is None:
                break
            starts, ends = chunk.seconds.T
            stop = min(end, ends[-1]) if chunk.is_last else end
            inside = np.minimum(ends, stop) - np.maximum(starts, begin)
            chosen = (inside > 0) & (inside >= np.minimum(ends - starts, stop - begin) / 2)
            if chosen.any():
                part = dataclasses.replace(chunk, clips=chunk.clips[chosen])
                found.append(chunk_rows(backend, part).astype(np.float64))
                seconds.append(chunk.seconds[chosen])
            if starts[-1] > end:
                break
    if not found:
        where = f"it ends at {ends[-1]:g} s" if ends[-1] <= begin else "clips leave it out"
        raise VideoError(f"{path} has no part from {begin:g} to {end:g} s: {where}")
    features, spans = finite(np.concatenate(found)), np.concatenate(seconds)
    if isinstance(features, VideoError):
        raise VideoError(reason_of(path, features))
    return Query(path, float(spans[0, 0]), float(spans[-1, 1]), features.mean(axis=0))


def find_similar(folder: Path, query: Query, top: int, what: str = "") -> Found:
    """The most similar moments in a folder of features; of those of a video that overlap, the most
    similar one.

    A damaged file is left out, with a warning. Some rows of one file are in memory at a time.

    Args:
        top: how many moments.
        what: label of the progress bar; empty: no bar.

    Raises:
        FolderError: the folder has no features that can be read.
    """
    unit = query.features / max(float(np.linalg.norm(query.features)), TINY)
    sources = {entry["key"]: entry["video"] for entry in _sources(folder)}
    best, own = list[Moment](), list[str]()
    num_read = 0
    progress = Progress(what, len(sources), show=bool(what))
    for done, (name, video) in enumerate(sources.items(), 1):
        file = Kept(folder).path(name)
        if not file.exists():  # the video could not be read
            continue
        left_out = (query.start, query.end) if _is_same_file(video, query.path) else None
        try:
            found = _moments_of(file, video, unit, top, left_out)
        except Exception as error:  # a damaged file can fail in any way
            logger.warning(f"left out: {file} is damaged ({one_line(error)})")
            continue
        num_read += 1
        own += [video] * (left_out is not None)
        best = heapq.nlargest(top, [*best, *found], key=lambda moment: moment.similarity)
        progress.update(done)
    progress.finish(f"{num_read:,} videos")
    if not num_read:
        raise FolderError(f"{folder} has no features that can be read")
    return Found(best, own)


def _sources(folder: Path) -> list[dict[str, str]]:
    """Each file's name and video."""
    try:
        return [entry for entry in entries_of(folder / SOURCES) if {"key", "video"} <= {*entry}]
    except FileNotFoundError:
        return []


def _moments_of(
    file: Path, video: str, unit: NDArray[np.float64], top: int,
    left_out: tuple[float, float] | None,
) -> list[Moment]:  # fmt: skip
    """The most similar moments of a video, of which none overlap, nor any the part left out."""
    rows = npy.open_memmap(file, mode="r")
    starts, ends = np.array(rows["start"]), np.array(rows["end"])
    similarities = np.concatenate([
        _cosines(np.array(rows["features"][first : first + ROWS], np.float64), unit)
        for first in range(0, len(rows), ROWS)
    ])  # fmt: skip
    if not np.isfinite(similarities).all():
        raise ValueError("numbers that are not finite")
    free, found = np.ones(len(rows), bool), list[Moment]()
    if left_out is not None:
        free = (ends <= left_out[0]) | (starts >= left_out[1])
    for index in np.argsort(-similarities, kind="stable"):
        if not free[index]:
            continue
        found.append(Moment(video, *(float(x[index]) for x in (starts, ends, similarities))))
        if len(found) == top:
            break
        shared = np.minimum(ends, ends[index]) - np.maximum(starts, starts[index])
        free &= shared <= OVERLAP * np.minimum(ends - starts, ends[index] - starts[index])
    return found


def _cosines(rows_nC: NDArray[np.float64], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows_nC @ unit / np.maximum(np.linalg.norm(rows_nC, axis=1), TINY)


def _is_same_file(one: str, other: str) -> bool:
    """Whether both are one file, or copies of one."""
    with contextlib.suppress(OSError):
        return os.path.samefile(one, other) or filecmp.cmp(one, other, shallow=False)
    return False


def middle_frame(moment: Moment, data: DataConfig) -> Picture | None:
    """The frame in the middle of a moment ``[H, W, 3]``, with sides up to ``THUMBNAIL``; None if
    its video cannot be read any more."""
    try:
        return frame_at(Sample(moment.video), data, (moment.start + moment.end) / 2, THUMBNAIL)
    except VideoError:
        return None
