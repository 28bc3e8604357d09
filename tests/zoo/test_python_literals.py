"""Values that a Python text assigns; nothing in it is run."""

import pytest

from slowfast.zoo.python_literals import MOST_MERGED, last_with, read_assignments

TEXT = r"""
/home/someone/_base_/a.py
numbers = dict(one=1, two=-2.5, three=[1, (2, 'x')], four={'a': None, 5: True})
again = dict(six=6, **numbers)
merged = {'seven': 7, **numbers, 'one': 0}
pattern = '\d+'
a, b = 1, 2
c = d = 3
numbers['one'] = 9
configs/b.py
numbers = dict(two=2)
called, summed, joined = open('x'), 1 + 1, f'{a}'
called = open('x')
summed = 1 + 1
odd = {numbers: 1, (1, 2): 2}
"""


def test_literals_and_names_of_earlier_ones_are_read() -> None:
    assigned = read_assignments(TEXT)
    numbers = {"one": 1, "two": -2.5, "three": [1, [2, "x"]], "four": {"a": None, 5: True}}
    assert assigned["numbers"] == [numbers, {"two": 2}]
    assert assigned["again"] == [{"six": 6} | numbers]
    assert assigned["merged"] == [{"seven": 7} | numbers | {"one": 0}]
    assert assigned["pattern"] == [r"\d+"]
    assert assigned["called"] == assigned["summed"] == [None]
    assert assigned.keys() == {"numbers", "again", "merged", "pattern", "called", "summed", "odd"}


@pytest.mark.parametrize(("names", "value"), [
    (["numbers", "two"], 2), (["numbers", "one"], 1), (["numbers", "four", "5"], None),
    (["numbers", "one", "deeper"], None), (["nobody"], None),
])  # fmt: skip
def test_the_last_value_that_says_it_counts(names: list[str], value: object) -> None:
    assert last_with(read_assignments(TEXT), *names) == value


def test_a_large_dictionary_is_not_merged() -> None:
    items = ", ".join(f"'{i}': {i}" for i in range(MOST_MERGED + 1))
    assigned = read_assignments(f"a = {{{items}}}\nb = dict(c=1, **a)")
    assert assigned["b"] == [{"c": 1}]


@pytest.mark.parametrize("text", ["a = (", "a = 1\0", "a b"])
def test_what_is_not_python(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        read_assignments(text)
