"""What a setting may be: rules that stand beside it in the schema, as ``Annotated`` types.

A rule in the type of a tuple's elements is for each of them: ``tuple[AboveZero, ...]``.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin


class Rule(NamedTuple):
    """A rule about the value of one setting."""

    allowed: str
    """What the rule allows, for docs/config.md."""
    fault: str
    """What a user is told about a value, ``{}``, that breaks the rule."""
    holds: Callable[[Any], bool]


def _numbers_frames(pattern: str) -> bool:
    own = pattern.replace("{name}", "name")  # of the folder, see data/video/frames.py
    try:
        return own.format(1) != own.format(2)
    except (ValueError, LookupError, AttributeError, TypeError):
        return False


def _rises(pair: tuple[float, ...]) -> bool:
    return list(pair) == sorted(pair)


COUNT = Rule("1 to 1,000,000", "{} must be between 1 and 1,000,000", lambda x: 1 <= x <= 10**6)
ABOVE_ZERO = Rule("above 0", "{} must be above 0", lambda x: x > 0)
MINUS_ONE_ON = Rule("-1 or more", "{} must be -1 or more", lambda x: x >= -1)
NOT_NEGATIVE = Rule("0 or more", "{} must not be negative", lambda x: x >= 0)
SHARE = Rule("0 to 1", "{} must be between 0 and 1", lambda x: 0 <= x <= 1)
BELOW_ONE = Rule("below 1", "{:g} is not below 1", lambda x: x < 1)
UP_TO_TEN = Rule("up to 10", "{:g} is above 10", lambda x: x <= 10)
UP_TO_A_MILLION = Rule("up to 1,000,000", "{:g} is above 1,000,000", lambda x: x <= 10**6)
IN_64_BITS = Rule("below 2^64", "{} does not fit into 64 bits", lambda x: x < 2**64)
UP_TO_A_BILLION = Rule(
    "0 to 1,000,000,000",
    "{} is not of 0 to 1,000,000,000",
    lambda x: 0 <= x <= 10**9,  # so that int32 holds it
)
ODD = Rule("odd", "{} is not odd", lambda x: x % 2 == 1)
COUNT_OR_ZERO = Rule(
    "0 to 1,000,000",
    "{} must be between 1 and 1,000,000, or 0 for as many as data.labels has",
    lambda x: 0 <= x <= 10**6,
)
COLOURS = Rule("3 numbers", "{} needs 3 numbers, one per colour", lambda x: len(x) == 3)
FOUR_OR_NONE = Rule("4 numbers, or none", "{} needs 4 numbers, or none", lambda x: len(x) in (0, 4))
PAIR = Rule("2 rising numbers", "{} is not two rising numbers", lambda x: len(x) == 2 and _rises(x))
PAIR_OR_NONE = Rule(
    "2 rising numbers, or none",
    "{} is not two rising numbers, or none",
    lambda x: len(x) in (0, 2) and _rises(x),
)
TWO = Rule("2 numbers", "{} needs 2 numbers", lambda x: len(x) == 2)
RISING = Rule("rising", "{} does not rise", lambda x: list(x) == sorted({*x}))
NUMBERS_FRAMES = Rule(
    "numbers the frames",
    "{!r} does not number the frames, as img_{{:05d}}.jpg does",
    _numbers_frames,
)

PATH = Rule("a path", "{} is no path", lambda x: True)  # where ~ is the home folder, see parse

Count = Annotated[int, COUNT]
Natural = Annotated[int, NOT_NEGATIVE]
ClassNumber = Annotated[int, UP_TO_A_BILLION]
AboveZero = Annotated[float, ABOVE_ZERO]
NotNegative = Annotated[float, NOT_NEGATIVE]
Share = Annotated[float, SHARE]


def some_of(names: tuple[str, ...]) -> Rule:
    """A rule about a tuple: it has no other names than these."""
    listed = ", ".join(names)
    return Rule(f"any of {listed}", f"{{}} may name {listed}", lambda x: {*x} <= {*names})


def rules_of(kind: Any) -> tuple[Rule, ...]:
    """The rules in an annotated type, without those of a tuple's elements (``element_of``)."""
    return get_args(kind)[1:] if get_origin(kind) is Annotated else ()


def plain(kind: Any) -> Any:
    """An annotated type without its rules."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def element_of(kind: Any) -> Any:
    """The annotated type of a tuple's elements; None for the type of anything else."""
    kind = plain(kind)
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def faults(value: Any, kind: Any) -> Iterator[str]:
    """What is wrong with a value, by each rule in its annotated type that it breaks."""
    for rule in rules_of(element_of(kind)):
        if not all(map(rule.holds, value)):
            yield rule.fault.format(value)
    for rule in rules_of(kind):
        if not rule.holds(value):
            yield rule.fault.format(list(value) if isinstance(value, tuple) else value)
