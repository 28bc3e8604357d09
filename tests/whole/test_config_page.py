"""docs/config.md and its Chinese page are what the schema says."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

from docs.config_page import PAGES, chinese, meanings, page
from slowfast.config import Config, load_config

HOW = "python -m docs.config_page"


def rows() -> dict[str, list[str]]:
    """The cells of each setting, by its key."""
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def settings(section: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(section).items():
        nested = dataclasses.is_dataclass(value)
        found |= settings(value, f"{name}.") if nested else {f"{prefix}{name}": value}
    return found


@pytest.mark.parametrize("language", PAGES)
def test_the_pages_in_docs_are_up_to_date(language: str) -> None:
    assert HOW in page(language)
    stored = (REPOSITORY / PAGES[language]).read_text(encoding="utf-8")
    assert stored == page(language), f"make it anew: {HOW}"


def test_the_command_writes_both_pages(tmp_path: Path) -> None:
    (tmp_path / "docs" / "zh").mkdir(parents=True)
    command = [sys.executable, *HOW.split()[1:]]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    for language, path in PAGES.items():
        assert (tmp_path / path).read_text(encoding="utf-8") == page(language)


def test_a_text_that_has_changed_is_to_be_translated_anew() -> None:
    words = chinese()
    english = meanings(type(Config().model))["name"]
    assert words("settings", "model.name", english) != english
    with pytest.raises(ValueError, match="model.name: put it there in Chinese: 'Another text.'"):
        words("settings", "model.name", "Another text.")
    with pytest.raises(ValueError, match="model.new"):
        words("settings", "model.new", "A new setting.")


def test_every_setting_has_a_row_with_its_default() -> None:
    found = rows()
    assert found.keys() == settings(Config()).keys()
    assert all(len(row) == 5 and row[4].endswith(".") for row in found.values())
    for key, value in settings(Config()).items():
        default = found[key][2].strip("`")
        cfg: Any = load_config(None, [f"{key}={yaml.safe_load(default)}"])
        for part in key.split("."):
            cfg = getattr(cfg, part)
        assert cfg == pytest.approx(value, abs=1e-5) if isinstance(value, tuple) else cfg == value


@pytest.mark.parametrize(("key", "kind", "allowed"), [
    ("train.batch_size", "whole number", "1 to 1,000,000"),
    ("train.ema", "number", "0 or more; below 1"),
    ("model.name", "choice", "`slowfast`, `slow_only`, `fast_only`"),
    ("data.std", "list of numbers", "3 numbers; each above 0"),
    ("data.crop_area", "list of numbers", "2 rising numbers, or none; each above 0 and 0 to 1"),
    ("train.freeze", "list of names", "any of stem, res2, res3, res4, res5"),
    ("optim.nesterov", "true or false", ""),
    ("data.root", "text", "a path"),
])  # fmt: skip
def test_the_type_and_the_range_of_a_setting(key: str, kind: str, allowed: str) -> None:
    row = rows()[key]
    assert (row[1], row[3]) == (kind, allowed)
