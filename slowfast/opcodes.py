"""Checks the steps of a pickle before any of them is run.

A pickle can do harm without code: with a number for which Python reserves all memory, or with a
tuple that has another one twice, which has another one twice, and so on. As a key, 60 of those take
longer than a lifetime, and Ctrl-C does not end it.
"""

import pickletools
from typing import IO, Any

LARGEST = 1_000_000
"""Most things in a tuple and in the tuples in it, each counted as often as it occurs."""

_NUMBERED = ("PUT", "BINPUT", "LONG_BINPUT")
_KEPT = (*_NUMBERED, "MEMOIZE")
_FETCHED = ("GET", "BINGET", "LONG_BINGET")
_MADE = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET", "REDUCE", "NEWOBJ", "NEWOBJ_EX",
         "INST", "OBJ", "BUILD", "BINPERSID")  # fmt: skip
"""What keeps the things that it is made of: tuples, or what a function may give back as it was."""
_MARK = pickletools.markobject


def check_steps(file: IO[bytes]) -> None:
    """Reads the next pickle of a file to its end, and runs none of its steps.

    Raises:
        ValueError: it is cut off, no pickle, or would take all memory or time.
    """
    stack: list[int | None] = []  # how many things each is; None: a mark
    memo: dict[int, int | None] = {}
    frame_end = 0
    try:
        for step, (opcode, value, place) in enumerate(pickletools.genops(file), start=1):
            name, end = opcode.name, file.tell()
            if int(place or 0) < frame_end and (end > frame_end or name == "FRAME"):
                # Python would leave out the rest of the frame, and run other steps than these.
                raise ValueError(f"its step {step} reaches out of its frame")
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
                _take(stack, opcode)
    except LookupError as error:
        raise ValueError(f"its step {step} takes what is not there") from error


def _take(stack: list[int | None], opcode: Any) -> None:
    """Takes from the stack what a step does (an IndexError: it is not there), and puts there what
    it makes (a ValueError: a tuple of more than ``LARGEST`` things)."""
    needs, things = list(opcode.stack_before), 0
    if _MARK in needs:
        while (size := stack.pop()) is not None:
            things += size
        needs = needs[: needs.index(_MARK)]
    for _ in needs:
        things += stack.pop() or 0
    size = 1 + things if opcode.name in _MADE else 1
    if size > LARGEST:
        raise ValueError(f"a tuple of more than {LARGEST:,} things")
    stack.extend([size] * len(opcode.stack_after))
