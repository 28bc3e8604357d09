"""Writes the lists that training reads, from class folders or from a data set's own files.

    python -m slowfast.tools.build_list folder   ROOT --val-share 0.2        --out DIR
    python -m slowfast.tools.build_list ucf101   ROOT SPLIT_DIR --split 1    --out DIR
    python -m slowfast.tools.build_list hmdb51   ROOT SPLIT_DIR --split 1    --out DIR
    python -m slowfast.tools.build_list kinetics ROOT CSV                    --out LIST
    python -m slowfast.tools.build_list csv      ROOT CSV --columns path,label --out LIST
    python -m slowfast.tools.build_list sthv     ROOT LABELS SPLIT           --out LIST
    python -m slowfast.tools.build_list charades ROOT CSV                    --out LIST.jsonl
    python -m slowfast.tools.build_list shards   ROOT --pattern 'train-*.tar' --out LIST

and jester, moments and diving48 like sthv. ``slowfast/data/lists/read_lists.py`` says what a list
is; its paths start from ROOT, which is data.root. Missing videos of a data set are counted, and
named in LIST.missing.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import fnmatch
import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.cli.command import new_parser, number_between, run
from slowfast.data.labels import read_labels, spelled
from slowfast.data.lists import annotations
from slowfast.data.lists.charades import charades
from slowfast.data.lists.folders import (
    VIDEO_ENDINGS,
    class_folders,
    is_video,
    parted,
    tell_left_out,
)
from slowfast.data.lists.read_lists import ListError, is_json
from slowfast.data.lists.shard_labels import labelled_videos
from slowfast.data.lists.write_lists import Rows, find_samples, write_lists
from slowfast.data.samples import Label, Sample
from slowfast.data.shards import state_of
from slowfast.journal import Entry
from slowfast.log import Progress, say
from slowfast.shares import left_to_do, merged, own_journal, shared_out

SPLIT_FOLDERS = ({"train": "training", "val": "validation"}, {"train": "train", "val": "val"})
BY_SPLITS = {"ucf101": annotations.ucf101, "hmdb51": annotations.hmdb51}
BY_FILES = {
    "sthv": annotations.sthv, "jester": annotations.jester, "moments": annotations.moments,
    "diving48": annotations.diving48,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr if the lists cannot be built, and then none is written."""
    args = parse_args(argv)
    return run(lambda: args.build(args), hint="")


def build_folder(args: argparse.Namespace) -> None:
    """Class folders: ROOT/CLASS/VIDEO, or ROOT/SUBFOLDER/CLASS/VIDEO for each split.

    Writes DIR/NAME.list for each --split NAME=SUBFOLDER; else train.list and val.list if ROOT has
    the folders training and validation, or train and val; else all.list, or with --val-share 0.2
    train.list and, of each class, a fifth in val.list. And DIR/labels.txt. Classes are numbered in
    the order of their names, or as in --labels.
    """
    found = (s for s in SPLIT_FOLDERS if all((args.root / sub).is_dir() for sub in s.values()))
    splits = dict(args.split) or next(found, {"all": ""})
    if len(splits) < len(args.split):
        raise ListError("--split: the same NAME twice")
    videos = {name: class_folders(args.root / sub) for name, sub in splits.items()}
    if args.val_share:
        if splits != {"all": ""}:
            shown = ", ".join(f"{args.root / sub}" for sub in splits.values())
            raise ListError(f"--val-share: the videos are split already ({shown})")
        splits = {"train": "", "val": ""}
        videos = dict(zip(splits, parted(videos["all"], args.val_share), strict=True))
        if not any(videos["val"].values()):
            raise ListError("--val-share: no class has two videos")
    folders = {label for classes in videos.values() for label in classes}
    used = sorted(name for name in folders if any(v.get(name) for v in videos.values()))
    if folders - set(used):
        say(f"without any video, so not classes: {', '.join(sorted(folders - set(used)))}")
    labels = _class_order(args, used)
    written = {}
    for split, sub in splits.items():
        by_class = videos[split]
        paths = [(Path(sub, c, v), i) for i, c in enumerate(labels) for v in by_class.get(c, [])]
        if not paths:
            raise ListError(f"no video in {args.root / sub}/CLASS/ ({', '.join(VIDEO_ENDINGS)})")
        absent = [name for name in labels if not by_class.get(name)]
        if absent:
            say(f"{split}: no video of {', '.join(absent)}")
        rows: Rows = [(path.name, Sample(path.as_posix(), label)) for path, label in paths]
        written[args.out / f"{split}.list"] = rows
    write_lists(written, args.out / "labels.txt", labels)


def _class_order(args: argparse.Namespace, folders: list[str]) -> list[str]:
    """The class folders in the order of --labels; a name without a folder as it is there."""
    if not args.labels:
        return folders
    own = {spelled(name): name for name in folders}
    labels = [own.get(spelled(name), name) for name in read_labels(args.labels, 0)]
    if unknown := [name for name in folders if name not in labels]:
        raise ListError(f"{args.root}: {args.labels} has no class {unknown[0]!r}")
    return labels


def build_splits(args: argparse.Namespace) -> None:
    """A data set with a folder of files for each split."""
    classes, splits = BY_SPLITS[args.kind](args.split_dir, args.split)
    root = args.root
    found = {args.out / f"{name}.list": find_samples(root, own) for name, own in splits.items()}
    write_lists(found, args.out / "labels.txt", classes)


def build_csv(args: argparse.Namespace) -> None:
    """A csv, and perhaps the file of class names by which the other csv is numbered, too."""
    names = read_labels(args.labels, 0) if args.labels else []
    if args.kind == "kinetics":
        classes, listed = annotations.kinetics(args.csv, names)
    else:
        classes, listed = annotations.table(args.csv, names, args.columns)
    own = Path(f"{args.out}.labels") if classes and not names else None
    write_lists({args.out: find_samples(args.root, listed)}, own, classes)
    if own:
        say(f"the classes are numbered here; for the other csv give --labels {own}")


def build_files(args: argparse.Namespace) -> None:
    """A data set with a file of class names and one for each split."""
    classes, listed = BY_FILES[args.kind](args.labels, args.split)
    write_lists({args.out: find_samples(args.root, listed)}, Path(f"{args.out}.labels"), classes)


def build_charades(args: argparse.Namespace) -> None:
    """Charades, whose videos have several labels, and times of them."""
    if not is_json(args.out):
        raise ListError(f"--out {args.out}: the list has times, which only a .jsonl list can hold")
    write_lists({args.out: find_samples(args.root, charades(args.csv))}, None, [])


def build_shards(args: argparse.Namespace) -> None:
    """Tar shards of videos, as WebDataset writes them; one list, in the order of the shards.

    In each tar: KEY.mp4, or another video ending, and beside it KEY.cls, the class's number from 0,
    or KEY.json, {"label": NUMBER}. Of several labels KEY.cls is 3,17 and KEY.json is
    {"labels": [3, 17]}; [] is none. Tars are looked for in ROOT and all folders in it. What is in
    them is kept in LIST.headers.jsonl: a later run only reads the tars that have changed. Several
    processes, on any machines, share the work: see docs/scaling.md.
    """
    named = (p for p in args.root.rglob("*") if fnmatch.fnmatchcase(p.name, args.pattern))
    tars = sorted(path for path in named if path.is_file())
    names = {tar.relative_to(args.root).as_posix(): str(tar) for tar in tars}
    owners = shared_out(names.items())
    journal = Path(f"{args.out}.headers.jsonl")

    def is_done(name: str, entry: Entry) -> bool:
        state = {"state": state_of(names[name]), "tar": names[name]}
        return {**entry, **state} == entry

    with own_journal(journal, owners) as headers:
        own = [name for name in names if owners[name] == distributed.rank()]
        todo = left_to_do(headers, own, is_done, "tars are read")
        progress = Progress("read headers", len(todo))
        for number, name in enumerate(todo, 1):
            others: list[str] = []
            state = state_of(names[name])
            videos = labelled_videos(names[name], is_video, others)
            entry = {"state": state, "tar": names[name], "videos": videos, "left_out": others}
            headers.add(name, entry)
            progress.update(number)
        progress.finish()
    with merged(journal, owners, is_done) as entry_of:
        if entry_of:
            entries = [entry_of(name) for name in names]
            rows: Rows = [
                (name, Sample(f"{entry['key']}/{name}", _kept_label(label)))
                for entry in entries
                for name, _, label in entry["videos"]
            ]
            left_out = [path for entry in entries for path in entry["left_out"]]
            tell_left_out(args.root, left_out)
            if not rows:
                raise ListError(f"no video in {len(tars)} files {args.root}/**/{args.pattern}")
            write_lists({args.out: rows}, None, [])


def _kept_label(label: int | list[int]) -> Label:
    """A label as the journal has it, which is JSON."""
    return tuple(label) if isinstance(label, list) else label


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """``build``, the function of the kind, and that function's arguments."""
    about = "Writes the lists that training reads; paths in them start from ROOT (data.root)."
    parser = new_parser("slowfast.tools.build_list", about)
    kinds = parser.add_subparsers(required=True, metavar="KIND", help="each has its own --help")
    kind = functools.partial(_kind, kinds, parser)
    names = "class names, in order: a file as for data.labels, or a built-in one's name"
    folder = kind("folder", build_folder, "data/my --out data/my")
    folder.add_argument("--split", metavar="NAME=SUBFOLDER", type=_split, action="append",
                        default=[], help="a list of SUBFOLDER's classes; repeatable")  # fmt: skip
    folder.add_argument("--val-share", metavar="SHARE", type=number_between(0, 1, below=1),
                        help="share of each class for val.list, such as 0.2")  # fmt: skip
    folder.add_argument("--labels", help=names)
    for name, read_splits in BY_SPLITS.items():
        example = f"data/{name}/videos data/{name}/splits --split 1 --out data/{name}"
        added = kind(name, build_splits, example, read_splits)
        added.add_argument("split_dir", metavar="SPLIT_DIR", type=Path, help="the split files")
        added.add_argument("--split", type=int, choices=(1, 2, 3), required=True, help="which one")
    kinetics = kind("kinetics", build_csv, "k400/val k400/val.csv --out k400/val.list",
                    annotations.kinetics)  # fmt: skip
    own = kind("csv", build_csv, "videos my.csv --columns path,label --out my.list",
               annotations.table)  # fmt: skip
    own.add_argument("--columns", metavar="PATH,CLASS", type=_columns, default=("path", "label"),
                     help="names of the two columns (path,label)")  # fmt: skip
    for added in (kinetics, own):
        added.add_argument("csv", metavar="CSV", type=Path, help="the csv")
        added.add_argument("--labels", help=names)
    for name, read in BY_FILES.items():
        added = kind(name, build_files, "videos LABELS SPLIT --out train.list", read)
        added.add_argument("labels", metavar="LABELS", type=Path, help="the file of the classes")
        added.add_argument("split", metavar="SPLIT", type=Path, help="the file of the split")
    several = kind("charades", build_charades, "Charades_v1_rgb Charades_v1_train.csv "
                   "--out train.jsonl", charades)  # fmt: skip
    several.add_argument("csv", metavar="CSV", type=Path, help="its csv, or PySlowFast's list")
    shards = kind("shards", build_shards, "shards --pattern 'train-*.tar' --out train.list")
    shards.add_argument("--pattern", metavar="GLOB", default="*.tar", help="tars (%(default)s)")
    return parser.parse_args(argv)


def _kind(
    kinds: "argparse._SubParsersAction[Any]", parser: argparse.ArgumentParser,
    name: str, build: Callable[..., None], example: str, about: Callable[..., Any] | None = None,
) -> argparse.ArgumentParser:  # fmt: skip
    """Adds a kind with ROOT and --out; its help is the docstring of ``about``, or of ``build``."""
    what = inspect.getdoc(about or build) or ""
    added = kinds.add_parser(
        name, help=what.partition("\n")[0].replace("%", "%%"),
        description=f"{what}\n\nexample:\n  {parser.prog} {name} {example}",
        formatter_class=parser.formatter_class,
    )  # fmt: skip
    added.set_defaults(build=build, kind=name)
    added.add_argument("root", metavar="ROOT", type=Path, help="the folder of the videos")
    out = "DIR" if name in ("folder", *BY_SPLITS) else "LIST"
    added.add_argument("--out", metavar=out, type=Path, required=True, help="where to write")
    return added


def _columns(text: str) -> tuple[str, ...]:
    columns = tuple(text.split(","))
    if len(columns) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH,CLASS")
    return columns


def _split(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    if not name or not folder or "/" in name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SUBFOLDER")
    return name, folder


if __name__ == "__main__":
    sys.exit(main())
