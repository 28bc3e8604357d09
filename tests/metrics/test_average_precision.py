"""Average precision by scikit-learn's rule and by that of Charades; F1; intervals."""

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from slowfast.metrics import average_precision as module
from slowfast.metrics.accuracy import Scores
from slowfast.metrics.average_precision import (
    NoPositivesError,
    Truth,
    average_precision,
    average_precisions,
    bootstrap,
    charades_average_precision,
    class_rows,
    counts_at,
    f1,
    mean_average_precisions,
    multi_hot,
)

NAN, INF = float("nan"), float("inf")


def random_videos(num_videos: int = 300, num_classes: int = 12) -> tuple[Scores, Truth]:
    """Half of the scores have many ties; some videos have no label, class 3 has no video."""
    rng = np.random.default_rng(0)
    truth = (rng.random((num_videos, num_classes)) < 0.15).astype(np.uint8)
    truth[:, 3], truth[::7] = 0, 0
    scores = (rng.random(truth.shape) + 0.3 * truth).astype(np.float32)
    scores[: num_videos // 2] = scores[: num_videos // 2].round(1)
    return scores, truth


# -------------------------------------------------------------------- an example by hand

SCORES = np.array([0.9, 0.8, 0.8, 0.4, 0.2])
TRUTH = np.array([1, 1, 0, 0, 1], np.uint8)


def test_an_example_by_hand() -> None:
    """scikit-learn: at 0.9 1 of 1 is right, at 0.8 2 of 3, at 0.2 3 of 5; each threshold adds a
    third to the recall: (1 + 2/3 + 3/5) / 3. Charades: the second video ranks before the third, so
    2 of 2 are right there: (1 + 1 + 3/5) / 3, which is 1/9 more."""
    assert average_precision(SCORES, TRUTH) == pytest.approx(0.75556, abs=1e-5)
    assert charades_average_precision(SCORES, TRUTH) == pytest.approx(0.86667, abs=1e-5)
    swapped = np.array([1, 0, 1, 0, 1], np.uint8)  # now the wrong one ranks first, as one threshold
    assert charades_average_precision(SCORES, swapped) == average_precision(SCORES, swapped)


def test_a_video_without_labels_ranks_last_in_charades_only() -> None:
    """The fourth video has no label: behind the fifth 3 of 4 are right, (1 + 1 + 3/4) / 3."""
    truth = np.stack([TRUTH, [0, 0, 1, 0, 0]], axis=1).astype(np.uint8)
    plain, official = average_precisions(np.stack([SCORES, SCORES], axis=1), truth)
    assert plain[0] == pytest.approx(0.75556, abs=1e-5)
    assert official[0] == pytest.approx(0.91667, abs=1e-5)


# ---------------------------------------------------------------------------- goldens


def official_charades(scores_NK: Scores, truth_NK: Truth) -> list[float]:
    """Charades_v1_classify.m, line by line: each class's average precision."""
    scores = scores_NK.astype(float).copy()
    for video in range(len(scores)):
        if not truth_NK[video].any():
            scores[video] = -INF
    found = []
    for label in range(scores.shape[1]):
        order = sorted(range(len(scores)), key=lambda video: -scores[video, label])  # stable
        right, total = 0, 0.0
        for rank, video in enumerate(order, start=1):
            if truth_NK[video, label]:
                right += 1
                total += right / rank
        found.append(total / right if right else NAN)
    return found


def scikit_learn(scores_NK: Scores, truth_NK: Truth) -> list[float]:
    pairs = zip(truth_NK.T, scores_NK.T, strict=True)
    return [average_precision_score(own, row) if own.any() else NAN for own, row in pairs]


def test_each_class_is_as_the_two_rules_have_it() -> None:
    scores, truth = random_videos()
    plain, official = average_precisions(scores, truth)
    np.testing.assert_allclose(plain, scikit_learn(scores, truth), rtol=1e-12)
    np.testing.assert_allclose(official, official_charades(scores, truth), rtol=1e-12)
    assert np.isnan([plain[3], official[3]]).all()
    assert np.nanmin(np.abs(plain - official)) > 1e-4


def test_means() -> None:
    scores, truth = random_videos()
    found = mean_average_precisions(scores, truth)
    plain = scikit_learn(scores, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the class without videos, which counts as 0 there
        macro = average_precision_score(truth, scores, average="macro")
    assert found == pytest.approx(
        {
            "mAP": np.nanmean(plain),
            "mAP_all_classes": macro,
            "mAP_charades": np.nanmean(official_charades(scores, truth)),
        }
    )
    assert found["mAP_all_classes"] == pytest.approx(found["mAP"] * 11 / 12)


@pytest.mark.parametrize(
    "scores",
    [[0.5] * 6, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1, 0.0],
     [1e-45, 0.0, -0.0, 1e-45, 1.0, 1.0]],
    ids=["all equal", "worst", "best", "smallest"],
)  # fmt: skip
def test_few_videos(scores: list[float]) -> None:
    truth = np.array([1, 1, 0, 1, 0, 0], np.uint8)
    row = np.array(scores)
    assert average_precision(row, truth) == pytest.approx(average_precision_score(truth, row))
    official = official_charades(row[:, None], np.stack([truth, 1 - truth], axis=1)[:, :1])
    last = np.where(truth, row, -INF)
    assert charades_average_precision(last, truth) == pytest.approx(official[0])


@pytest.mark.parametrize(
    ("rule", "tied"), [(average_precision, 1 / 4), (charades_average_precision, 1 / 3)]
)
def test_what_is_not_a_number_never_ranks_first(
    rule: Callable[[Scores, Truth], float], tied: float
) -> None:
    truth = np.array([1, 0, 0, 0], np.uint8)
    assert rule(np.array([NAN, 0.3, 0.2, 0.1]), truth) == 1 / 4
    assert rule(np.array([NAN, 0.3, 0.2, -INF]), truth) == tied  # it ranks with the lowest
    assert rule(np.array([0.5, NAN, NAN, NAN]), truth) == 1


def test_without_any_label_there_is_no_number() -> None:
    assert math.isnan(average_precision(SCORES, np.zeros(5, np.uint8)))
    with pytest.raises(NoPositivesError) as caught:
        mean_average_precisions(np.zeros((1200, 4)), np.zeros((1200, 4), np.uint8))
    assert str(caught.value) == (
        "none of the 1,200 videos has a label, so there is no average precision: use a list with "
        "labels"
    )


# -------------------------------------------------------------------- F1, tables, intervals


def test_f1_is_scikit_learns() -> None:
    scores, truth = random_videos()
    counts = counts_at(0.7, scores, truth)
    assert f1(*counts.sum(axis=0)) == pytest.approx(
        f1_score(truth, scores >= 0.7, average="micro", zero_division=0)
    )
    assert f1(*counts.T) == pytest.approx(
        f1_score(truth, scores >= 0.7, average=None, zero_division=0)
    )
    parts = sum(counts_at(0.7, scores[i::3], truth[i::3]) for i in range(3))
    np.testing.assert_array_equal(parts, counts)
    of_videos = counts_at(0.7, scores, truth, axis=1)
    assert of_videos.shape == (300, 3)
    assert of_videos.sum(axis=0).tolist() == counts.sum(axis=0).tolist()
    assert f1(0, 0, 0) == 0


def test_the_threshold_itself_is_predicted_and_nan_is_not() -> None:
    counts = counts_at(0.5, np.array([[0.5, NAN, 0.4]]), np.array([[1, 1, 1]], np.uint8))
    assert counts.tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 1]]


def test_a_table_has_the_classes_that_occur() -> None:
    scores = np.array([[0.9, 0.1, 0.6], [0.8, 0.7, 0.6], [0.2, 0.3, 0.4]])
    truth = multi_hot([(0,), (0, 1), ()], 3)
    assert truth.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]] and truth.dtype == np.uint8
    assert class_rows(scores, truth, 0.85, ["a", "b", "c"]) == [
        {"class": 0, "name": "a", "positives": 2, "AP": 1.0, "AP_charades": 1.0,
         "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)},
        {"class": 1, "name": "b", "positives": 1, "AP": 1.0, "AP_charades": 1.0,
         "precision": 0.0, "recall": 0.0, "f1": 0.0},
    ]  # fmt: skip
    assert [row["name"] for row in class_rows(scores, truth, 0.5, None)] == ["class 0", "class 1"]


def draws(scores_NK: Scores, truth_NK: Truth, times: int) -> Iterator[list[float]]:
    """Each draw's numbers from its videos themselves."""
    rng = np.random.default_rng(1)
    for _ in range(times):
        which = rng.integers(0, len(scores_NK), len(scores_NK))
        means = mean_average_precisions(scores_NK[which], truth_NK[which])
        micro = f1(*counts_at(0.7, scores_NK[which], truth_NK[which]).sum(axis=0))
        yield [means["mAP"], micro]


def test_intervals_are_those_of_drawing_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, truth = random_videos(60, 5)
    found = bootstrap(scores, truth, 0.7, times=3000, seed=0)
    wanted: NDArray[np.float64] = np.percentile([*draws(scores, truth, 1500)], (2.5, 97.5), axis=0)
    assert list(found) == ["mAP", "f1"]
    np.testing.assert_allclose([*found.values()], wanted.T, atol=0.012)
    monkeypatch.setattr(module, "AT_ONCE", 7 * 60)  # the same in other parts
    assert bootstrap(scores, truth, 0.7, times=3000, seed=0) == found


def test_a_draw_without_any_label_has_no_number() -> None:
    """A quarter of the draws of two videos, one with a label, has none."""
    found = bootstrap(np.array([[0.9], [0.1]]), multi_hot([(0,), ()], 1), 0.5, times=200, seed=0)
    assert found["mAP"] == (1.0, 1.0)
