"""How far rows are apart, and notes of what is found once on a machine. numpy only."""

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from slowfast import machine
from slowfast.files import write_json
from slowfast.predict.runtime.built import Row

LEAST_PROBABILITY = 1e-24
"""Below it, probabilities are compared as equal: Paddle's softmax gives no less than exp(-64)."""


def apart(rows: Row, expected: Row, kind: str) -> float:
    """How far rows are from those expected, see ``difference``.

    Of probabilities, the logarithms are compared as well, as one of them may be near 1 and leave
    the others next to nothing.

    Args:
        kind: what a row is, see ``graph.KINDS``.
    """
    found = [difference(rows, expected)]
    if kind == "prob":
        logs = (np.log(np.maximum(each, LEAST_PROBABILITY)) for each in (rows, expected))
        found.append(difference(*logs))
    return float(np.max(found))


def difference(rows: Row, expected: Row) -> float:
    """The largest difference, as a share of the largest number expected; nan if one is not
    finite."""
    largest = float(np.abs(expected).max())
    return float(np.abs(rows - expected).max()) / (largest or 1.0)


def note_of(folder: Path, what: str, *told: object) -> Path:
    """Where a note lies that depends on ``told`` and on this machine."""
    key = repr((told, machine.processor(), machine.instruction_sets()))
    return folder / f"{what}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"


def noted(path: Path, *names: str) -> dict[str, float] | None:
    """The numbers of a note; None if it is not there, or damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text())
        return {name: float(found[name]) for name in names}
    return None


def note(path: Path, numbers: dict[str, float]) -> None:
    """Writes a note, if it can be written; else the numbers are found again the next time."""
    with contextlib.suppress(OSError):
        write_json(path, numbers)
