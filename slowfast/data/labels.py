"""Class names, and which classes a horizontal flip swaps."""

import re
from collections.abc import Sequence
from pathlib import Path

from slowfast.data.find import find_listed, listed_places
from slowfast.data.lists import ListError, lines_of

LABELS = Path(__file__).parents[1] / "labels"
"""The built-in files of class names; its README.md has their sources."""


def read_labels(labels: str, num_classes: int, root: str = "") -> list[str]:
    """Class names in index order, one a line.

    Args:
        labels: a file, or the name of a built-in one, see ``find_labels``.
        num_classes: how many there must be; 0 for any number.
        root: where a relative path may start from, too.

    Raises:
        ListError: the file is missing or empty, or has another number of names than there are
            classes.
    """
    path = find_labels(labels, root)
    if path is None:
        raise ListError(
            f"data.labels={labels}: there is no {' or '.join(listed_places(labels, root))}, and "
            f"built in are {', '.join(built_in_labels())}"
        )
    names = [line for _, line in lines_of(path)]
    if num_classes and len(names) != num_classes:
        raise ListError(f"{path}: {len(names)} class names for model.num_classes={num_classes}")
    return names


def find_labels(labels: str, root: str) -> str | None:
    """Where the class names of ``data.labels`` are: in a file here, in one below root, or built in.
    Raises ListError if there are both files, and they differ."""
    built_in = str(LABELS / f"{labels}.txt") if labels in built_in_labels() else None
    return find_listed(labels, root, Path.is_file) or built_in


def built_in_labels() -> list[str]:
    """The values of ``data.labels`` for which the user needs no file."""
    return sorted(path.stem for path in LABELS.glob("*.txt"))


def flipped_labels(pairs: Sequence[int], names: Sequence[str] = ()) -> dict[int, int]:
    """The classes that a horizontal flip changes, and what they become.

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
