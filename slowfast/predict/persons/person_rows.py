"""The rows of people and what they do: a video's key frames, kept as they come, see
``row_journal.py``; ``FILE.csv`` with their actions, in AVA's form, for an evaluation; and
``FILE.boxes.jsonl`` with their boxes, for a training or a test.

Legend: K boxes of a key frame, A actions.
"""

import base64
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slowfast import distributed
from slowfast.data.boxes.boxes_jsonl import write_boxes
from slowfast.data.boxes.scored_boxes import write_scored
from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.errors import printable
from slowfast.journal import Entry
from slowfast.log import logger, say
from slowfast.metrics.accuracy import name_of
from slowfast.predict.answer import WIDEST
from slowfast.predict.box_rows import Scored
from slowfast.predict.persons.box_sources import names_of
from slowfast.predict.persons.key_rows import KeyFrameRows, KeyPart
from slowfast.predict.persons.person_actions import (
    AnswerSettings,
    Found,
    actions_of_persons,
    joined,
)
from slowfast.predict.row_journal import PART, RowJournal
from slowfast.predict.timeline.timeline_files import short_clock

ALL = -1.0
"""Below all scores: an evaluation of FILE.csv then comes to the number of a test."""
PERSONS, ACTIONS = 10, 4
"""That are printed of a video, and of each person, at most."""


class PersonRows(RowJournal):
    """The rows of a run, see ``infer_boxes``.

    Args:
        digest: of the weights, the settings, and where boxes come from.
        about: where these come from, for people.
    """

    def __init__(
        self, out: Path, samples: list[Sample], digest: str, settings: AnswerSettings, about: str
    ) -> None:
        self._settings, self._about = settings, about
        super().__init__(out, samples, digest)
        self.known: dict[int, int] = distributed.on_first(
            lambda: {i: sum(len(part.keys) for part in self._parts(i)) for i in self.todo}
        )
        """How many key frames are kept of the videos that are ``todo``."""

    def add(self, index: int, first: int, part: KeyPart) -> None:
        """Keeps key frames of a video, the first of which is number ``first``."""
        _, state = self.todo[index]
        self._journal.add(f"{self._part_key(index, state)} {first}", _entry(part))
        if part.is_last:
            self.keep(index, {"num_keys": first + len(part.keys)})

    def found(self, index: int) -> Found | str:
        """What is found in a video, or why it cannot be read; in process 0, once it is there."""
        entry = self.entry(index)
        if "error" in entry:
            return str(entry["error"])
        return joined([*self._parts(index, entry["state"])])

    def _part_key(self, index: int, state: Any) -> str:
        return f"{self._keys[index]}{PART}{'-'.join(map(str, state or ()))}"

    def _parts(self, index: int, state: Any = None) -> Iterator[KeyPart]:
        """What is kept of a video from its first key frame on, without a gap."""
        key, first = self._part_key(index, state or self.todo[index][1]), 0
        while entry := self._journal.get(f"{key} {first}"):
            yield (part := _part(entry))
            first += len(part.keys)
            if part.is_last or not part.keys:
                return

    def text(self, index: int) -> str:
        found, path = self.found(index), printable(self._samples[index].shown)
        if isinstance(found, str):
            return f"{path}\n  not read: {printable(found)}"
        return path + "".join(_summary(found, self._settings))

    def row(self, index: int) -> dict[str, Any]:
        found, row = self.found(index), self.head(index)
        if isinstance(found, str):
            return row | {"error": found}
        height, width = found.size
        return row | {
            "width": width, "height": height, "fps": round(found.video.fps, 4),
            "duration": round(found.video.length, 3), "boxes_from": self._about,
            "threshold": self._settings.threshold,
            "key_frames": [
                self._key_frame(key, persons, found.size)
                for key, persons in zip(found.keys, found.persons, strict=True)
            ],
        }  # fmt: skip

    def _key_frame(
        self, key: KeyFrameRows, persons: list[int], size: tuple[int, int]
    ) -> dict[str, Any]:
        height, width = size
        people = []
        for box, person, row_A in zip(key.boxes, persons, key.rows, strict=True):
            pixels = [x * y for x, y in zip(box.corners, (width, height) * 2, strict=True)]
            actions = [
                {
                    "class": action, "label": name_of(action, self._settings.labels),
                    "probability": round(value, 4),
                }
                for action, value in self._settings.actions(row_A)
            ]  # fmt: skip
            people.append({
                "person": person, "box": [round(x, 1) for x in pixels],
                "box_shares": [round(x, 4) for x in box.corners],
                "box_score": round(box.score, 4), "actions": actions,
            })  # fmt: skip
        return {"time": key.time, "seconds": round(key.seconds, 3), "persons": people}

    def _write(self) -> int:
        unread = super()._write()
        detections, boxes = written_beside(self._out)
        write_scored(detections, self._scored(), list(self._settings.ids), ALL)
        write_boxes(boxes, (key for key, _ in self._scored()))
        for path in (detections, boxes):
            say(path)
        paths = {os.path.abspath(sample.path): names_of(sample)[0] for sample in self._samples}
        name, count = Counter(paths.values()).most_common(1)[0]
        if count > 1:
            logger.warning(
                f"{count:,} videos are called {printable(name)}: what {detections.name} and "
                f"{boxes.name} have of them cannot be told apart"
            )
        return unread

    def _scored(self) -> Iterator[Scored]:
        """The key frames of all videos, each once, as the annotations of a data set have them."""
        once = {os.path.abspath(sample.path): i for i, sample in enumerate(self._samples)}
        for index, sample in enumerate(self._samples):
            if once[os.path.abspath(sample.path)] != index:
                continue
            if not isinstance(found := self.found(index), str):
                name = names_of(sample)[0]
                for key, persons in zip(found.keys, found.persons, strict=True):
                    numbered = zip(key.boxes, persons, strict=True)
                    boxes = tuple(box._replace(person=person) for box, person in numbered)
                    yield KeyFrame(name, key.time, key.seconds, boxes), key.rows


def written_beside(out: Path) -> tuple[Path, Path]:
    """The files of actions and of boxes, beside that of rows."""
    return out.with_suffix(".csv"), out.with_suffix(".boxes.jsonl")


def _summary(found: Found, settings: AnswerSettings) -> list[str]:
    """A line for each of the persons that are there longest."""
    every, keys = actions_of_persons(found, settings), len(found.keys)
    count = f"{len(every)} {'person' if len(every) == 1 else 'persons'}"
    lines = [f"  ({count} in {keys:,} {'key frame' if keys == 1 else 'key frames'})"]
    for person, first, last, actions, nearest in sorted(every[:PERSONS]):
        when = short_clock(first) + (f" - {short_clock(last)}" if last > first else "")
        seen = ", ".join(_percent(*action) for action in actions[:ACTIONS])
        seen = seen or f"no action is seen; nearest is {_percent(*nearest)}"
        lines.append(f"\n  person {person}  {when}  {seen}")
    if len(every) > PERSONS:
        lines.append(f"\n  and {len(every) - PERSONS:,} others")
    return lines


def _percent(name: str, value: float) -> str:
    return f"{printable(name)[:WIDEST]} {100 * value:.0f} %"


def _entry(part: KeyPart) -> Entry:
    boxes = [[[*box.corners, box.score, box.person] for box in key.boxes] for key in part.keys]
    rows = [base64.b64encode(key.rows.astype("<f4").tobytes()).decode() for key in part.keys]
    return {
        "times": [[key.time, key.seconds] for key in part.keys], "boxes": boxes, "rows": rows,
        "size": list(part.size), "video": list(part.video), "is_last": part.is_last,
    }  # fmt: skip


def _part(entry: Entry) -> KeyPart:
    keys = []
    for (time, seconds), boxes, text in zip(
        entry["times"], entry["boxes"], entry["rows"], strict=True
    ):
        own = tuple(Box(tuple(box[:4]), score=box[4], person=box[5]) for box in boxes)
        rows = np.frombuffer(base64.b64decode(text), "<f4")
        rows = rows.reshape(len(own), -1) if own else np.zeros((0, 0), np.float32)
        keys.append(KeyFrameRows(time, seconds, own, rows))
    height, width = entry["size"]
    return KeyPart(keys, (height, width), VideoTimes(*entry["video"]), entry["is_last"])
