"""Charades (Sigurdsson et al. 2016): what happens in its videos, and when.

Its own csv has the seconds of each action. PySlowFast's list has the classes of each frame, of
those that the data set has at 24 frames/s.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from slowfast.data.lists.annotations import Listed, csv_rows
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Action
from slowfast.log import logger

NUM_CLASSES = 157
FPS = 24
"""Of the data set's frame folders."""
CLASS = re.compile(r"c\d{3}", re.ASCII)
FRAMES = ("original_vido_id", "labels")
"""Columns of PySlowFast's list, as it spells them."""
VIDEOS = ("id", "actions", "length")


def charades(source: Path) -> list[Listed]:
    """Charades by its csv, or by PySlowFast's list of frames: ROOT/ID.mp4, or a folder ROOT/ID.

    CSV: Charades_v1_train.csv or Charades_v1_test.csv, with the columns id, actions ('c092 11.90
    21.20;c147 0.00 12.60') and length; or train.csv or val.csv of PySlowFast, with a line for each
    frame: 'original_vido_id video_id frame_id path labels'. LIST must end with .jsonl: it has the
    times of the actions. Frames are ROOT/ID/ID-000001.jpg and on, 24 a second; they are read with
    data.frame_pattern={name}-{:06d}.jpg data.frame_fps=24. data.labels=charades names the classes.
    """
    with open(source, encoding="utf-8-sig", errors="replace") as file:
        is_of_frames = file.readline().startswith(FRAMES[0])
    return _by_frames(source) if is_of_frames else _by_videos(source)


def _by_videos(source: Path) -> list[Listed]:
    """By the data set's own csv. Times are cut to the video's length, as its authors advise; where
    that or the csv leaves none, an action lasts an instant."""
    found, num_late, num_turned = [], 0, 0
    places: dict[str, str] = {}
    for (name, text, said), where in csv_rows(source, VIDEOS, empty=("actions",)):
        if (first := places.setdefault(name, where)) != where:
            raise ListError(f"{where}: the video {name} is there twice, first in {first}")
        length = _number(said, where)
        actions = [_action(part, where) for part in text.split(";") if part.strip()]
        num_late += sum(action.end > length for action in actions)
        num_turned += sum(action.end < action.start for action in actions)
        within = (
            Action(label, min(start, length), min(max(start, end), length))
            for label, start, end in actions
        )
        found.append(Listed((name,), tuple(sorted({a.label for a in actions})), tuple(within)))
    if num_late or num_turned:
        logger.info(
            f"{source}: {num_late:,} actions end after their video, and are cut to its length; "
            f"{num_turned:,} end before they start, and last an instant"
        )
    return found


def _action(text: str, where: str) -> Action:
    fields = text.split()
    if len(fields) != 3 or not CLASS.fullmatch(fields[0]):
        raise ListError(f"{where}: not an action, as 'c092 11.90 21.20': {text!r}")
    label, start, end = fields
    return Action(_class(label[1:], where), _number(start, where), _number(end, where))


def _class(text: str, where: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or int(text) >= NUM_CLASSES:
        raise ListError(f"{where}: class {text[:40]!r} is not in 0..{NUM_CLASSES - 1}")
    return int(text)


def _number(text: str, where: str) -> float:
    """Seconds from 0 on."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ListError(f"{where}: not a time in seconds: {text!r}")
    return seconds


def _by_frames(source: Path) -> list[Listed]:
    """By PySlowFast's list: an action lasts from the first to the last of frames in a row that have
    its class, which are counted as they are listed."""
    known: dict[str, set[int]] = {}  # there are millions of lines
    counts: dict[str, int] = defaultdict(int)
    runs: dict[str, dict[int, list[list[int]]]] = defaultdict(dict)
    for (name, text), where in csv_rows(source, FRAMES, empty=("labels",), marks=" "):
        frame = counts[name]
        counts[name] += 1
        if text not in known:
            known[text] = {_class(label, where) for label in text.split(",") if text}
        for label in known[text]:
            of_label = runs[name].setdefault(label, [])
            if of_label and of_label[-1][1] == frame - 1:
                of_label[-1][1] = frame
            else:
                of_label.append([frame, frame])
    return [
        Listed((name,), tuple(sorted(runs[name])), tuple(_timed(runs[name])), count)
        for name, count in counts.items()
    ]


def _timed(runs: dict[int, list[list[int]]]) -> Iterator[Action]:
    for label, spans in sorted(runs.items()):
        for first, last in spans:
            yield Action(label, round(first / FPS, 4), round(last / FPS, 4))
