"""docs/config.md, made from the schema: ``python -m docs.config_page > docs/config.md``."""

import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

from slowfast.config import schema
from slowfast.config.ranges import element_of, plain, rules_of

HEAD = """# Settings

`-o section.key=value` on the command line goes before a YAML file (`-c FILE`), which goes before
these defaults. A list is written `[a, b]`. Some settings depend on each other; a value that does
not fit is refused with what is allowed. More about them: [running](running.md),
[training](training.md), [data](data.md).

`python -m docs.config_page > docs/config.md` makes this page from
`slowfast/config/schema.py`.
"""

TYPES = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for section in dataclasses.fields(schema.Config):
        if dataclasses.is_dataclass(default := getattr(schema.Config(), section.name)):
            about = inspect.getdoc(default)
            parts.append(f"## {section.name}\n\n{about}\n\n{_table(default, f'{section.name}.')}")
    parts.append(f"## Without a section\n\n{_table(schema.Config(), '')}")
    return "\n".join(parts)


def meanings(section: type) -> dict[str, str]:
    """What the schema says under each setting of a section, in one line each."""
    (tree,) = ast.parse(inspect.getsource(section)).body
    found = {}
    for pair in itertools.pairwise(ast.iter_child_nodes(tree)):
        match pair:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = " ".join(text.split())
    return found


def _table(defaults: Any, prefix: str) -> str:
    rows = [("Setting", "Type", "Default", "Allowed", "Meaning"), ("---",) * 5]
    kinds = get_type_hints(type(defaults), include_extras=True)
    for name, meaning in meanings(type(defaults)).items():
        default = _shown(getattr(defaults, name))
        allowed = "; ".join(_allowed(kinds[name]))
        rows.append((f"`{prefix}{name}`", _type(kinds[name]), f"`{default}`", allowed, meaning))
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
    print(page(), end="")
