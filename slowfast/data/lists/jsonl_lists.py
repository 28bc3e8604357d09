"""Lists of JSON objects: what a line says, and the line of a sample.

A line of a ``.jsonl`` list is an object; all but ``path`` may be left out::

    {"path": "x.mp4", "labels": [3, 17]}                          several labels, or none: []
    {"path": "x.mp4", "label": 3, "start": 1.5, "end": 9.0}       a part of a video, in seconds
    {"path": "x", "num_frames": 120, "actions": [[3, 1.5, 4.0]]}  a label, and when it is seen

Here is what a line means by itself; ``read_lists`` knows the files. Each fault is a ValueError
whose message says what is wrong.
"""

import json
import math
from typing import Any

from slowfast.data.lists.text_lists import Look, Place
from slowfast.data.samples import Action, Label, Sample, rising
from slowfast.data.strict_json import parsed
from slowfast.data.video.reader import ROUNDING

KEYS = ("path", "label", "labels", "num_frames", "start", "end", "actions")
LONGEST = 1e9
"""Seconds, more than any video has."""


def sample_of(line: str, num_classes: int, task: str, place: Place, look: Look) -> Sample:
    """What a line says; its path is where the video is. ``task`` is ``train.task``, or empty: one
    label or several, as the line has it, or none."""
    row = _object(line)
    if "path" not in row and "key" in row:
        raise ValueError("a line of results, not of a list of videos: name the videos themselves")
    if odd := next((key for key in row if key not in KEYS), None):
        raise ValueError(f"unknown key {odd!r} (there are {', '.join(KEYS)})")
    path, count = row.get("path"), row.get("num_frames")
    if type(path) is not str or not _is_name(path):
        raise ValueError(f'"path" must be the path of a video, not {path!r}')
    if count is not None and (type(count) is not int or count < 1):
        raise ValueError(f'"num_frames" must be a number from 1, not {count!r}')
    start, end = (None if row.get(key) is None else _seconds(row[key]) for key in ("start", "end"))
    if end is not None and end <= (start or 0):
        raise ValueError(f"the part ends at {end:g} s, and starts at {start or 0:g} s")
    if start is not None and start <= ROUNDING:  # the same frames, so the same part
        start = None
    actions = _actions(row.get("actions", []), num_classes)
    there = look(place(path)) if count else None
    if there and not there.is_dir():
        raise ValueError(f'"num_frames" is for a folder of frames, and {path} is a file')
    own = tuple(a for a in actions if _is_in(a, start or 0.0, math.inf if end is None else end))
    label = _label_of(row, own, num_classes, task)
    if isinstance(label, tuple):  # without those that are seen in other parts alone
        lost = {a.label for a in actions} - {a.label for a in own}
        label = tuple(one for one in label if one not in lost)
    return Sample(place(path), label, count, start, end, own)


def _is_in(action: Action, start: float, end: float) -> bool:
    """Whether an action counts for a part: it overlaps by more than the rounding of times, fills
    the part, or is an instant of it. One that ends where the part begins is of the part before."""
    if action.end - action.start <= ROUNDING:
        return start <= action.start < end
    is_whole = action.start <= start and end <= action.end
    return is_whole or min(action.end, end) - max(action.start, start) > ROUNDING


def line_of(sample: Sample) -> str:
    """The line of a sample; what it does not have is left out."""
    row: dict[str, Any] = {"path": sample.path}
    if sample.label != -1:
        row["labels" if isinstance(sample.label, tuple) else "label"] = sample.label
    told = {"num_frames": sample.num_frames, **sample.times, "actions": sample.actions or None}
    row |= {key: value for key, value in told.items() if value is not None}
    return json.dumps(row, ensure_ascii=False)


def _object(line: str) -> dict[str, Any]:
    row = parsed(line)
    if not isinstance(row, dict):
        raise ValueError('no JSON object: a line is {"path": "x.mp4", ...}')
    return row


def _label_of(
    row: dict[str, Any], actions: tuple[Action, ...], num_classes: int, task: str
) -> Label:
    several = next((key for key in ("labels", "actions") if key in row), "")
    if "label" in row:
        if task == "multi" or several:
            raise ValueError('"label" is for train.task=single: give "labels": [3] for multi')
        return rising([row["label"]], num_classes)[0]
    if task == "single":
        what = f'"{several}" is for train.task=multi' if several else 'no "label"'
        raise ValueError(f'{what}: give "label": 3 for train.task=single')
    if not several:
        return () if task == "multi" else -1
    seen = {label for label, *_ in actions}
    if "labels" not in row:
        return tuple(sorted(seen))
    if type(row["labels"]) is not list:
        raise ValueError(f'"labels" must be a list, as [3, 17], not {row["labels"]!r}')
    labels = rising(row["labels"], num_classes)
    if lacking := sorted(seen - {*labels}):
        raise ValueError(f'"actions" have label {lacking[0]}, and "labels" do not')
    return labels


def _actions(value: Any, num_classes: int) -> tuple[Action, ...]:
    if type(value) is not list:
        raise ValueError(f'"actions" must be a list, as [[3, 1.5, 4.0]], not {value!r}')
    found = []
    for action in value:
        if type(action) is not list or len(action) != 3:
            raise ValueError(f"an action is [label, start, end], as [3, 1.5, 4.0], not {action!r}")
        (label,) = rising(action[:1], num_classes)
        start, end = map(_seconds, action[1:])
        if end < start:
            raise ValueError(f"the action {action!r} ends before it starts")
        found.append(Action(label, start, end))
    return tuple(found)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= LONGEST:
        raise ValueError(f"a time must be a number of seconds from 0, not {value!r}")
    return float(value)


def _is_name(path: str) -> bool:
    """Whether a path can be one of a list: bytes that are not UTF-8 are kept as in PEP 383."""
    try:
        path.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return bool(path) and not {*path} & {*"\0\n\r"}
