"""Scores boxes with actions in AVA's form, of whatever network, against annotations.

    python -m slowfast.tools.score_boxes detections.csv --annotations ava_val_v2.2.csv \\
        --excluded ava_val_excluded_timestamps_v2.2.csv --actions ava60

A line of the file is video,time,x1,y1,x2,y2,action,score, corners as shares of the picture; a test
writes such a file (detections.csv), and so do PySlowFast and mmaction2. Without the network, and
without Paddle: average precision by the rule of each of these, and by that of ActivityNet.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast.cli.command import new_parser, run
from slowfast.data.boxes.action_lists import actions_of
from slowfast.data.boxes.ava import in_order, shown
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.scored_boxes import ScoredBoxes, read_scored
from slowfast.data.lists import ListError
from slowfast.errors import UserError
from slowfast.evaluate.box_report import table
from slowfast.files import write_csv, write_json
from slowfast.metrics.average_precision import NoPositivesError
from slowfast.metrics.frame_map import (
    RULES,
    Boxes,
    Frames,
    as_mmaction2_writes,
    frame_map_numbers,
)
from slowfast.overlap import Numbers


class Files(NamedTuple):
    """What the files say."""

    found: Boxes
    truth: Boxes
    frames: Frames
    actions: dict[int, str]
    """The names of the actions that are scored, by number."""
    ignored: tuple[int, int]
    """Rows found and annotated of other actions."""


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr if a file cannot be used so."""
    args = parse_args(argv)
    return run(lambda: score_boxes(args), hint="")


def score_boxes(args: argparse.Namespace) -> None:
    """Reads the files, and tells or writes what is asked for."""
    for path in filter(None, (args.json, args.csv)):
        own = (args.file, args.annotations, args.excluded)
        if path.is_dir() or (path.exists() and any(map(path.samefile, filter(None, own)))):
            raise UserError(f"{path} is a folder or a file that is read: name another")
    files = read_files(args)
    try:
        numbers, classes = score(files, args.rule or [*RULES])
    except NoPositivesError as error:
        raise NoPositivesError(f"{args.annotations}: {error}") from error
    if args.csv:
        write_csv(args.csv, classes)
    if args.json:
        write_json(args.json, {**numbers, "classes": classes})
    print("\n".join(lines(files, numbers, classes)))
    if args.per_class:
        order = next(iter(numbers["mAP"]))
        rows = [row for row in classes if row["annotated"]]
        print("\n".join(table(sorted(rows, key=lambda row: (row[order] or 0.0, row["number"])))))


def read_files(args: argparse.Namespace) -> Files:
    """Reads the files.

    Raises:
        ListError: one is missing or not understood, or they have no key frame in common.
    """
    moments: dict[Moment, int] = {}
    truth = read_scored(args.annotations, moments, has_scores=False)
    listed = len(moments)
    found = read_scored(args.file, moments, has_scores=True)
    if len(found.frames) and not (found.frames < listed).any():
        first, other = ([*moments][place] for place in (0, found.frames[0]))
        raise ListError(
            f"{args.file}: none of its key frames is one of {args.annotations}: the first is "
            f"{shown(other)} here, and {shown(first)} there"
        )
    excluded: dict[Moment, int] = {}
    if args.excluded and len(read_scored(args.excluded, excluded, has_scores=False).frames):
        raise ListError(f"{args.excluded}: has boxes, and should have lines 'video,time' alone")
    actions = dict.fromkeys(np.unique(np.concatenate((truth.actions, found.actions))).tolist(), "")
    if args.actions:
        actions = actions_of(args.actions)
    # As a test has them: of equal scores in two frames the order tells which comes first.
    ordered = in_order(moments)
    place = np.empty(len(moments), np.int32)
    place[[moments[moment] for moment in ordered]] = np.arange(len(moments))
    frames = Frames(
        np.array([moments[moment] < listed for moment in ordered]),
        np.array([moment in excluded for moment in ordered]),
    )
    both = [_scored(rows, place, actions) for rows in (found, truth)]
    if not len(both[1].boxes):
        raise ListError(
            f"{args.annotations}: none of its {len(truth.frames):,} actions of boxes is one of "
            f"those that count (--actions {args.actions})"
        )
    ignored = len(found.frames) - len(both[0].boxes), len(truth.frames) - len(both[1].boxes)
    return Files(both[0], both[1], frames, actions, ignored)


def _scored(rows: ScoredBoxes, place: Numbers, actions: Mapping[int, str]) -> Boxes:
    """The rows whose actions count."""
    chosen = np.flatnonzero(np.isin(rows.actions, [*actions]))
    return Boxes(
        place[rows.frames], rows.corners, chosen, rows.actions[chosen], rows.scores[chosen]
    )  # fmt: skip


def score(files: Files, rules: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The numbers, average precision by rule; and a row for each action.

    Raises:
        NoPositivesError: no box is annotated with one of the actions.
    """
    numbers: dict[str, Any] = {"mAP": {}}
    found, truth = files.found, files.truth
    classes: list[dict[str, Any]] = [
        {
            "number": number,
            **({"name": name} if any(files.actions.values()) else {}),
            "annotated": int(np.count_nonzero(truth.classes == number)),
            "found": int(np.count_nonzero(found.classes == number)),
        }
        for number, name in files.actions.items()
    ]
    for rule in rules:
        rows = as_mmaction2_writes(found) if RULES[rule].is_mmaction2 else found
        own, of_classes = frame_map_numbers(rows, truth, files.frames, [*files.actions], rule)
        numbers["mAP"][rule] = own["mAP"]
        numbers["recall"] = own["recall"]
        for row, of_class in zip(classes, of_classes, strict=True):
            known = not np.isnan(of_class.precision)
            row[rule] = of_class.precision if known else None
    return numbers, classes


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
    if none := [_called(row) for row in classes if not row["annotated"]]:
        text.append(
            f"{len(none)} of {len(classes)} actions are not annotated and have no average "
            f"precision: {', '.join(none)}"
        )
    text += [f"{rule.ljust(13)}  mAP {value:.5f}" for rule, value in numbers["mAP"].items()]
    return [*text, f"{'recall'.ljust(13)}      {numbers['recall']:.5f}"]


def _called(row: Mapping[str, Any]) -> str:
    return f"{row['number']} {row.get('name', '')}".rstrip()


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.score_boxes", __doc__)
    add = parser.add_argument
    add("file", metavar="DETECTIONS.csv", type=Path, help="what is scored")
    add("--annotations", metavar="FILE", type=Path, required=True,
        help="the annotations, video,time,x1,y1,x2,y2,action[,person] a line")  # fmt: skip
    add("--excluded", metavar="FILE", type=Path, help="key frames to leave out, video,time a line")
    add("--actions", metavar="FILE|ava60",
        help="action list (.pbtxt or text) whose actions count, or those 60 of AVA's benchmark "
        "(default: all in the files)")  # fmt: skip
    add("--rule", choices=tuple(RULES), nargs="+", help="whose average precision (default: all)")
    add("--per-class", action="store_true", help="a table, lowest average precision first")
    add("--csv", type=Path, metavar="FILE", help="write the actions to a file")
    add("--json", type=Path, metavar="FILE", help="write all numbers to a file")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
