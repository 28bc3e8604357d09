"""What benchmarks/survival_*.py give for the table of benchmarks/survival.py."""

from typing import NamedTuple


class Outcome(NamedTuple):
    """The result of one kind of trouble, such as a full disk."""

    what: str
    """What was done."""
    times: int
    result: str
    """What came of it, and the bound that it had to keep."""
    kept: bool
    """Whether all that is promised was kept."""


def times(count: int, scale: float) -> int:
    """A share of a part's count, at least 1."""
    return max(round(scale * count), 1)
