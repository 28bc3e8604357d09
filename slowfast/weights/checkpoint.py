"""A weights file, read and translated: what all that uses one begins with."""

from pathlib import Path
from typing import Any, NamedTuple

from slowfast.weights.errors import WeightsError, reported
from slowfast.weights.formats import read_content
from slowfast.weights.names import Translated, find_tensors, translate


class Checkpoint(NamedTuple):
    """A weights file of any system and format."""

    path: Path
    content: Any
    """All that is in it, see ``read_content``."""
    found: Translated
    """Its tensors by our names."""


def read_checkpoint(path: str | Path) -> Checkpoint:
    """
    Raises:
        WeightsError: see ``read_content``; or there are no tensors in it.
    """
    content = read_content(path)
    with reported(path, "weights"):
        found = translate(find_tensors(content))
    if not found.system:  # a file of ours may hold counters
        floats = {name: x for name, x in found.tensors.items() if x.dtype.kind == "f"}
        found = found._replace(tensors=floats)
    if not found.tensors:
        raise WeightsError(f"weights {path} holds no tensors by name")
    return Checkpoint(Path(path), content, found)
