"""Reads the literal values that a Python text assigns; no code in it is run."""

import ast
import re
import warnings
from typing import Any

Assigned = dict[str, list[Any]]
"""By name, all values in order."""

MOST_MERGED = 100
"""Most entries of a dictionary that is merged, so that a small text cannot claim much memory."""


def read_assignments(text: str) -> Assigned:
    """The values that a text assigns at its top level.

    Numbers, texts, lists (tuples too), dictionaries, ``dict(key=value, **name)`` and earlier names
    are read; all else is None. Lines that are a file's name alone are left out: mmcv puts one
    before a config, and before each of its bases.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is not Python.
    """
    lines = ["" if re.fullmatch(r"[^\s=]+\.py", line) else line for line in text.splitlines()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes in its texts
        tree = ast.parse("\n".join(lines))
    assigned: Assigned = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                assigned.setdefault(name, []).append(_literal(value, assigned))
    return assigned


def last_with(assigned: Assigned, name: str, *keys: str) -> Any:
    """The entry at ``keys`` in the last value of a name that has it: a config's bases come first.

    None: no value has it.
    """
    for value in reversed(assigned.get(name, [])):
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def _literal(node: ast.expr, assigned: Assigned) -> Any:
    """The value of an expression; None if it is no literal."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item, assigned) for item in items]
        case ast.Name(id=name):
            return assigned[name][-1] if name in assigned else None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Dict(keys=keys, values=values):
            names = [None if key is None else _literal(key, assigned) or "" for key in keys]
            return _dict(list(zip(names, values, strict=True)), assigned)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return _dict([(keyword.arg, keyword.value) for keyword in keywords], assigned)
    return None


def _dict(items: list[tuple[Any, ast.expr]], assigned: Assigned) -> dict[Any, Any]:
    """A dictionary; an item without a key is a dictionary to merge into it."""
    result: dict[Any, Any] = {}
    for key, node in items:
        value = _literal(node, assigned)
        if isinstance(key, str | int | float):
            result[key] = value
        elif key is None and isinstance(value, dict) and len(value) <= MOST_MERGED:
            result |= value
    return result
