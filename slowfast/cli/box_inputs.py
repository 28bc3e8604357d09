"""What a run with train.task=detection reads and is asked for, and whether it fits together."""

import argparse
import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slowfast.config import Config, ConfigError
from slowfast.data.boxes.ava import Annotations, is_flat, keyframes_of, read_annotations
from slowfast.data.boxes.boxes_files import ENDINGS
from slowfast.data.clips.window_reader import key_of, require_inside
from slowfast.data.find import Split
from slowfast.data.lists.missing import GO_ON
from slowfast.data.lists.read_lists import PATHS, ListError
from slowfast.data.samples import KeyFrame, Sample
from slowfast.data.video.films import Films
from slowfast.data.video.part import length_of
from slowfast.data.video.reader import VideoError
from slowfast.data.video.sources import is_stream
from slowfast.log import Progress, logger
from slowfast.metrics.frame_map import box_recall
from slowfast.overlap import IOU
from slowfast.predict.answer import require_classifier
from slowfast.predict.box_rows import rows_of_boxes
from slowfast.predict.infer import RESULT
from slowfast.predict.persons.person_rows import written_beside

OF_BOXES = re.compile(r"[^,]+,[0-9.]+(,-?[01]?\.[0-9]+){4},")
"""What a line of AVA's csv begins with: a video, a time, and corners."""
VIDEOS_SEEN = 32
"""Videos, spread over the list, that are looked into before a run, at most: to open a film of two
hours takes seconds, and a run has hundreds."""
SHARE = 0.1
"""Of a video: annotations that are all in less of it are taken for those in another unit."""


def read_key_frames(cfg: Config, path: str, split: Split) -> list[Sample]:
    """The key frames of a list; for a validation those that ``detection.val_every`` leaves.

    Raises:
        ListError: a file cannot be used, or the files do not fit together.
    """
    if path and Path(path).suffix.lower() not in ENDINGS:
        raise ListError(
            f"{path}: the network classifies boxes (train.task=detection), and a list of them ends "
            f"in {', '.join(ENDINGS)}"
        )
    found, every = read_annotations(cfg, split), cfg.detection.val_every
    samples = keyframes_of(cfg, split, found)
    if split == "val":
        left = [sample for sample in samples if key_of(sample).time % every == 0]
        annotated = sum(bool(key_of(sample).truth) for sample in samples)
        none = "" if left else f"{len(samples):,} key frames"
        if annotated and not any(key_of(sample).truth for sample in left):
            none = none or f"{annotated:,} key frames with annotated boxes"
        if none:
            raise ListError(
                f"{path}: detection.val_every={every} leaves none of the {none} for validation"
            )
        samples = left
    require_found(cfg, split, found, samples)
    return samples


def require_found(
    cfg: Config, split: Split, found: Annotations, samples: Sequence[Sample]
) -> None:  # fmt: skip
    """Raises a ListError if a run of these key frames could come to nothing but 0."""
    detection, keys = cfg.detection, [*map(key_of, samples)]
    scores = [box.score for own in found.detected.values() for box in own]
    is_low = max(scores, default=-1.0) < detection.box_score
    if found.detected_in and is_low and not detection.keeps_best:
        raise ListError(
            f"{found.detected_in}: none of its {len(scores):,} boxes has a score of "
            f"{detection.box_score:g} or more (detection.box_score)"
        )
    if split == "train":
        if all(is_flat(box) for key in keys for box in key.boxes):
            raise ListError(f"{found.source}: all of its boxes are without area")
        return
    annotated = [key for key in keys if key.truth]
    if annotated and all(key.is_excluded for key in annotated):
        raise ListError(
            f"detection.val_excluded={detection.val_excluded}: it has all {len(annotated):,} key "
            f"frames of {found.source} with annotated boxes, so nothing is left to score"
        )
    if found.detected_in and recall_of(keys) == 0:
        raise ListError(
            f"{found.detected_in}: no annotated box of {found.source} is found by a box of enough "
            f"score (intersection over union of {IOU:g} or more): are the corners x1, y1, x2, y2, "
            f"the times the same, and detection.box_score={detection.box_score:g} not too high?"
        )


def recall_of(keys: Sequence[KeyFrame]) -> float:
    """The share of the annotated boxes that a box to be classified overlaps, see ``box_recall``."""
    scored = ((key, np.zeros((len(key.boxes), 1), np.float32)) for key in keys)
    return box_recall(*rows_of_boxes(scored, [0]))


def look_into_videos(path: str, samples: Sequence[Sample], cfg: Config, every: bool) -> None:
    """Looks whether the first and the last key frame are inside of each video that can be opened,
    or of ``VIDEOS_SEEN`` of them.

    Raises:
        ListError: none is, or with ``every`` one is not.
    """
    ends: dict[str, tuple[Sample, Sample]] = {}
    for sample in samples:
        ends[sample.path] = ends.get(sample.path, (sample, sample))[0], sample
    chosen = [*ends.values()][:: -(-len(ends) // VIDEOS_SEEN)]
    films, unit, seen, inside = Films(cfg.data, 0), 1 / cfg.detection.rate, 0, 0
    faults, reaches = [], 0.0
    progress = Progress("look at the videos", len(chosen))
    for done, pair in enumerate(chosen, 1):
        progress.update(done)
        try:
            reader = films.reader(pair[0])
        except VideoError:  # the run counts and tells these
            continue
        seen += 1
        reaches = max(reaches, key_of(pair[1]).seconds / max(length_of(reader), unit))
        try:
            for sample in dict.fromkeys(pair):
                require_inside(sample, reader, unit)
                inside += 1
        except VideoError as error:
            faults.append(error)
        finally:
            reader.close()
    progress.finish()
    if faults:
        fault = (
            f"{path}: {len(faults):,} of {seen:,} videos have key frames that are not inside of "
            f"them, the first is {faults[0]}"
        )
        if every or not inside:
            raise ListError(f"{fault} ({GO_ON})" if inside else fault)
        logger.warning(fault)
    elif seen and cfg.detection.rate > 1 and reaches < SHARE:
        logger.warning(
            f"{path}: all key frames are in the first {SHARE:.0%} of their videos: are the times "
            f"seconds, and not frames, {cfg.detection.rate:g} a second (detection.rate)?"
        )


def require_no_boxes(path: str, task: str) -> None:
    """Raises a ListError if a list of videos has boxes, as AVA's csv does."""
    first = ""
    if Path(path).is_file():
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors=PATHS) as file:
            first = file.readline(1000)  # what is wrong with it tells whoever reads it all
    if OF_BOXES.match(first):
        raise ListError(
            f"{path}: has boxes, and the network classifies videos (train.task={task}): boxes need "
            "train.task=detection, and weights that were trained with it"
        )


def check_boxes_flags(args: argparse.Namespace, cfg: Config, weights: str) -> None:
    """Raises a ConfigError if a network of detection is not told where to look, or is asked for
    what it does not have; or if another one is told."""
    for flag in ("boxes", "detector"):
        if getattr(args, flag) == "":
            raise ConfigError(f"--{flag} '' names no file")
    if (task := cfg.train.task) != "detection":
        for flag in ("boxes", "detector"):
            if getattr(args, flag):
                raise ConfigError(
                    f"{weights} classifies videos, not boxes (train.task={task}): leave out "
                    f"--{flag}"
                )
        return
    for flag in ("timeline", "explain"):
        if getattr(args, flag):
            require_classifier(cfg, f"--{flag}")
    if any(map(is_stream, args.infer)):
        require_classifier(cfg, "a stream")
    if args.views:
        raise ConfigError(f"{weights} classifies boxes, of one view: leave out --views")
    if not (args.boxes or args.detector):
        raise ConfigError(
            f"{weights} classifies boxes: --boxes FILE has them, --detector MODEL finds persons, "
            "--boxes whole takes all of the picture"
        )
    _require_places(args)


def _require_places(args: argparse.Namespace) -> None:
    """Raises a ConfigError if a result cannot be written, or would be over the boxes."""
    for place in written_beside(args.out or RESULT):
        if args.boxes and os.path.realpath(place) == os.path.realpath(args.boxes):
            raise ConfigError(
                f"--boxes {args.boxes} would be written over: name another file with --out"
            )
        if place.is_dir():
            raise ConfigError(f"{place} is a folder: name another file with --out")
