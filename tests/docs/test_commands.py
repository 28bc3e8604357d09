"""Every command of the documentation runs as it is written, or says what it needs."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.commands_of_docs import ELSEWHERE, ENDLESS, NEEDS, commands, needs, run_block
from support.pages_of_docs import ENGLISH, PAGES, Block, blocks, name_of
from support.paths import REPOSITORY
from support.small_world import small_world

READ = [REPOSITORY / "README.md", *ENGLISH]
"""The Chinese pages have the same commands: test_languages.py."""
BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"bash", "bibtex", "json", "jsonl", "python", "text", "yaml"}


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def runs(page: Path) -> list[Block]:
    """The blocks of a page that run here."""
    found = [block for block in blocks(page) if block.language == "bash" and not needs(block)]
    return [block for block in found if any(not re.match(r"\s*(#|$)", c) for c in commands(block))]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small world as it is before a page's commands."""
    return small_world(tmp_path_factory.mktemp("world"))


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in READ if runs(page)], ids=name_of)
def test_the_commands_of_a_page(page: Path, untouched: Path, tmp_path: Path) -> None:
    world = tmp_path / untouched.name
    shutil.copytree(untouched, world)
    for block in runs(page):
        run_block(block, world)


def test_each_block_is_fenced_and_of_a_known_language() -> None:
    assert {str(block): block.language for block in BLOCKS if block.language not in LANGUAGES} == {}


@pytest.mark.parametrize("command", ELSEWHERE)
def test_commands_that_other_tests_run(command: str) -> None:
    path, text = ELSEWHERE[command]
    assert path.rpartition("/")[2].startswith("test_")
    assert text in (REPOSITORY / path).read_text(encoding="utf-8")
    assert any(line.strip().startswith(command) for b in of("bash") for line in b.text.splitlines())


@pytest.mark.parametrize("start", ENDLESS)
def test_endless_commands_are_in_the_pages(start: str) -> None:
    assert any(line.startswith(start) for b in of("bash") for line in b.text.splitlines())


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_a_block_of_commands_is_bash(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert done.stderr == ""
    assert not re.search(r"\s\[[-A-Z]", block.text), "brackets for what may be left out: text"
    assert {*re.findall(r"# needs ([^\n,]+)", block.text)} == ({needs(block)} - {""})
    assert needs(block) in {"", *NEEDS}, "all else is made for it, or another test runs it"
    if "pip install" in block.text:
        assert needs(block) == "the network"


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_a_block_of_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_a_block_of_yaml_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), (dict, list))


@pytest.mark.parametrize("block", of("jsonl"), ids=str)
def test_a_block_of_json_lines_is_json(block: Block) -> None:
    for line in block.text.splitlines():
        assert isinstance(json.loads(line), dict)


def tools_and_flags() -> dict[str, set[str]]:
    """The flags that the pages give to each command."""
    found: dict[str, set[str]] = {}
    for block in [*of("bash"), *of("text")]:
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            line = re.sub(r"\s#\s.*", "", line)
            pattern = r"python3? (?:-B )?(main\.py|-m (?:slowfast\.tools|benchmarks)\.\w+)([^|;&]*)"
            for tool, rest in re.findall(pattern, line):
                flags = re.findall(r"(?<![\w-])--[a-z][\w-]*", rest)
                found.setdefault(tool, set()).update(flags)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("tool", sorted(tools_and_flags()))
def test_each_flag_that_is_named_is_one(tool: str) -> None:
    said = help_of(tool)
    if "KIND ..." in said:  # a command each
        kinds = re.findall(r"^    (\w+) ", said, re.MULTILINE)
        said += "".join(help_of(f"{tool} {kind}") for kind in kinds)
    assert sorted(tools_and_flags()[tool] - set(re.findall(r"--[a-z][\w-]*", said))) == []


def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command.split(), "--help"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
