"""docs/pictures/*.svg: as the code is, and readable at phone width."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.drawings import pictures

DRAWN = pictures()
HOW = "make them anew: python -m docs.drawings"


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_drawing_is_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DRAWN[path], HOW


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_everything_lies_on_the_card(path: Path) -> None:
    root = ElementTree.fromstring(DRAWN[path])
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    for words in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(words.attrib["x"]) < width and 0 < float(words.attrib["y"]) < height


def test_the_drawn_numbers_are_those_of_the_published_network() -> None:
    words = {path.stem: re.sub("<[^>]*>", "\n", text) for path, text in DRAWN.items()}
    assert "34,480,216 parameters" in words["network_4x16"]
    assert "34,566,488 parameters" in words["network_8x8"]
    assert "2048 × 4 × 7 × 7" in words["network_4x16"]
    assert "2048 × 8 × 7 × 7" in words["network_8x8"]
