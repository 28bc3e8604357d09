"""Scores a test again from its file of scores: other metrics, fewer views."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import Results
from slowfast.metrics import accuracy, average_precision
from slowfast.metrics.accuracy import name_of
from slowfast.predict.tallies import TALLIES

NUMBERS = {
    "single": {**TALLIES["single"].metrics, "calibration_error": ("calibration_error",)},
    "multi": TALLIES["multi"].metrics,
}
"""By task: the names for --eval, and the numbers that each stands for."""

MEANING = {"prob": "probabilities", "max": "probabilities", "score": "logits"}
"""What a file's scores are, by ``average_clips``."""

CENTRE = 1
"""Index of the centre among 3 crops; a test with 1 crop uses it."""

MIDDLE = Fraction(1, 2)
"""The middle of a clip's possible starts in a video."""


class ChosenViews(NamedTuple):
    """Which of a file's views are averaged, and how."""

    clips: list[int]
    crops: list[int]
    average_clips: str

    def views(self, num_crops: int) -> NDArray[np.int64]:
        """Indices of these views among the file's views."""
        return np.array([clip * num_crops + crop for clip in self.clips for crop in self.crops])


def choose(
    results: Results, clips: str | None, crops: int | None, average_clips: str | None
) -> ChosenViews:
    """The views of a smaller protocol.

    The file's test.protocol sets where each of n clips starts, as a fraction of the possible
    starts in a video. In PySlowFast's, clip i starts at i/n. So if k divides n, the k clips are
    every n/k-th of the n. ``middle`` is the clip that starts at 1/2.

    Raises:
        ResultsError: the file does not have these views; the message lists those it has.
    """
    num_clips, num_crops = results.num_clips, results.num_crops
    starts_of = _starts_rule(results)
    starts = starts_of(num_clips)
    if clips == "middle":
        if MIDDLE not in starts:
            raise ResultsError(f"--clips middle: none of {num_clips} clips starts half way")
        chosen = [starts.index(MIDDLE)]
    else:
        wanted = num_clips if clips is None else int(clips)
        possible = possible_clips(results)
        if wanted not in possible:
            names = ", ".join(map(str, possible)) + (", middle" if MIDDLE in starts else "")
            raise ResultsError(
                f"--clips {wanted}: its clips would start elsewhere than the file's {num_clips}; "
                f"possible are {names}"
            )
        chosen = [starts.index(start) for start in starts_of(wanted)]
    if crops == 3 and num_crops == 1:
        raise ResultsError("--crops 3: the file has the centre crop only")
    crop = [CENTRE] if crops == 1 and num_crops == 3 else list(range(num_crops))
    own = results.average_clips
    average_clips = average_clips or own
    if MEANING[average_clips] != MEANING[own]:
        raise ResultsError(
            f"--average-clips {average_clips}: the file has the views' {MEANING[own]}, and "
            f"{MEANING[average_clips]} do not follow from them exactly (each is a mean over "
            f"positions): run --test again with --average-clips {average_clips} --out"
        )
    return ChosenViews(chosen, crop, average_clips)


def possible_clips(results: Results) -> list[int]:
    """The numbers of clips whose clips a file has: those that start where some of its own do."""
    starts_of = _starts_rule(results)
    starts = {*starts_of(results.num_clips)}
    return [k for k in range(1, results.num_clips + 1) if {*starts_of(k)} <= starts]


def by_views(
    results: Results, average_clips: str, threshold: float | None = None
) -> list[dict[str, Any]]:
    """``score``, without intervals, of each smaller test that a file has: by clips and crops, the
    whole test last."""
    crops: list[int | None] = [1, None] if results.num_crops == 3 else [None]
    ways = [
        choose(results, str(clips), crop, average_clips)
        for crop in crops for clips in possible_clips(results)
    ]  # fmt: skip
    return [score(results, way, times=0, seed=0, threshold=threshold) for way in ways]


def _starts_rule(results: Results) -> Callable[[int], list[Fraction]]:
    """The clip starts of the test.protocol in a file's config; PySlowFast's if it has none."""
    name = results.setting("test", "protocol", "pyslowfast")
    if name not in PROTOCOLS:
        raise ResultsError(f"test.protocol={name} in its config; known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name].starts


def score(
    results: Results, chosen: ChosenViews, *, times: int, seed: int, threshold: float | None = None
) -> dict[str, Any]:
    """All metrics of a file, as shares of 1; with intervals if ``times`` is not 0.

    Args:
        threshold: with several labels a video, that of F1; None: the file's own.

    Raises:
        NoPositivesError: no video has a label, but the file's task has average precision.
        ResultsError: there is a threshold, but each video has one label.
    """
    num_videos = len(results.scores)
    if results.task == "multi":
        if threshold is None:
            threshold = float(results.setting("test", "threshold", 0.5))
        numbers, classes = _several_labels(results, chosen, threshold, times, seed)
    elif threshold is None:
        numbers, classes = _one_label(results, chosen, times, seed)
    else:
        raise ResultsError("--threshold is for several labels a video, and the file has one")
    return {
        **numbers,
        "bootstrap": times, "seed": seed,
        "num_videos": num_videos, "num_listed": results.num_listed,
        "coverage": num_videos / results.num_listed,
        "clips": chosen.clips, "of_clips": results.num_clips,
        "crops": chosen.crops, "of_crops": results.num_crops,
        "average_clips": chosen.average_clips,
        "classes": classes,
    }  # fmt: skip


def probabilities(results: Results, chosen: ChosenViews) -> Iterator[NDArray[np.float64]]:
    """Each video's, ``[K]``."""
    views = chosen.views(results.num_crops)
    for scores_VK in results.scores:
        yield accuracy.average_views(scores_VK[views], chosen.average_clips, results.task)


Numbers = tuple[dict[str, Any], list[dict[str, Any]]]
"""Metrics with their intervals, and a row for each class that occurs."""


def _one_label(results: Results, chosen: ChosenViews, times: int, seed: int) -> Numbers:
    num_videos, _, num_classes = results.scores.shape
    places = np.empty(num_videos, np.int64)
    confidence = np.empty(num_videos)
    for i, scores in enumerate(probabilities(results, chosen)):
        places[i] = accuracy.rank_of_label(scores[None], results.labels[i : i + 1])[0]
        confidence[i] = scores.max()
    table = accuracy.class_table(places, results.labels, num_classes)
    numbers = {
        **{name: float(value) for name, value in accuracy.accuracies(table).items()},
        "calibration_error": accuracy.calibration_error(confidence, places == 0),
        "intervals": accuracy.bootstrap(table, times, seed) if times else {},
    }
    return numbers, _classes(table, results.class_names)


def _several_labels(
    results: Results, chosen: ChosenViews, threshold: float, times: int, seed: int
) -> Numbers:
    given = np.stack([*probabilities(results, chosen)]), results.labels, threshold
    numbers = {
        **average_precision.multi_label_numbers(*given),
        "threshold": threshold,
        "intervals": average_precision.bootstrap(*given, times, seed) if times else {},
    }
    return numbers, average_precision.class_rows(*given, results.class_names)


def _classes(table_K3: NDArray[np.int64], names: list[str]) -> list[dict[str, Any]]:
    """A row for each class that occurs."""
    return [
        {
            "class": i,
            "name": name_of(i, names),
            "videos": int(row.sum()),
            "right": int(row[0]),
            "accuracy": float(row[0] / row.sum()),
        }
        for i, row in enumerate(table_K3)
        if row.sum()
    ]
