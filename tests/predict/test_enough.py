"""Views come in an order that spreads, and stop when the others can hardly change the answer."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.config.schema import TrainConfig
from slowfast.predict.enough import is_enough, obstacle, spread_order

PROTOCOLS = [(clips, crops) for clips in (1, 2, 3, 4, 5, 7, 10, 16, 31) for crops in (1, 3)]


@pytest.mark.parametrize(("clips", "crops"), PROTOCOLS)
def test_the_order_has_each_view_once(clips: int, crops: int) -> None:
    assert sorted(spread_order(clips, crops)) == list(range(clips * crops))


@pytest.mark.parametrize(("clips", "crops"), PROTOCOLS)
def test_the_order_begins_in_the_middle_and_sees_all_clips_before_one_again(
    clips: int, crops: int
) -> None:
    order = spread_order(clips, crops)
    assert order[0] == clips // 2 * crops + crops // 2
    assert {view // crops for view in order[:clips]} == set(range(clips))


@pytest.mark.parametrize(("clips", "crops"), PROTOCOLS)
def test_the_first_views_are_spread_over_time_and_space(clips: int, crops: int) -> None:
    """No clip is far from one that was seen, and neighbours in the order are different crops."""
    order = spread_order(clips, crops)
    for n in range(1, clips + 1):
        seen = np.array([view // crops for view in order[:n]])
        nearest = np.abs(np.arange(clips)[:, None] - seen).min(axis=1)
        assert nearest.max() <= 2 * clips / (n + 1)
    if crops == 3:
        first = [view % 3 for view in order[:clips]]
        assert all(a != b for a, b in zip(first, first[1:], strict=False))


def test_the_order_of_the_published_protocol() -> None:
    order = spread_order(10, 3)
    assert [view // 3 for view in order[:10]] == [5, 2, 7, 1, 6, 3, 8, 0, 4, 9]
    assert [view % 3 for view in order[:10]] == [1, 0, 2, 1, 0, 2, 1, 0, 2, 1]


def views(*best: float, num_classes: int = 4) -> NDArray[np.float32]:
    """Views whose class 1 has these probabilities, and the others equal shares of the rest."""
    rest = [(1 - p) / (num_classes - 1) for p in best]
    rows = [[r, p, *[r] * (num_classes - 2)] for p, r in zip(best, rest, strict=True)]
    return np.array(rows, np.float32)


def logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of these probabilities; a constant of each view makes no difference."""
    shift = np.arange(len(probabilities), dtype=np.float32)[:, None]
    return np.log(probabilities) + shift


def test_one_view_is_enough_only_if_it_is_very_sure() -> None:
    assert is_enough(views(0.9999), 30, "prob")
    assert not is_enough(views(0.8), 30, "prob")


def test_views_that_agree_need_less_certainty_each() -> None:
    assert not is_enough(views(0.6), 30, "prob")
    assert not is_enough(views(0.6, 0.6), 30, "prob")
    assert is_enough(views(0.6, 0.6, 0.6), 30, "prob")


def test_views_that_do_not_agree_are_never_enough_before_the_last() -> None:
    """Half are sure of one class, half of another, and one more of the second."""
    other = views(0.99)[:, ::-1]
    mixed = np.concatenate([views(0.99), other] * 14 + [other])
    assert not any(is_enough(mixed[:n], 30, "prob") for n in range(2, 30))


def test_one_view_that_disagrees_asks_for_more() -> None:
    agreed = views(*[0.95] * 5)
    assert is_enough(agreed, 30, "prob")
    assert not is_enough(np.concatenate([agreed[:4], views(0.95)[:, ::-1]]), 30, "prob")


@pytest.mark.parametrize("average_clips", ["prob", "score"])
@pytest.mark.parametrize("num_views", [1, 3, 30])
def test_all_views_are_always_enough(num_views: int, average_clips: str) -> None:
    """Even where the two best are equal, or nothing is a number."""
    for scores in (np.zeros((num_views, 4)), np.full((num_views, 4), np.nan)):
        assert is_enough(scores.astype(np.float32), num_views, average_clips)
    equal = np.zeros((num_views, 4), np.float32)
    assert not is_enough(equal, num_views + 1, average_clips)


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_a_surer_network_never_needs_more_views(average_clips: str) -> None:
    needed = []
    for p in (0.3, 0.5, 0.7, 0.9, 0.99, 0.99999):
        scores = views(*[p] * 30)
        scores = scores if average_clips == "prob" else logits(scores)
        needed.append(next(n for n in range(1, 31) if is_enough(scores[:n], 30, average_clips)))
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1] == 1


def test_a_higher_certainty_never_needs_fewer_views() -> None:
    scores = np.random.default_rng(0).dirichlet([6, 1, 1, 1], 30).astype(np.float32)
    needed = [
        next(n for n in range(1, 31) if is_enough(scores[:n], 30, "prob", certainty=certainty))
        for certainty in (0.5, 1, 2, 4, 8)
    ]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]


def test_the_rule_is_the_formula_of_the_docs() -> None:
    """L of 0.9 + 0.3 = 1.2 and S of 2 x 0.3**2 = 0.18, for 2 of 4 views."""
    scores = np.array([[0.95, 0.05], [0.65, 0.35]], np.float32)
    least = np.sqrt((1.2**2 / (1 - 2 / 4) - 1) / 0.18)
    assert is_enough(scores, 4, "prob", certainty=least - 1e-5)
    assert not is_enough(scores, 4, "prob", certainty=least + 1e-5)


def test_every_other_class_counts_not_only_the_second() -> None:
    """The third is as good as the best in some views, and so more of a danger than the second."""
    steady = np.array([[0.5, 0.26, 0.24]] * 6, np.float32)
    varied = np.array([[0.62, 0.27, 0.11], [0.38, 0.25, 0.37]] * 3, np.float32)
    np.testing.assert_allclose(steady.mean(axis=0), varied.mean(axis=0))
    assert is_enough(steady, 30, "prob", certainty=4)
    assert is_enough(varied[:, :2], 30, "prob", certainty=4)
    assert not is_enough(varied, 30, "prob", certainty=4)


def test_logits_are_as_enough_as_their_probabilities() -> None:
    scores = np.random.default_rng(0).dirichlet([8, 1, 1, 1], 30).astype(np.float32)
    as_both = [
        (is_enough(scores[:n], 30, "prob"), is_enough(logits(scores[:n]), 30, "score"))
        for n in range(1, 31)
    ]
    assert all(a == b for a, b in as_both)
    assert {a for a, _ in as_both} == {True, False}


def test_logits_whose_mean_has_another_best_class_are_not_enough() -> None:
    """One view's large logit decides the mean of logits, and not that of probabilities."""
    scores = np.array([[5.0, 0.0]] * 5 + [[0.0, 40.0]], np.float32)
    assert not is_enough(scores, 30, "score")
    assert is_enough(scores[:5], 30, "score")


def test_large_logits_do_not_overflow() -> None:
    assert is_enough(np.array([[3e38, -3e38]] * 3, np.float32), 30, "score")


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_all_views_are_always_enough_for_several_labels(average_clips: str) -> None:
    for scores in (np.zeros((30, 4)), np.full((30, 4), np.nan)):
        assert is_enough(scores.astype(np.float32), 30, average_clips, 0.5)


def several(*first: float, others: float = 0.01) -> NDArray[np.float32]:
    """Views in which class 0 has these probabilities, and the other classes that one."""
    return np.array([[p, *[others] * 3] for p in first], np.float32)


@pytest.mark.parametrize("first", [0.99, 0.01], ids=["shown", "not shown"])
def test_labels_that_are_far_from_the_threshold_need_two_views(first: float) -> None:
    """One is never enough: another may say the opposite, and then the mean is at the threshold."""
    assert not is_enough(several(first, others=0.0), 30, "prob", 0.5)
    assert is_enough(several(first, first), 30, "prob", 0.5)
    assert not is_enough(several(0.9, 0.9), 30, "prob", 0.5)
    assert is_enough(several(0.9, 0.9, 0.9), 30, "prob", 0.5)


def test_one_label_near_the_threshold_asks_for_all_views() -> None:
    """The others are settled, and the best class is: each label counts."""
    unsure = several(*[0.45, 0.55] * 14)
    unsure = np.concatenate([unsure, np.ones((28, 1), np.float32)], axis=1)
    assert not any(is_enough(unsure[:n], 30, "prob", 0.5) for n in range(2, 29))
    assert is_enough(unsure[:, 1:], 30, "prob", 0.5)
    assert is_enough(unsure, 30, "prob")


def test_a_label_of_some_views_asks_for_more() -> None:
    """As of an action that fills a part of the video."""
    assert is_enough(several(*[0.99] * 6), 30, "prob", 0.5)
    assert not is_enough(several(*[0.99] * 4, *[0.01] * 2), 30, "prob", 0.5)


def test_the_rule_for_labels_is_the_formula_of_the_docs() -> None:
    """Class 0 is shown: beyond 0.3 it has L of 0.7 + 0.5 + 0.3 = 1.5 and S of 2 x 0.2**2 = 0.08.
    Class 1 is not: L of 0.3 + 0.2 + 0.1 = 0.6, S of 2 x 0.1**2 = 0.02. For 3 of 4 views."""
    scores = np.array([[1.0, 0.0], [0.8, 0.1], [0.6, 0.2]], np.float32)
    first, second = (
        np.sqrt((lead**2 / (1 - 3 / 4) - 1) / spread) for lead, spread in ((1.5, 0.08), (0.6, 0.02))
    )
    assert second < first
    for own, least in ((scores[:, :1], first), (scores[:, 1:], second), (scores, second)):
        assert is_enough(own, 4, "prob", 0.3, least - 1e-4)
        assert not is_enough(own, 4, "prob", 0.3, least + 1e-4)


def test_logits_of_several_labels() -> None:
    """The side is that of their mean, which one view's large logit decides."""
    agree = np.array([[4.0, -4.0]] * 3, np.float32)
    assert is_enough(agree, 30, "score", 0.5)
    as_both = [is_enough(agree[:n], 30, "score", 0.5) for n in (1, 2, 3)]
    shares = (1 / (1 + np.exp(-agree))).astype(np.float32)
    assert as_both == [is_enough(shares[:n], 30, "prob", 0.5) for n in (1, 2, 3)]
    turned = np.concatenate([agree, np.array([[-40.0, -4.0]], np.float32)])
    assert not is_enough(turned, 30, "score", 0.5)
    assert is_enough(np.array([[3e38, -3e38]] * 3, np.float32), 30, "score", 0.5)


@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("average_clips", ["prob", "score", "max"])
def test_no_view_is_left_out_of_a_maximum(task: Any, average_clips: Any) -> None:
    cfg = Config(train=TrainConfig(task=task)).with_test(average_clips=average_clips)
    assert obstacle(cfg) == ("test.average_clips=max" if average_clips == "max" else "")
