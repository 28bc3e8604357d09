"""The demo of two classes a video: what networks are compared by."""

from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, f1_score
from support.scores import truth_of, write_several

from slowfast.demos import several_labels


def test_networks_are_compared_by_the_largest_and_the_mean_probability(tmp_path: Path) -> None:
    scores_NVK = write_several(tmp_path / "scores.npz").astype(np.float64)
    there = truth_of().any(axis=0)
    ways = scores_NVK.max(axis=1), scores_NVK.mean(axis=1)
    expected = [
        average_precision_score(truth_of()[:, there], way[:, there], average="macro")
        for way in ways
    ] + [f1_score(truth_of(), way >= 0.4, average="micro") for way in ways]
    found = several_labels.shares_of(tmp_path)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(found) == len(several_labels.COLUMNS)
