"""Action lists: which numbers the actions have in annotations of boxes, and which are scored.

Two forms, blocks with any spacing and in any order of keys, and lines::

    item { name: "dance" id: 4 }
    label { name: "dance" label_id: 4 label_type: PERSON_MOVEMENT }
    4: dance
"""

import re
from collections.abc import Iterable

from slowfast.config import DetectionConfig
from slowfast.data.lists.read_lists import ListError, lines_of
from slowfast.data.samples import number_of

AVA60 = "ava60"
NOT_IN_60 = {2, 16, 18, 19, 21, 23, 25, 31, 32, 33, 35, 39, 40, 42, 44, 50, 53, 55, 71, 75}
"""Of AVA's 80 actions, those too rare for its benchmark."""
LINE = re.compile(r"(?P<number>[0-9]{1,9})[\s,;:]+(?P<name>.+)")
BEGIN = re.compile(r"^(?:item|label)\s*\{", re.MULTILINE)
"""How a block begins."""
BLOCK = re.compile(r"\{([^{}]*)\}")
NAME = re.compile(r"""\bname\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
NUMBER = re.compile(r"\b(?:label_)?id\s*:\s*(\d+)", re.ASCII)


def scored_classes(detection: DetectionConfig, num_classes: int, root: str = "") -> list[int]:
    """The class indices that detection.scored names, rising; all if it names no list. Its path is
    from here, or from ``root``.

    Raises:
        ListError: the list cannot be used, or has none of the classes.
    """
    ids = class_numbers(detection, num_classes)
    if not detection.scored:
        return [*range(num_classes)]
    from slowfast.data.boxes.boxes_files import located  # here: OpenCV, which tools/score needs not

    path = detection.scored
    scored = actions_of(path if path == AVA60 else located(path, root, "detection.scored"))
    found = [index for index, number in enumerate(ids) if number in scored]
    if not found:
        raise ListError(
            f"detection.scored={detection.scored} has none of the {num_classes} classes, whose "
            f"numbers in the annotations are {ids[0]} to {ids[-1]} (detection.first_id, "
            "detection.ids)"
        )
    return found


def class_numbers(detection: DetectionConfig, num_classes: int) -> list[int]:
    """The numbers that the classes have in the annotations, in the order of the classes."""
    first = detection.first_id
    return [*detection.ids] or [*range(first, first + num_classes)]


def actions_of(path: str) -> dict[int, str]:
    """The names of the actions of a list by their numbers, see above; ``ava60`` are those of AVA's
    benchmark, without names.

    Raises:
        ListError: the list is missing, its form is not understood, or a number is there twice.
    """
    if path == AVA60:
        return {number: "" for number in range(1, 81) if number not in NOT_IN_60}
    lines = lines_of(path)
    text = "\n".join(line for _, line in lines)
    if has_blocks(text):
        return of_blocks(path, text)
    return _each_once(path, (_line(line, f"{path}:{number}") for number, line in lines))


def has_blocks(text: str) -> bool:
    """Whether a text is a list of blocks."""
    return BEGIN.search(text) is not None


def of_blocks(path: str, text: str) -> dict[int, str]:
    """The names in a list of blocks, by their numbers; raises as ``actions_of`` does."""
    rows = []
    if brace := re.search(r"[{}]", re.sub(rf"\w*\s*{BLOCK.pattern}", "", text)):
        rest = " ".join(brace.string[max(brace.start() - 30, 0) :].split())[:60]
        raise ListError(f"{path}: a block is not whole, a brace is missing: {rest!r}")
    for block in BLOCK.findall(text):
        name, number = NAME.search(block), NUMBER.search(block)
        if name is None or number is None:
            shown = " ".join(block.split())[:60]
            raise ListError(f'{path}: a block has no name: "..." and id: N: {shown!r}')
        rows.append((number_of(number[1]), name[1][1:-1]))
    if not rows:
        raise ListError(f"{path}: there is no whole block: item {{ name: ... id: ... }}")
    return _each_once(path, rows)


def _each_once(path: str, rows: Iterable[tuple[int, str]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for number, name in rows:
        if number in found:
            raise ListError(f"{path}: number {number} is there twice")
        found[number] = name
    return found


def _line(line: str, where: str) -> tuple[int, str]:
    fields = LINE.fullmatch(line)
    if fields is None:
        raise ListError(f"{where}: not a number and a name, as '4: dance': {line[:60]!r}")
    return int(fields["number"]), fields["name"]
