"""Scores a test again from the file that --test --out FILE.npz wrote.

    python -m slowfast.tools.score scores.npz --per-class
    python -m slowfast.tools.score scores.npz --clips 5 --crops 1
    python -m slowfast.tools.score scores.npz --report report

Without the network: other metrics, fewer views, confidence intervals. Needs no Paddle.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from slowfast.cli.command import new_parser, run, whole_number
from slowfast.evaluate.html.video_page import write_video_page
from slowfast.evaluate.rescore import MEANING, NUMBERS, choose, score
from slowfast.evaluate.scores import REPORT, read_scores, require_report_place
from slowfast.files import write_csv, write_json
from slowfast.log import say
from slowfast.metrics.average_precision import NoPositivesError
from slowfast.places import require_unread
from slowfast.predict.tallies import check_metrics

ALL_NUMBERS = tuple(name for names in NUMBERS.values() for name in names)

TAKEN = {
    "prob": "probabilities averaged", "score": "logits averaged", "max": "highest probabilities",
}  # fmt: skip
"""What is said of ``average_clips``."""


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr if the file cannot be used so."""
    args = parse_args(argv)
    return run(lambda: rescore(args), hint="")


def rescore(args: argparse.Namespace) -> None:
    """Reads the file, and tells or writes what is asked for."""
    page = args.report / REPORT if args.report else None
    for path, *others in ((args.json, args.csv, page), (args.csv, page), (page,)):
        if path:
            require_unread(path, (args.file, *others))
    results = read_scores(args.file)
    if page:
        require_report_place(page)
    chosen = choose(results, args.clips, args.crops, args.average_clips)
    check_metrics(args.eval or (), results.task, NUMBERS[results.task])
    try:
        found = score(
            results, chosen, times=args.bootstrap, seed=args.seed, threshold=args.threshold
        )  # fmt: skip
    except NoPositivesError as error:
        raise NoPositivesError(f"{args.file}: {error}") from error
    if args.csv:
        write_csv(args.csv, found["classes"])
    if args.json:
        write_json(args.json, found)
    known = NUMBERS[results.task]
    say(*lines(found, [key for name in args.eval or known for key in known[name]]))
    if args.per_class:
        say(*TABLES[results.task](found["classes"]))
    if page:
        write_video_page(page, results, chosen=chosen, found=found)
        say(f"report: {page}")


def lines(found: dict[str, Any], keys: list[str]) -> list[str]:
    """What is printed of ``score``: these numbers."""
    missing = found["num_listed"] - found["num_videos"]
    listed = f" of {found['num_listed']:,}" if missing else ""
    note = f"; {missing:,} unreadable" if missing else ""
    text = [
        f"{found['num_videos']:,}{listed} videos, {len(found['clips'])} x {len(found['crops'])} of "
        f"{found['of_clips']} x {found['of_crops']} views each, "
        f"{TAKEN[found['average_clips']]}{note}"
    ]
    for key in keys:
        ends = found["intervals"].get(key)
        note = f"  (95 %: {ends[0]:.5f} to {ends[1]:.5f})" if ends else ""
        name = f"f1 at {found['threshold']:g}" if key == "f1" else key
        text.append(f"{name.ljust(19)}  {found[key]:.5f}{note}")
    return text


def accuracy_lines(classes: list[dict[str, Any]]) -> list[str]:
    """A table, lowest accuracy first."""
    width = max(len(row["name"]) for row in classes)
    ordered = sorted(classes, key=lambda row: (row["accuracy"], row["class"]))
    return [
        f"{row['class']:>5}  {row['name'].ljust(width)}  {row['accuracy']:.5f}  "
        f"{row['right']} of {row['videos']}"
        for row in ordered
    ]


def precision_lines(classes: list[dict[str, Any]]) -> list[str]:
    """A table, lowest average precision first."""
    width = max(len("name"), *(len(row["name"]) for row in classes))
    numbers = ("AP", "AP_charades", "precision", "recall", "f1")
    head = f"class  {'name'.ljust(width)}  videos  {'  '.join(name.rjust(7) for name in numbers)}"
    rows = [
        f"{row['class']:>5}  {row['name'].ljust(width)}  {row['positives']:>6}  "
        + "  ".join(f"{row[name]:.5f}".rjust(max(len(name), 7)) for name in numbers)
        for row in sorted(classes, key=lambda row: (row["AP"], row["class"]))
    ]
    return [head, *rows]


TABLES = {"single": accuracy_lines, "multi": precision_lines}


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.score", __doc__)
    add = parser.add_argument
    add("file", metavar="FILE.npz", type=Path, help="the file that --test --out wrote")
    add("--eval", choices=ALL_NUMBERS, metavar="METRIC", nargs="+",
        help="what is printed (default: all): "
        f"{', '.join(NUMBERS['single'])}; of several labels a video {', '.join(NUMBERS['multi'])}"
    )  # fmt: skip
    add("--clips", type=_clips, metavar="N|middle",
        help="use fewer clips: N must divide the file's number (1: the clip at the start); "
        "middle: the middle clip")  # fmt: skip
    add("--crops", type=int, choices=(1, 3), help="1: the centre crop of 3")
    add("--average-clips", choices=tuple(MEANING),
        help="the views' mean (prob) or highest (max) probabilities; of a file of logits only "
        "score")  # fmt: skip
    add("--threshold", type=_share, metavar="P",
        help="with several labels a video: the probability from which on a class counts as "
        "predicted, for F1 (default: the test's)")  # fmt: skip
    add("--per-class", action="store_true",
        help="a table, lowest accuracy or average precision first")  # fmt: skip
    add("--csv", type=Path, metavar="FILE", help="write the classes to a file")
    add("--json", type=Path, metavar="FILE", help="write all numbers to a file")
    add("--report", type=Path, metavar="DIR",
        help="write DIR/report.html, a page of what the network does well and badly "
        "(docs/report.md)")  # fmt: skip
    add("--bootstrap", type=whole_number(0, 10**6), default=1000, metavar="N",
        help="number of draws for the 95 %% intervals (default 1000; 0: no intervals)")  # fmt: skip
    add("--seed", type=whole_number(0), default=0, help="seed of the draws")
    return parser.parse_args(argv)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _clips(text: str) -> str:
    if text != "middle":
        whole_number(1)(text)
    return text


if __name__ == "__main__":
    sys.exit(main())
