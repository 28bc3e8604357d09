"""Multigrid training (Wu et al., CVPR 2020): many small clips first, then fewer and larger ones.

Each phase of the *long cycle* has its own clip length and crop; the batch grows as the clips
shrink. Within a phase, the steps of the *short cycle* use three crops in turn, with batches to
match. The phases repeat for each step of the learning rate::

    frames   8  16 16  32 |  8 16 16 32 |  8 16 16 32 | 32       of 32
    crop   158 158 224 224| ...         | ...         | 224      of 224
    batch    8   4  2   1 | ...         | ...         | 1        times the base
    lr      8x  4x 2x  1x | 0.8x ...    | 0.08x ...   | 0.01x, 0.001x

The arithmetic is PySlowFast's (its MultigridSchedule), so the phases are those of its models.
"""

import bisect
import dataclasses
import math
from typing import NamedTuple

from slowfast.config import Config, ConfigError
from slowfast.data.clips.sampling import Grid

LONG_CYCLE = ((0.25, math.sqrt(0.5)), (0.5, math.sqrt(0.5)), (0.5, 1.0), (1.0, 1.0))
"""For each phase: its share of the frames, and of the crop's side."""
SHORT_CYCLE = (0.5, math.sqrt(0.5))
"""The first two crops of the short cycle, as shares of the full side; the third is the phase's."""


class Batch(NamedTuple):
    """The batch of one step."""

    factor: int
    """Its size, in multiples of ``train.batch_size``."""
    grid: Grid


class Phase(NamedTuple):
    """Epochs in which clips have the same size."""

    end: int
    """Epoch at which it ends, from the start of the run."""
    factor: int
    """Batch size in multiples of the base; batch norm splits the batch into as many parts."""
    grid: Grid
    lr_step: int
    """Index into ``optim.step_factors``."""


def phases(cfg: Config) -> list[Phase]:
    """The phases of a run; without ``train.multigrid`` there is only one.

    Raises:
        ConfigError: the schedule has no steps, or the shortest clips do not fit the network.
    """
    full = Grid(cfg.data.num_frames, cfg.data.crop_size)
    if not cfg.train.multigrid:
        return [Phase(cfg.train.epochs, 1, full, 0)]
    _check(cfg)
    *starts, last = cfg.optim.steps
    lengths = [end - start for start, end in zip(starts, cfg.optim.steps[1:], strict=True)]
    cycle = [
        Grid(round(full.num_frames * frames), round(full.crop_size * side))
        for frames, side in LONG_CYCLE
    ]
    batches = [_mean_factor(full, grid) for grid in cycle]
    parts = [
        (length * batch / sum(batches), grid, step)
        for step, length in enumerate(lengths)
        for batch, grid in zip(batches, cycle, strict=True)
    ]
    # The final part at full size is shortened by the same factor as the cycles.
    saved = last / sum(length / sum(batches) * len(cycle) for length in lengths)
    parts.append(((cfg.train.epochs - last) / saved * batches[-1], full, len(lengths)))
    stretch = cfg.train.epochs * cfg.train.multigrid_epoch_factor / sum(part[0] for part in parts)
    found, done = [], 0.0
    for epochs, grid, step in parts:
        done += epochs * stretch
        found.append(Phase(round(done), _factor(full, *grid), grid, step))
    return found


def expand(cfg: Config) -> Config:
    """The config with multigrid's epochs and learning rates; the same without multigrid.

    A phase's rate is that of its step times its batch's factor. The first half of the last phase
    still has the previous phase's rate (PySlowFast).
    """
    if not cfg.train.multigrid:
        return cfg
    found, factors = phases(cfg), cfg.optim.step_factors
    ends = [phase.end for phase in found]
    rates = [factors[phase.lr_step] * phase.factor for phase in found]
    half = (ends[-2] + ends[-1]) // 2
    optim = dataclasses.replace(
        cfg.optim,
        steps=(0.0, *map(float, ends[:-1]), float(half)),
        step_factors=(*rates[:-1], rates[-2], rates[-1]),
    )
    train = dataclasses.replace(cfg.train, epochs=ends[-1])
    return dataclasses.replace(cfg, optim=optim, train=train)


def phase_at(found: list[Phase], epoch: int) -> Phase:
    """The phase that an epoch, from 0, belongs to."""
    return found[bisect.bisect_right([phase.end for phase in found], epoch)]


def batches_in_turn(cfg: Config, phase: Phase) -> list[Batch]:
    """The batches that an epoch's steps use in turn: the short cycle, or one batch for all."""
    last = Batch(phase.factor, phase.grid)
    if not cfg.train.multigrid:
        return [last]
    side = cfg.data.crop_size
    frames, crop = phase.grid
    short = [
        Batch(phase.factor * round((crop / (share * side)) ** 2), Grid(frames, round(share * side)))
        for share in SHORT_CYCLE
    ]
    return [*short, last]


def _factor(full: Grid, frames: int, side: float) -> int:
    """How many clips of this size have as many pixels as a full clip."""
    return round(full.num_frames * full.crop_size**2 / (frames * side**2))


def _mean_factor(full: Grid, grid: Grid) -> float:
    """The short cycle's mean batch in multiples of the base; sets the phases' lengths."""
    sides = [*(share * full.crop_size for share in SHORT_CYCLE), float(grid.crop_size)]
    return sum(_factor(full, grid.num_frames, side) for side in sides) / len(sides)


def _check(cfg: Config) -> None:
    shortest = cfg.data.num_frames * LONG_CYCLE[0][0]
    if cfg.optim.schedule != "step" or len(cfg.optim.steps) < 2:
        raise ConfigError("train.multigrid needs optim.schedule=step with two steps or more")
    if cfg.train.epochs <= cfg.optim.steps[-1]:
        raise ConfigError(
            f"train.epochs={cfg.train.epochs} is not above the last of "
            f"optim.steps={list(cfg.optim.steps)}, as train.multigrid needs it"
        )
    if shortest % cfg.model.alpha:
        raise ConfigError(
            f"train.multigrid has clips of data.num_frames={cfg.data.num_frames} / 4 frames, "
            f"which is not divisible by model.alpha={cfg.model.alpha}"
        )
