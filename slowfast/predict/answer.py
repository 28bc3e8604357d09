"""What the views of a video come to: its best classes, and, where it may show several, those that
it shows. As fields of a row, and as lines on the screen."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from slowfast.config import Config, ConfigError
from slowfast.errors import printable
from slowfast.metrics.accuracy import average_views, best_classes, name_of
from slowfast.predict.runtime.built import Row

WIDEST = 40
"""Letters of a class's name for which others make room."""


class Predicted(NamedTuple):
    """The classes that a video shows, where it may show several: all whose probability is at least
    ``threshold``, best first."""

    classes: list[int]
    values: list[float]
    threshold: float

    def from_threshold(self, threshold: float) -> "Predicted":
        """Those from a higher threshold on."""
        number = sum(value >= threshold for value in self.values)
        return Predicted(self.classes[:number], self.values[:number], threshold)


class Answer(NamedTuple):
    """The best classes of a video, best first, and from how many views."""

    classes: list[int]
    values: list[float]
    """Their probabilities."""
    num_views: int
    predicted: Predicted | None = None
    """None where a video shows one class."""

    def named(self, labels: Sequence[str] | None) -> list[tuple[str, float]]:
        """The classes by name, with their probabilities."""
        return _named(self.classes, self.values, labels)

    def shown(self, labels: Sequence[str] | None) -> list[tuple[str, float]]:
        """What is drawn into a video: the best classes, or all that it shows."""
        if self.predicted is None:
            return self.named(labels)
        return _named(self.predicted.classes, self.predicted.values, labels)

    def listed(self, labels: Sequence[str] | None) -> list[tuple[str, float]]:
        """What is listed: the best classes, and all that a video shows. Both are best first, so the
        longer one has the other."""
        return max(self.named(labels), self.shown(labels), key=len)


def _named(
    classes: list[int], values: list[float], labels: Sequence[str] | None
) -> list[tuple[str, float]]:
    return [(name_of(i, labels), x) for i, x in zip(classes, values, strict=True)]


def threshold_of(cfg: Config) -> float | None:
    """The probability from which on a video shows a class; None where it shows one class."""
    return cfg.test.threshold if cfg.train.task == "multi" else None


def require_classifier(cfg: Config, what: str) -> None:
    """Raises a ConfigError that says what works if the network classifies boxes, not clips."""
    if cfg.train.task == "detection":
        raise ConfigError(
            f"{what} is for networks that classify whole clips, and this one classifies boxes "
            "(train.task=detection): it can --infer with --boxes or --detector, --test and --export"
        )


def answer_of(row_nK: Row, cfg: Config, top: int) -> Answer:
    """What the rows of a video's views come to.

    Args:
        top: number of best classes.
    """
    scores_K = average_views(row_nK, cfg.test.average_clips, cfg.train.task)
    answer = Answer(*best_classes(scores_K, top), len(row_nK))
    if (threshold := threshold_of(cfg)) is None:
        return answer
    found = best_classes(scores_K, int((scores_K >= threshold).sum()))
    return answer._replace(predicted=Predicted(*found, threshold))


def best_fields(found: Answer, labels: list[str] | None, top: int) -> dict[str, Any]:
    """What a row tells of the best classes."""
    row: dict[str, Any] = {"top1_values": found.values[0], "top1_indices": found.classes[0]}
    if top > 1:
        row |= {f"top{top}_values": found.values, f"top{top}_indices": found.classes}
    if labels is not None:
        row["top1_label"] = labels[found.classes[0]]
        if top > 1:
            row[f"top{top}_labels"] = [labels[i] for i in found.classes]
    return row | predicted_fields(found, labels)


def predicted_fields(found: Answer, labels: list[str] | None) -> dict[str, Any]:
    """What a row tells of the classes that a video shows, where it may show several."""
    if found.predicted is None:
        return {}
    classes, values, threshold = found.predicted
    row = {"threshold": threshold, "predicted_indices": classes, "predicted_values": values}
    return row | ({"predicted_labels": [labels[i] for i in classes]} if labels is not None else {})


def lines_of(path: str, found: Answer | str, labels: list[str] | None) -> str:
    """A video in the table: its best classes with their probabilities, or why it was not read."""
    if isinstance(found, str):
        return f"{printable(path)}\n  not read: {printable(found)}"
    best = [(printable(name), value) for name, value in found.listed(labels)]
    width = min(max(len(name) for name, _ in best), WIDEST)
    lines, marks = [printable(path)], [" "] * len(best)
    if found.predicted is not None:
        number = len(found.predicted.classes)
        what = "class is" if number == 1 else "classes are"
        lines[0] += f"  ({number} {what} seen: {100 * found.predicted.threshold:g} % or more each)"
        marks[:number] = ["*"] * number
    for mark, (name, value) in zip(marks, best, strict=True):
        bar = "#" * round(30 * value)
        lines.append(f"{mark} {name.ljust(width)}  {100 * value:5.1f} %  {bar}".rstrip())
    return "\n".join(lines)
