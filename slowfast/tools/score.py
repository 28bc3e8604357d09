"""Scores a test again from the file that ``main.py --test --out FILE.npz`` wrote.

    python -m slowfast.tools.score scores.npz --per-class
    python -m slowfast.tools.score scores.npz --clips 5 --crops 1

Without the network: other metrics, fewer views, confidence intervals. Needs no Paddle.
"""

import argparse
import csv
import io
import json
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from slowfast.data.protocols import PROTOCOLS
from slowfast.engine.results import Results, ResultsError, read_scores
from slowfast.files import error_line, write_whole
from slowfast.metrics import (
    METRICS,
    accuracies,
    average_views,
    bootstrap,
    calibration_error,
    class_table,
    rank_of_label,
)

NUMBERS = METRICS | {"calibration_error": ("calibration_error",)}
CENTRE = 1
"""Which of 3 crops is the centre, the one that a test with 1 crop takes."""
MIDDLE = Fraction(1, 2)
"""Of the room that a video leaves."""


class Protocol(NamedTuple):
    """Which of a file's views are averaged, and how."""

    clips: list[int]
    crops: list[int]
    average_clips: str

    def views(self, num_crops: int) -> NDArray[np.int64]:
        """Their places among the file's views."""
        return np.array([clip * num_crops + crop for clip in self.clips for crop in self.crops])


def main(argv: list[str]) -> int:
    """0; or 1 with one line on stderr if the file cannot be used so."""
    args = parse_args(argv)
    try:
        for path in (args.json, args.csv):
            if path and (path.is_dir() or (path.exists() and path.samefile(args.file))):
                raise ResultsError(f"{path} is a folder or the file of scores: name another")
        results = read_scores(args.file)
        protocol = choose(results, args.clips, args.crops, args.average_clips)
        found = score(results, protocol, times=args.bootstrap, seed=args.seed)
        if args.csv:
            write_whole(args.csv, _csv(found["classes"]))
        if args.json:
            write_whole(args.json, json.dumps(found, indent=1, ensure_ascii=False))
        print("\n".join(lines(found, args.eval or list(NUMBERS))))
        if args.per_class:
            print("\n".join(class_lines(found["classes"])))
    except (ResultsError, OSError) as error:
        print(error_line(error), file=sys.stderr)
        return 1
    return 0


def choose(
    results: Results, clips: str | None, crops: int | None, average_clips: str | None
) -> Protocol:
    """The views of a smaller protocol.

    The file's test.protocol says where in the room that the video leaves each of n clips starts.
    With PySlowFast's clip i does at i/n, so the clips of k are among those of n where k divides n:
    every n/k-th. ``middle`` is the one at 1/2.

    Raises:
        ResultsError: the file does not have these views; the message says which it has.
    """
    num_clips, num_crops = results.num_clips, results.num_crops
    starts_of = _starts_rule(results.config)
    starts = starts_of(num_clips)
    if clips == "middle":
        if MIDDLE not in starts:
            raise ResultsError(f"--clips middle: none of {num_clips} clips starts half way")
        chosen = [starts.index(MIDDLE)]
    else:
        wanted = num_clips if clips is None else int(clips)
        possible = [k for k in range(1, num_clips + 1) if {*starts_of(k)} <= {*starts}]
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
    return Protocol(chosen, crop, _average(results, average_clips or results.average_clips))


def _starts_rule(config: str) -> Callable[[int], list[Fraction]]:
    """Where n clips start, by the test.protocol of a file's config; PySlowFast's if it has none."""
    found = yaml.safe_load(config) or {}
    name = (found.get("test") or {}).get("protocol", "pyslowfast")
    if name not in PROTOCOLS:
        raise ResultsError(f"test.protocol={name} in its config; known are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name].starts


def _average(results: Results, wanted: str) -> str:
    """
    Raises:
        ResultsError: the scores in the file cannot be averaged so.
    """
    if wanted == results.average_clips:
        return wanted
    has = {"prob": "probabilities", "score": "logits"}
    raise ResultsError(
        f"--average-clips {wanted}: the file has the views' {has[results.average_clips]}, and "
        f"{has[wanted]} do not follow from them exactly (each is a mean over positions): "
        f"test again with main.py --test --average-clips {wanted} --out"
    )


def score(results: Results, protocol: Protocol, *, times: int, seed: int) -> dict[str, Any]:
    """All numbers of a file, in shares of 1; intervals where ``times`` is not 0."""
    num_videos, _, num_classes = results.scores.shape
    views = protocol.views(results.num_crops)
    places = np.empty(num_videos, np.int64)
    confidence = np.empty(num_videos)
    for i, (scores_VK, label) in enumerate(zip(results.scores, results.labels, strict=True)):
        if not np.isfinite(scores_VK).all():
            raise ResultsError(
                f"the scores of {results.paths[i]} are not finite: the network's weights are broken"
            )
        scores = average_views(scores_VK[views], protocol.average_clips)
        places[i] = rank_of_label(scores[None], np.array([label]))[0]
        confidence[i] = np.nan_to_num(scores.max())
    table = class_table(places, results.labels, num_classes)
    found = {name: float(value) for name, value in accuracies(table).items()}
    return {
        **found,
        "calibration_error": calibration_error(confidence, places == 0),
        "intervals": bootstrap(table, times, seed) if times else {},
        "bootstrap": times,
        "seed": seed,
        "num_videos": num_videos,
        "num_listed": results.num_listed,
        "coverage": num_videos / results.num_listed,
        "clips": protocol.clips,
        "of_clips": results.num_clips,
        "crops": protocol.crops,
        "of_crops": results.num_crops,
        "average_clips": protocol.average_clips,
        "classes": _classes(table, results.class_names),
    }


def lines(found: dict[str, Any], names: list[str]) -> list[str]:
    """What is printed of ``score``."""
    missing = found["num_listed"] - found["num_videos"]
    count = f"{found['num_videos']:,}"
    if missing:
        count += f" of {found['num_listed']:,}"
    text = [
        f"{count} videos, {len(found['clips'])} x {len(found['crops'])} of "
        f"{found['of_clips']} x {found['of_crops']} views each, "
        f"{ {'prob': 'probabilities', 'score': 'logits'}[found['average_clips']] } averaged"
        + (f"; {missing:,} unreadable" if missing else "")
    ]
    for key in (key for name in names for key in NUMBERS[name]):
        ends = found["intervals"].get(key)
        note = f"  (95 %: {ends[0]:.5f} to {ends[1]:.5f})" if ends else ""
        text.append(f"{key.ljust(19)}  {found[key]:.5f}{note}")
    return text


def class_lines(classes: list[dict[str, Any]]) -> list[str]:
    """A table, lowest accuracy first."""
    width = max(len(row["name"]) for row in classes)
    ordered = sorted(classes, key=lambda row: (row["accuracy"], row["class"]))
    return [
        f"{row['class']:>5}  {row['name'].ljust(width)}  {row['accuracy']:.5f}  "
        f"{row['right']} of {row['videos']}"
        for row in ordered
    ]


def _classes(table_K3: NDArray[np.int64], names: list[str]) -> list[dict[str, Any]]:
    """A row per class that occurs."""
    return [
        {
            "class": i,
            "name": names[i] if names else f"class {i}",
            "videos": int(row.sum()),
            "right": int(row[0]),
            "accuracy": float(row[0] / row.sum()),
        }
        for i, row in enumerate(table_K3)
        if row.sum()
    ]


def _csv(classes: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(classes[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(classes)
    return text.getvalue()


def parse_args(argv: list[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        prog="python -m slowfast.tools.score",
        description="Scores a test again from the file that main.py --test --out FILE.npz wrote.",
    )
    parser.add_argument("file", metavar="FILE.npz", type=Path)
    parser.add_argument(
        "--eval", choices=tuple(NUMBERS), metavar="METRIC", nargs="+",
        help=f"what is printed (default: all): {', '.join(NUMBERS)}",
    )  # fmt: skip
    parser.add_argument(
        "--clips", type=_clips, metavar="N|middle",
        help="average fewer clips; N divides the file's number; 1 is the one at the video's "
        "start, middle the one half way",
    )  # fmt: skip
    parser.add_argument("--crops", type=int, choices=(1, 3), help="1: the centre crop of 3")
    parser.add_argument(
        "--average-clips", choices=("prob", "score"), help="refused unless the file has these"
    )
    parser.add_argument("--per-class", action="store_true", help="a table, lowest accuracy first")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the classes to a file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to a file")
    parser.add_argument(
        "--bootstrap", type=_from(0, 10**6), default=1000, metavar="N",
        help="draws of videos for the 95 %% intervals (default 1000; 0: no intervals)",
    )  # fmt: skip
    parser.add_argument("--seed", type=_from(0), default=0, help="of the draws")
    return parser.parse_args(argv)


def _clips(text: str) -> str:
    if text != "middle":
        _from(1)(text)
    return text


def _from(least: int, most: float = math.inf) -> Any:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            end = "on" if most == math.inf else f"to {most:,}"
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} {end}")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
