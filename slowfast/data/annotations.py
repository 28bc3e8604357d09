"""List files: which videos there are, and their classes.

One sample a line, split at the last separator (space, or comma for ``.csv``), so that paths may
hold spaces::

    path label                a video file
    folder num_frames label   a folder of frames, img_00001.jpg and on
    path                      for inference
    x.tar/member label        a video in a tar shard, see ``shards``

Relative paths start from ``root``. Blank lines are ignored. In place of a list a folder may stand
that holds a folder of videos for each class, numbered in the order of their names.
"""

import filecmp
import functools
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast.data.shards import shard_of, split_member

LABELS = Path(__file__).parents[1] / "labels"
"""The built-in files of class names; its README.md has their sources."""

LIST_ENDINGS = (".txt", ".list", ".csv")
VIDEO_ENDINGS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv")


class ListError(ValueError):
    """A list or label file that cannot be used; the message names the file and line."""


class Sample(NamedTuple):
    """One video: a file, a member of a tar, or a folder of ``num_frames`` frames."""

    path: str
    label: int = -1
    """Class index; -1 where there is none."""
    num_frames: int | None = None
    """Frames of a frame folder; None for a video file."""


def read_list(list_path: str, root: str, num_classes: int) -> list[Sample]:
    """The samples of a list, in its order.

    Raises:
        ListError: the list is missing or empty, or a line is not understood or its label is not
            in ``0 .. num_classes-1``; the message is ``file:line: reason``. A folder does not
            hold one folder for each class, or no video.
    """
    if Path(list_path).is_dir():
        return _class_folders(Path(list_path), num_classes)
    separator = "," if list_path.endswith(".csv") else " "
    samples = []
    for number, line in _lines(list_path):
        where = f"{list_path}:{number}"
        path, found, label_text = line.rpartition(separator)
        label = _label(label_text, where, num_classes) if found and path.strip() else None
        if label is None:
            raise ListError(f"{where}: no label in {line!r} (a line is 'path{separator}label')")
        samples.append(_sample(path.rstrip(), label, separator, root, where))
    if not samples:
        raise ListError(f"{list_path}: the list is empty")
    return samples


def _class_folders(root: Path, num_classes: int) -> list[Sample]:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(folders) != num_classes:
        raise ListError(
            f"{root}: {len(folders)} class folders for model.num_classes={num_classes} "
            "(python -m slowfast.tools.build_list folder makes lists where they differ)"
        )
    samples = [
        Sample(str(path), label)
        for label, folder in enumerate(folders)
        for path in sorted(folder.iterdir())
        if path.name.lower().endswith(VIDEO_ENDINGS) and path.name[0] != "."
    ]
    if not samples:
        raise ListError(f"{root}: no video in its class folders ({', '.join(VIDEO_ENDINGS)})")
    return samples


def read_paths(list_path: str, root: str) -> list[Sample]:
    """The samples of a list for inference, one path a line, without labels."""
    samples = [Sample(_resolve(line, root)) for _, line in _lines(list_path)]
    if not samples:
        raise ListError(f"{list_path}: the list is empty")
    return samples


def missing_files(samples: Iterable[Sample]) -> list[str]:
    """What is not there of the samples' files, frame folders and tar shards, in their order.

    Folders are listed, each once, rather than each file looked at: on a network disk that is what
    takes time.
    """
    listing = functools.cache(_names_in)
    missing: dict[str, None] = {}
    for sample in samples:
        path = shard_of(sample.path) or sample.path
        folder, name = os.path.split(path.rstrip("/"))
        # The second look is for folders that cannot be listed, and for other spellings of a name.
        if path not in missing and name not in listing(folder) and not os.path.exists(path):
            missing[path] = None
    return list(missing)


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder or "."))
    except OSError:
        return set()


def find_listed(path: str, root: str) -> str | None:
    """Where a list or a label file is: at ``path`` from here, or else from ``root``.

    Raises:
        ListError: it is in both places, and not the same.
    """
    found = [place for place in listed_places(path, root) if Path(place).exists()]
    _require_one(found)
    return found[0] if found else None


def listed_places(path: str, root: str) -> list[str]:
    """Where ``find_listed`` looks, in that order."""
    return list(dict.fromkeys((path, _resolve(path, root))))


def find_labels(labels: str, root: str) -> str | None:
    """Where the class names of ``data.labels`` are: in a file here, below root, or built in.

    Raises:
        ListError: there is a file here and one below root, and they differ.
    """
    found = [place for place in listed_places(labels, root) if Path(place).is_file()]
    _require_one(found)
    built_in = [str(LABELS / f"{labels}.txt")] if labels in built_in_labels() else []
    return next(iter(found + built_in), None)


def _require_one(found: list[str]) -> None:
    """Raises ListError if two files, or folders, that a relative path may mean are different."""
    if len(found) < 2 or os.path.samefile(*found):
        return
    if not all(map(os.path.isfile, found)) or not filecmp.cmp(found[0], found[1], shallow=False):
        raise ListError(
            f"{' and '.join(found)} are both there, and differ: name the one that you mean by its "
            "whole path"
        )


def built_in_labels() -> list[str]:
    """The names that ``data.labels`` may have without a file of the user's."""
    return sorted(path.stem for path in LABELS.glob("*.txt"))


def read_labels(labels: str, num_classes: int, root: str = "") -> list[str]:
    """Class names in index order, one a line.

    Args:
        labels: a file, or the name of a built-in one, see ``find_labels``.
        num_classes: how many there must be; 0 for any number.
        root: where a relative path may start from, too.

    Raises:
        ListError: the file is missing, or it has another number of names than there are classes.
    """
    path = find_labels(labels, root)
    if path is None:
        raise ListError(
            f"data.labels={labels}: there is no {' or '.join(listed_places(labels, root))}, and "
            f"built in are {', '.join(built_in_labels())}"
        )
    names = [line for _, line in _lines(path)]
    if not names:
        raise ListError(f"{path}: the list is empty")
    if num_classes and len(names) != num_classes:
        raise ListError(f"{path}: {len(names)} class names for model.num_classes={num_classes}")
    return names


def flipped_labels(pairs: Sequence[int], names: Sequence[str] = ()) -> dict[int, int]:
    """What a horizontal flip makes of the classes that it changes.

    Args:
        pairs: classes that become each other, two by two.
        names: class names; those that differ in "left" and "right" alone become each other.
    """
    flipped = dict(zip(pairs[::2], pairs[1::2], strict=True))
    flipped |= {second: first for first, second in flipped.items()}
    other = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    by_name = {name: index for index, name in enumerate(names)}
    for index, name in enumerate(names):
        mirrored = re.sub("|".join(other), lambda side: other[side[0]], name)
        if mirrored != name and mirrored in by_name:
            flipped[index] = by_name[mirrored]
    return flipped


def _lines(path: str) -> list[tuple[int, str]]:
    """The non-blank lines, stripped, with their numbers from 1."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ListError(f"list {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ListError(f"list {path} is not UTF-8 text") from error
    if "\0" in text:
        raise ListError(f"list {path} is not text: it has a NUL byte")
    return [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]


def _label(text: str, where: str, num_classes: int) -> int | None:
    try:
        label = int(text)
    except ValueError:
        return None
    if not 0 <= label < num_classes:
        raise ListError(f"{where}: label {label} is not in 0..{num_classes - 1}")
    return label


def _sample(path: str, label: int, separator: str, root: str, where: str) -> Sample:
    """``folder num_frames`` is a frame folder unless a file of that whole name exists.

    What is in a tar is a file.
    """
    folder, found, count = path.rpartition(separator)
    if found and folder.strip() and count.isdecimal():
        whole = _resolve(path, root)
        if not Path(whole).exists() and split_member(whole) is None:
            if int(count) == 0:
                raise ListError(f"{where}: the folder {folder.rstrip()} has 0 frames")
            return Sample(_resolve(folder.rstrip(), root), label, int(count))
    return Sample(_resolve(path, root), label)


def _resolve(path: str, root: str) -> str:
    return str(Path(root) / path)
