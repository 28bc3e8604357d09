"""Settings and files that the pages name are there."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from slowfast.config import Config, load_config

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SECTIONS = [f.name for f in fields(Config) if is_dataclass(getattr(Config(), f.name))]
SETTING = re.compile(rf"`((?:{'|'.join(SECTIONS)})\.[a-z_0-9]+)(=[^`\s]+)?`")
LITERAL = re.compile(r"=(true|false|\[[-\d,. ]+\]|[-\d.]+|[a-z]+)$")
MODULES = re.compile(r"`(?:slowfast/)?((?:data|models|train|evaluate|predict|weights)/[\w/]+\.py)`")


def is_setting(name: str) -> bool:
    """Whether a name of two parts is a setting."""
    section, _, key = name.partition(".")
    return hasattr(getattr(Config(), section), key)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_settings_of_a_page_exist(page: Path) -> None:
    named = {name for name, _ in SETTING.findall(page.read_text(encoding="utf-8"))}
    files = (".list", ".csv", ".jsonl", ".py")  # such as train.list
    assert not {name for name in named if not is_setting(name) and not name.endswith(files)}


def test_the_values_beside_other_systems_are_allowed() -> None:
    text = (DOCS / "coming_from.md").read_text(encoding="utf-8")
    found = [f"{name}{value}" for name, value in SETTING.findall(text) if LITERAL.match(value)]
    assert len(found) > 10
    for item in found:
        load_config(None, [item, *NEEDS.get(item, [])])


NEEDS = {
    "train.multigrid=true": ["optim.schedule=step", "optim.steps=[0,94]",
                             "optim.step_factors=[1,0.1]"],
}  # fmt: skip
"""What must be set as well."""


def test_the_modules_of_the_architecture_exist() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = MODULES.findall(text)
    assert len(named) > 15
    assert not [name for name in named if not (DOCS.parent / "slowfast" / name).is_file()]
