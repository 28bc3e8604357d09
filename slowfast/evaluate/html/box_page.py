"""The report of a test of boxes, one HTML page: its numbers by one rule, and key frames with the
boxes that were found and those that are annotated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from slowfast.config import Config
from slowfast.data.samples import Corners, seconds_text
from slowfast.evaluate.box_examples import Example, missed, wrong_answers
from slowfast.evaluate.box_facts import (
    DRAWS,
    LEAST_VIDEOS,
    MISTAKES,
    by_crowd,
    by_size,
    class_facts,
    intervals_of,
    mistake_counts,
)
from slowfast.evaluate.html.html_page import count, write_page
from slowfast.evaluate.html.key_strips import Strips
from slowfast.evaluate.html.run_rows import rows_of_run
from slowfast.evaluate.mistakes import best_and_worst
from slowfast.evaluate.score_files import Files
from slowfast.log import Progress
from slowfast.metrics.frame_map import LEAST, RULES, Matched

MOST = 10
"""Of the best classes, and of the worst."""
MOST_UNREADABLE = 200


def write_box_page(
    path: Path, files: Files, numbers: Mapping[str, Any], rule: str | None = None
) -> str:
    """Writes the report; returns its rule.

    Args:
        files: of the .npz of a test.
        numbers: what ``score_files.score`` says of them, by the rule of the report and others.
        rule: None: that of the test.

    Raises:
        ConfigError: the config of the test is not understood.
        OSError: the disk is full, or similar; names ``path``.
    """
    facts = facts_of(files, numbers, rule)
    write_page(path, "box_page.html", facts)
    return str(facts["rule"])


def facts_of(files: Files, numbers: Mapping[str, Any], rule: str | None = None) -> dict[str, Any]:
    """What the page says, by name."""
    assert files.test is not None
    test, cfg = files.test, files.test.settings()
    rule = rule or cfg.detection.rule
    matches = files.matches(rule)
    intervals, num_videos = intervals_of(files, matches, rule)
    threshold = cfg.test.threshold
    classes = class_facts(files, matches, rule, intervals.classes, threshold)
    best, worst = best_and_worst(classes, "AP", MOST)
    wrong, left_out = wrong_answers(files, matches, rule), missed(files, matches)
    shown = _Shown(cfg, test.run, len(wrong) + len(left_out))
    cards = [[shown.card(each) for each in own] for own in (wrong, left_out)]
    shown.finish()
    return {
        "title": _title(cfg, test.run),
        "mAP": numbers["mAP"][rule],
        "interval": intervals.mean,
        "draws": DRAWS,
        "least_videos": LEAST_VIDEOS,
        "recall": numbers["recall"],
        "rule": rule,
        "rule_text": rule_text(rule),
        "others": {name: value for name, value in numbers["mAP"].items() if name != rule},
        "num_read": len(test.moments),
        "num_listed": test.num_listed,
        "num_excluded": int(test.excluded.sum()),
        "num_videos": num_videos,
        "num_boxes": len(test.boxes),
        "num_annotated": sum(row["annotated"] for row in classes),
        "threshold": threshold,
        "classes": classes,
        "without": [row["name"] for row in classes if not row["annotated"]],
        "best": bars(best, "AP", "annotated", "of {}"),
        "worst": bars(worst, "AP", "annotated", "of {}"),
        "parts": [
            (title, bars(rows, "mAP", "count", f"of {{}} {what}"), rows[0]["classes"])
            for title, what, rows in (
                ("mAP by the size of the annotated box", "boxes", by_size(files, matches, rule)),
                (
                    "mAP by the annotated persons in a key frame",
                    "key frames",
                    by_crowd(files, matches, rule),
                ),
            )
            if rows
        ],
        **_mistakes(files, matches, rule, threshold),
        "wrong": cards[0],
        "missed": cards[1],
        "unreadable": test.unreadable[:MOST_UNREADABLE],
        "num_unreadable": len(test.unreadable),
        "run": rows_of_run(test.run, yaml.safe_load(test.config), "key frames", 1),
        "config": test.config.splitlines(),
    }


def bars(
    rows: Sequence[Mapping[str, Any]], share: str, number: str, note: str
) -> list[dict[str, Any]]:
    """Rows as the page's bars: what is at ``share``, and behind it what is at ``number``."""
    return [
        {"name": row["name"], "share": row[share], "note": note.format(count(row[number]))}
        for row in rows
    ]


def _mistakes(
    files: Files, matches: Sequence[Matched], rule: str, threshold: float
) -> dict[str, Any]:
    """How many answers of the ``threshold`` there are, and right ones; and why the others are
    wrong, as bars of their share in all wrong ones."""
    counts = mistake_counts(files, matches, rule, threshold)
    answers, right = sum(counts.values()), counts["right"]
    why = [
        {
            "name": text,
            "share": counts[kind] / (answers - right),
            "note": f"{count(counts[kind])} answers",
        }
        for kind, text in MISTAKES.items()
        if answers > right
    ]
    return {"num_answers": answers, "num_right": right, "why": why}


def rule_text(rule: str) -> str:
    """What a rule of average precision counts, see ``RULES``."""
    own = RULES[rule]
    counted = f"Of a key frame the {own.most} surest answers count." if own.most else ""
    if own.rounds:
        counted = f"Answers that score more than {LEAST:g} count."
    elsewhere = {
        "all": "In key frames without annotations every answer is wrong.",
        "listed": "Key frames that the annotations do not name are ignored.",
        "annotated": "Key frames without an annotation of these actions are ignored.",
    }[own.frames]
    excluded = {
        "counted": "Excluded key frames count as any other.",
        "skipped": "Excluded key frames are left out.",
        "missed": "In excluded key frames all annotations count as missed.",
    }[own.excluded]
    never = "An action that is never found is not in the mean." if own.needs_found else ""
    first = "surer" if own.sorts else "earlier"
    text = (
        "An answer is an action in a box that was found. It is right if the box overlaps an "
        "annotated box of that action by half (intersection over union) that no "
        f"{first} answer has taken.",
        counted, elsewhere, excluded, never,
    )  # fmt: skip
    return " ".join(filter(None, text))


def _title(cfg: Config, run: Mapping[str, Any]) -> str:
    name = Path(str(run.get("weights") or "")).name or "A detector"
    return f"{name} on {Path(cfg.data.test_list or cfg.data.val_list).name}"


class _Shown:
    """Makes what the page shows of key frames."""

    def __init__(self, cfg: Config, run: Mapping[str, Any], total: int) -> None:
        self._strips, self._done = Strips(cfg, run), 0
        self._progress = Progress("pictures for the report", total)

    def finish(self) -> None:
        """Ends the progress."""
        self._progress.finish()

    def card(self, each: Example) -> dict[str, Any]:
        """What is shown of a key frame."""
        video, time = each.moment
        strip = self._strips.of(each.moment)
        self._done += 1
        self._progress.update(self._done)
        found = [
            _mark(own.corners, place == each.box, [f"{name} {_percent(score)}"
                                                   for name, score in own.actions])
            for place, own in enumerate(each.found)
        ]  # fmt: skip
        annotated = [
            _mark(own.corners, place == each.own, own.actions)
            for place, own in enumerate(each.annotated)
        ]
        return {
            "strip": strip, "video": video, "time": seconds_text(time), "action": each.action,
            "score": each.score, "why": each.why, "found": found, "annotated": annotated,
        }  # fmt: skip


def _mark(corners: Corners, is_meant: bool, texts: Sequence[str]) -> dict[str, Any]:
    """A box as the page draws it, shares of the picture."""
    x1, y1, x2, y2 = (min(max(value, 0.0), 1.0) for value in corners)
    return {
        "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "is_meant": is_meant,
        "texts": [*texts],
    }  # fmt: skip


def _percent(score: float) -> str:
    return f"{100 * score:.0f}\N{NO-BREAK SPACE}%"
