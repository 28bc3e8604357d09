"""The curves of training runs, as ``pictures/run_curves.py`` draws them. No Paddle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slowfast.pictures.run_curves import Curve, Panel, draw_runs
from slowfast.train.past_runs import PastRun, read_run

SHORT = 0.5
"""Hours: runs up to this are drawn over minutes."""
TITLES = {"loss": "loss", "top1": "top-1 accuracy", "f1": "F1", "mAP": "mAP", "lr": "learning rate"}


def draw_run(folder: Path, picture: Path) -> None:
    """Draws the curves of the run in an output folder over its epochs, see ``read_run``."""
    run = read_run(folder)
    draw_runs([folder.name], panels([run])[:1], picture)


def panels(runs: Sequence[PastRun]) -> list[list[Panel]]:
    """A row over epochs, and one over hours if a run tells them: loss, each metric that a run is
    judged by, learning rate."""
    metrics = dict.fromkeys(name for own in runs for name in metrics_drawn(own))
    longest = max((own.cost.seconds or 0 for own in runs), default=0.0) / 3600
    unit, per_hour = ("minutes", 60.0) if longest <= SHORT else ("hours", 1.0)
    rows = [("epoch", "at", 1.0)]
    if longest:
        rows.append((f"{unit} of training steps", "hours", per_hour))
    return [
        [
            Panel(TITLES[name], label, curves(runs, name, across, factor), is_share=name in metrics)
            for name in ("loss", *metrics, "lr")
        ]
        for label, across, factor in rows
    ]


def metrics_drawn(run: PastRun) -> list[str]:
    """The metrics that are drawn: the decisive one, and with it one that training has, too."""
    has_f1 = any("f1" in row for row in run.train)
    return ["f1", run.decisive] if has_f1 else [run.decisive]


def curves(runs: Sequence[PastRun], name: str, across: str, factor: float) -> list[Curve]:
    """The curves of a number, of all runs that have it, over ``factor`` times what rows have as
    ``across``."""
    found = []
    for place, each in enumerate(runs):
        for kind, rows in (("train", each.train), ("val", each.val), ("val_ema", each.val_ema)):
            at = "step" if across == "at" and kind != "train" else across
            own = [row for row in rows if row.get(name) is not None and row[at] is not None]
            if not own:
                continue
            x = factor * np.array([row[at] for row in own], np.float64)
            y = np.array([row[name] for row in own], np.float64)
            found.append(Curve(place, "lr" if name == "lr" else kind, x, y))
    return found
