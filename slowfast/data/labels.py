"""Class names, in the forms that people have them, and which classes a horizontal flip swaps.

A file of class names is one of these:

    riding a bike              one name a line, in index order
    17 riding a bike           numbered lines, in any order, from 0 or from 1; the number may come
    riding a bike,17           last, and there may be a header
    id,name,group              a csv with a header
    {"riding a bike": 17}      JSON; also {"17": "riding a bike"}, and a list of names
    item { name: "dance" id: 4 }       an action list of AVA, .pbtxt, in the order of its numbers
"""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from slowfast.data.boxes.action_lists import LINE, has_blocks, of_blocks
from slowfast.data.find import find_listed, listed_places
from slowfast.data.lists.read_lists import ListError, lines_of
from slowfast.data.strict_json import parsed

LABELS = Path(__file__).parents[1] / "labels"
"""The built-in files of class names; its README.md has their sources."""
FORMS = (
    "class names are read from lines 'name', '0 name' or 'name 0', a csv with a header such as "
    'id,name, JSON such as ["name"], {"name": 0} or {"0": "name"}, or a .pbtxt'
)
NUMBER = re.compile(r"[0-9]{1,9}")
NUMBER_LAST = re.compile(r"(?P<name>.+?)[\s,;:]+(?P<number>[0-9]{1,9})")
NAME_COLUMNS = ("name", "class_name", "label_name", "display_name", "class", "label", "action")
NUMBER_COLUMNS = ("id", "index", "idx", "number", "class_id", "label_id", "class", "label")


def read_labels(
    labels: str, num_classes: int, root: str = "", ids: Sequence[int] = ()
) -> list[str]:
    """Class names in index order.

    Args:
        labels: a file, or the name of a built-in one, see ``find_labels``.
        num_classes: how many there must be; 0 for any number.
        root: where a relative path may start from, too.
        ids: the numbers in annotations (detection.ids): of an action list only their names.

    Raises:
        ListError: the file is missing or empty, its form is not understood, a name is there twice,
            or there are other than ``num_classes`` names.
    """
    path = find_labels(labels, root)
    if path is None:
        raise ListError(
            f"data.labels={labels}: there is no {' or '.join(listed_places(labels, root))}, and "
            f"built in are {', '.join(built_in_labels())}"
        )
    names = _names(path, [line for _, line in lines_of(path)], ids)
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


def label_lines(names: Sequence[str]) -> list[str]:
    """The lines of a file that ``read_labels`` reads to these names: they themselves, or numbered
    ones if it took, say, "1 hand" and "2 hands" for numbers and names."""
    try:
        if _names("", names) == names:
            return list(names)
    except ListError:
        pass
    return [f"{index} {name}" for index, name in enumerate(names)]


def spelled(name: str) -> str:
    """What the spellings of a class name have in common: its letters and digits, in lower case."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def _names(path: str, lines: Sequence[str], ids: Sequence[int] = ()) -> list[str]:
    """The names in the lines of a file, in index order."""
    text = "\n".join(lines)
    if path.lower().endswith(".json") or re.match(r'{|\[\s*["\[{]', text):
        try:
            found = _of_json(path, parsed(text, _Pairs))
        except ValueError as error:
            raise ListError(f"{path}: {error}; {FORMS}") from error
    elif has_blocks(text):
        by_number = of_blocks(path, text)
        if lacking := [number for number in ids if number not in by_number]:
            raise ListError(f"{path}: no action has the number {lacking[0]} (detection.ids)")
        found = [by_number[number] for number in ids or sorted(by_number)]
    else:
        found = _of_lines(path, lines)
    names = [name.strip().strip('"').strip() for name in found]
    for index, name in enumerate(names):
        if len(name.splitlines()) != 1:
            raise ListError(f"{path}: {name!r} is no class name; {FORMS}")
        if name in names[:index]:
            raise ListError(f"{path}: the class {name!r} is there twice; {FORMS}")
    return names


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, with the keys that are there twice."""


def _of_json(path: str, content: Any) -> list[str]:
    if content and isinstance(content, list) and all(isinstance(item, _Pairs) for item in content):
        rows = [dict(item) for item in content]
        content = _Pairs((str(row.get("id")), row.get("name")) for row in rows)
    if isinstance(content, _Pairs) and content:
        pairs = list(content)
        if not all(_is_number(number) for _, number in pairs):
            pairs = [(name, number) for number, name in pairs]
        if all(isinstance(name, str) and _is_number(number) for name, number in pairs):
            return _by_number(path, [(int(number), name) for name, number in pairs])
    elif content and isinstance(content, list):  # of names; of a name's parts, as Diving48 has them
        parts = [[item] if isinstance(item, str) else item for item in content]
        if all(isinstance(item, list) and all(isinstance(p, str) for p in item) for item in parts):
            return [" ".join(item) for item in parts]
    raise ListError(f"{path}: not a JSON file of class names; {FORMS}")


def _is_number(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and bool(NUMBER.fullmatch(value)))


def _of_lines(path: str, lines: Sequence[str]) -> list[str]:
    if table := _of_table(path, lines):
        return table
    words = set(re.split(r'[\s,;:"]+', lines[0].lower()))
    for body in (lines, lines[1:] if words & {*NAME_COLUMNS, *NUMBER_COLUMNS} else []):
        for form in (LINE, NUMBER_LAST):
            found = [match for line in body if (match := form.fullmatch(line))]
            if not found or len(found) < len(body):
                continue
            numbers, names = zip(*((int(m["number"]), m["name"]) for m in found), strict=True)
            # Names may begin or end with numbers themselves: "step 1", "step 2", "jump 1".
            alike = len(names) - len(set(names))
            if not alike or (_are_whole(numbers) and len(set(names)) > 1):
                return _by_number(path, zip(numbers, names, strict=True))
    return list(lines)


def _of_table(path: str, lines: Sequence[str]) -> list[str] | None:
    """The names of a csv with a header, in the order of its numbers, or of its lines if it has
    none; None if there is no header."""
    mark = next((mark for mark in ",;\t" if mark in lines[0]), ",")
    header = [word.strip().lower() for word in next(csv.reader(lines, delimiter=mark))]
    known = [word for word in NAME_COLUMNS if word in header]
    if not known or (len(header) == 1 and not path.lower().endswith(".csv")):
        return None
    rows = list(csv.reader(lines[1:], delimiter=mark))
    if {*map(len, rows)} != {len(header)}:
        raise ListError(f"{path}: not as many fields in each line as in the first; {FORMS}")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    numbered = [w for w in NUMBER_COLUMNS if w in columns and all(map(_is_number, columns[w]))]
    name = next((word for word in known if word not in numbered), None)
    if name is None:
        raise ListError(f"{path}: no column of names in {','.join(header)}; {FORMS}")
    if not numbered:
        return list(columns[name])
    return _by_number(path, zip(map(int, columns[numbered[0]]), columns[name], strict=True))


def _are_whole(numbers: Sequence[int]) -> bool:
    """Whether the numbers are 0 and on, or 1 and on, each once, in any order."""
    first = min(numbers)
    return first in (0, 1) and sorted(numbers) == list(range(first, first + len(numbers)))


def _by_number(path: str, pairs: Iterable[tuple[int, str]]) -> list[str]:
    numbers, names = zip(*sorted(pairs), strict=True)
    if not _are_whole(numbers):
        raise ListError(
            f"{path}: its {len(names)} classes do not have the numbers from 0, or from 1, each "
            f"once; {FORMS}"
        )
    return list(names)


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
