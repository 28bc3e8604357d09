"""Which videos there are, and their classes: from a list file, or from folders.

Each line of a list is a sample, split at the last separator (space, or comma for ``.csv``), so that
paths may hold spaces::

    path label                a video file
    folder num_frames label   a folder of frames, img_00001.jpg and on
    path                      for inference
    x.tar/member label        a video in a tar shard, see ``shards``

Relative paths start from ``root``; ``~`` is the home folder. Blank lines are ignored. A list is
UTF-8, but a path may hold other bytes, as file names may: they are kept (PEP 383). Instead of a
list there may be a folder with a folder of videos for each class; classes are numbered in the order
of their names.
"""

import functools
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast.data.shards import split_member
from slowfast.data.video.sources import URL, is_device
from slowfast.errors import UserError, masked_url
from slowfast.log import logger

LIST_ENDINGS = (".txt", ".list", ".csv")
VIDEO_ENDINGS = (
    ".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".3g2", ".asf", ".f4v", ".gif", ".m2ts", ".mts", ".mxf", ".ogv", ".ts", ".vob",
)  # fmt: skip
SOURCE_TOO = (".ts", ".mts")
"""Endings of MPEG-TS and of TypeScript, which is text."""
ANY_CLASS = 10**9
"""The most classes that there can be, for a list read without a config."""


PATHS = "surrogateescape"
"""How bytes of a path that are not UTF-8 are kept in text, as Python keeps them in file names."""
Look = Callable[[str], os.DirEntry[str] | Path | None]


class ListError(UserError):
    """A list or label file that cannot be used; the message names the file and line."""


Label = int | tuple[int, ...]
"""A class index, -1 where there is none; or, with several labels a video, all of its class indices,
rising."""


def classes_of(label: Label) -> tuple[int, ...]:
    """All class indices of a label."""
    if isinstance(label, tuple):
        return label
    return () if label == -1 else (label,)


class Action(NamedTuple):
    """What happens for a part of a video: a class index, and the seconds of the first and the last
    frame that shows it."""

    label: int
    start: float
    end: float


class Sample(NamedTuple):
    """One video: a file, a member of a tar, or a folder of ``num_frames`` frames; or a part of
    one."""

    path: str
    label: Label = -1
    num_frames: int | None = None
    """Frames of a frame folder; None for a video file."""
    start: float | None = None
    """Where the part begins, seconds; None: with the video."""
    end: float | None = None
    """Where it ends; None: with the video."""
    actions: tuple[Action, ...] = ()
    """When the labels are seen, in the whole video's seconds: a training clip then has those of its
    own time. None: all the time."""


class Entry(NamedTuple):
    """A line of a list, unchanged, and the video it names."""

    line: str
    sample: Sample


def read_list(
    list_path: str | Path, root: str | Path, num_classes: int, task: str = "single"
) -> list[Sample]:
    """The samples of a list, in its order.

    Raises:
        ListError: the list is missing or empty, a line is not understood, or its label is not in
            ``0 .. num_classes-1``; the message is ``file:line: reason``. Or a folder has not one
            folder for each class, or no video.
    """
    if Path(list_path).is_dir():
        return _class_samples(Path(list_path), num_classes)
    lines, look = lines_of(list_path, PATHS), looker()
    return [_labelled(line, f"{list_path}:{n}", root, num_classes, look) for n, line in lines]


def read_entries(list_path: str | Path, root: str | Path) -> list[Entry]:
    """The lines of a list with labels, or of one of bare paths: there all lines that end with a
    number are paths that exist. Raises ListError as ``read_list`` does."""
    lines, separator = lines_of(list_path, PATHS), separator_of(list_path)
    numbered = {n: line for n, line in lines if line.rpartition(separator)[2].isdecimal()}
    others = [(n, line) for n, line in lines if n not in numbered]
    if all(os.path.exists(resolve(line, root)) for line in numbered.values()):
        samples = [Sample(resolve(line, root)) for _, line in lines]
    elif others:
        raise ListError(
            f"{list_path}:{others[0][0]}: no label in {others[0][1]!r} (the list is read as one "
            f"with labels because line {next(iter(numbered))} ends with a number)"
        )
    else:
        look = looker()
        samples = [_labelled(line, f"{list_path}:{n}", root, ANY_CLASS, look) for n, line in lines]
    return [Entry(line, sample) for (_, line), sample in zip(lines, samples, strict=True)]


def _labelled(line: str, where: str, root: str | Path, num_classes: int, look: Look) -> Sample:
    """The sample of a line ``path label``; ``where`` is ``file:line``. The form of the line must be
    that of what is there."""
    separator = separator_of(where.rpartition(":")[0])
    path, _, text = line.rpartition(separator)
    path = path.rstrip()
    try:
        label = int(text if path else "")
    except ValueError as error:
        what = f"{where}: no label in {line!r} (a line is 'path{separator}label')"
        raise ListError(what) from error
    if not 0 <= label < num_classes:
        raise ListError(f"{where}: label {label} is not in 0..{num_classes - 1}")
    folder, _, count = path.rpartition(separator)
    folder, whole = folder.rstrip(), resolve(path, root)
    # A frame folder, unless a file of that whole name exists. What is in a tar is a file.
    if not folder or not count.isdecimal() or look(whole) or split_member(whole):
        return Sample(whole, label)
    there = look(resolve(folder, root))
    form = separator.join(("folder", "num_frames", "label"))
    if there and not there.is_dir():
        raise ListError(
            f"{where}: {line!r} is of the form '{form}', and {folder} is a file (a video's line is "
            f"'path{separator}label')"
        )
    before, _, offset = folder.rpartition(separator)
    before = before.rstrip()
    if not there and before and offset.isdecimal() and look(resolve(before, root)):
        raise ListError(
            f"{where}: {line!r} has one number more than '{form}', and {before} is there: lists "
            "with offsets, as mmaction2 has them, are not read: give each clip a folder of its own"
        )
    if int(count) == 0:
        raise ListError(f"{where}: the folder {folder} has 0 frames")
    return Sample(resolve(folder, root), label, int(count))


def separator_of(list_path: str | Path) -> str:
    """The character between the fields of a line."""
    return "," if str(list_path).endswith(".csv") else " "


def resolve(path: str, root: str | Path) -> str:
    """A path of a list, relative ones from ``root``, as the system's functions take it. Raises
    ListError for an url."""
    if URL.match(path):
        raise ListError(f"{masked_url(path)} in a list of videos: an url, not a file")
    own = os.fsdecode(path.encode(errors=PATHS))  # the same, unless the locale is not UTF-8
    return str(Path(root) / os.path.expanduser(own))


def looker() -> Look:
    """A function that says what is at a path, if anything is.

    It lists each folder once: to look at each file takes long on a network disk.
    """

    @functools.cache
    def listed(folder: str) -> dict[str, os.DirEntry[str]]:
        try:
            with os.scandir(folder or ".") as entries:
                return {entry.name: entry for entry in entries}
        except OSError:
            return {}

    def look(path: str) -> os.DirEntry[str] | Path | None:
        folder, name = os.path.split(path.rstrip("/"))
        # The second look is for folders that cannot be listed, and for other spellings of a name.
        return listed(folder).get(name) or (Path(path) if os.path.exists(path) else None)

    return look


def lines_of(path: str | Path, errors: str = "strict") -> list[tuple[int, str]]:
    """The non-blank lines, stripped, with their numbers from 1. Raises ListError if the file cannot
    be read, is not text, or has no such line.

    Args:
        errors: what happens to bytes that are not UTF-8: an error, or ``PATHS`` keeps them.
    """
    if is_device(str(path)):
        raise ListError(f"{path}: a device, not a list")
    try:
        # Not splitlines(), which also splits at signs that file names may have, such as U+0085.
        rows = enumerate(read_text(path, errors).split("\n"), 1)
    except OSError as error:
        raise ListError(f"list {path} cannot be read: {error.strerror}") from error
    lines = [(number, line.strip()) for number, line in rows if line.strip()]
    if not lines:
        raise ListError(f"{path}: the list is empty")
    return lines


def read_text(path: str | Path, errors: str = "strict") -> str:
    """The text of a list, or of a data set's own file. Raises ListError if it is not text, and
    OSError if it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors=errors)
    except UnicodeDecodeError as error:
        raise ListError(f"{path} is not UTF-8 text") from error
    if "\0" in text:
        raise ListError(f"{path} is not text: it has a NUL byte")
    return text


def _class_samples(root: Path, num_classes: int) -> list[Sample]:
    by_class = class_folders(root)
    if num_classes not in (len(by_class), ANY_CLASS):
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
    not classes. Logs once what is left out."""
    found, left_out = {}, []
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name[0] != ".":
            found[path.name], others = list_videos(path, deep=False)
            left_out += [f"{path.name}/{name}" for name in others]
        elif path.is_dir() or path.name.lower().endswith(VIDEO_ENDINGS):  # not the lists beside
            left_out.append(path.name + "/" * path.is_dir())
    tell_left_out(root, left_out)
    return found


def videos_below(folder: str | Path) -> list[str]:
    """The videos in a folder and in those below it, by their paths from there, in order. Logs once
    what is left out."""
    found, left_out = list_videos(folder, deep=True)
    tell_left_out(folder, left_out)
    return found


def list_videos(folder: str | Path, *, deep: bool) -> tuple[list[str], list[str]]:
    """The videos in a folder, by their paths from there, and what is left out, both in order.

    A video is a file that ``is_video`` takes for one; links are followed. What is left out ends
    with ``/`` if it is a folder.

    Args:
        deep: also look in the folders below, except hidden ones; else all folders are left out.

    Raises:
        OSError: a folder cannot be listed.
    """
    found: list[str] = []
    left_out: list[str] = []
    waiting, walked = deque([""]), set()
    while waiting:
        below = waiting.popleft()
        place = os.path.join(folder, below)
        if os.path.realpath(place) in walked:  # a link to where we have been
            continue
        walked.add(os.path.realpath(place))
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = os.path.join(below, entry.name)
                if entry.is_dir() and deep and entry.name[0] != ".":
                    waiting.append(path)
                elif entry.is_dir():
                    left_out.append(f"{path}/")
                elif entry.is_file() and is_video(path, functools.partial(first_bytes, entry.path)):
                    found.append(path)
                else:
                    left_out.append(path)
    return sorted(found), sorted(left_out)


def is_video(path: str, begin: Callable[[], bytes]) -> bool:
    """Whether a file is taken for a video where a folder or a tar is looked through: its name has
    one of ``VIDEO_ENDINGS``, neither it nor a folder of ``path`` is hidden (as ``._x.mp4`` of macOS
    is), and it is not TypeScript.

    Args:
        path: from the folder or in the tar.
        begin: gives the file's first bytes.
    """
    named = path.lower().endswith(VIDEO_ENDINGS) and "/." not in f"/{path}"
    return named and (not path.lower().endswith(SOURCE_TOO) or b"\0" in begin())


def first_bytes(path: str) -> bytes:
    """How a file begins, for ``is_video``; one that cannot be read is left to whoever reads it."""
    try:
        with open(path, "rb") as file:
            return file.read(1024)
    except OSError:
        return b"\0"


def tell_left_out(folder: str | Path, names: Sequence[str]) -> None:
    """Logs how many files and folders were no videos, and the first of them."""
    if names:
        more = ", ..." if len(names) > 1 else ""
        logger.info(
            f"{folder}: {len(names):,} left out ({names[0]}{more}): hidden, not named as a video, "
            "or in a folder where none is expected"
        )
