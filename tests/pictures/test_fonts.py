"""Fonts that have a text's letters, and texts that fit into their room."""

import pytest

from slowfast.pictures.fonts import fitting, font_file, letters_of, shortened, wrapped

TEXT = 15
"""Pixels."""


def test_a_font_for_a_text() -> None:
    latin = font_file("run, бег")
    assert latin.endswith("DejaVuSans.ttf") and ord("я") in letters_of(latin)
    assert font_file("\U000e0101") == latin  # none has it


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a" * 50, "a" * 9 + "\u2026"), ("eats a pear", "eats a pe\u2026"), ("four", "four")],
)
def test_a_long_text_keeps_its_beginning(text: str, shown: str) -> None:
    """Also where it is a single word, as in Chinese."""
    assert shortened(text, 10) == shown


@pytest.mark.parametrize("text", ["a long name of a class " * 20, "\u6f22\u5b57" * 99, "x" * 500])
def test_texts_fit(text: str) -> None:
    short, end = fitting(text, TEXT, 200), fitting(text, TEXT, 200, from_end=True)
    assert short.endswith("\u2026") and text.startswith(short[:-1])
    assert end.startswith("\u2026") and text.endswith(end[1:])
    lines = wrapped(text, TEXT, 200)
    assert len(lines) > 3 or " " not in text
    assert fitting("short", TEXT, 200) == "short"
    assert wrapped("a\x1bb", TEXT, 200) == ["a\\x1bb"]
