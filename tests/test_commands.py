"""The commands that pip installs are those of the package."""

import importlib
import re

import pytest
from support.paths import REPOSITORY

from slowfast import commands

SCRIPT = re.compile(r'^slowfast(?:-([a-z-]+))? = "slowfast\.commands:(\w+)"', re.M)


def test_each_script_runs_the_module_of_its_name() -> None:
    scripts = SCRIPT.findall((REPOSITORY / "pyproject.toml").read_text())
    tools = {path.stem for path in (REPOSITORY / "slowfast" / "tools").glob("[a-z]*.py")}
    assert {own for _, own in scripts} == tools | {"slowfast"}
    for name, own in scripts:
        assert own == (name.replace("-", "_") or "slowfast")
        where = f"slowfast.tools.{own}" if name else "slowfast.cli.main"
        assert getattr(commands, own).args == (where,)


def test_a_command_begins_and_then_runs_its_main(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def main() -> int:
        done.append("main")
        return 3

    monkeypatch.setattr(commands, "begin", lambda: done.append("begin"))
    monkeypatch.setattr(importlib.import_module("slowfast.tools.score"), "main", main)
    assert (commands.score(), done) == (3, ["begin", "main"])
