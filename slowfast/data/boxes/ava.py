"""Annotations in AVA's form: who does what, where, at the key frames of videos (Gu et al. 2018)."""

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from slowfast.config import Config, DetectionConfig
from slowfast.data.boxes.ava_videos import Places
from slowfast.data.boxes.boxes_fields import BoxesAt, ClassOf, Moment
from slowfast.data.boxes.boxes_files import located, read_boxes
from slowfast.data.boxes.scored_boxes import read_excluded
from slowfast.data.find import Split, list_of
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, Corners, KeyFrame, Sample, seconds_text
from slowfast.data.video.open import open_video
from slowfast.log import logger
from slowfast.overlap import best_overlaps

WHOLE = Box((0.0, 0.0, 1.0, 1.0))


class Annotations(NamedTuple):
    """What the files of a split say."""

    source: str
    """The file of the annotations."""
    annotated: BoxesAt
    detected_in: str
    """The file of the detected boxes; empty: none."""
    detected: BoxesAt
    """Of the videos of ``annotated`` alone, of any score."""
    excluded: frozenset[Moment]
    places: Places


def read_keyframes(cfg: Config, split: Split) -> list[Sample]:
    """A sample for each key frame, by video in the order of the annotations, then by time.

    All are within detection.valid. Training has those that have a box to learn from, without the
    excluded ones; validation and test have all, also those without boxes (``detection.val_every``
    is for the caller). The sample of a video that is missing names a file that is not there.

    Raises:
        ListError: a file is missing or not understood, no key frame is left, one is before its
            video, or none of the detected boxes is at a key frame.
    """
    return keyframes_of(cfg, split, read_annotations(cfg, split))


def read_annotations(cfg: Config, split: Split) -> Annotations:
    """The files of a split. Raises ListError as ``read_keyframes`` does."""
    data, detection = cfg.data, cfg.detection
    kind = "train" if split == "train" else "val"
    key, path = list_of(data, split)
    if not path:
        raise ListError(f"{key} names no annotations")
    source = located(path, data.root, key)
    boxes, excluded, frames = (
        located(getattr(detection, f"{kind}_{what}"), data.root, f"detection.{kind}_{what}")
        for what in ("boxes", "excluded", "frames")
    )
    class_of, places = class_of_id(cfg), Places(cfg, frames)
    size_of = functools.cache(functools.partial(_size, cfg, places))
    annotated = read_boxes(source, class_of, size_of, has_scores=False)
    detected = read_boxes(boxes, class_of, size_of, has_scores=True) if boxes else {}
    if boxes and not detected.keys() & annotated.keys():
        raise ListError(
            f"{boxes}: none of its {len(detected):,} key frames is one of {source}: the first is "
            f"{shown(next(iter(detected)))} here, and {shown(next(iter(annotated)))} there"
        )
    videos = {video for video, _ in annotated}
    own = {moment: found for moment, found in detected.items() if moment[0] in videos}
    if len(own) < len(detected):
        logger.info(
            f"{boxes}: {len(detected) - len(own):,} key frames are of videos that "
            f"{source} does not have"
        )
    left_out = read_excluded(excluded) if excluded else set[Moment]()
    if left_out and not left_out & annotated.keys() | left_out & own.keys():
        logger.warning(
            f"{excluded}: none of its {len(left_out):,} key frames is one of {source}: the first "
            f"is {shown(min(left_out))} here, and {shown(next(iter(annotated)))} there"
        )
    if frames and not {video for video, _ in annotated} & places.listed.keys():
        raise ListError(f"{frames}: none of its {len(places.listed):,} videos is one of {source}")
    return Annotations(source, annotated, boxes, own, frozenset(left_out), places)


def keyframes_of(cfg: Config, split: Split, found: Annotations) -> list[Sample]:
    """The samples of annotations; see ``read_keyframes``."""
    detection = cfg.detection
    moments = in_order([*found.annotated, *found.detected])
    valid = [moment for moment in moments if is_valid(moment[1], detection)]
    if not valid:
        raise ListError(
            f"{found.source}: none of its {len(moments):,} key frames is within detection.valid="
            f"{list(detection.valid)}: the first is {shown(moments[0])} (valid=[] takes all)"
        )
    if split == "train":
        samples = _to_learn(valid, cfg, found)
    else:
        samples = [_to_test(moment, detection, found) for moment in valid]
    if not samples:
        raise ListError(f"{found.source}: none of its {len(valid):,} key frames is left")
    return samples


def class_of_id(cfg: Config) -> ClassOf:
    """From the numbers of actions in annotations to class indices, by ``detection.ids``, or from
    ``detection.first_id`` on."""
    first, count = cfg.detection.first_id, cfg.model.num_classes
    if cfg.detection.ids:
        return {number: index for index, number in enumerate(cfg.detection.ids)}.get

    def index(number: int) -> int:
        if not first <= number < first + count:
            raise ValueError(
                f"action {number} is not in {first}..{first + count - 1} (detection.first_id="
                f"{first}, model.num_classes={count}; detection.ids keeps some alone)"
            )
        return number - first

    return index


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """Each once, by video in the order of first appearance, then by time."""
    rank: dict[str, int] = {}
    for video, _ in moments:
        rank.setdefault(video, len(rank))
    return sorted({*moments}, key=lambda moment: (rank[moment[0]], moment[1]))


def is_valid(time: float, detection: DetectionConfig) -> bool:
    """Whether a time is within detection.valid."""
    return not detection.valid or detection.valid[0] <= time <= detection.valid[1]


def shown(moment: Moment) -> str:
    """A key frame in words."""
    return f"{moment[0]!r} at {seconds_text(moment[1])}"


def is_flat(box: Box) -> bool:
    """Whether a box has no area."""
    x1, y1, x2, y2 = box.corners
    return x1 == x2 or y1 == y2


def merged(boxes: Sequence[Box]) -> list[Box]:
    """Each box once, with the actions of all persons who have it, as the peers learn from it."""
    found: dict[Corners, Box] = {}
    for box in boxes:
        same = found.setdefault(box.corners, box)
        if same is not box:
            labels = tuple(sorted({*same.labels, *box.labels}))
            found[box.corners] = same._replace(labels=labels)
    return [*found.values()]


def labels_of_nearest(
    boxes: Sequence[Box], truth: Sequence[Box], least: float
) -> list[tuple[int, ...]]:
    """For each box the actions of the annotated one that it overlaps most, if by ``least``, else
    none."""
    own = merged(truth)
    if not own or not boxes:
        return [()] * len(boxes)
    some, others = (np.array([box.corners for box in each]) for each in (boxes, own))
    zeros = np.zeros(len(boxes)), np.zeros(len(own))
    best_R, overlap_R = best_overlaps(zeros[0], some, zeros[1], others)
    pairs = zip(best_R.tolist(), overlap_R.tolist(), strict=True)
    return [own[best].labels if overlap >= least else () for best, overlap in pairs]


def kept(found: Sequence[Box] | None, detection: DetectionConfig) -> list[Box]:
    """Of the detected boxes of a key frame those of enough score.

    With keeps_best (mmaction2) there is always one: if none scores enough, the best; if the file
    does not name the key frame (``found`` is None), the whole picture.
    """
    if found is None:
        return [WHOLE] if detection.keeps_best else []
    least = detection.box_score
    if detection.keeps_best and found:
        least = min(least, max(box.score for box in found))
    return [box for box in found if box.score >= least]


def _to_learn(valid: Sequence[Moment], cfg: Config, found: Annotations) -> list[Sample]:
    """The samples of a training."""
    detection = cfg.detection
    learns_negatives = detection.learns_negatives and not cfg.has_one_label
    has_labels = any(box.labels for boxes in found.detected.values() for box in boxes)
    samples = []
    for moment in valid:
        if moment in found.excluded:
            continue
        truth = found.annotated.get(moment, ())
        boxes = kept(found.detected.get(moment), detection) if found.detected_in else []
        if not has_labels:
            labels = labels_of_nearest(boxes, truth, detection.match_iou)
            boxes = [box._replace(labels=own) for box, own in zip(boxes, labels, strict=True)]
        every = merged([*truth, *boxes])
        learned = [box for box in every if box.labels or learns_negatives]
        if learned:
            samples.append(_sample(moment, learned, (), found, detection))
    return samples


def _to_test(moment: Moment, detection: DetectionConfig, found: Annotations) -> Sample:
    truth = found.annotated.get(moment, ())
    boxes = merged(truth)
    if found.detected_in:
        detected = kept(found.detected.get(moment), detection)
        boxes = [box._replace(labels=()) for box in detected]
    return _sample(moment, boxes, truth, found, detection)


def _sample(
    moment: Moment, boxes: Sequence[Box], truth: tuple[Box, ...], found: Annotations,
    detection: DetectionConfig,
) -> Sample:  # fmt: skip
    video, time = moment
    path, num_frames, start = found.places.of(video, time)
    seconds = round((time - start) / detection.rate, 6)
    if seconds < 0:
        raise ListError(
            f"{found.source}: {shown(moment)} is before its video, which begins at "
            f"detection.start={start:g}"
        )
    label = sorted({label for box in (*boxes, *truth) for label in box.labels})
    key = KeyFrame(
        video, time, seconds, tuple(boxes), truth,
        is_excluded=moment in found.excluded, is_listed=moment in found.annotated,
    )  # fmt: skip
    return Sample(path, tuple(label), num_frames, key=key)


def _size(cfg: Config, places: Places, video: str) -> tuple[int, int]:
    """Width and height of a video's pictures."""
    path = places.find(video)
    if path is None:
        raise ValueError(f'there is no video {video!r} in {cfg.data.root}: give "size"')
    data = cfg.data
    reader = open_video(
        Sample(path), data.frame_pattern, data.frame_fps, data.decoder, data.frame_start
    )
    try:
        height, width = reader.frames(np.zeros(1, np.int64))[0].shape[:2]
    finally:
        reader.close()
    return width, height
