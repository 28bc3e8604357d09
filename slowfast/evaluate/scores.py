"""Reads and writes the file with all scores of a multi-view test.

FILE is an uncompressed .npz; ``numpy.load`` reads it, and nothing in it is pickled::

    scores              float32 [N, V, K]: view v is crop v % num_crops of clip v // num_crops
    labels indices paths                of the N readable videos, or parts of some, which paths then
                                        name; indices are those in the list;
                                        with several labels a video, labels are uint8 [N, K]: 1
                                        where it has the class
    starts ends                         of the parts, seconds; nan: where the video starts, ends;
                                        older files have none
    num_listed unreadable_{indices,paths,errors}    length of the list; its unreadable videos
    num_clips num_crops average_clips   the protocol; "prob", "max": scores are probabilities,
                                        "score": logits
    class_names config                  names by class, may be empty; config.yaml
    run                                 JSON, see ``run_facts.py``; older files have none

numpy only, no Paddle. Legend: N videos, V views, K classes.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from slowfast.data.samples import Sample
from slowfast.evaluate.score_arrays import (
    ResultsError,
    mapped,
    members,
    opened,
    run_in,
    run_member,
    write_arrays,
)
from slowfast.files import FolderError
from slowfast.places import require_place


@dataclass(frozen=True)
class Results:
    """The content of a file of scores."""

    scores: NDArray[np.float32]
    """``[N, V, K]``; mapped from the file, so it takes no memory."""
    labels: NDArray[Any]
    """``[N]``; with several labels a video ``[N, K]``, 1 where it has the class."""
    indices: NDArray[np.int64]
    paths: list[str]
    num_listed: int
    unreadable_indices: NDArray[np.int64]
    unreadable_paths: list[str]
    unreadable_errors: list[str]
    num_clips: int
    num_crops: int
    average_clips: str
    class_names: list[str]
    config: str
    run: dict[str, Any]
    """What the test recorded about itself; empty if it did not."""
    starts: NDArray[np.float64] | None = None
    """``[N]``, where the part of a video begins, seconds; nan: with the video. None: the file does
    not say, as an earlier version wrote it."""
    ends: NDArray[np.float64] | None = None
    """Where it ends."""

    def sample(self, row: int) -> Sample:
        """The video of a row, or the part of one."""
        shown = self.paths[row]
        if self.starts is None or self.ends is None:
            return Sample(shown) if os.path.lexists(shown) else Sample.called(shown)
        start, end = (
            None if math.isnan(each[row]) else float(each[row]) for each in (self.starts, self.ends)
        )
        suffix = f" ({part})" if (part := Sample("", start=start, end=end).part) else ""
        return Sample(shown.removesuffix(suffix), start=start, end=end)

    @cached_property
    def sections(self) -> dict[str, Any]:
        """``config`` by section."""
        return yaml.safe_load(self.config) or {}

    def setting(self, section: str, key: str, default: Any) -> Any:
        """A value of ``config``; the default where it has none."""
        return (self.sections.get(section) or {}).get(key, default)

    @property
    def task(self) -> str:
        """What a video shows: one class (``single``), or any number (``multi``)."""
        return str(self.setting("train", "task", "single"))


_MEMBERS: dict[str, tuple[Any, ...]] = {
    "labels": ("iu", 1, 2), "indices": ("i", 1), "paths": ("U", 1), "num_listed": ("i", 0),
    "unreadable_indices": ("i", 1), "unreadable_paths": ("U", 1), "unreadable_errors": ("U", 1),
    "num_clips": ("i", 0), "num_crops": ("i", 0), "average_clips": ("U", 0),
    "class_names": ("U", 1), "config": ("U", 0),
}  # fmt: skip
"""Dtype kinds and numbers of dimensions of each member except ``scores``."""
_LATER: dict[str, tuple[Any, ...]] = {"starts": ("f", 1), "ends": ("f", 1)}
"""The same of those that older files do not have."""

SCORES, REPORT = "scores.npz", "report.html"
"""The files in the DIR of ``--report``."""
MARK = b"Made by SlowFast on PaddlePaddle"
"""What each report has at its end (evaluate/html/base.html)."""

OF_CONFIG = ("model", "data", "test", "train", "detection")
"""The sections of the config that are looked at."""
ROUNDED = 1e-3
"""How far rounding may take a probability out of 0 to 1; that of bf16 is the largest."""
OF_BOXES = "boxes"
"""A member that only the files of ``box_scores.py`` have."""


def check_new(path: Path) -> None:
    """Raises a ResultsError if the file exists already."""
    if path.exists():
        raise ResultsError(f"{path} is there already: name another file, or delete it")


def require_report_place(page: Path) -> None:
    """Makes the page's folder; raises an OSError or a FolderError if no page can be written there,
    or if another one than a report is there."""
    require_place(page)
    if page.exists() and MARK not in page.read_bytes():
        raise FolderError(f"{page} is there, and no report of this command: name another folder")


def is_finished(path: Path) -> bool:
    """Whether the file is there, of a test that left nothing to be computed."""
    return path.is_file() and not partial_of(path).exists()


def partial_of(path: Path) -> Path:
    """The folder where the scores are during the test."""
    return path.with_name(f"{path.name}.partial")


def write_scores(
    path: Path, rows: Iterable[NDArray[np.float32]], shape: tuple[int, int, int], *,
    run: Mapping[str, Any] | None = None, spans: Sequence[Sample] | None = None, **members: Any,
) -> None:  # fmt: skip
    """Writes FILE, whole or not at all, with one row in memory at a time.

    Args:
        path: FILE.
        rows: the scores ``[V, K]`` of each video.
        shape: ``(N, V, K)``.
        run: what the test records about itself.
        spans: the videos, or parts of some; None: the whole videos.
        members: the other fields of ``Results``.

    Raises:
        OSError: the disk is full, or similar; names FILE.
    """
    assert members.keys() == _MEMBERS.keys()

    def array(name: str, value: Any) -> NDArray[Any]:
        number = np.uint8 if np.ndim(value) == 2 else "<i8"
        return np.array(value, np.str_ if _MEMBERS[name][0] == "U" else number)

    arrays = {name: array(name, value) for name, value in members.items()}
    ends = [(each.start, each.end) for each in spans or [Sample("")] * shape[0]]
    arrays |= dict(zip(_LATER, np.array(ends, np.float64).reshape(-1, 2).T, strict=True))
    write_arrays(path, rows, shape, arrays | run_member(run))


def read_scores(path: Path) -> Results:
    """Reads FILE; nothing in it is ever unpickled.

    Raises:
        ResultsError: FILE is missing, cut off, or not a file of scores.
    """
    with opened(path) as archive:
        if f"{OF_BOXES}.npy" in archive.namelist():
            raise ResultsError(
                "it has the scores of boxes, which python -m slowfast.tools.score_boxes FILE.npz "
                "--annotations FILE scores again"
            )
        there = {name: own for name, own in _LATER.items() if f"{name}.npy" in archive.namelist()}
        found = members(archive, _MEMBERS | there)
        scores = mapped(path, archive.getinfo("scores.npy"))
        results = Results(scores=scores, run=run_in(archive), **found)
        _check(results)
    return results


def facts_in(path: Path) -> tuple[str, dict[str, Any]]:
    """The config, as text, in a file of scores, also of boxes; and what the test recorded about
    itself.

    Raises:
        ResultsError: FILE is missing, cut off, or not a file of scores.
    """
    with opened(path) as archive:
        return members(archive, {"config": _MEMBERS["config"]})["config"], run_in(archive)


def _check(results: Results) -> None:
    """Raises ResultsError if the members do not fit each other, or a score is not finite."""
    sections: Any = results.sections
    known = [sections.get(name) or {} for name in OF_CONFIG] if isinstance(sections, dict) else [""]
    if not all(isinstance(section, dict) for section in known):
        raise ResultsError("its config is not one of sections with settings")
    if results.task not in ("single", "multi"):
        raise ResultsError(f"its config has train.task={results.task}, of which there are no views")
    num_videos, num_views, num_classes = results.scores.shape
    of_each = results.labels, results.indices, results.paths, results.starts, results.ends
    lengths = {len(each) for each in of_each if each is not None}
    labels, is_multi = results.labels, results.task == "multi"
    if labels.ndim != 1 + is_multi:
        raise ResultsError(
            f"its labels are {list(labels.shape)}, not as train.task={results.task} in its config "
            "has them"
        )
    if (
        lengths != {num_videos}
        or min(results.num_clips, results.num_crops) < 1
        or num_views != results.num_clips * results.num_crops
        or results.average_clips not in ("prob", "score", "max")
        or results.num_listed != num_videos + len(results.unreadable_indices)
        or labels.shape[1:] not in ((), (num_classes,))
        or not ((labels >= 0) & (labels < (2 if is_multi else num_classes))).all()
        or len(results.class_names) not in (0, num_classes)
    ):
        raise ResultsError("its members do not fit each other")
    for path, scores_VK in zip(results.paths, results.scores, strict=True):
        if not np.isfinite(scores_VK).all():
            raise ResultsError(f"the scores of {path} are not finite: the weights were broken")
        if (
            results.average_clips != "score"
            and not ((scores_VK >= -ROUNDED) & (scores_VK <= 1 + ROUNDED)).all()
        ):
            raise ResultsError(f"the scores of {path} are no probabilities: not from 0 to 1")
