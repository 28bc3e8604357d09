"""How well a validation did on each class."""

import numpy as np

from slowfast.train.class_results import of_one_label, of_several_labels


def test_accuracy_of_the_classes_that_occur_and_what_was_confused() -> None:
    results = of_one_label([(0, 0), (0, 2), (0, 0), (2, 0)], 4)
    assert (results.classes, results.counts) == ([0, 2], [3, 1])
    assert results.values == [2 / 3, 0]
    assert results.confused is not None
    assert results.confused.tolist() == [[2, 0, 1, 0], [0] * 4, [1, 0, 0, 0], [0] * 4]


def test_average_precision_of_the_classes_that_occur() -> None:
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.6], [0.8, 0.2, 0.7]])
    truth = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]])
    results = of_several_labels(scores, truth)
    assert (results.classes, results.counts, results.confused) == ([0, 2], [2, 1], None)
    np.testing.assert_allclose(results.values, [(1 + 2 / 3) / 2, 1])
