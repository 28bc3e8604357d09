"""The project's Markdown pages, as GitHub reads them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from support.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
CHINESE = DOCS / "zh"
TOP = [
    REPOSITORY / name
    for name in ("README.md", "README_zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")
]
ENGLISH = sorted(DOCS.glob("*.md"))
PAGES = [*TOP, *ENGLISH]


class Block(NamedTuple):
    """A fenced block, or (without a language) an indented one."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


class Heading(NamedTuple):
    """A heading, and what a link calls it."""

    level: int
    text: str
    slug: str


def name_of(page: Path) -> str:
    """A page as a person names it: ``docs/data.md``."""
    return page.relative_to(REPOSITORY).as_posix()


@cache
def tokens(page: Path) -> list[Token]:
    """A page's parts, with tables, in the order of the page."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


def inline(page: Path) -> Iterator[Token]:
    """Texts, code spans, links and pictures of a page."""
    for token in tokens(page):
        yield from token.children or []


def blocks(page: Path) -> list[Block]:
    """All code blocks of a page."""
    return [
        Block(page, token.map[0] + 1, token.info.strip(), token.content)
        for token in tokens(page)
        if token.type in ("fence", "code_block") and token.map
    ]


def headings(page: Path) -> list[Heading]:
    """All headings of a page."""
    found = []
    for opening, content in zip(tokens(page), tokens(page)[1:], strict=False):
        if opening.type == "heading_open":
            parts = content.children or []
            text = "".join(part.content for part in parts if part.type in ("text", "code_inline"))
            found.append(Heading(int(opening.tag[1]), text, slug(text)))
    return found


def slug(heading: str) -> str:
    """GitHub's name of a heading; mkdocs.yml has the same rule for the site."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def places(page: Path) -> list[str]:
    """The places of a page that are named by ``<a id="...">``."""
    return re.findall(r'<a id="([^"]+)"', page.read_text(encoding="utf-8"))


def anchors(page: Path) -> list[str]:
    """What a link to a place in a page may say."""
    return [*places(page), *(heading.slug for heading in headings(page))]


def links(page: Path) -> list[str]:
    """Where the links of a page lead, pictures' too."""
    ends = (token.attrGet("href") or token.attrGet("src") for token in inline(page))
    return [str(end) for end in ends if end]


def code(page: Path) -> list[str]:
    """The code spans of a page."""
    return [token.content for token in inline(page) if token.type == "code_inline"]


def table_shapes(page: Path) -> list[list[int]]:
    """How many cells each row of each table has."""
    found: list[list[int]] = []
    for token in tokens(page):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append(0)
        elif token.type in ("th_open", "td_open"):
            found[-1][-1] += 1
    return found


def rows_of_code(page: Path) -> list[list[str]]:
    """The code spans of each row of each table."""
    found: list[list[str]] = []
    inside = False
    for token in tokens(page):
        inside = token.type == "tr_open" or (inside and token.type != "tr_close")
        if token.type == "tr_open":
            found.append([])
        elif inside:
            parts = token.children or []
            found[-1] += [part.content for part in parts if part.type == "code_inline"]
    return found
