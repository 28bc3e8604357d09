"""The numbers of a test by task: what is kept of each video, and what follows for all processes.

Legend: N videos, K classes.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.samples import Sample, classes_of
from slowfast.metrics import accuracy, average_precision
from slowfast.metrics.accuracy import Scores, accuracies, class_table, rank_of_label
from slowfast.metrics.average_precision import multi_hot, multi_label_numbers, require_labels

Metrics = Mapping[str, Mapping[str, tuple[str, ...]]]

METRICS: Metrics = {"single": accuracy.METRICS, "multi": average_precision.METRICS}
"""By task: the names for --eval, and the numbers that each stands for."""

USUAL = {"single": ("top_k_accuracy",), "multi": tuple(average_precision.METRICS)}
"""Those of the log line unless others are asked for."""


def check_metrics(names: Iterable[str], task: str, metrics: Metrics = METRICS) -> None:
    """Raises a ConfigError if one of the names for --eval is of another task."""
    for name in names:
        if name not in metrics[task]:
            known = ", ".join(metrics[task])
            raise ConfigError(f"--eval {name} is not for train.task={task}: choose from {known}")


class OneLabel:
    """Counts of right answers, for videos with one label each."""

    def __init__(self, samples: Sequence[Sample], cfg: Config) -> None:
        self._samples = samples
        self._table_K3 = np.zeros((cfg.model.num_classes, 3), np.int64)

    def add(self, index: int, scores_K: Scores) -> None:
        """Counts the list's video ``index``."""
        labels = np.array([self._samples[index].label])
        places = rank_of_label(scores_K[None], labels)
        self._table_K3 += class_table(places, labels, len(self._table_K3))

    def numbers(self) -> dict[str, float]:
        """``accuracies`` over the videos of all processes, which call this together."""
        counts = np.array(distributed.all_reduce_sum(*self._table_K3.ravel().tolist()))
        found = accuracies(counts.reshape(self._table_K3.shape))
        return {name: float(value) for name, value in found.items()}


class SeveralLabels:
    """All scores, for videos with any number of labels each: average precision ranks the videos of
    all processes.

    Raises:
        NoPositivesError: no video has a label.
    """

    def __init__(self, samples: Sequence[Sample], cfg: Config) -> None:
        self._labels = [classes_of(sample.label) for sample in samples]
        self._num_classes, self._threshold = cfg.model.num_classes, cfg.test.threshold
        self._scores: dict[int, Scores] = {}
        require_labels(self._labels)  # now, not after hours of work

    def add(self, index: int, scores_K: Scores) -> None:
        """Keeps the scores of the list's video ``index``."""
        self._scores[index] = scores_K

    def numbers(self) -> dict[str, float]:
        """``mean_average_precisions``, and ``f1`` at ``threshold``, over the videos of all
        processes, which call this together.

        Raises:
            NoPositivesError: no video that could be read has a label.
        """
        found = {i: row for part in distributed.gather(self._scores) for i, row in part.items()}
        indices = sorted(found)  # so that equal scores rank the same for any number of processes
        scores_NK = np.stack([found[i] for i in indices])
        truth_NK = multi_hot([self._labels[i] for i in indices], self._num_classes)
        numbers = multi_label_numbers(scores_NK, truth_NK, self._threshold)
        return numbers | {"threshold": self._threshold}
