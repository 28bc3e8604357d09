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

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast.data.shards import split_member
from slowfast.errors import UserError
from slowfast.log import logger

LIST_ENDINGS = (".txt", ".list", ".csv")
VIDEO_ENDINGS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv")


ANY_CLASS = 10**9
"""As many classes as there may be."""


class ListError(UserError):
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
    for number, line in lines_of(list_path):
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
    by_class = class_folders(root)
    if len(by_class) != num_classes:
        raise ListError(
            f"{root}: {len(by_class)} class folders for model.num_classes={num_classes} "
            "(python -m slowfast.tools.build_list folder makes lists where they differ)"
        )
    samples = [
        Sample(str(root / name / video), label)
        for label, (name, videos) in enumerate(by_class.items())
        for video in videos
    ]
    if not samples:
        raise ListError(f"{root}: no video in its class folders ({', '.join(VIDEO_ENDINGS)})")
    return samples


def class_folders(root: Path) -> dict[str, list[str]]:
    """The videos of each folder in ``root``, both in the order of their names; hidden folders are
    not classes. Says what else lies there."""
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    found, left_out = {}, []
    for folder in folders:
        found[folder.name], others = list_videos(folder, deep=False)
        left_out += [f"{folder.name}/{name}" for name in others]
    tell_left_out(root, left_out)
    return found


def videos_below(folder: str | Path) -> list[str]:
    """The videos in a folder and in those below it, by their paths from there, in order. Says what
    else lies there."""
    found, left_out = list_videos(folder, deep=True)
    tell_left_out(folder, left_out)
    return found


def list_videos(folder: str | Path, *, deep: bool) -> tuple[list[str], list[str]]:
    """The videos in a folder, by their paths from there, and what else lies there, both in order.

    A video is a file, not hidden, that ends as one of ``VIDEO_ENDINGS``; links are followed.

    Args:
        deep: also those in the folders below; else these count as what else lies there.
    """
    found: list[str] = []
    left_out: list[str] = []
    walked: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        if os.path.realpath(place) in walked:  # a link to where we are, or have been
            folders.clear()
            continue
        walked.add(os.path.realpath(place))
        hidden = [name for name in folders if not deep or name[0] == "."]
        left_out += [os.path.relpath(os.path.join(place, name), folder) + "/" for name in hidden]
        folders[:] = sorted(set(folders) - set(hidden))
        for name in names:
            is_video = name.lower().endswith(VIDEO_ENDINGS) and name[0] != "."
            path = os.path.relpath(os.path.join(place, name), folder)
            (found if is_video else left_out).append(path)
    return sorted(found), sorted(left_out)


def _raise(error: OSError) -> None:
    raise error


def tell_left_out(folder: str | Path, names: Sequence[str]) -> None:
    """Says that these of a folder are no videos; of many, which is the first."""
    if names:
        logger.info(
            f"{folder}: {len(names):,} left out, hidden or not named as a video ({names[0]}"
            f"{', ...' if len(names) > 1 else ''})"
        )


def read_paths(list_path: str, root: str) -> list[Sample]:
    """The samples of a list for inference, one path a line, without labels."""
    samples = [Sample(resolve(line, root)) for _, line in lines_of(list_path)]
    if not samples:
        raise ListError(f"{list_path}: the list is empty")
    return samples


class Entry(NamedTuple):
    """A line of a list as it stands there, and the video it names."""

    line: str
    sample: Sample


def read_entries(list_path: Path, root: Path) -> list[Entry]:
    """The lines of a list with labels, or of one of bare paths: one where no line has a label.

    Raises:
        ListError: as ``read_list``.
    """
    paths = read_paths(str(list_path), str(root))
    text = list_path.read_text(encoding="utf-8-sig")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    separator = "," if list_path.suffix == ".csv" else " "
    if any(line.rpartition(separator)[2].isdecimal() for line in lines):
        samples = read_list(str(list_path), str(root), ANY_CLASS)
    else:
        samples = paths
    return [Entry(line, sample) for line, sample in zip(lines, samples, strict=True)]


def lines_of(path: str) -> list[tuple[int, str]]:
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
        whole = resolve(path, root)
        if not Path(whole).exists() and split_member(whole) is None:
            if int(count) == 0:
                raise ListError(f"{where}: the folder {folder.rstrip()} has 0 frames")
            return Sample(resolve(folder.rstrip(), root), label, int(count))
    return Sample(resolve(path, root), label)


def resolve(path: str, root: str) -> str:
    """A path of a list, relative ones from ``root``."""
    return str(Path(root) / path)
