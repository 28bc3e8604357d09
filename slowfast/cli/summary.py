"""Describes a config: the network's stages, and the learning rate over the run."""

import math
from pathlib import Path

import numpy as np

from slowfast.config import Config
from slowfast.models.cost import summarize
from slowfast.models.variants import build_model
from slowfast.train.recipe.learning_rate import learning_rate
from slowfast.train.recipe.multigrid import batches_in_turn, expand, phases

BOXES = 8
"""Of the picture that the cost of a detector is told for, a square of test.short_side."""


def summary_text(cfg: Config) -> str:
    """A table of stages with output shapes, parameters and multiply-adds, and the schedule."""
    data, detects = cfg.data, cfg.train.task == "detection"
    size = cfg.test.short_side if detects else data.crop_size
    clip = (1, 3, data.num_frames, size, size)
    rows = summarize(build_model(cfg.model, size, cfg.train.task), clip, BOXES)
    cells = [["stage", "output C x T x H x W", "parameters", "multiply-adds"]]
    cells.append(["clip", f"3x{data.num_frames}x{size}x{size}", "", ""])
    for row in rows:
        shapes = ", ".join("x".join(map(str, shape[1:])) for shape in row.shapes)
        if row.name == "head":
            places = f"in {BOXES} boxes" if detects else f"at {row.shapes[0][1]} position(s)"
            shapes = f"{cfg.model.num_classes} classes {places}"
        cells.append([row.name, shapes, f"{row.params:,}", _giga(row.macs)])
    params, macs = sum(row.params for row in rows), sum(row.macs for row in rows)
    cells.append(["total", "", f"{params:,}", _giga(macs)])
    views = cfg.test.num_clips * cfg.test.views_per_clip
    title = (
        f"{cfg.model.name}: {data.num_frames} frames, every {data.sampling_stride} at "
        f"{data.target_fps:g} fps; test "
        + ("of key frames" if detects else f"{cfg.test.num_clips} x {cfg.test.views_per_clip} = "
           f"{views} views")
    )  # fmt: skip
    return "\n".join([title, "", *_table(cells), "", *_schedule(expand(cfg)), *_phases(cfg)])


def draw_schedule(cfg: Config) -> Path:
    """Draws the learning rate of every epoch; returns the picture's path, in the output folder."""
    # Here: matplotlib is slow to import.
    from slowfast.pictures.rate_curve import learning_rate_curve

    cfg = expand(cfg)
    optim, num_epochs = cfg.optim, cfg.train.epochs
    epochs = np.linspace(0, num_epochs, 2000, endpoint=False)
    rates = np.array([learning_rate(float(epoch), optim, num_epochs) for epoch in epochs])
    path = Path(cfg.output_dir) / "learning_rate.png"
    kind = "multigrid" if cfg.train.multigrid else optim.schedule
    title = f"{kind}, total batch {optim.base_batch_size}, {num_epochs} epochs"
    learning_rate_curve(epochs, rates, title, path)
    return path


def _table(cells: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    stage, shapes, params, macs = widths
    lines = [
        f"{a:{stage}}  {b:{shapes}}  {c:>{params}}  {d:>{macs}}".rstrip() for a, b, c, d in cells
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


def _giga(macs: int) -> str:
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e9:.5f} G"


def _schedule(cfg: Config) -> list[str]:
    optim, epochs = cfg.optim, cfg.train.epochs
    places = {
        "first step": 0.0,
        "end of warm-up": min(optim.warmup_epochs, epochs),
        "half way": epochs / 2,
        "last epoch": epochs - 1.0,
    }
    batch = optim.base_batch_size
    scaled = "scaled by the real one" if optim.scale_lr else "not scaled"
    lines = [f"learning rate for a total batch of {batch} ({scaled}), {epochs} epochs"]
    for name, epoch in places.items():
        lr = learning_rate(epoch, optim, epochs)
        digits = 6 if lr == 0 else max(6, 3 - math.floor(math.log10(lr)))
        lines.append(f"  {name.ljust(14)}  epoch {epoch:6.1f}  {lr:.{digits}f}")
    return lines


def _phases(cfg: Config) -> list[str]:
    """Multigrid's phases, one per line."""
    if not cfg.train.multigrid:
        return []
    lines = ["", "multigrid: to epoch, clips x frames x crop of the steps in turn (a process)"]
    for phase in phases(cfg):
        turn = ", ".join(
            f"{batch.factor * cfg.train.batch_size}x{batch.grid.num_frames}x{batch.grid.crop_size}"
            for batch in batches_in_turn(cfg, phase)
        )
        lines.append(f"  {phase.end:5d}  {turn}")
    return lines
