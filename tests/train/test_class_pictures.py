"""Pictures of how well a validation did on each class."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowfast.pictures.figures import FAST, SLOW
from slowfast.train import class_pictures
from slowfast.train.class_pictures import MOST_BARS, WORST, classes_picture, confusion_picture
from slowfast.train.class_results import ClassResults, of_one_label

Bars = list[tuple[str, float, str]]


def coloured(picture: NDArray[np.uint8], colour: str) -> NDArray[np.int64]:
    """How many pixels of a colour each row of pixels has."""
    wanted = np.round(255 * np.array(to_rgb(colour)))
    return (np.abs(picture.astype(float) - wanted).max(axis=-1) <= 1).sum(axis=1)


def results_of(values: list[float]) -> ClassResults:
    return ClassResults("accuracy", [*range(len(values))], values, [10] * len(values), None)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Bars, str]]:
    """The bars that are drawn, each time, and their title."""
    drawn: list[tuple[Bars, str]] = []

    def noted(groups: list[tuple[str, Bars]], title: str) -> Figure:
        ((_, rows),) = groups
        drawn.append((rows, title))
        return Figure()

    monkeypatch.setattr(class_pictures, "bars", noted)
    return drawn


def test_a_bar_is_as_long_as_its_share_and_the_worst_is_on_top() -> None:
    lengths = coloured(classes_picture(results_of([1.0, 0.25, 0.5]), ["a", "b", "c"]), SLOW)
    (is_bar,) = np.nonzero(lengths > 50)
    first, second, third = (lengths[rows[len(rows) // 2]] for rows in np.split(
        is_bar, np.flatnonzero(np.diff(is_bar) > 1) + 1))  # fmt: skip
    assert [first / third, second / third] == pytest.approx([0.25, 0.5], abs=0.02)


def test_what_is_said_of_classes(bars: list[tuple[Bars, str]]) -> None:
    classes_picture(results_of([1.0, 0.25]), ["clap", "wave"])
    classes_picture(results_of([0.5] * MOST_BARS + [0.0]), None)
    (few, title_of_few), (many, title_of_many) = bars
    assert few == [("wave", 0.25, "25 %  of 10"), ("clap", 1.0, "100 %  of 10")]
    assert title_of_few == "accuracy, all 2 classes, mean 62.5 %"
    assert len(many) == WORST and many[0][:2] == (f"class {MOST_BARS}", 0.0)
    assert title_of_many == "accuracy, the worst 30 of 41 classes, mean 48.8 %"


def test_of_many_classes_the_pairs_that_are_confused_most(bars: list[tuple[Bars, str]]) -> None:
    confused = 9 * np.eye(40, dtype=np.int64)
    confused[3, 5], confused[7, 0] = 1, 6
    confusion_picture(confused, [f"c{k}" for k in range(40)])
    ((rows, _),) = bars
    assert rows == [("c7 \N{RIGHTWARDS ARROW} c0", 0.4, "6 of 15"),
                    ("c3 \N{RIGHTWARDS ARROW} c5", 0.1, "1 of 10")]  # fmt: skip


def test_names_may_have_any_signs() -> None:
    """No formula, no line of its own, no warning where no font has a sign."""
    names = ["a $x_1$ \\frac", "two\nlines", "\u8df3\u821e", "\U00010000"]
    results = of_one_label([(0, 1), (1, 1), (2, 3), (3, 3)], 4)
    assert results.confused is not None
    assert coloured(classes_picture(results, names), SLOW).any()
    matrix = confusion_picture(results.confused, names)
    assert matrix.shape == confusion_picture(results.confused, None).shape


def test_nothing_confused_of_many_classes_is_a_picture_without_bars() -> None:
    picture = confusion_picture(np.eye(40, dtype=np.int64), None)
    assert not (coloured(picture, FAST) > 50).any()


def test_400_classes_are_as_readable_as_10() -> None:
    """Of many, the worst are shown: the picture does not grow with them."""
    rng = np.random.default_rng(0)
    sizes = []
    for classes in (10, 400):
        true = rng.integers(0, classes, 20 * classes)
        found = np.where(rng.random(len(true)) < 0.7, true, rng.integers(0, classes, len(true)))
        results = of_one_label(zip(true.tolist(), found.tolist(), strict=True), classes)
        assert results.confused is not None
        pictures = classes_picture(results, None), confusion_picture(results.confused, None)
        sizes += [max(picture.shape) for picture in pictures]
    assert max(sizes) < 1300
