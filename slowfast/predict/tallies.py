"""The numbers of a test or a validation by task: what is kept of each video, and what follows.

Legend: N videos, K classes; of a key frame K boxes, A classes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.boxes.action_lists import class_numbers, scored_classes
from slowfast.data.samples import Label, classes_of
from slowfast.metrics import accuracy, average_precision, frame_map
from slowfast.metrics.accuracy import (
    Scores,
    accuracies,
    class_table,
    rank_of_label,
    sigmoid,
    softmax,
)
from slowfast.metrics.average_precision import (
    NoPositivesError,
    multi_hot,
    multi_label_numbers,
    require_labels,
)
from slowfast.metrics.frame_map import frame_map_numbers
from slowfast.predict.box_rows import Scored, rows_of_boxes

Metrics = Mapping[str, tuple[str, ...]]


class Tally:
    """What is kept of each video of a list, until the numbers are made of it.

    Args:
        labels: those of the list's videos.
    """

    metrics: ClassVar[Metrics]
    """The names for --eval, and the numbers that each stands for."""
    usual: ClassVar[tuple[str, ...]]
    """Those of the log line unless others are asked for, and of a validation."""
    decisive: ClassVar[str]
    """The number by which a checkpoint is the best."""
    key: ClassVar[str]
    """What a row of a result calls a video's label or labels."""
    unit = "videos"
    """What is counted."""

    def __init__(self, labels: Sequence[Any], cfg: Config) -> None:
        self._labels, self._num_classes = labels, cfg.model.num_classes

    @classmethod
    def told(cls, names: Sequence[str] = ()) -> list[str]:
        """The numbers that these names for --eval stand for; none: the usual ones."""
        return [key for name in names or cls.usual for key in cls.metrics[name]]

    @staticmethod
    def called(key: str, cfg: Config) -> str:
        """How a log line calls a number."""
        return key

    def truth(self, index: int) -> dict[str, Label]:
        """What a row of a result says of the list's video ``index``."""
        return {self.key: self._labels[index]}

    @staticmethod
    def array(labels: Sequence[Label], num_classes: int) -> NDArray[Any]:
        """The labels of N videos, as the losses take them."""
        raise NotImplementedError

    def add(self, index: int, scores_K: Scores) -> None:
        """Takes in the probabilities of the list's video ``index``."""
        raise NotImplementedError

    def add_logits(self, index: int, logits_K: Scores) -> None:
        """Takes in the logits of the list's video ``index``."""
        raise NotImplementedError

    def gather(self) -> None:
        """Takes in what those of all processes have, which call this together."""
        raise NotImplementedError

    def numbers(self) -> dict[str, float]:
        """All numbers of the videos that were taken in."""
        raise NotImplementedError


class OneLabel(Tally):
    """Counts of right answers, and which class is the answer, for videos with one label each."""

    metrics = accuracy.METRICS
    usual, decisive, key = ("top_k_accuracy",), "top1", "label"

    def __init__(self, labels: Sequence[Any], cfg: Config) -> None:
        super().__init__(labels, cfg)
        self.table_K3 = np.zeros((self._num_classes, 3), np.int64)
        """See ``class_table``."""
        self._found: dict[int, int] = {}

    @staticmethod
    def array(labels: Sequence[Label], num_classes: int) -> NDArray[Any]:
        """Their classes ``[N]``."""
        return np.array(labels)

    def add(self, index: int, scores_K: Scores) -> None:
        """Counts the list's video ``index``."""
        labels = np.array([self._labels[index]])
        places = rank_of_label(scores_K[None], labels)
        self.table_K3 += class_table(places, labels, self._num_classes)
        self._found[index] = int(scores_K.argmax())

    def add_logits(self, index: int, logits_K: Scores) -> None:
        """Counts it, too: logits rank as their probabilities do."""
        self.add(index, logits_K)

    def gather(self) -> None:
        """Adds up the counts of all processes, and takes in their answers."""
        counts = distributed.all_reduce_sum(*self.table_K3.ravel().tolist())
        self.table_K3[:] = np.reshape(counts, self.table_K3.shape)
        for part in distributed.gather(self._found):
            self._found |= part

    def answers(self) -> list[tuple[int, int]]:
        """The true class of each video that was taken in, and the one that was found."""
        return [(self._labels[index], self._found[index]) for index in sorted(self._found)]

    def numbers(self) -> dict[str, float]:
        """``accuracies``."""
        return {name: float(value) for name, value in accuracies(self.table_K3).items()}


class SeveralLabels(Tally):
    """All scores, for videos with any number of labels each: average precision ranks all videos.

    Raises:
        NoPositivesError: no video has a label.
    """

    metrics = average_precision.METRICS
    usual, decisive, key = tuple(average_precision.METRICS), "mAP", "labels"

    def __init__(self, labels: Sequence[Any], cfg: Config) -> None:
        super().__init__([*map(classes_of, labels)], cfg)
        self._threshold = cfg.test.threshold
        self._scores: dict[int, Scores] = {}
        require_labels(self._labels)  # now, not after hours of work

    @staticmethod
    def array(labels: Sequence[Label], num_classes: int) -> NDArray[Any]:
        """1 for each of a video's classes, else 0, ``[N, K]`` float32."""
        return multi_hot([*map(classes_of, labels)], num_classes).astype(np.float32)

    def add(self, index: int, scores_K: Scores) -> None:
        """Keeps the scores of the list's video ``index``."""
        self._scores[index] = scores_K

    def add_logits(self, index: int, logits_K: Scores) -> None:
        """Keeps their probabilities."""
        self.add(index, sigmoid(logits_K.astype(np.float64)))

    def gather(self) -> None:
        """Takes in the scores of all processes."""
        for part in distributed.gather(self._scores):
            self._scores |= part

    def scores_and_truth(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The scores of the videos that were taken in, and 1 for each of their classes, ``[N, K]``
        both."""
        indices = sorted(self._scores)  # so that equal scores rank the same, however they came
        scores_NK = np.stack([self._scores[i] for i in indices])
        return scores_NK, self.array([self._labels[i] for i in indices], self._num_classes)

    def numbers(self) -> dict[str, float]:
        """``multi_label_numbers`` at ``threshold``, and that.

        Raises:
            NoPositivesError: no video that could be read has a label.
        """
        numbers = multi_label_numbers(*self.scores_and_truth(), self._threshold)
        return numbers | {"threshold": self._threshold}


class Detections(Tally):
    """All scores of the boxes of key frames, whose average precision has a rule.

    Args:
        labels: the key frames.

    Raises:
        ListError: detection.scored names no list that can be used.
        NoPositivesError: no annotated box is of a class that is scored.
    """

    metrics = frame_map.METRICS
    usual, decisive, key = tuple(frame_map.METRICS), "mAP", "boxes"
    unit = "key frames"

    def __init__(self, labels: Sequence[Any], cfg: Config) -> None:
        super().__init__(labels, cfg)
        self.rule = cfg.detection.rule
        self._probabilities = softmax if cfg.has_one_label else sigmoid
        self.ids = class_numbers(cfg.detection, self._num_classes)
        """Numbers of the classes in the annotations."""
        self.scored = scored_classes(cfg.detection, self._num_classes, cfg.data.root)
        self.of_classes: list[frame_map.OfClass] = []
        """Of ``scored``, after ``numbers``."""
        self._scores: dict[int, NDArray[np.float32]] = {}
        truth = {label for key in labels for box in key.truth for label in box.labels}
        if not truth & {*self.scored}:
            raise NoPositivesError(f"of {len(labels):,} key frames, {frame_map.NO_TRUTH}")

    @staticmethod
    def called(key: str, cfg: Config) -> str:
        """``mAP (official)``: without its rule it says little."""
        return f"{key} ({cfg.detection.rule})" if key == "mAP" else key

    @staticmethod
    def array(labels: Sequence[Label], num_classes: int) -> NDArray[Any]:
        """1 for each of a box's classes, else 0, ``[K, A]`` float32."""
        return SeveralLabels.array(labels, num_classes)

    def add(self, index: int, scores_KA: Scores) -> None:
        """Keeps the scores of the boxes of the list's key frame ``index``."""
        assert scores_KA.shape == (len(self._labels[index].boxes), self._num_classes)
        self._scores[index] = scores_KA.astype(np.float32)

    def add_logits(self, index: int, logits_KA: Scores) -> None:
        """Keeps their probabilities."""
        self.add(index, self._probabilities(logits_KA.astype(np.float64)))

    def gather(self) -> None:
        """Takes in the scores of all processes."""
        for part in distributed.gather(self._scores):
            self._scores |= part

    def rows(self) -> Iterator[Scored]:
        """The key frames that were taken in, in the list's order, with their scores ``[K, A]``."""
        for index in sorted(self._scores):
            yield self._labels[index], self._scores[index]

    def numbers(self) -> dict[str, float]:
        """``frame_map_numbers``, and how many ``boxes`` there are, and ``annotated`` ones.

        Raises:
            NoPositivesError: no key frame that could be read has an annotated box of a class that
                is scored.
        """
        found, truth, frames = rows_of_boxes(self.rows(), self.scored)
        numbers, self.of_classes = frame_map_numbers(found, truth, frames, self.scored, self.rule)
        return numbers | {"boxes": len(found.corners), "annotated": len(truth.corners)}


TALLIES: dict[str, type[Tally]] = {
    "single": OneLabel, "multi": SeveralLabels, "detection": Detections,
}  # fmt: skip
"""By task."""


def check_metrics(names: Iterable[str], task: str, metrics: Metrics | None = None) -> None:
    """Raises a ConfigError if one of the names for --eval is of another task.

    Args:
        metrics: the names that the task has; None: those of a test.
    """
    known = TALLIES[task].metrics if metrics is None else metrics
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--eval {name} is not for train.task={task}: choose from {', '.join(known)}"
            )
