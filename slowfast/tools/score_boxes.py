"""Scores boxes with actions in AVA's form, of whatever network, against annotations.

    python -m slowfast.tools.score_boxes detections.csv --annotations ava_val_v2.2.csv \\
        --excluded ava_val_excluded_timestamps_v2.2.csv --actions ava60

    python -m slowfast.tools.score_boxes scores.npz --annotations ava_val_v2.2.csv --report DIR

A line of the file is video,time,x1,y1,x2,y2,action,score, corners as shares of the picture; a test
writes such a file (detections.csv; with detection.rule=mmaction2 without the scores up to 0.002,
which the other rules count), and so do PySlowFast and mmaction2. What --test --out wrote has all
scores, and knows the annotations, which key frames are excluded and which actions count; a page
with its numbers and key frames is made of it. Without the network, and without Paddle: average
precision by the rule of each of these, and by that of ActivityNet.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slowfast.cli.command import new_parser, run
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.score_files import Files, annotations_of, read_files, score
from slowfast.evaluate.scores import REPORT, require_report_place
from slowfast.files import write_csv, write_json
from slowfast.log import say, table
from slowfast.metrics.average_precision import NoPositivesError
from slowfast.metrics.frame_map import RULES, WRONG_NUMBERS
from slowfast.places import require_unread


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr if a file cannot be used so."""
    args = parse_args(argv)
    return run(lambda: score_boxes(args), hint="")


def score_boxes(args: argparse.Namespace) -> None:
    """Reads the files, and tells or writes what is asked for."""
    annotations = args.annotations or annotations_of(args.file)
    page = args.report and args.report / REPORT
    read = args.file, annotations, args.excluded, args.actions
    for path, *others in ((args.json, args.csv, page), (args.csv, page), (page,)):
        if path:
            require_unread(path, (*read, *others))
    if page and args.file.suffix != ".npz":
        raise ResultsError(
            f"{args.file}: a report (--report) is made of the .npz of a test (--test --out), which "
            "knows the videos"
        )
    files = read_files(args.file, annotations, args.excluded, args.actions)
    if page:
        require_report_place(page)
    try:
        numbers, classes = score(files, args.rule or [*RULES])
    except NoPositivesError as error:
        raise NoPositivesError(f"{annotations}: {error}") from error
    if args.csv:
        write_csv(args.csv, classes)
    if args.json:
        write_json(args.json, {**numbers, "classes": classes})
    say(*lines(files, numbers, classes))
    if args.per_class:
        order = next(iter(numbers["mAP"]))
        rows = [row for row in classes if row["annotated"]]
        say(*table(sorted(rows, key=lambda row: (row[order] or 0.0, row["number"]))))
    if page:
        from slowfast.evaluate.html.box_page import write_box_page  # here: readers of videos

        write_box_page(page, files, numbers, (args.rule or [None])[0])
        say(f"report: {page}")


def lines(files: Files, numbers: Mapping[str, Any], classes: list[dict[str, Any]]) -> list[str]:
    """What is printed, without the table of the actions."""
    excluded = int(files.frames.is_excluded.sum())
    text = [
        f"{len(files.found.boxes):,} actions of boxes found, {len(files.truth.boxes):,} annotated; "
        f"{files.frames.is_listed.sum():,} key frames are annotated, {excluded:,} excluded"
    ]
    if any(files.ignored):
        text.append(
            f"not counted, of other actions: {files.ignored[0]:,} found, {files.ignored[1]:,} "
            "annotated"
        )
    if files.untested:
        text.append(f"not counted: {files.untested:,} annotated key frames that the test left out")
    if none := [_called(row) for row in classes if not row["annotated"]]:
        text.append(
            f"{len(none)} of {len(classes)} actions are not annotated and have no average "
            f"precision: {', '.join(none)}"
        )
    text += [f"{rule.ljust(13)}  mAP {value:.5f}" for rule, value in numbers["mAP"].items()]
    recall = numbers["recall"]
    text.append(f"{'recall'.ljust(13)}      {'none' if recall is None else f'{recall:.5f}'}")
    if recall and not any(numbers["mAP"].values()):
        found, annotated = (
            f"{rows.classes.min()} to {rows.classes.max()}" for rows in (files.found, files.truth)
        )
        text.append(f"{WRONG_NUMBERS} (found: {found}, annotated: {annotated})")
    return text


def _called(row: Mapping[str, Any]) -> str:
    return f"{row['number']} {row.get('name', '')}".rstrip()


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.score_boxes", __doc__)
    add = parser.add_argument
    add("file", metavar="FILE", type=Path,
        help="what is scored: a .csv, or the .npz of --test --out")  # fmt: skip
    add("--annotations", metavar="FILE", type=Path,
        help="the annotations, video,time,x1,y1,x2,y2,action[,person] a line (default: those of "
        "the .npz)")  # fmt: skip
    add(
        "--excluded",
        metavar="FILE",
        type=Path,
        help="key frames to leave out, video,time a line (default: those of the .npz)",
    )
    add("--actions", metavar="FILE|ava60",
        help="action list (.pbtxt or text) whose actions count, or those 60 of AVA's benchmark "
        "(default: those of the .npz, else all in the files)")  # fmt: skip
    add("--rule", choices=tuple(RULES), nargs="+", help="whose average precision (default: all)")
    add("--per-class", action="store_true", help="a table, lowest average precision first")
    add("--csv", type=Path, metavar="FILE", help="write the actions to a file")
    add("--json", type=Path, metavar="FILE", help="write all numbers to a file")
    add("--report", type=Path, metavar="DIR",
        help="write DIR/report.html, a page with the numbers by one rule (the first --rule; "
        "default: that of the test) and the key frames of mistakes")  # fmt: skip
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
