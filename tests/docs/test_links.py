"""What the pages name is there: pages, places in them, pictures, files, settings."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support.pages_of_docs import (
    CHINESE,
    DOCS,
    PAGES,
    anchors,
    code,
    headings,
    links,
    name_of,
    places,
    slug,
)
from support.paths import REPOSITORY

from slowfast.config import Config, load_config

FOLDERS = ("slowfast", "configs", "docs", "tests", "benchmarks", "findings")
FILES = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.is_file()]
NAMES = {path.name for path in [*FILES, *REPOSITORY.iterdir()]}
OURS = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]+")
OLD = {"CHANGELOG.md", "coming_from.md"}
"""They tell of what there was, and of other systems."""
OF_OTHERS = {"utils.py", "k400_downloader.sh", "k400_extractor.sh", "docs/benchmark.md"}
"""Files of other projects, and one that there must not be."""

SETTING = re.compile(r"`([a-z]+\.[a-z_0-9]+)(=[^`\s]+)?`")
LITERAL = re.compile(r"=(true|false|\[[-\d,. ]+\]|[-\d.]+|[a-z]+)$")
NEEDS = {
    "train.multigrid=true": ["optim.schedule=step", "optim.steps=[0,94]",
                             "optim.step_factors=[1,0.1]"],
}  # fmt: skip
"""What must be set as well."""

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def settings(section: Any, prefix: str = "") -> Iterator[str]:
    for name, value in vars(section).items():
        yield f"{prefix}{name}"
        if dataclasses.is_dataclass(value):
            yield from settings(value, f"{prefix}{name}.")


@each_page
def test_each_link_leads_to_a_file_and_a_place_in_it(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, place = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"(https?|mailto):", link):
            continue
        known = target.exists() and target.is_relative_to(REPOSITORY)
        if not known or (place and place not in anchors(target)):
            dead.append(link)
    assert dead == []


@each_page
def test_each_place_in_a_page_has_a_name_of_its_own(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return
    written, named = places(page), [heading.slug for heading in headings(page)]
    once = [*written, *named] if page.parent != CHINESE else written  # which has both of some
    assert [name for name, times in Counter(once).items() if times > 1] == []
    assert len(set(named)) == len(named)


@each_page
def test_each_file_of_ours_that_is_named_is_there(page: Path) -> None:
    if page.name in OLD:
        return
    named = [text for text in code(page) if OURS.fullmatch(text)]
    missing = [name for name in named if not list(REPOSITORY.glob(name.rstrip("/")))]
    files = {text for text in code(page) if re.fullmatch(r"\w+\.(py|sh)", text)}
    assert [*missing, *sorted(files - NAMES - OF_OTHERS)] == []


@each_page
def test_each_setting_that_is_named_is_one(page: Path) -> None:
    if page.name in OLD:
        return
    known = set(settings(Config()))
    sections = {key.partition(".")[0] for key in known if "." in key}
    spans = (part for text in code(page) for part in text.split())
    named = [found[0] for span in spans if (found := re.match(r"[a-z]+\.[a-z_0-9]+(?==|$)", span))]
    ours = [key for key in named if key.partition(".")[0] in sections]
    lists = {key for key in ours if key.endswith((".csv", ".list", ".jsonl"))}
    assert sorted(set(ours) - known - lists) == []


def test_the_settings_beside_those_of_other_systems_are_ours_and_allowed() -> None:
    """Other systems write theirs in capitals, or without a section."""
    known = set(settings(Config()))
    sections = {key.partition(".")[0] for key in known if "." in key}
    found = SETTING.findall((DOCS / "coming_from.md").read_text(encoding="utf-8"))
    ours = [(key, value) for key, value in found if key.partition(".")[0] in sections]
    files = {key for key, _ in ours if key.endswith((".csv", ".list", ".jsonl", ".py"))}
    assert not {key for key, _ in ours} - known - files
    allowed = [f"{key}{value}" for key, value in ours if LITERAL.match(value)]
    assert len(allowed) > 10
    for item in allowed:
        load_config(None, [item, *NEEDS.get(item, [])])


def test_the_files_of_the_architecture_are_where_a_table_says() -> None:
    """A short name goes on from the path before it in its cell: ``slowfast/a/b.py``; ``c.py``."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    package, wrong, count = REPOSITORY / "slowfast", [], 0
    for cell in (cell for line in text.splitlines() if line[:1] == "|" for cell in line.split("|")):
        places = [REPOSITORY, package]
        for name in re.findall(r"`((?:[\w-]+/)*(?:[\w-]+\.py|[\w-]+/))`", cell):
            there = [place / name for place in places if (place / name).exists()]
            wrong += [] if there else [name]
            count += 1
            if there and "/" in name:
                above = [up for up in there[0].parents if up.is_relative_to(package)]
                places = [*above, *places]
    assert wrong == [] and count > 50


def test_each_picture_is_shown() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert [path.name for path in (DOCS / "pictures").iterdir() if path not in shown] == []


def test_places_are_called_as_github_calls_them() -> None:
    assert slug("A `--flag`, and more: what (it) does_x?") == "a---flag-and-more-what-it-does_x"
    assert slug("要改 X，编辑 Y") == "要改-x编辑-y"


def test_pages_that_are_named_in_code_are_there() -> None:
    """Messages and docstrings send their readers to ``docs/data.md`` and others."""
    files = [path for path in FILES if path.suffix in (".py", ".yaml", ".sh", ".html", ".js")]
    files += [*REPOSITORY.glob("*.py"), *REPOSITORY.glob("*.sh")]
    named = {
        (name, path.relative_to(REPOSITORY).as_posix())
        for path in files
        for name in re.findall(r"\bdocs/(?:zh/)?[a-z_]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    missing = sorted(pair for pair in named if not (REPOSITORY / pair[0]).is_file())
    assert [pair for pair in missing if pair[0] not in OF_OTHERS] == []
