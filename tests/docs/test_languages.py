"""The Chinese pages have what the English ones have: headings, blocks, tables, links, pictures."""

import os
import re
from pathlib import Path

import pytest
from support.pages_of_docs import (
    CHINESE,
    ENGLISH,
    anchors,
    blocks,
    headings,
    links,
    name_of,
    rows_of_code,
    table_shapes,
)
from support.paths import REPOSITORY

PAIRS = [(page, CHINESE / page.name) for page in ENGLISH]
PAIRS += [(REPOSITORY / "README.md", REPOSITORY / "README_zh-CN.md")]
each_pair = pytest.mark.parametrize(
    ("english", "chinese"), PAIRS, ids=[name_of(a) for a, _ in PAIRS]
)
OTHER = {"README.md": "README_zh-CN.md"}
"""Each of them leads to the other."""


def code_of(page: Path) -> list[tuple[str, str]]:
    """Blocks without comments: they are translated. Output and drawings may have other words."""
    found = []
    for block in blocks(page):
        lines = [
            re.sub(r"(^|\s+)(#|//)\s.*", "", line).rstrip() for line in block.text.splitlines()
        ]
        text = "" if block.language == "text" else "\n".join(line for line in lines if line)
        found.append((block.language, text))
    return found


def targets(page: Path) -> list[str]:
    """Where links lead: a page to its own language."""
    found = []
    for link in links(page):
        path, hash_, place = link.partition("#")
        if path and not re.match(r"(https?|mailto):", link):
            path = os.path.relpath((page.parent / path).resolve(), REPOSITORY)
            path = OTHER.get(path, path.removeprefix("docs/").removeprefix("zh/"))
        found.append(path + hash_ + place)
    return sorted(found)


def code_in_tables(page: Path) -> list[list[str]]:
    """The code spans of each row: names, defaults and numbers that go out of date."""
    return [sorted(row) for row in rows_of_code(page)]


@each_pair
def test_there_is_a_chinese_page(english: Path, chinese: Path) -> None:
    assert chinese.is_file()
    text = chinese.read_text(encoding="utf-8")
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 100
    assert english.read_text(encoding="utf-8") != text


@each_pair
def test_headings_are_of_the_same_levels(english: Path, chinese: Path) -> None:
    levels = [[heading.level for heading in headings(page)] for page in (english, chinese)]
    assert levels[0] == levels[1]


@each_pair
def test_places_are_called_alike(english: Path, chinese: Path) -> None:
    """So that a link to a place in a page is the same in both languages."""
    if english.parent == REPOSITORY:
        return
    assert set(anchors(english)) <= set(anchors(chinese))


@each_pair
def test_blocks_are_the_same_but_for_comments(english: Path, chinese: Path) -> None:
    assert code_of(english) == code_of(chinese)


@each_pair
def test_tables_have_the_same_rows_and_columns(english: Path, chinese: Path) -> None:
    assert table_shapes(english) == table_shapes(chinese)


@each_pair
def test_code_in_tables_is_the_same(english: Path, chinese: Path) -> None:
    assert code_in_tables(english) == code_in_tables(chinese)


@each_pair
def test_links_and_pictures_are_the_same(english: Path, chinese: Path) -> None:
    assert targets(english) == targets(chinese)


def test_no_chinese_page_is_without_an_english_one() -> None:
    assert {page.name for page in CHINESE.glob("*.md")} <= {page.name for page in ENGLISH}
