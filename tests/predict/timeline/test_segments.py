"""Segments of hand-made scores: where they begin and end, and what is no segment."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.config import TimelineConfig
from slowfast.predict.timeline.segments import Segment, cell_edges, find_segments, runs_of, smoothed

PLAIN = TimelineConfig(smooth=1, enter=0.5, leave=0.25, gap=0.0, shortest=0.0)


def windows(number: int, every: float = 1.0, length: float = 2.0) -> NDArray[np.float64]:
    starts = every * np.arange(number)
    return np.stack([starts, starts + length], axis=1)


def found(
    *scores: list[float], cfg: TimelineConfig = PLAIN, every: float = 1.0
) -> list[tuple[float, float, int]]:
    """Start, end and class of each segment; ``scores`` are those of a class each."""
    scores_NK = np.array(scores, np.float32).T
    return [
        segment[:3] for segment in find_segments(windows(len(scores_NK), every), scores_NK, cfg)
    ]


def test_each_window_stands_for_the_time_around_its_middle() -> None:
    """The drawing in segments.py; and the last window is moved back."""
    assert cell_edges(windows(4)).tolist() == [0, 1.5, 2.5, 3.5, 5]
    moved = np.array([[0, 2], [1, 3], [1.5, 3.5]])
    assert cell_edges(moved).tolist() == [0, 1.5, 2.25, 3.5]
    assert cell_edges(windows(1)).tolist() == [0, 2]


def test_no_window_one_and_two() -> None:
    assert find_segments(windows(0), np.zeros((0, 3)), PLAIN) == []
    assert found([0.9], [0.1]) == [(0, 2, 0)]
    assert found([0.4], [0.3]) == []
    assert found([0.9, 0.1], [0.1, 0.9]) == [(0, 1.5, 0), (1.5, 3, 1)]


def test_it_begins_where_a_score_reaches_enter_and_ends_where_it_falls_below_leave() -> None:
    assert found([0.3, 0.4, 0.6, 0.3, 0.3, 0.2, 0.3]) == [(2.5, 5.5, 0)]
    assert found([0.3, 0.3, 0.6]) == [(2.5, 4, 0)]
    assert found([0.3, 0.3, 0.3]) == []


def test_a_plateau_at_the_thresholds_counts() -> None:
    assert found([0.0, 0.5, 0.5, 0.0]) == [(1.5, 3.5, 0)]
    assert found([0.0, 0.5, 0.25, 0.25, 0.2]) == [(1.5, 4.5, 0)]
    level = np.full(7, np.float32(0.4), np.float32)
    for width in (1, 3, 5, 9):
        assert runs_of(smoothed(level, width), float(level[0]), 0.3) == [(0, 7)]


@pytest.mark.parametrize(("width", "expected"), [
    (1, [0, 0, 1, 0, 0]),
    (3, [0, 0.25, 0.5, 0.25, 0]),
    (5, [1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9]),
])  # fmt: skip
def test_smoothing_weighs_the_nearest_most(width: int, expected: list[float]) -> None:
    np.testing.assert_allclose(smoothed(np.array([0, 0, 1.0, 0, 0]), width), expected)


def test_smoothing_repeats_the_first_and_the_last() -> None:
    np.testing.assert_allclose(smoothed(np.array([1.0, 0, 0]), 3), [0.75, 0.25, 0])
    np.testing.assert_allclose(smoothed(np.array([1.0]), 5), [1])


def test_gaps_that_are_small_enough_are_closed() -> None:
    own = [0.9, 0, 0.9, 0, 0, 0.9]
    cells = [(0, 1.5, 0), (2.5, 3.5, 0), (5.5, 7, 0)]
    assert found(own) == cells
    one = TimelineConfig(smooth=1, enter=0.5, leave=0.25, gap=1.0, shortest=0.0)
    assert found(own, cfg=one) == [(0, 3.5, 0), (5.5, 7, 0)]


def test_short_ones_are_left_out_unless_they_are_all_there_is() -> None:
    cfg = TimelineConfig(smooth=1, enter=0.5, leave=0.25, gap=0.0, shortest=1.5)
    assert found([0, 0.9, 0, 0.9, 0.9, 0], cfg=cfg) == [(3.5, 5.5, 0)]
    assert found([0, 0.9, 0, 0, 0, 0], cfg=cfg) == []
    short = find_segments(np.array([[0, 0.4]]), np.array([[0.9]]), cfg)
    assert short == [Segment(0, 0.4, 0, 0.9)]


def test_the_score_is_the_mean_over_the_windows_and_the_order_that_of_the_starts() -> None:
    scores_NK = np.array([[0.1, 0.9], [0.6, 0.3], [0.8, 0.1]])
    first, second = find_segments(windows(3), scores_NK, PLAIN)
    assert (first[:3], second[:3]) == ((0, 2.5, 1), (1.5, 4, 0))
    assert [first.score, second.score] == pytest.approx([0.6, 0.7])


@pytest.mark.parametrize("classes", [24, 400])
def test_by_default_a_change_is_cut_where_it_is_whatever_the_number_of_classes(
    classes: int,
) -> None:
    """What the other classes have is spread evenly; ten windows of one class, ten of another."""
    for sure in (0.99, 0.75, 0.5):
        scores_NK = np.full((20, classes), (1 - sure) / (classes - 1), np.float32)
        scores_NK[:10, 0] = scores_NK[10:, 1] = sure
        first, second = find_segments(windows(20), scores_NK, TimelineConfig())
        assert (first.start, first.label) == (0, 0) and (second.end, second.label) == (21, 1)
        assert 9.5 <= first.end <= 10.5 <= second.start <= 11.5


def test_chance_is_no_segment() -> None:
    rng = np.random.default_rng(0)
    for classes in (24, 400):
        logits = rng.normal(0, 1, (500, classes))
        scores: Any = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert find_segments(windows(500), scores, TimelineConfig()) == []


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        find_segments(windows(2), np.array([[0.5], [wrong]]), PLAIN)
