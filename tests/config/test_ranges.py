"""The rules beside the settings: where each one begins and ends, and how it reads types."""

from typing import Annotated, Any

import pytest

from slowfast.config import ranges
from slowfast.config.ranges import AboveZero, Count, Natural, NotNegative, Rule, Share, faults

EVEN = Rule("even", "{} is odd", lambda x: x % 2 == 0)
FULL = Rule("some", "{} is empty", bool)


@pytest.mark.parametrize(("kind", "allowed", "refused"), [
    (Count, [1, 10**6], [0, -1, 10**6 + 1]),
    (Natural, [0, 10**9], [-1]),
    (NotNegative, [0.0, 1e9], [-1e-9]),
    (AboveZero, [1e-9, 1e9], [0.0, -1.0]),
    (Share, [0.0, 0.5, 1.0], [-1e-9, 1.000001]),
    (Annotated[Count, ranges.ODD], [1, 7], [2, 0]),
    (Annotated[int, ranges.COUNT_OR_ZERO], [0, 10**6], [-1, 10**6 + 1]),
    (Annotated[NotNegative, ranges.BELOW_ONE], [0.0, 0.999], [1.0, -0.1]),
    (Annotated[NotNegative, ranges.UP_TO_TEN], [0.0, 10.0], [10.5]),
    (Annotated[AboveZero, ranges.UP_TO_A_MILLION], [0.1, 1e6], [0.0, 1e6 + 1]),
    (Annotated[Natural, ranges.IN_64_BITS], [0, 2**64 - 1], [2**64]),
    (Annotated[tuple[float, ...], ranges.COLOURS], [(1.0,) * 3], [(), (1.0,) * 4]),
    (Annotated[tuple[int, ...], ranges.FOUR_OR_NONE], [(), (1,) * 4], [(1,)]),
    (Annotated[tuple[float, ...], ranges.PAIR], [(1, 2), (1, 1)], [(), (2, 1), (1, 2, 3)]),
    (Annotated[tuple[float, ...], ranges.PAIR_OR_NONE], [(), (1, 2)], [(1,), (2, 1)]),
    (
        Annotated[str, ranges.NUMBERS_FRAMES],
        ["img_{:05d}.jpg", "{}.png", "{0}/{0}.jpg", "{name}-{:06d}.jpg"],
        ["img.jpg", "{name}.jpg", "{{name}}{}", "%05d.jpg", "{a}.jpg", "{:05x", "{.a}", "{[0]}",
         "{{}}"],
    ),
    (int, [-1], []),
    (tuple[int, ...], [(-1,)], []),
    (Annotated[tuple[str, ...], ranges.some_of(("a", "b"))], [(), ("b",)], [("a", "c")]),
])  # fmt: skip
def test_where_a_range_ends(kind: Any, allowed: list[Any], refused: list[Any]) -> None:
    assert [value for value in allowed if list(faults(value, kind))] == []
    assert [value for value in refused if not list(faults(value, kind))] == []


def test_each_rule_that_is_broken_is_told_and_elements_go_first() -> None:
    kind = Annotated[tuple[Annotated[AboveZero, EVEN], ...], FULL]
    assert list(faults((2.0, 4.0), kind)) == []
    assert list(faults((2.0, -1.0), kind)) == ["(2.0, -1.0) must be above 0", "(2.0, -1.0) is odd"]
    assert list(faults((), kind)) == ["[] is empty"]


def test_a_type_and_its_rules_can_be_taken_apart() -> None:
    kind = Annotated[tuple[AboveZero, ...], FULL]
    assert ranges.plain(kind) == tuple[AboveZero, ...]
    assert ranges.rules_of(kind) == (FULL,)
    assert ranges.element_of(kind) == AboveZero
    assert ranges.rules_of(AboveZero) == (ranges.ABOVE_ZERO,)
    assert ranges.element_of(Count) is None and ranges.rules_of(None) == ()
    assert ranges.rules_of(Annotated[Count, EVEN]) == (ranges.COUNT, EVEN)
