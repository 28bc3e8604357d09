"""The report of a test of videos: one page of what its file of scores says.

Legend: N videos, K classes.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluate.html.html_page import count, write_page
from slowfast.evaluate.html.run_rows import rows_of_run
from slowfast.evaluate.html.video_tiles import tiles
from slowfast.evaluate.mistakes import (
    Mistake,
    best_and_worst,
    mistakes,
    mistakes_of_several,
    mixed_up,
    worst_pairs,
)
from slowfast.evaluate.rescore import ChosenViews, by_views, choose, probabilities, score
from slowfast.evaluate.scores import Results
from slowfast.metrics.accuracy import confusion, expected_error, name_of, reliability

TIMES, SEED = 1000, 0
"""Draws for the intervals, and their seed, as tools.score has them."""
MOST_MISTAKES, MOST_PAIRS, MOST_BARS, MOST_UNREADABLE = 12, 15, 10, 200
MOST_CLASSES = 40
"""Of a confusion matrix that can be read."""
HEADLINES = {
    "single": {
        "top1": ("Top-1 accuracy", "the right class has the highest probability"),
        "top5": ("Top-5 accuracy", "the right class is among the five of highest probability"),
        "mean_class_accuracy": ("Mean class accuracy", "top-1 accuracy of each class, their mean"),
    },
    "multi": {
        "mAP": ("mAP", "mean average precision over the classes that occur"),
        "mAP_charades": ("mAP, Charades' rule", "by the official script of Charades"),
        "f1": ("F1", "micro average at the threshold"),
    },
}
"""By task the large numbers: the name of each, and what it means."""


def write_video_page(
    path: Path, results: Results, *,
    chosen: ChosenViews | None = None, found: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Writes the report; returns the ``score`` that it tells.

    Args:
        chosen: the views that count; None: as the test had them.
        found: their ``score``; None: with the usual intervals.

    Raises:
        NoPositivesError: no video has a label, but the file's task has average precision.
        OSError: the disk is full, or similar; names the page.
    """
    chosen = chosen or choose(results, None, None, None)
    found = found or score(results, chosen, times=TIMES, seed=SEED)
    write_page(path, "video_page.html", facts(results, chosen, found))
    return found


def facts(results: Results, chosen: ChosenViews, found: dict[str, Any]) -> dict[str, Any]:
    """What the template prints."""
    shares_NK = np.stack([*probabilities(results, chosen)])
    several = results.task == "multi"
    threshold = found["threshold"] if several else None
    part = _of_several(results, shares_NK, found) if several else _of_one(results, shares_NK)
    wrong: list[Mistake] = part.pop("mistakes")
    best, worst = best_and_worst(found["classes"], "AP" if several else "accuracy", MOST_BARS)
    return {
        **part,
        "title": _title(results),
        "several": several,
        "found": found,
        "threshold": threshold,
        "headlines": [
            (name, found[key], found["intervals"].get(key), meaning)
            for key, (name, meaning) in HEADLINES[results.task].items()
        ],
        "classes": found["classes"],
        "best": class_bars(best, several),
        "worst": class_bars(worst, several),
        "views": views_facts(results, chosen, threshold),
        "tiles": tiles(results, shares_NK, wrong),
        "unreadable": [*zip(results.unreadable_paths, results.unreadable_errors, strict=True)][
            :MOST_UNREADABLE
        ],
        "num_unreadable": len(results.unreadable_paths),
        "run": rows_of_run(results.run, results.sections, "videos", len(results.scores[0])),
        "config": results.config.splitlines(),
    }


def _title(results: Results) -> str:
    data = results.sections.get("data") or {}
    listed = data.get("test_list") or data.get("val_list") or ""
    network = str(results.setting("model", "name", "network"))
    if not listed:
        return "Test of a network"
    path = Path(str(listed))
    return f"{network} on {Path(path.parent.name, path.name)}"


def _of_one(results: Results, shares_NK: NDArray[np.float64]) -> dict[str, Any]:
    """Of videos with one label: what is confused, and how far probabilities can be believed."""
    labels_N, num_classes = results.labels, shares_NK.shape[1]
    found_N = shares_NK.argmax(axis=1)
    counts_KK = confusion(labels_N, found_N, num_classes)
    bins = reliability(shares_NK.max(axis=1), found_N == labels_N)
    return {
        "pairs": _pairs(counts_KK, counts_KK.sum(axis=1), results.class_names),
        "matrix": _matrix(counts_KK, results.class_names),
        "reliability": bins.tolist(),
        "calibration_error": expected_error(bins),
        "mistakes": mistakes(shares_NK, labels_N, MOST_MISTAKES),
        "num_wrong": int((found_N != labels_N).sum()),
    }


def _of_several(
    results: Results, shares_NK: NDArray[np.float64], found: dict[str, Any]
) -> dict[str, Any]:
    """The same of videos with several labels."""
    truth_NK, threshold = results.labels, found["threshold"]
    is_found, is_there = shares_NK >= threshold, truth_NK > 0
    bins = reliability(shares_NK.ravel(), is_there.ravel())
    return {
        "pairs": _pairs(
            mixed_up(shares_NK, truth_NK, threshold), is_there.sum(axis=0), results.class_names
        ),
        "matrix": None,
        "missed": _most(is_there & ~is_found, is_there, results, "missed in"),
        "wrongly": _most(is_found & ~is_there, is_found, results, "wrong in"),
        "reliability": bins.tolist(),
        "calibration_error": expected_error(bins),
        "mistakes": mistakes_of_several(shares_NK, truth_NK, threshold, MOST_MISTAKES),
        "num_wrong": int((is_found != is_there).any(axis=1).sum()),
    }


def _pairs(
    counts_KK: NDArray[np.int64], of_class_K: NDArray[np.int64], names: Sequence[str]
) -> list[dict[str, Any]]:
    """The classes that are mixed up most often, and in which share of the true one's videos."""
    return [
        {
            "true": name_of(pair.true, names),
            "found": name_of(pair.found, names),
            "videos": pair.videos,
            "share": pair.videos / int(of_class_K[pair.true]),
        }
        for pair in worst_pairs(counts_KK, MOST_PAIRS)
    ]


def _most(
    events_NK: NDArray[np.bool_], of_NK: NDArray[np.bool_], results: Results, verb: str
) -> list[dict[str, Any]]:
    """The classes with the most events, as bars of their share in the videos ``of``."""
    events, of = events_NK.sum(axis=0), of_NK.sum(axis=0)
    ordered = [int(k) for k in np.argsort(-events, kind="stable")[:MOST_BARS] if events[k]]
    return [
        {
            "name": name_of(k, results.class_names),
            "share": float(events[k] / of[k]),
            "note": f"{verb} {count(events[k])} of {count(of[k])}",
        }
        for k in ordered
    ]


def _matrix(counts_KK: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any] | None:
    """The confusion matrix of the classes that occur; None if they are too many to be read."""
    there = np.flatnonzero(counts_KK.sum(axis=0) + counts_KK.sum(axis=1))
    if len(there) > MOST_CLASSES:
        return None
    own = counts_KK[np.ix_(there, there)]
    shares = own / np.maximum(own.sum(axis=1, keepdims=True), 1)
    return {
        "names": [name_of(int(k), names) for k in there],
        "rows": [
            [*zip(row.tolist(), share.tolist(), strict=True)]
            for row, share in zip(own, shares, strict=True)
        ],
    }


def class_bars(rows: Sequence[dict[str, Any]], several: bool) -> list[dict[str, Any]]:
    """Classes as bars, with how many videos each number is of."""
    return [
        {
            "name": row["name"],
            "share": row["AP"] if several else row["accuracy"],
            "note": f"of {count(row['positives'])} videos"
            if several
            else f"{count(row['right'])} of {count(row['videos'])}",
        }
        for row in rows
    ]


def views_facts(results: Results, chosen: ChosenViews, threshold: float | None) -> dict[str, Any]:
    """How the main number grows with the views: a row for each smaller test that the file has, and
    a line of points for each number of crops."""
    key, name = ("mAP", "mAP") if results.task == "multi" else ("top1", "Top-1")
    rows = [
        {
            "clips": len(found["clips"]),
            "crops": len(found["crops"]),
            "views": len(found["clips"]) * len(found["crops"]),
            "share": found[key],
        }
        for found in by_views(results, chosen.average_clips, threshold)
    ]
    lines = [
        (f"{crops} crop{'s' if crops > 1 else ''}", [(row["clips"], row["share"]) for row in own])
        for crops, own in (
            (crops, [*group]) for crops, group in itertools.groupby(rows, lambda row: row["crops"])
        )
    ]
    return {"name": name, "rows": rows, "lines": lines}
