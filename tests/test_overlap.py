"""Which boxes overlap which."""

import numpy as np
import pytest

from slowfast import overlap
from slowfast.overlap import all_overlaps, best_overlaps, overlaps, taken


def test_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 1, 1], [1, 1, 1, 1]], float)
    others = np.array([[1, 0, 3, 2], [0, 0, 2, 2], [2, 2, 3, 3], [1, 1, 1, 1]], float)
    assert overlaps(boxes, others).tolist() == [1 / 3, 1, 0, 0]
    assert all_overlaps(boxes[1:3], others[:3]).tolist() == [[1 / 3, 1, 0], [0, 1 / 4, 0]]
    assert all_overlaps(boxes[:0], others).shape == (0, 4)
    assert overlaps(boxes[:0], others[:0]).tolist() == []


def random_boxes(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    low = rng.random((number, 2)).round(1)
    corners = np.concatenate([low, low + 0.1 + rng.random((number, 2)).round(1)], axis=1)
    return np.sort(rng.integers(0, 12, number)), corners


@pytest.mark.parametrize("at_once", [1, 7, 10**6])
def test_as_one_by_one(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Corners are of a coarse grid, so that many overlaps are equal; frames 0..11 lack some."""
    monkeypatch.setattr(overlap, "AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    (frames, boxes), (own_frames, own) = random_boxes(rng, 60), random_boxes(rng, 20)
    best, shares = best_overlaps(frames, boxes, own_frames, own)
    is_taken, expected = np.zeros(len(own), bool), []
    for number, frame in enumerate(frames):
        among = np.flatnonzero(own_frames == frame)
        values = overlaps(np.repeat(boxes[[number]], len(among), axis=0), own[among])
        if not len(among):
            assert shares[number] == 0
            expected.append(-1)
            continue
        first = among[np.argmax(values)]
        assert (best[number], shares[number]) == (first, values.max())
        expected.append(first if values.max() >= 0.5 and not is_taken[first] else -1)
        is_taken[first] |= values.max() >= 0.5
    assert 0 < sum(is_taken) < 20
    assert taken(frames, boxes, own_frames, own).tolist() == expected
