"""Intervals of average precision, against the same without shortcuts."""

import numpy as np
import pytest
from support.matched_rows import matched

from slowfast.metrics import frame_bootstrap
from slowfast.metrics.frame_bootstrap import bootstrap
from slowfast.metrics.frame_map import Frames, Matched, class_matches, frame_map_numbers
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
    monkeypatch.setattr(frame_bootstrap, "AT_ONCE", at_once)
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


def test_a_class_of_one_video_has_no_interval_and_all_right_is_all_right() -> None:
    """A third of the draws are without that video."""
    everywhere = matched([0, 1, 2], [0, 1, 2], 3)
    once = Matched(np.array([0]), np.array([0.5]), np.array([0]), np.array([0]))
    found = bootstrap([everywhere, once], np.arange(3), np.arange(3), "official", times=99, seed=0)
    assert found.classes == [(1, 1), None] and found.mean == (1, 1)
