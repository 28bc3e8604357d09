"""Intervals and parts of average precision, against the same without shortcuts and by hand."""

import math

import numpy as np
import pytest

from slowfast.metrics import frame_map_parts
from slowfast.metrics.frame_map import Frames, Matched, class_matches, frame_map_numbers
from slowfast.metrics.frame_map_parts import bootstrap, part_precisions
from slowfast.metrics.frame_rows import Boxes

VIDEOS, PER_VIDEO, CLASSES = 6, 4, [1, 2, 3]
FRAMES = VIDEOS * PER_VIDEO


def some_boxes(rng: np.random.Generator, per_frame: int, share: float) -> Boxes:
    """Of a coarse grid, so that many are right."""
    count = FRAMES * per_frame
    low_B2 = rng.integers(0, 3, (count, 2)) / 4
    corners_B4 = np.concatenate([low_B2, low_B2 + 0.25], axis=1)
    rows = np.flatnonzero(rng.random(count * len(CLASSES)) < share)
    return Boxes(
        np.repeat(np.arange(FRAMES), per_frame), corners_B4, rows // len(CLASSES),
        rows % len(CLASSES) + 1, rng.random(len(rows)).round(2),
    )  # fmt: skip


def copied(boxes: Boxes, videos: list[int]) -> Boxes:
    """The boxes of these videos, one after the other, each with frames of its own."""
    parts: list[Boxes] = []
    for place, video in enumerate(videos):
        own = np.flatnonzero(boxes.frames[boxes.boxes] // PER_VIDEO == video)
        frames = boxes.frames[boxes.boxes[own]] + (place - video) * PER_VIDEO
        corners = boxes.corners[boxes.boxes[own]]
        numbers = np.arange(len(own))
        parts.append(Boxes(frames, corners, numbers, boxes.classes[own], boxes.scores[own]))
    starts = np.cumsum([0, *(len(part.boxes) for part in parts)])
    return Boxes(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.boxes + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


@pytest.mark.parametrize("rule", ["pyslowfast", "official", "mmaction2"])
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_the_ends_are_those_of_videos_that_are_copied(
    rule: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each draw computed from the beginning, from the boxes of its videos; scores are of two
    decimals apart, so equal ones are of one video, or copies."""
    monkeypatch.setattr(frame_map_parts, "AT_ONCE", at_once)
    rng = np.random.default_rng(3)
    found, truth = some_boxes(rng, 3, 0.4), some_boxes(rng, 2, 0.3)
    found = found._replace(scores=rng.permutation(len(found.scores)) / len(found.scores))
    found = found._replace(scores=np.maximum(found.scores.round(3), 0.003))
    frames = Frames(np.ones(FRAMES, bool), np.zeros(FRAMES, bool))
    matches = [*class_matches(found, truth, frames, CLASSES, rule)]
    videos = found.frames // PER_VIDEO, truth.frames // PER_VIDEO
    own = bootstrap(matches, *videos, rule, times=40, seed=7)
    draws = np.random.default_rng(7).multinomial(VIDEOS, np.full(VIDEOS, 1 / VIDEOS), size=40)
    values = []
    for weights in draws:
        chosen = np.repeat(np.arange(VIDEOS), weights).tolist()
        numbers, _ = frame_map_numbers(
            copied(found, chosen), copied(truth, chosen), frames, CLASSES, rule
        )
        values.append(numbers["mAP"])
    mean, _ = frame_map_numbers(found, truth, frames, CLASSES, rule)
    too_high = np.mean(values) - mean["mAP"]
    ends = np.clip(np.percentile(values, (2.5, 97.5)) - too_high, 0, 1).tolist()
    assert own.mean == pytest.approx(tuple(ends), abs=1e-12)
    assert own.mean is not None and own.mean[0] < mean["mAP"] < own.mean[1]
    assert all(ends and 0 <= ends[0] < ends[1] <= 1 for ends in own.classes)


def matched(taken: list[int], boxes: list[int], annotated: int) -> Matched:
    """Rows in the order of their scores."""
    scores = np.linspace(0.9, 0.1, len(taken))
    numbers = np.array(boxes, np.int64), scores, np.array(taken, np.int64)
    return Matched(*numbers, np.arange(annotated))


def test_a_class_of_one_video_has_no_interval_and_all_right_is_all_right() -> None:
    """A third of the draws are without that video."""
    everywhere = matched([0, 1, 2], [0, 1, 2], 3)
    once = Matched(np.array([0]), np.array([0.5]), np.array([0]), np.array([0]))
    found = bootstrap([everywhere, once], np.arange(3), np.arange(3), "official", times=99, seed=0)
    assert found.classes == [(1, 1), None] and found.mean == (1, 1)


def test_some_boxes_alone() -> None:
    """Box 2 takes the small one, box 3 another; of the wrong ones box 0 is small, box 1 is not."""
    each = matched([-1, -1, 0, 1], [0, 1, 2, 3], 2)
    is_small = np.array([True, False, False, True]), np.array([True, False])
    assert part_precisions([each], *is_small, "official") == [1 / 2]
    others = ~is_small[0], ~is_small[1]
    assert part_precisions([each], *others, "official") == [1 / 2]
    nothing = np.zeros(4, bool), np.zeros(2, bool)
    assert math.isnan(part_precisions([each], *nothing, "official")[0])
    assert math.isnan(part_precisions([matched([], [], 2)], *is_small, "mmaction2")[0])
    assert part_precisions([matched([], [], 2)], *is_small, "official") == [0]
