"""JSON that others wrote: read strictly, and what is wrong said in a few words."""

import json
from collections.abc import Callable
from typing import Any

from slowfast.data.samples import number_of

Pairs = list[tuple[str, Any]]


def once(pairs: Pairs) -> dict[str, Any]:
    """An object whose keys are each there once; else a ValueError says which is not."""
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return row


def parsed(text: str | bytes, of_pairs: Callable[[Pairs], Any] = once) -> Any:
    """The value of a JSON text.

    Args:
        of_pairs: from the keys and values of an object to what stands for it.

    Raises:
        ValueError: it is no JSON, NaN or infinity is in it, or a number that nobody means, or a key
            is there twice.
    """
    try:
        return json.loads(
            text, parse_constant=_refused, parse_int=number_of, object_pairs_hook=of_pairs
        )
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"no JSON ({error.msg} at {line}letter {error.colno})") from error
    except UnicodeDecodeError as error:
        raise ValueError("no JSON (not UTF-8 text)") from error
    except RecursionError as error:
        raise ValueError("no JSON (too many brackets)") from error


def _refused(text: str) -> None:
    raise ValueError(f"{text} is not a number")
