"""What training runs came to, and the settings in which they differ. No Paddle."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slowfast.train.past_runs import PastRun

IGNORED = ("output_dir",)
"""Settings in which runs always differ."""


def differing(runs: list[PastRun]) -> list[str]:
    """The settings in which the runs with a config differ."""
    known = [run.settings for run in runs if run.settings]
    keys = dict.fromkeys(key for settings in known for key in settings)
    return [
        key for key in keys
        if key not in IGNORED and len({repr(own.get(key)) for own in known}) > 1
    ]  # fmt: skip


def finals(run: PastRun, name: str) -> dict[str, Any]:
    """What a run came to and what it cost; None for what is not known."""
    metric = run.decisive
    rows = [row for row in run.val if _is_number(row.get(metric))]
    averaged = [row for row in run.val_ema if _is_number(row.get(metric))]
    best = max(rows, key=lambda row: row[metric], default={})
    best_ema = max(averaged, key=lambda row: row[metric], default={})
    seconds, clips, processes = run.cost
    return {
        "run": name,
        "metric": metric,
        "best": best.get(metric), "at epoch": best.get("step"),
        "last": rows[-1][metric] if rows else None,
        "best EMA": best_ema.get(metric),
        "test": run.test.get(metric),
        "epochs": round(run.epochs_done, 2), "of": run.settings.get("train.epochs"),
        "loss": run.train[-1].get("loss") if run.train else None,
        "hours": None if seconds is None else seconds / 3600,
        "clips/s": clips / seconds if clips and seconds else None,
        "processes": processes,
    }  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def names_of(folders: list[Path]) -> list[str]:
    """What runs are called: the shortest ends of their paths that differ."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-depth:]) for own in parts]
        if len({*names}) == len(names):
            return names
    return [str(folder) for folder in folders]


def shown_setting(settings: Mapping[str, Any], key: str) -> str:
    """A setting's value as a table has it."""
    return "-" if key not in settings else str(settings[key])
