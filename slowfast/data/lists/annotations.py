"""The videos and classes that data sets name in files of their own.

Each function reads the files of one data set; its docstring is the help of ``build_list``, which
finds the videos. All raise ListError with ``file:line`` for what is not understood, and OSError if
a file cannot be read.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.data.labels import read_labels, spelled
from slowfast.data.lists.read_lists import ListError, lines_of, read_text
from slowfast.data.lists.text_lists import NUMBER
from slowfast.data.samples import Action, Label, number_of
from slowfast.data.strict_json import parsed
from slowfast.log import Progress

TIME = re.compile(r"\d{1,9}", re.ASCII)
"""Whole seconds."""


class Listed(NamedTuple):
    """A video that a data set names."""

    names: tuple[str, ...]
    """Where it may be, from the folder of the videos, the usual place first. The ending may be
    missing, or another one than that of the file; a folder of frames has the same name."""
    label: Label
    actions: tuple[Action, ...] = ()
    """When its labels are seen, if that is said."""
    num_frames: int | None = None
    """How many frames of a folder are meant, if that is said."""


Split = tuple[list[str], list[Listed]]
"""The class names, and the videos."""
Splits = tuple[list[str], dict[str, list[Listed]]]
"""The class names, and the videos for ``train`` and ``val``."""


def ucf101(split_dir: Path, split: int) -> Splits:
    """UCF101 by its split files: DIR/train.list, DIR/val.list and DIR/labels.txt.

    In SPLIT_DIR: classInd.txt, '1 ApplyEyeMakeup'; trainlist01.txt, 'ApplyEyeMakeup/v_x.avi 1';
    testlist01.txt, 'ApplyEyeMakeup/v_x.avi'. Labels become 0-based.
    """
    index = split_dir / "classInd.txt"
    classes = _Classes(read_labels(str(index), 0))
    found: dict[str, list[Listed]] = {}
    for name, prefix in (("train", "trainlist"), ("val", "testlist")):
        source, found[name] = split_dir / f"{prefix}{split:02d}.txt", []
        for line_number, line in lines_of(source):
            path, _, number = line.partition(" ")
            where = f"{source}:{line_number}"
            label = classes.number(path.partition("/")[0], where)
            if number and number.strip() != str(label + 1):
                raise ListError(f"{where}: {line!r}, but {index} gives that class {label + 1}")
            found[name].append(Listed((path,), label))
    return classes.names, found


def hmdb51(split_dir: Path, split: int) -> Splits:
    """HMDB51 by its split files: DIR/train.list, DIR/val.list and DIR/labels.txt.

    In SPLIT_DIR: brush_hair_test_split1.txt and so on, 'x.avi 1' for training, 'x.avi 2' for
    testing, 'x.avi 0' for neither. The video is ROOT/brush_hair/x.avi. Classes are numbered in
    alphabetical order.
    """
    ending = f"_test_split{split}.txt"
    sources = {path.name.removesuffix(ending): path for path in split_dir.glob(f"[!.]*{ending}")}
    if not sources:
        raise ListError(f"{split_dir}: no file CLASS{ending}")
    found: dict[str, list[Listed]] = {"0": [], "1": [], "2": []}
    for label, name in enumerate(sorted(sources)):
        for line_number, line in lines_of(sources[name]):
            video, _, use = line.rpartition(" ")
            if use not in found or not video:
                raise ListError(f"{sources[name]}:{line_number}: not 'x.avi 0', 1 or 2: {line!r}")
            found[use].append(Listed((f"{name}/{video.strip()}",), label))
    return sorted(sources), {"train": found["1"], "val": found["2"]}


def kinetics(source: Path, names: Sequence[str]) -> Split:
    """Kinetics by an official csv: label,youtube_id,time_start,time_end,split.

    The first of ROOT/LABEL/ID_START_END.mp4 (000010 for 10 s), ROOT/LABEL/ID.mp4 and both in ROOT
    itself; LABEL with spaces or underscores, and any video ending. Classes are numbered in
    alphabetical order of the csv's labels, and LIST.labels names them, unless --labels does.
    """
    columns = ("label", "youtube_id", "time_start", "time_end")
    rows = list(csv_rows(source, columns))
    classes = _Classes(names or sorted({label for (label, *_), _ in rows}))
    found = []
    for (label, name, *times), where in rows:
        if not all(TIME.fullmatch(time) for time in times):
            raise ListError(f"{where}: not {','.join(columns)}: {label},{name},{','.join(times)}")
        start, end = map(int, times)
        stems = (f"{name}_{start:06d}_{end:06d}", name)
        folders = dict.fromkeys((label, label.replace(" ", "_"), label.replace("_", " ")))
        places = [f"{folder}/{stem}" for folder in folders for stem in stems]
        found.append(Listed((*places, *stems), classes.number(label, where)))
    return classes.names, found


def table(source: Path, names: Sequence[str], columns: Sequence[str]) -> Split:
    """Any csv with a header, and a column each for the video's path and its class's name or number.

    Paths start from ROOT; the ending may be missing. Names are numbered in alphabetical order, and
    LIST.labels names them, unless --labels does; numbers stay as they are.
    """
    rows = list(csv_rows(source, columns))
    if all(label.isdecimal() for (_, label), _ in rows):
        return [], [Listed((path,), _number(label, where)) for (path, label), where in rows]
    classes = _Classes(names or sorted({label for (_, label), _ in rows}))
    return classes.names, [
        Listed((path,), classes.number(label, where)) for (path, label), where in rows
    ]


def sthv(labels: Path, source: Path) -> Split:
    """Something-Something V2 by its json files: ROOT/ID.webm, or a folder ROOT/ID of frames.

    LABELS: {"Holding something": "0", ...}; SPLIT: [{"id": "78687", "template": "Holding
    [something]", ...}, ...]. LIST.labels names the classes.
    """
    classes, found = _Classes(read_labels(str(labels), 0)), []
    for entry, where in _entries(source, "id", "template"):
        name = str(entry["template"]).replace("[", "").replace("]", "")
        found.append(Listed((str(entry["id"]),), classes.number(name, where)))
    return classes.names, found


def jester(labels: Path, source: Path) -> Split:
    """Jester and Something-Something V1 by their csv files: a folder ROOT/ID of frames, 00001.jpg.

    LABELS: a class name a line; SPLIT: '34870;Drumming Fingers'. LIST.labels names the classes, in
    the order of LABELS. The frames are read with data.frame_pattern={:05d}.jpg data.frame_fps=12.
    """
    classes, found = _Classes(read_labels(str(labels), 0)), []
    for line_number, line in lines_of(source):
        name, _, label = line.partition(";")
        where = f"{source}:{line_number}"
        if not name or not label:
            raise ListError(f"{where}: not 'ID;CLASS': {line!r}")
        found.append(Listed((name.strip(),), classes.number(label.strip(), where)))
    return classes.names, found


def moments(labels: Path, source: Path) -> Split:
    """Moments in Time by its files: ROOT/LABEL/x.mp4; ROOT is its folder training or validation.

    LABELS: moments_categories.txt, 'applauding,0'; SPLIT: trainingSet.csv or validationSet.csv,
    'LABEL/x.mp4,LABEL,4,0'. LIST.labels names the classes.
    """
    classes, found = _Classes(read_labels(str(labels), 0)), []
    for line_number, row in enumerate(csv.reader(read_text(source).splitlines()), 1):
        where = f"{source}:{line_number}"
        if row and len(row) < 2:
            raise ListError(f"{where}: not 'LABEL/x.mp4,LABEL,...': {row}")
        found += [Listed((row[0],), classes.number(row[1], where))] if row else []
    return classes.names, found


def diving48(labels: Path, source: Path) -> Split:
    """Diving48 by its json files: ROOT/NAME.mp4; ROOT is its folder rgb.

    LABELS: Diving48_vocab.json, [["Back", "15som", "05Twis", "FREE"], ...]; SPLIT:
    Diving48_V2_train.json or Diving48_V2_test.json, [{"vid_name": NAME, "label": 12, ...}, ...].
    The files are cut already, so start_frame and end_frame are not used. LIST.labels names the
    classes.
    """
    names, found = read_labels(str(labels), 0), []
    for entry, where in _entries(source, "vid_name", "label"):
        label = entry["label"]
        if type(label) is not int or not 0 <= label < len(names):
            raise ListError(f"{where}: label {label!r} is not in 0..{len(names) - 1}")
        found.append(Listed((str(entry["vid_name"]),), label))
    return names, found


def _number(text: str, where: str) -> int:
    if not NUMBER.fullmatch(text):  # digits of another script
        raise ListError(f"{where}: label {text!r} is not a class's number")
    try:
        return number_of(text)
    except ValueError as error:
        raise ListError(f"{where}: {error}") from error


class _Classes:
    """Numbers classes by their names; see ``spelled`` for other spellings."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._numbers = {spelled(name): i for i, name in enumerate(names)}
        self._numbers |= {name: i for i, name in enumerate(names)}

    def number(self, name: str, where: str) -> int:
        found = self._numbers.get(name, self._numbers.get(spelled(name)))
        if found is None:
            raise ListError(f"{where}: unknown class {name!r}")
        return found


def csv_rows(
    source: Path, columns: Sequence[str], *, empty: Sequence[str] = (), marks: str = ",;\t"
) -> Iterator[tuple[list[str], str]]:
    """These columns of each row of a csv with a header, and ``file:line``.

    Args:
        empty: the columns that may be empty.
        marks: what may be between the columns; the first one that the header has.
    """
    lines = read_text(source).split("\n")
    mark = next((mark for mark in marks if mark in lines[0]), ",")
    reader = csv.reader(lines, delimiter=mark)
    progress = Progress(f"read {source.name}", len(lines))
    try:
        header = next(reader, [])
        if not set(columns) <= set(header):
            has = ",".join(header)
            raise ListError(f"{source}:1: has no columns {','.join(columns)}, but {has}")
        places = [(header.index(column), column in empty) for column in columns]
        for row in filter(None, reader):
            cells = [row[place] for place, _ in places if place < len(row)]
            where = f"{source}:{reader.line_num}"
            if len(cells) < len(columns) or not all(row[p] or may_be for p, may_be in places):
                raise ListError(f"{where}: not {','.join(columns)}: {row}")
            yield cells, where
            progress.update(reader.line_num)
        progress.finish()
    except csv.Error as error:
        raise ListError(f"{source}:{reader.line_num}: {error}") from error


def _entries(source: Path, *keys: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects in a JSON list, all of which have these keys, and where each is."""
    try:
        content = parsed(read_text(source))
    except ValueError as error:
        raise ListError(f"{source}: {error}") from error
    if not isinstance(content, list):
        raise ListError(f"{source} is not a JSON list")
    for number, entry in enumerate(content, 1):
        where = f"{source}: entry {number}"
        if not isinstance(entry, dict) or not set(keys) <= entry.keys():
            raise ListError(f"{where} has no {' and '.join(keys)}")
        yield entry, where
