"""The state of a training run, and its checkpoints on disk.

A checkpoint is a pair: ``NAME.pdparams`` (the weights) and ``NAME.pdopt`` (what else training
needs to go on); with ``train.ema`` also ``NAME_ema.pdparams``, the averaged weights. All are
written beside their place, flushed to the disk and renamed; the ``.pdopt`` comes last, so a pair
with both files is whole.
"""

import contextlib
import fcntl
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn, optimizer

from slowfast import distributed
from slowfast.config import Config, dump_config
from slowfast.engine.ema import Ema
from slowfast.engine.precision import Precision
from slowfast.files import atomic, write_whole
from slowfast.weights import (
    DamagedError,
    Tensors,
    WeightsError,
    load_weights,
    read_pickle,
    read_weights,
)

PREFIX = "SlowFast"
BEST = f"{PREFIX}_best.pdparams"
CONFIG = "config.yaml"

_NAME = re.compile(rf"{PREFIX}_epoch_(\d{{5,6}})(?:_step_(\d+))?\.pdopt")


class FolderError(ValueError):
    """An output folder that this run must not write into."""


class NonFiniteError(ArithmeticError):
    """Training has produced a loss or weight that is not a finite number."""


@dataclass
class TrainState:
    """All that a training run carries from step to step.

    Order, augmentation and dropout are functions of (seed, epoch, step), so no generator's state is
    kept: the place in the run says it all.
    """

    model: nn.Layer
    optimizer: optimizer.Momentum
    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Steps of the epoch under way that are done."""
    precision: Precision = field(default_factory=lambda: Precision("off", "bfloat16"))
    ema: Ema | None = None
    best_top1: float = -1.0
    """Best validation top-1 so far, a share of 1; -1 before the first."""
    plan: dict[str, int] = field(default_factory=dict)
    """What an epoch's order follows from: a run can only go on in its middle with the same."""

    @property
    def name(self) -> str:
        """File name of its checkpoint, without extension; epochs count from 1."""
        if self.step == 0:
            return f"{PREFIX}_epoch_{self.epoch:06d}"
        return f"{PREFIX}_epoch_{self.epoch + 1:06d}_step_{self.step:06d}"


def save_checkpoint(state: TrainState, cfg: Config, *, is_best: bool = False) -> None:
    """Writes the checkpoint, the best one if it is, and removes those beyond ``keep_last``.

    All processes call it: batch norm's statistics are averaged over them; rank 0 writes.

    Raises:
        NonFiniteError: a weight is not finite; nothing is written.
        OSError: the disk is full, or similar; earlier checkpoints are untouched.
    """
    distributed.average_batch_norm(state.model)
    if distributed.rank() == 0:
        weights = {name: tensor.numpy() for name, tensor in state.model.state_dict().items()}
        for name, value in weights.items():
            if not np.isfinite(value).all():
                raise NonFiniteError(f"{name} is no longer finite: not saved (lower optim.base_lr)")
        folder = Path(cfg.output_dir)
        path = folder / f"{state.name}.pdparams"
        _write_pickle(path, weights)
        averaged = state.ema.weights() if state.ema else weights
        if state.ema:
            _write_pickle(_ema_path(path), averaged)
        if is_best:
            _write_pickle(folder / BEST, averaged if cfg.train.best_by == "ema" else weights)
        _write_pickle(folder / f"{state.name}.pdopt", _training_state(state))
        _remove_old(cfg)
    distributed.barrier()


def _remove_old(cfg: Config) -> None:
    """Leaves the last ``keep_last`` epochs, and of those within an epoch only the furthest."""
    newest, *older = checkpoints(cfg.output_dir)
    epochs = [path for path in (newest, *older) if "_step_" not in path.name]
    for path in older:
        if path not in epochs[: cfg.train.keep_last]:
            path.with_suffix(".pdopt").unlink()  # first: what is left is no longer a checkpoint
            path.unlink()
            _ema_path(path).unlink(missing_ok=True)


def write_config(cfg: Config) -> None:
    """Writes the resolved config where the checkpoints go."""
    write_whole(Path(cfg.output_dir) / CONFIG, dump_config(cfg))


@contextlib.contextmanager
def sole_run(folder: str) -> Iterator[None]:
    """Keeps other runs out of an output folder while it is entered and this process lives.

    Raises:
        FolderError: another run is training into it.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / ".lock", "w", encoding="ascii") as lock:
        try:
            # Not flock: that one would stay with the readers, which are forked, when we are killed.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, see lockf(3)
            raise FolderError(f"another run is training into {folder}") from error
        yield


def check_folder(folder: str, resume: str | None) -> None:
    """Checks that training into a folder would not spoil what is in it.

    Raises:
        FolderError: it holds a run, or weights, that ``resume`` does not go on from.
    """
    found = checkpoints(folder)
    furthest = {path.resolve() for path in found[:1]}
    if found and resume != "auto" and not (resume and Path(resume).resolve() in furthest):
        raise FolderError(
            f"{folder} already holds a run up to {found[0].stem}: go on with --resume auto, or "
            "choose another folder with -o output_dir=..."
        )
    if not found and any(Path(folder).glob(f"{PREFIX}_*.pdparams")):
        raise FolderError(
            f"{folder} holds weights without the .pdopt to go on from: choose another folder with "
            "-o output_dir=..., or move them away"
        )


def checkpoints(folder: str) -> list[Path]:
    """The ``.pdparams`` of each whole checkpoint in ``folder``, the furthest one first."""
    found = []
    for path in Path(folder).glob(f"{PREFIX}_epoch_*.pdopt"):
        match = _NAME.fullmatch(path.name)
        if match and path.with_suffix(".pdparams").exists():
            epoch, step = int(match[1]), int(match[2] or 0)
            place = (epoch - 1, step) if step else (epoch, 0)
            found.append((place, path.with_suffix(".pdparams")))
    return [path for _, path in sorted(found, reverse=True)]


def _ema_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}_ema.pdparams")


def restore_furthest(state: TrainState, folder: str) -> list[str]:
    """Continues from the furthest checkpoint of a folder that can be read, if there is one.

    Damaged ones beyond it (a disk's fault: they are written whole) are moved aside, to
    ``NAME.pdparams.damaged``, so that the run can pass them again. All processes call it.

    Returns:
        Lines that say what was loaded.

    Raises:
        WeightsError: none can be read; or one is whole, and does not fit this run.
    """
    lines = []
    found = distributed.gather(checkpoints(folder))[0]
    for path in found:
        try:
            lines.append(restore(state, path))
        except DamagedError as error:
            lines.append(f"{error}: moved aside, going back to the checkpoint before")
            distributed.barrier()  # all have seen it
            if distributed.rank() == 0:
                for file in (path.with_suffix(".pdopt"), path, _ema_path(path)):
                    with contextlib.suppress(FileNotFoundError):
                        file.rename(file.with_name(f"{file.name}.damaged"))
        else:
            return lines
    if found:
        raise WeightsError(f"none of the checkpoints in {folder} can be read; {lines[0]}")
    return [f"no checkpoint in {folder} yet: training from the start"]


def restore(state: TrainState, path: str | Path) -> str:
    """Continues from a checkpoint: weights, optimizer, place in the run, best metric.

    Returns:
        A line that says what was loaded.

    Raises:
        WeightsError: a file is missing, damaged (DamagedError), or of another network.
    """
    pdopt = Path(path).with_suffix(".pdopt")
    if Path(path).exists() and not pdopt.exists():
        raise WeightsError(f"there is no {pdopt}, so training cannot go on from {path}")
    content = read_pickle(pdopt, what="training state")
    averages = read_weights(_ema_path(Path(path))) if state.ema else {}
    loaded = load_weights(state.model, path)
    try:
        state.epoch, state.step = int(content["epoch"]), int(content["step"])
        state.best_top1 = float(content["best_top1"])
        if state.step and content["plan"] != state.plan:
            raise ValueError(f"it stopped within an epoch of {content['plan']}, not {state.plan}")
        _set_velocities(state, content["velocities"])
        state.precision.set_state(content.get("precision", {}))
        if state.ema:
            state.ema.set_weights(averages, int(content["ema_steps"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"training state {pdopt} does not fit this run: {error}") from error
    return f"{loaded}; going on with epoch {state.epoch + 1}, step {state.step}"


def _training_state(state: TrainState) -> dict[str, Any]:
    names = {p.name: name for name, p in state.model.named_parameters()}
    velocities: Tensors = {}
    for key, value in state.optimizer.state_dict().items():
        if key.endswith(_VELOCITY):
            velocities[names[key.removesuffix(_VELOCITY)]] = value.numpy()
    return {
        "epoch": state.epoch,
        "step": state.step,
        "best_top1": state.best_top1,
        "plan": state.plan,
        "precision": state.precision.state(),
        "ema_steps": state.ema.steps if state.ema else 0,
        "velocities": velocities,
    }


_VELOCITY = "_velocity_0"  # what Paddle's Momentum appends to a parameter's name


def _set_velocities(state: TrainState, velocities: Tensors) -> None:
    parameters = {n: p for n, p in state.model.named_parameters() if not p.stop_gradient}
    shapes = {name: list(value.shape) for name, value in velocities.items()}
    wanted = {name: list(p.shape) for name, p in parameters.items()}
    if shapes and shapes != wanted:  # none before the first step
        odd = sorted(n for n in {*shapes, *wanted} if shapes.get(n) != wanted.get(n))
        raise ValueError(f"the momentum of {odd[0]} and {len(odd) - 1} more")
    state.optimizer.set_state_dict(
        {
            f"{parameters[name].name}{_VELOCITY}": paddle.to_tensor(value)
            for name, value in velocities.items()
        }
    )


def _write_pickle(path: Path, content: Any) -> None:
    with atomic(path) as file:
        pickle.dump(content, file, protocol=4)
