"""docs/config.md and docs/zh/config.md, made from the schema: ``python -m docs.config_page``.

The Chinese words are in docs/zh/config_words.yaml, each beside the English ones.
"""

import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from slowfast.config import schema
from slowfast.config.ranges import element_of, plain, rules_of

HEAD = """# Settings

`-o section.key=value` on the command line goes before a YAML file (`-c FILE`), which goes before
these defaults. A list is written `[a, b]`. Some settings depend on each other; a value that does
not fit is refused with what is allowed. More about them: [running](running.md),
[training](training.md), [data](data.md).

`python -m docs.config_page` makes this page from `slowfast/config/schema.py`.
"""
PAGES = {"en": Path("docs/config.md"), "zh": Path("docs/zh/config.md")}
WORDS = Path(__file__).parent / "zh" / "config_words.yaml"

Words = Callable[[str, str, str], str]
"""The text in a language: which part of config_words.yaml, the name there, the English text."""

TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def page(language: str = "en") -> str:
    """The whole page, as Markdown.

    Raises:
        ValueError: a text of the schema has no Chinese beside it, or that of an older text.
    """
    words: Words = chinese() if language == "zh" else lambda part, name, english: english
    parts = [words("words", "HEAD", HEAD)]
    for section in dataclasses.fields(schema.Config):
        if dataclasses.is_dataclass(default := getattr(schema.Config(), section.name)):
            about = inspect.getdoc(default) or ""
            if language == "zh":
                about = words("sections", section.name, " ".join(about.split()))
            table = _table(default, f"{section.name}.", words)
            parts.append(f"{_heading(section.name, section.name, language)}\n\n{about}\n\n{table}")
    rest = words("words", "Without a section", "Without a section")
    heading = _heading(rest, "without-a-section", language)
    parts.append(f"{heading}\n\n{_table(schema.Config(), '', words)}")
    return "\n".join(parts)


def _heading(text: str, anchor: str, language: str) -> str:
    """A heading; Chinese pages have the English anchors."""
    return f"## {text}" if language == "en" else f'<a id="{anchor}"></a>\n## {text}'


def chinese() -> Words:
    """The words of config_words.yaml."""
    catalogue = yaml.safe_load(WORDS.read_text(encoding="utf-8"))

    def words(part: str, name: str, english: str) -> str:
        found = catalogue[part].get(name)
        if part == "words" and found:
            return str(found)
        if not found or found["en"] != english:
            raise ValueError(f"{WORDS}: {part}: {name}: put it there in Chinese: {english!r}")
        return str(found["zh"])

    return words


def meanings(section: type) -> dict[str, str]:
    """What the schema says under each setting of a section, in one line each."""
    (tree,) = ast.parse(inspect.getsource(section)).body
    found = {}
    for pair in itertools.pairwise(ast.iter_child_nodes(tree)):
        match pair:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = " ".join(text.split())
    return found


def _table(defaults: Any, prefix: str, words: Words) -> str:
    heads = ("Setting", "Type", "Default", "Allowed", "Meaning")
    rows = [tuple(words("words", head, head) for head in heads), ("---",) * 5]
    kinds = get_type_hints(type(defaults), include_extras=True)
    for name, meaning in meanings(type(defaults)).items():
        default = _shown(getattr(defaults, name))
        allowed = "; ".join(
            text if text.startswith("`") else words("words", text, text)
            for text in _allowed(kinds[name])
        )
        kind = _type(kinds[name])
        meaning = words("settings", f"{prefix}{name}", meaning)
        rows.append(
            (f"`{prefix}{name}`", words("words", kind, kind), f"`{default}`", allowed, meaning)
        )
    cells = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _type(kind: Any) -> str:
    if element := element_of(kind):
        return "list of names" if plain(element) is str else f"list of {TYPES[plain(element)]}s"
    return "choice" if get_origin(kind) is Literal else TYPES[plain(kind)]


def _allowed(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield ", ".join(f"`{choice}`" for choice in get_args(kind))
    yield from (rule.allowed for rule in rules_of(kind))
    if each := rules_of(element_of(kind)):
        yield f"each {' and '.join(rule.allowed for rule in each)}"


def _shown(value: Any) -> str:
    """A default, as YAML has it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value) if value == "" or isinstance(value, bool) else str(value)


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")
