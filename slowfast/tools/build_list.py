"""Writes the lists that training reads, from class folders or from a data set's own files.

    python -m slowfast.tools.build_list folder   ROOT --val-share 0.2        --out DIR
    python -m slowfast.tools.build_list ucf101   ROOT SPLIT_DIR --split 1    --out DIR
    python -m slowfast.tools.build_list kinetics ROOT CSV                    --out LIST
    python -m slowfast.tools.build_list sthv     ROOT LABELS_JSON SPLIT_JSON --out LIST
    python -m slowfast.tools.build_list shards   ROOT --pattern 'train-*.tar' --out LIST

``slowfast.data.lists`` says what a list is; its paths start from ROOT, which is data.root.
Missing videos of a data set are counted, and named in LIST.missing.
"""

import argparse
import csv
import fnmatch
import functools
import hashlib
import inspect
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.cli.command import new_parser, number_between, run
from slowfast.data import lists
from slowfast.data.lists import VIDEO_ENDINGS, ListError, Sample, lines_of
from slowfast.data.shards import labelled_videos, state_of
from slowfast.files import write_lines
from slowfast.log import Progress
from slowfast.shares import merged, own_journal, shared_out

SPLIT_FOLDERS = ({"train": "training", "val": "validation"}, {"train": "train", "val": "val"})
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")
Videos = dict[str, list[str]]
"""The names of each class's videos."""
Rows = list[tuple[str, Sample | None]]
"""The videos that a data set names: a name, and the sample, or None where the video is missing."""


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr if the lists cannot be built, and then none is written."""
    args = parse_args(argv)
    return run(lambda: args.build(args), hint="")


def build_folder(args: argparse.Namespace) -> None:
    """Class folders: ROOT/CLASS/VIDEO, or ROOT/SUBFOLDER/CLASS/VIDEO for each split.

    Writes DIR/NAME.list for each --split NAME=SUBFOLDER; else train.list and val.list if ROOT has
    the folders training and validation, or train and val; else all.list, or with --val-share 0.2
    train.list and, of each class, a fifth in val.list. And DIR/labels.txt.
    """
    found = (s for s in SPLIT_FOLDERS if all((args.root / sub).is_dir() for sub in s.values()))
    splits = dict(args.split) or next(found, {"all": ""})
    if len(splits) < len(args.split):
        raise ListError("--split: the same NAME twice")
    videos = {name: lists.class_folders(args.root / sub) for name, sub in splits.items()}
    if args.val_share:
        if splits != {"all": ""}:
            shown = ", ".join(f"{args.root / sub}" for sub in splits.values())
            raise ListError(f"--val-share: the videos are split already ({shown})")
        splits = {"train": "", "val": ""}
        videos = dict(zip(splits, _parted(videos["all"], args.val_share), strict=True))
    folders = {label for classes in videos.values() for label in classes}
    labels = sorted(name for name in folders if any(v.get(name) for v in videos.values()))
    if folders - set(labels):
        print(f"without any video, so not classes: {', '.join(sorted(folders - set(labels)))}")
    written = {}
    for split, sub in splits.items():
        by_class = videos[split]
        paths = [(Path(sub, c, v), i) for i, c in enumerate(labels) for v in by_class.get(c, [])]
        if not paths:
            raise ListError(f"no video in {args.root / sub}/CLASS/ ({', '.join(VIDEO_ENDINGS)})")
        absent = [name for name in labels if not by_class.get(name)]
        if absent:
            print(f"{split}: no video of {', '.join(absent)}")
        rows: Rows = [(path.name, Sample(path.as_posix(), label)) for path, label in paths]
        written[args.out / f"{split}.list"] = rows
    _write(written, args.out / "labels.txt", labels)


def build_ucf101(args: argparse.Namespace) -> None:
    """UCF101 by its split files: DIR/train.list, DIR/val.list and DIR/labels.txt.

    In SPLIT_DIR: classInd.txt, '1 ApplyEyeMakeup'; trainlist01.txt, 'ApplyEyeMakeup/v_x.avi 1';
    testlist01.txt, 'ApplyEyeMakeup/v_x.avi'. Labels become 0-based.
    """
    index = args.split_dir / "classInd.txt"
    pairs = [line.partition(" ") for _, line in lines_of(index)]
    classes = _numbered([(name.strip(), number) for number, _, name in pairs], index, first=1)
    written = {}
    for name, prefix in (("train", "trainlist"), ("val", "testlist")):
        source = args.split_dir / f"{prefix}{args.split:02d}.txt"
        rows = []
        for line_number, line in lines_of(source):
            path, _, number = line.partition(" ")
            where = f"{source}:{line_number}"
            label = _label(path.partition("/")[0], classes, where)
            if number and number.strip() != str(label + 1):
                raise ListError(f"{where}: {line!r}, but {index} gives that class {label + 1}")
            rows.append((path, Sample(path, label) if (args.root / path).is_file() else None))
        written[args.out / f"{name}.list"] = _some(rows, source, args.root)
    _write(written, args.out / "labels.txt", list(classes))


def build_kinetics(args: argparse.Namespace) -> None:
    """Kinetics by an official csv: label,youtube_id,time_start,time_end,split.

    The first of ROOT/LABEL/ID_START_END.mp4 (000010 for 10 s), ROOT/LABEL/ID.mp4 and both in ROOT
    itself; LABEL with spaces or underscores, and any video ending. Classes are numbered in
    alphabetical order of the csv's labels, and LIST.labels names them, unless --labels does.
    """
    clips = _kinetics_clips(args.csv)
    names = sorted({label for label, _, _ in clips})
    if args.labels:
        names = [line for _, line in lines_of(args.labels)]
    classes = _numbered([(name, str(i)) for i, name in enumerate(names)], args.labels or args.csv)
    left_out: list[str] = []
    in_root = _by_stem(args.root, left_out)  # an error if there is no such folder

    @functools.cache
    def videos(folder: str) -> dict[str, str]:
        return _by_stem(args.root, left_out, folder) if (args.root / folder).is_dir() else {}

    rows = []
    for name, stems, where in clips:
        label = _label(name, classes, where)
        folders = (name, name.replace(" ", "_"), name.replace("_", " "))
        places = [*map(videos, dict.fromkeys(folders)), in_root]
        paths = (place[stem] for place in places for stem in stems if stem in place)
        rows.append((f"{name}/{stems[0]}", next((Sample(path, label) for path in paths), None)))
    lists.tell_left_out(args.root, left_out)
    written = {args.out: _some(rows, args.csv, args.root)}
    _write(written, None if args.labels else Path(f"{args.out}.labels"), names)


def build_sthv(args: argparse.Namespace) -> None:
    """Something-Something V2 by its json files: ROOT/ID.webm, or a folder ROOT/ID of frames.

    LABELS_JSON: {"Holding something": "0", ...}; SPLIT_JSON: [{"id": "78687", "template":
    "Holding [something]", ...}, ...]. LIST.labels names the classes.
    """
    labels = _json(args.labels_json, dict)
    classes = _numbered([(name, str(i)) for name, i in labels.items()], args.labels_json)
    left_out: list[str] = []
    videos = _by_stem(args.root, left_out)
    lists.tell_left_out(args.root, left_out)
    rows = []
    for number, entry in enumerate(_json(args.split_json, list), 1):
        where = f"{args.split_json}: entry {number}"
        if not isinstance(entry, dict) or not {"id", "template"} <= entry.keys():
            raise ListError(f"{where} has no id and template")
        name = str(entry["id"])
        label = _label(str(entry["template"]).replace("[", "").replace("]", ""), classes, where)
        sample = None
        if name in videos:
            sample = Sample(videos[name], label)
        elif (args.root / name).is_dir() and (num_frames := _num_pictures(args.root / name)):
            sample = Sample(name, label, num_frames)
        rows.append((name, sample))
    written = {args.out: _some(rows, args.split_json, args.root)}
    _write(written, Path(f"{args.out}.labels"), list(classes))


def build_shards(args: argparse.Namespace) -> None:
    """Tar shards of videos, as WebDataset writes them; one list, in the order of the shards.

    In each tar: KEY.mp4, or another video ending, and beside it KEY.cls, the class's number from 0,
    or KEY.json, {"label": NUMBER}. Tars are looked for in ROOT and all folders in it. What is in
    them is kept in LIST.headers.jsonl: a later run only reads the tars that have changed. Several
    processes, on any machines, share the work: see docs/scaling.md.
    """
    named = (p for p in args.root.rglob("*") if fnmatch.fnmatchcase(p.name, args.pattern))
    tars = sorted(path for path in named if path.is_file())
    names = {tar.relative_to(args.root).as_posix(): str(tar) for tar in tars}
    owners = shared_out(names.items())
    journal = Path(f"{args.out}.headers.jsonl")
    with own_journal(journal, owners) as headers:
        own = [name for name in names if owners[name] == distributed.rank()]
        progress = Progress("read headers", len(own))
        for number, name in enumerate(own, 1):
            state = {"state": state_of(names[name]), "tar": names[name]}
            others: list[str] = []
            entry = headers.get(name) or {}
            if {**entry, **state} != entry:
                videos = labelled_videos(names[name], lists.is_video, others)
                headers.add(name, {**state, "videos": videos, "left_out": others})
            progress.update(number)
    with merged(journal, owners) as entry_of:
        if entry_of:
            entries = [entry_of(name) for name in names]
            rows: Rows = [
                (name, Sample(f"{entry['key']}/{name}", label))
                for entry in entries
                for name, _, label in entry["videos"]
            ]
            left_out = [path for entry in entries for path in entry["left_out"]]
            lists.tell_left_out(args.root, left_out)
            if not rows:
                raise ListError(f"no video in {len(tars)} files {args.root}/**/{args.pattern}")
            _write({args.out: rows}, None, [])


def _kinetics_clips(path: Path) -> list[tuple[str, tuple[str, str], str]]:
    """Of each row: label, the names its file may have, ID_START_END and ID, and ``file:line``."""
    reader = csv.DictReader(lists.read_text(path).split("\n"))
    columns = ("label", "youtube_id", "time_start", "time_end")
    clips = []
    try:
        if not set(columns) <= set(reader.fieldnames or ()):
            raise ListError(f"{path}:1: the columns are not {','.join(columns)},...")
        for row in reader:
            label, name, *times = (row[column] or "" for column in columns)
            where = f"{path}:{reader.line_num}"
            if not label or not name or not all(time.isdecimal() for time in times):
                raise ListError(f"{where}: not {','.join(columns)}: {row}")
            start, end = map(int, times)
            clips.append((label, (f"{name}_{start:06d}_{end:06d}", name), where))
    except csv.Error as error:
        raise ListError(f"{path}:{reader.line_num}: {error}") from error
    return clips


def _by_stem(root: Path, left_out: list[str], folder: str = "") -> dict[str, str]:
    """The videos directly in ROOT/FOLDER: paths from ROOT by the file's name without its ending.

    Adds to ``left_out`` files that are no videos, and hidden folders.
    """
    names, others = lists.list_videos(root / folder, deep=False)
    meant = [name for name in others if name[0] == "." or not name.endswith("/")]
    left_out += [os.path.join(folder, name) for name in meant]
    return {name.rpartition(".")[0]: os.path.join(folder, name) for name in names}


def _num_pictures(folder: Path) -> int:
    """The frames of a folder; hidden files are not meant."""
    names = (name.lower() for name in os.listdir(folder) if name[0] != ".")
    return sum(name.endswith(PICTURE_ENDINGS) for name in names)


def _parted(by_class: Videos, val_share: float) -> tuple[Videos, Videos]:
    """The videos of each class for training and for validation, drawn by a hash of the name.

    A class of two videos or more has at least one in each; a single video is for training.
    """
    train, val = {}, {}
    for label, names in by_class.items():
        drawn = sorted(names, key=lambda s: hashlib.sha256(s.encode(errors="replace")).digest())
        count = max(min(max(round(val_share * len(names)), 1), len(names) - 1), 0)
        val[label], train[label] = sorted(drawn[:count]), sorted(drawn[count:])
    if not any(val.values()):
        raise ListError("--val-share: no class has two videos")
    return train, val


def _json(path: Path, kind: type) -> Any:
    try:
        content = json.loads(lists.read_text(path))
    except json.JSONDecodeError as error:
        raise ListError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    if not isinstance(content, kind):
        raise ListError(f"{path} is not a JSON {'list' if kind is list else 'object'}")
    return content


def _numbered(rows: list[tuple[str, str]], source: Path, first: int = 0) -> dict[str, int]:
    """Class names with their indices from 0, in order, of rows (name, number from ``first``)."""
    by_number = {number: name for name, number in rows}
    names = [by_number.get(str(first + i), "") for i in range(len(rows))]
    if not all(names) or len(set(names)) < len(names):
        raise ListError(f"{source}: not one class for each number from {first}, each named once")
    return {name: i for i, name in enumerate(names)}


def _label(name: str, classes: dict[str, int], where: str) -> int:
    if name not in classes:
        raise ListError(f"{where}: unknown class {name!r}")
    return classes[name]


def _some(rows: Rows, source: Path, root: Path) -> Rows:
    """The rows, unchanged. Raises ListError if no video is there."""
    if not any(sample for _, sample in rows):
        example = f", such as {rows[0][0]}" if rows else ""
        raise ListError(f"{root}: none of the {len(rows):,} videos of {source}{example}")
    return rows


def _write(written: dict[Path, Rows], labels: Path | None, classes: list[str]) -> None:
    """Writes each list and what it misses, and the class names unless the user gave them."""
    texts, said = {labels: classes} if labels else {}, []
    for path, rows in written.items():
        samples = [sample for _, sample in rows if sample]
        fields = [(s.path, s.num_frames, s.label) if s.num_frames else s[:2] for s in samples]
        missing = [name for name, sample in rows if not sample]
        texts[path] = [lists.separator_of(path).join(map(str, row)) for row in fields]
        texts[Path(f"{path}.missing")] = missing  # none removes an earlier run's
        note = f"; {len(missing):,} missing, listed in {path}.missing" if missing else ""
        said.append(f"{path}: {len(samples):,} of {len(rows):,} videos found{note}")
    for line in itertools.chain.from_iterable(texts.values()):
        if line.splitlines() != [line.strip()]:
            raise ListError(f"{line!r} has a line break or an outer space")
    for name in classes:
        if name.encode(errors="replace") != name.encode(errors=lists.PATHS):
            raise ListError(f"{name!r} has bytes that are not UTF-8: no name for a class")
    for path, lines in texts.items():
        write_lines(path, lines)
    print("\n".join(said + ([f"{labels}: {len(classes):,} classes"] if labels else [])))


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """``build``, the function of the kind, and that function's arguments."""
    about = "Writes the lists that training reads; paths in them start from ROOT (data.root)."
    parser = new_parser("slowfast.tools.build_list", about)
    kinds = parser.add_subparsers(required=True, metavar="KIND", help="each has its own --help")

    def kind(name: str, build: Callable[..., None], example: str) -> argparse.ArgumentParser:
        what = inspect.getdoc(build) or ""
        added = kinds.add_parser(
            name, help=what.partition("\n")[0].replace("%", "%%"),
            description=f"{what}\n\nexample:\n  {parser.prog} {name} {example}",
            formatter_class=parser.formatter_class,
        )  # fmt: skip
        added.set_defaults(build=build)
        added.add_argument("root", metavar="ROOT", type=Path, help="the folder of the videos")
        out = "DIR" if name in ("folder", "ucf101") else "LIST"
        added.add_argument("--out", metavar=out, type=Path, required=True, help="where to write")
        return added

    folder = kind("folder", build_folder, "data/my --out data/my")
    folder.add_argument("--split", metavar="NAME=SUBFOLDER", type=_split, action="append",
                        default=[], help="a list of SUBFOLDER's classes; repeatable")  # fmt: skip
    folder.add_argument("--val-share", metavar="SHARE", type=number_between(0, 1, below=1),
                        help="share of each class for val.list, such as 0.2")  # fmt: skip
    ucf101 = kind("ucf101", build_ucf101, "UCF-101 ucfTrainTestlist --split 1 --out data/ucf101")
    ucf101.add_argument("split_dir", metavar="SPLIT_DIR", type=Path, help="folder of split files")
    ucf101.add_argument("--split", type=int, choices=(1, 2, 3), required=True, help="which split")
    kinetics = kind("kinetics", build_kinetics, "k400/val k400/val.csv --out k400/val.list")
    kinetics.add_argument("csv", metavar="CSV", type=Path, help="the official csv")
    kinetics.add_argument("--labels", type=Path, help="file of class names, in order, one per line")
    sthv = kind("sthv", build_sthv, "videos labels.json train.json --out train.list")
    sthv.add_argument("labels_json", metavar="LABELS_JSON", type=Path, help="the classes' file")
    sthv.add_argument("split_json", metavar="SPLIT_JSON", type=Path, help="the split's file")
    shards = kind("shards", build_shards, "shards --pattern 'train-*.tar' --out train.list")
    shards.add_argument("--pattern", metavar="GLOB", default="*.tar", help="tars (%(default)s)")
    return parser.parse_args(argv)


def _split(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    if not name or not folder or "/" in name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SUBFOLDER")
    return name, folder


if __name__ == "__main__":
    sys.exit(main())
