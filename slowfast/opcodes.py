"""Checks the steps of a pickle before any of them is run.

A pickle can do harm without code: with a number for which Python reserves all memory, or with a
tuple that has another one twice, which has another one twice, and so on. As a key, 60 of those take
longer than a lifetime, and Ctrl-C does not end it. Many keys of the same hash are as bad.
"""

import pickletools
from typing import IO, Any

LARGEST = 1_000_000
"""Most things in a tuple and in the tuples in it, each counted as often as it occurs."""

MOST_STEPS = 1_000_000
"""Some 200 MB of lists in lists. A checkpoint of 2,000 tensors has 50,000."""
MOST_KEYS = 1_000
"""Keys of dicts and sets whose hash a file can choose: tuples, numbers of ``LONG`` and more, and
what a function makes. Each is compared with all the others of its hash."""
LONG = (1 << 61) - 1
"""From here on, whole numbers have the hash of a smaller one."""

_NUMBERED = ("PUT", "BINPUT", "LONG_BINPUT")
_KEPT = (*_NUMBERED, "MEMOIZE")
_FETCHED = ("GET", "BINGET", "LONG_BINGET")
_MADE = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET", "REDUCE", "NEWOBJ", "NEWOBJ_EX",
         "INST", "OBJ", "BUILD", "BINPERSID")  # fmt: skip
"""What keeps the things that it is made of: tuples, or what a function may give back as it was."""
_KEYED, _HASHED = ("SETITEM", "SETITEMS", "DICT"), ("ADDITEMS", "FROZENSET")
"""What makes every second thing a key, and all of them."""
_MARK = pickletools.markobject


def check_steps(file: IO[bytes], most: int = MOST_STEPS) -> None:
    """Reads the next pickle of a file to its end, of ``most`` steps, and runs none of them.

    Raises:
        ValueError: it is cut off, no pickle, or would take all memory or time.
    """
    stack: list[int | None] = []  # how many things each is; None: a mark
    memo: dict[int, int | None] = {}
    frame_end = keys = 0
    try:
        for step, (opcode, value, place) in enumerate(pickletools.genops(file), start=1):
            name, end = opcode.name, file.tell()
            if step > most:
                raise ValueError(f"more than {most:,} steps")
            if int(place or 0) < frame_end and (end > frame_end or name == "FRAME"):
                # Python would leave out the rest of the frame, and run other steps than these.
                raise ValueError(f"its step {step} goes beyond the end of its frame")
            if name in _KEPT:
                number = int(value or 0) if name in _NUMBERED else len(memo)
                # For thing number 2^30 Python would set aside 16 GB; things count from 0.
                if number > step:
                    raise ValueError(f"its step {step} is numbered {value}")
                memo[number] = stack[-1]
            elif name in _FETCHED:
                stack.append(memo[int(value or 0)])
            elif name == "DUP":
                stack.append(stack[-1])
            elif name == "MARK":
                stack.append(None)
            elif name == "FRAME":
                frame_end = end + int(value or 0)
            else:
                keys += _take(stack, opcode, value)
                if keys > MOST_KEYS:
                    raise ValueError(f"more than {MOST_KEYS:,} keys that are no text or number")
    except LookupError as error:
        raise ValueError(f"its step {step} takes what is not there") from error


def _take(stack: list[int | None], opcode: Any, value: object) -> int:
    """Takes from the stack what a step does (an IndexError: it is not there), and puts there what
    it makes (a ValueError: a tuple of more than ``LARGEST`` things). Returns how many of the things
    become keys, and are more than one."""
    needs, name = list(opcode.stack_before), opcode.name
    sizes: list[int] = []  # the last one first
    if _MARK in needs:
        while (size := stack.pop()) is not None:
            sizes.append(size)
        needs = needs[: needs.index(_MARK)]
    sizes += [stack.pop() or 0 for _ in needs]
    is_long = isinstance(value, int) and abs(value) >= LONG
    made = 1 + (sum(sizes) if name in _MADE else is_long)
    if made > LARGEST:
        raise ValueError(f"a tuple of more than {LARGEST:,} things")
    stack.extend([made] * len(opcode.stack_after))
    keys = sizes[1::2] if name in _KEYED else sizes if name in _HASHED else []
    return sum(size > 1 for size in keys)
