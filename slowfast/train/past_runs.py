"""Reads what training runs have left in their output folders, to compare them. No Paddle.

A run may be in progress: the last line of its ``metrics.jsonl`` may be half there. Where it was
resumed, steps may be there twice; the later ones count.
"""

import contextlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from slowfast.errors import UserError
from slowfast.log import logger

METRICS, CONFIG, RESULT = "metrics.jsonl", "config.yaml", "test_result.json"
DECISIVE = ("top1", "mAP")
"""What a validation is judged by: the first of these that its rows have."""

Row = dict[str, Any]


class RunError(UserError):
    """A folder is not that of a training run."""


class Cost(NamedTuple):
    """What a run's steps took; None: its rows do not tell, as those of older runs."""

    seconds: float | None = None
    """Of all steps, without what is between epochs."""
    clips: int | None = None
    """That all processes trained on."""
    processes: int | None = None
    """Of the last start."""


@dataclass(frozen=True)
class PastRun:
    """A training run."""

    folder: Path
    train: list[Row]
    """A row every few steps, rising; each with ``at``, the epochs done, and ``hours``, those of all
    steps so far. ``hours`` are None where rows do not tell them, as those of older runs."""
    val: list[Row]
    """A row an epoch that was validated; with ``hours``, too."""
    val_ema: list[Row]
    """The same of the averaged weights."""
    settings: dict[str, Any]
    """The config, ``section.key``; empty if there is no file."""
    test: dict[str, Any] = field(default_factory=dict)
    """What a test in this folder came to; empty: none."""
    cost: Cost = Cost()

    @property
    def decisive(self) -> str:
        """The metric of its validations; of a run without one that of its task."""
        rows = self.val or self.val_ema
        found = [name for name in DECISIVE if rows and name in rows[-1]]
        task = self.settings.get("train.task", "single")
        return found[0] if found else DECISIVE[task != "single"]

    @property
    def epochs_done(self) -> float:
        """Epochs so far."""
        ends = [*(row["at"] for row in self.train[-1:]), *(row["step"] for row in self.val[-1:])]
        return float(max(ends, default=0.0))


def read_run(folder: Path) -> PastRun:
    """The run in an output folder.

    Raises:
        RunError: there is none, or it has no row yet; names the folder and what to do.
    """
    path = folder / METRICS
    if not folder.is_dir():
        what = "a file: name its folder" if folder.exists() else "not there"
        raise RunError(f"{folder} is {what} (a run is the output_dir of a training)")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError as error:
        inside = sorted(found.parent.name for found in folder.glob(f"*/{METRICS}"))
        hint = f"name the runs in it: {', '.join(inside[:3])}" if inside else "name one that has"
        raise RunError(f"{folder} has no {METRICS} of a training run: {hint}") from error
    rows = [*whole_rows(lines, path)]
    train, val, val_ema = sorted_rows(rows)
    if not train and not val:
        raise RunError(f"{path} has no row yet: wait for train.log_interval steps, or leave it out")
    settings = _settings(folder / CONFIG)
    _add_epochs(train, settings.get("train.epochs"))
    cost = _add_hours(train, [*val, *val_ema], rests(rows))
    return PastRun(folder, train, val, val_ema, settings, _test(folder / RESULT), cost)


def whole_rows(lines: list[str], path: Path) -> Iterable[Row]:
    """The rows; lines that are not whole are left out, and counted in a warning unless it is the
    last one, which a run may be writing."""
    broken = 0
    for number, line in enumerate(lines, 1):
        row = _whole_row(line)
        if row is not None:
            yield row
        else:
            broken += number < len(lines)
    if broken:
        logger.warning(f"{path}: lines that are no rows of a run are left out: {broken:,}")


def _whole_row(line: str) -> Row | None:
    """A row; None if it has not what all rows of its kind have, or text in place of a number."""
    with contextlib.suppress(
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
    ):
        row = json.loads(line)
        row["kind"], row["step"] = str(row["kind"]), int(row["step"])
        numbers = [value for key, value in row.items() if key != "kind" and value is not None]
        needed = ("epoch", "of") if row["kind"] == "train" else ()
        if all(isinstance(value, int | float) for value in [*numbers, *(row[k] for k in needed)]):
            return row
    return None


def sorted_rows(rows: Iterable[Row]) -> tuple[list[Row], list[Row], list[Row]]:
    """The rows of training, validation and validation of averaged weights, each rising. Where a run
    goes back, as one that is resumed, the rows from there on are dropped."""
    train: list[Row] = []
    vals: dict[str, list[Row]] = {"val": [], "val_ema": []}
    for row in rows:
        kind, step = row["kind"], row["step"]
        if kind == "train":
            is_back = bool(train) and train[-1]["step"] >= step
            _drop_from(train, step)
            for own in vals.values() if is_back else ():
                _drop_from(own, int(row.get("epoch", 0)))
            train.append(row)
        elif kind in vals:
            _drop_from(vals[kind], step)
            vals[kind].append(row)
    return train, vals["val"], vals["val_ema"]


def rests(rows: Iterable[Row]) -> list[Row]:
    """The rows that tell the time of steps which have no row of training, rising. Where a run goes
    back, those from there on are dropped."""
    found: list[Row] = []
    for row in rows:
        if row["kind"] in ("train", "rest"):
            _drop_from(found, row["step"])
        if row["kind"] == "rest":
            found.append(row)
    return found


def _drop_from(rows: list[Row], step: int) -> None:
    while rows and rows[-1]["step"] >= step:
        rows.pop()


def _add_epochs(train: list[Row], epochs: float | None) -> None:
    """Adds ``at`` to each row: the epochs done. Epochs may have different numbers of steps, as in
    multigrid training; an epoch's first step has a row."""
    begins: dict[int, int] = {}
    for row in train:
        begins.setdefault(row["epoch"], row["step"] - 1)
    for row in train:
        epoch, begin = row["epoch"], begins[row["epoch"]]
        if epoch + 1 in begins:
            end = begins[epoch + 1]
        elif epochs and epoch >= epochs:
            end = row["of"]
        else:  # in progress: as long as the one before, or as all on the average
            before = begins.get(epoch - 1)
            length = begin - before if before is not None else row["of"] / (epochs or row["epoch"])
            end = begin + max(length, 1)
        row["at"] = epoch - 1 + min((row["step"] - begin) / max(end - begin, 1), 1.0)


def _add_hours(train: list[Row], vals: list[Row], rests: list[Row]) -> Cost:
    """Adds ``hours``: of all steps up to a row, without what is between epochs.

    Returns what all steps took.
    """
    timed = sorted([*train, *rests], key=lambda row: row["step"])
    is_told = bool(timed) and all("seconds" in row for row in timed)
    seconds, clips = 0.0, 0
    for row in timed:
        seconds, clips = seconds + row.get("seconds", 0.0), clips + row.get("clips", 0)
        row["hours"] = seconds / 3600 if is_told else None
    for val in vals:
        done = [row["hours"] for row in timed if row["epoch"] <= val["step"]]
        val["hours"] = done[-1] if done else None
    return Cost(seconds, clips, timed[-1]["processes"]) if is_told else Cost()


def _settings(path: Path) -> dict[str, Any]:
    """A config, flat."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        logger.warning(f"{path} cannot be read: its settings are not compared")
        return {}
    flat: dict[str, Any] = {}
    for key, value in (tree or {}).items() if isinstance(tree, dict) else ():
        inner = value if isinstance(value, dict) else {"": value}
        flat.update({f"{key}.{name}".rstrip("."): own for name, own in inner.items()})
    return flat


def _test(path: Path) -> dict[str, Any]:
    """The numbers of a test, if there was one."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: x for key, x in found.items() if isinstance(x, int | float) and math.isfinite(x)
        }
    except (OSError, ValueError, AttributeError):
        logger.warning(f"{path} cannot be read: its test is not compared")
        return {}
