"""What a line of a text list says: the path, the labels, and the frames of a folder.

A line is split at its last separator, space or comma, so that paths may hold spaces. With
``train.task=multi`` its last field may be several labels, ``3,17``, or missing, for none; in a csv
several are quoted, and none are an empty field::

    x.mp4 17            x.mp4 3,17            x.mp4     frames 300 3,17      frames 300
    x.mp4,17            x.mp4,"3,17"          x.mp4,    frames,300,"3,17"    frames,300,

Each fault is a ValueError whose message says what is wrong; ``read_lists`` adds the file and line.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from slowfast.data.samples import Label, number_of, rising
from slowfast.data.shards import split_member

Look = Callable[[str], os.DirEntry[str] | Path | None]
"""Says what is at a path, if anything is."""
Place = Callable[[str], str]
"""From a path in a list to where it is."""

NUMBER = re.compile(r"\d+", re.ASCII)
LABELS = re.compile(r"\d+(,\d+)*", re.ASCII)
"""Labels as a field has them."""
LIKE_LABELS = re.compile(r"[\d,;:.|+_-]+")
"""What is taken for a field of labels, if perhaps a wrong one, and not for a piece of a name."""
QUOTED = re.compile(r'(.*?)\s*,\s*"([^"]*)"')
"""A line of a csv with its last field in quotes."""
FORM = "labels are numbers from 0 with commas between them and no spaces, as 3,17"


def fields_of(
    line: str, separator: str, num_classes: int, task: str, place: Place, look: Look
) -> tuple[str, Label, int | None]:
    """Where the video of a line is, its label, and the frames of a folder. The form of the line
    must be that of what is there."""
    path, _, text = line.rpartition(separator)
    path = path.rstrip()
    label: Label
    text = text.strip()
    if not path or not NUMBER.fullmatch(text.removeprefix("-")):
        path, label = _other_labels(line, separator, num_classes, task, place, look)
    else:
        label = number_of(text)
        if task == "multi" and separator == " " and _is_folder(look(place(path))):
            path, label = line, ()
        elif not 0 <= label < num_classes:
            raise ValueError(f"label {label} is not in 0..{num_classes - 1}")
        elif task == "multi":
            label = (label,)
    folder, _, count = path.rpartition(separator)
    folder, whole = folder.rstrip(), place(path)
    # A frame folder, unless a file of that whole name exists. What is in a tar is a file.
    if not folder or not NUMBER.fullmatch(count) or look(whole) or split_member(whole):
        if task == "multi" and folder and LIKE_LABELS.fullmatch(count) and not look(whole):
            raise ValueError(f"{line.removeprefix(folder).strip()!r} are no labels ({FORM})")
        return whole, label, None
    there = look(place(folder))
    form = separator.join(("folder", "num_frames", "label"))
    if there and not there.is_dir():
        raise ValueError(
            f"{line!r} is of the form '{form}', and {folder} is a file (a video's line is "
            f"'path{separator}label')"
        )
    before, _, offset = folder.rpartition(separator)
    before = before.rstrip()
    if not there and before and NUMBER.fullmatch(offset) and look(place(before)):
        raise ValueError(
            f"{line!r} has one number more than '{form}', and {before} is there: lists "
            "with offsets, as mmaction2 has them, are not read: give each clip a folder of its own"
        )
    if (num_frames := number_of(count)) == 0:
        raise ValueError(f"the folder {folder} has 0 frames")
    return place(folder), label, num_frames


def _other_labels(
    line: str, separator: str, num_classes: int, task: str, place: Place, look: Look
) -> tuple[str, Label]:
    """The path and the labels of a line whose last field is not a single number."""
    path, _, text = line.rpartition(separator)
    is_csv = separator == ","
    if is_csv and (quoted := QUOTED.fullmatch(line)):
        path, text = quoted.groups()
    is_like = bool(LIKE_LABELS.fullmatch(text.replace(" ", "") if is_csv else text))
    if task == "multi":
        if not is_csv and (not is_like or look(place(line))):
            return line, ()
        if path and (is_like or is_csv and not text):
            return path.rstrip(), labels_of(text, num_classes) if text else ()
    what = f"no label in {line!r}"
    if path and "," in text and LABELS.fullmatch(text):
        what = f"{text!r} are several labels, which are for train.task=multi"
    raise ValueError(f"{what} (a line is 'path{separator}label')")


def _is_folder(there: os.DirEntry[str] | Path | None) -> bool:
    return there is not None and there.is_dir()


def ends_with_label(line: str, separator: str) -> bool:
    """Whether a line ends with a number, as one of a list with labels does."""
    return NUMBER.fullmatch(line.rpartition(separator)[2]) is not None


def has_several(line: str, separator: str) -> bool:
    """Whether a line can only be one of several labels, or in a csv of none."""
    path, _, text = line.rpartition(separator)
    if separator == ",":
        return bool(path and (not text or text.endswith('"') and QUOTED.fullmatch(line)))
    return bool(path and "," in text and LABELS.fullmatch(text))


def line_of(path: str, num_frames: int | None, label: Label, separator: str) -> str:
    """The line of a video; ``label`` is -1 where there is none."""
    fields = [path, *([] if num_frames is None else [str(num_frames)])]
    text = text_of(label)
    if separator == "," and isinstance(label, tuple):
        fields.append(f'"{text}"' if "," in text else text)
    elif text:
        fields.append(text)
    return separator.join(fields)


def text_of(label: Label) -> str:
    """The field of a label, or of several; empty where there is none."""
    if isinstance(label, tuple):
        return ",".join(map(str, label))
    return "" if label == -1 else str(label)


def labels_of(text: str, num_classes: int) -> tuple[int, ...]:
    """The labels of a field, rising."""
    if not LABELS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} are no labels ({FORM})")
    return rising([number_of(label) for label in text.split(",")], num_classes)
