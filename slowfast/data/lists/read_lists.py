"""Which videos there are, and their classes: from a list file, or from folders.

Each line of a list is a sample, split at the last separator (space, or comma for ``.csv``), so that
paths may hold spaces::

    path label                a video file
    folder num_frames label   a folder of frames, img_00001.jpg and on
    path                      for inference
    x.tar/member label        a video in a tar shard, see ``shards``
    path 3,17,42              several labels, and with train.task=multi also none: path

A line of a ``.jsonl`` list is an object, see ``jsonl_lists``; it may name a part of a video.

Relative paths start from ``root``; ``~`` is the home folder. Blank lines are ignored. A list is
UTF-8, but a path may hold other bytes, as file names may: they are kept (PEP 383). Instead of a
list there may be a folder with a folder of videos for each class; classes are numbered in the order
of their names.
"""

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast.data.lists.folders import VIDEO_ENDINGS, class_folders
from slowfast.data.lists.jsonl_lists import sample_of
from slowfast.data.lists.text_lists import Look, ends_with_label, fields_of, has_several, line_of
from slowfast.data.samples import Sample
from slowfast.data.video.sources import URL, is_device
from slowfast.errors import UserError, masked_url
from slowfast.log import logger

LIST_ENDINGS = (".txt", ".list", ".csv", ".jsonl")
ANY_CLASS = 10**9
"""The most classes that there can be, for a list read without a config."""


JSON = re.compile(r'\[?\s*{\s*"[^"]*"\s*:')
"""How objects, or a list of them, begin."""
PATHS = "surrogateescape"
"""How bytes of a path that are not UTF-8 are kept in text, as Python keeps them in file names."""


class ListError(UserError):
    """A list or label file that cannot be used; the message names the file and line."""


class Entry(NamedTuple):
    """A line of a list, unchanged, and the video it names."""

    line: str
    sample: Sample


def read_list(
    list_path: str | Path, root: str | Path, num_classes: int, task: str = "single"
) -> list[Sample]:
    """The samples of a list, in its order.

    Args:
        task: ``train.task``: with ``multi`` a sample's label is a tuple.

    Raises:
        ListError: the list is missing or empty, a line is not understood, or its label is not in
            ``0 .. num_classes-1``; the message is ``file:line: reason``. Or a folder has not one
            folder for each class, or no video.
    """
    if Path(list_path).is_dir():
        return _class_samples(Path(list_path), num_classes, task)
    return _samples(lines_of(list_path, PATHS), list_path, root, num_classes, task)


def read_entries(list_path: str | Path, root: str | Path, task: str = "single") -> list[Entry]:
    """The lines of a list with labels, or of one of bare paths: there all lines that end with a
    number, or several, are paths that exist. If a line has several labels, or with the task
    ``multi``, one without is a video with none. Raises ListError as ``read_list`` does."""
    if Path(list_path).is_dir():
        samples = _class_samples(Path(list_path), ANY_CLASS, task)
        paths = [os.path.relpath(sample.path, root) for sample in samples]
        texts = [line_of(p, None, s.label, " ") for p, s in zip(paths, samples, strict=True)]
        return [Entry(*pair) for pair in zip(texts, samples, strict=True)]
    lines = lines_of(list_path, PATHS)
    if is_json(list_path):
        samples = _samples(lines, list_path, root, ANY_CLASS, "")
        return [Entry(line, sample) for (_, line), sample in zip(lines, samples, strict=True)]
    _check_form(lines, list_path)
    separator = separator_of(list_path)
    several = [line for _, line in lines if has_several(line, separator)]
    numbered = {n: line for n, line in lines if ends_with_label(line, separator)}
    others = [(n, line) for n, line in lines if n not in numbered]
    if all(os.path.exists(resolve(line, root)) for line in (*several, *numbered.values())):
        samples = [Sample(resolve(line, root)) for _, line in lines]
    elif several or task == "multi" or not others:
        samples = _samples(lines, list_path, root, ANY_CLASS, "multi" if several else task)
    else:
        raise ListError(
            f"{list_path}:{others[0][0]}: no label in {others[0][1]!r} (the list is read as one "
            f"with labels because line {next(iter(numbered))} ends with a number)"
        )
    return [Entry(line, sample) for (_, line), sample in zip(lines, samples, strict=True)]


def _samples(
    lines: Sequence[tuple[int, str]], list_path: str | Path, root: str | Path, num_classes: int,
    task: str,
) -> list[Sample]:  # fmt: skip
    """The samples of numbered lines; ``task`` as in ``sample_of``."""
    place, look = functools.partial(resolve, root=root), looker()
    separator, in_json, samples = separator_of(list_path), is_json(list_path), list[Sample]()
    if not in_json:
        _check_form(lines, list_path)
    for number, line in lines:
        try:
            if in_json:
                samples.append(sample_of(line, num_classes, task, place, look))
            else:
                fields = fields_of(line, separator, num_classes, task, place, look)
                samples.append(Sample(*fields))
        except (ValueError, ListError) as error:
            raise ListError(f"{list_path}:{number}: {error}") from error
    if task == "multi" and not in_json and separator == " ":
        _tell_bare_folders(list_path, lines, samples, num_classes)
    return samples


def _check_form(lines: Sequence[tuple[int, str]], list_path: str | Path) -> None:
    """Raises ListError if the lines of a text list are urls, or JSON."""
    if JSON.match("".join(line for _, line in lines[:3])):
        raise ListError(
            f"{list_path}:{lines[0][0]}: JSON: the name of a list of objects, one a line, must end "
            "in .jsonl"
        )
    for number, line in lines:
        if URL.match(line):
            raise ListError(f"{list_path}:{number}: {masked_url(line)}: an url, not a file")


def _tell_bare_folders(
    list_path: str | Path, lines: Sequence[tuple[int, str]], samples: Sequence[Sample],
    num_classes: int,
) -> None:  # fmt: skip
    """Logs how many folders have one number, which could be meant as their class."""
    bare = [
        number
        for (number, _), sample in zip(lines, samples, strict=True)
        if sample.num_frames and not sample.label and sample.num_frames < num_classes
    ]
    if bare:
        logger.warning(
            f"{list_path}: {len(bare):,} lines, the first is line {bare[0]}, are a folder and one "
            "number, and are taken for 'folder num_frames' without labels (with one a line is "
            "'folder num_frames label')"
        )


def is_json(list_path: str | Path) -> bool:
    """Whether a list is one of JSON objects."""
    return str(list_path).lower().endswith(".jsonl")


def separator_of(list_path: str | Path) -> str:
    """The character between the fields of a line."""
    return "," if str(list_path).lower().endswith(".csv") else " "


def resolve(path: str, root: str | Path) -> str:
    """A path of a list, relative ones from ``root``, as the system's functions take it. Raises
    ListError for an url."""
    if URL.match(path):
        raise ListError(f"{masked_url(path)}: an url, not a file")
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


def _class_samples(root: Path, num_classes: int, task: str) -> list[Sample]:
    by_class = class_folders(root)
    if num_classes not in (len(by_class), ANY_CLASS):
        raise ListError(
            f"{root}: {len(by_class)} class folders for model.num_classes={num_classes} "
            "(python -m slowfast.tools.build_list folder makes lists where they differ)"
        )
    samples = [
        Sample(str(root / name / video), (label,) if task == "multi" else label)
        for label, (name, videos) in enumerate(by_class.items())
        for video in videos
    ]
    if not samples:
        raise ListError(f"{root}: no video in its class folders ({', '.join(VIDEO_ENDINGS)})")
    return samples
