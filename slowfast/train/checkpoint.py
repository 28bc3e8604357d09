"""The state of a training run, and its checkpoints on disk.

A checkpoint is a pair: ``NAME.pdparams`` (the weights) and ``NAME.pdopt`` (the rest of the
training state); with ``train.ema`` also ``NAME_ema.pdparams``, the averaged weights. Each file is
written under another name, flushed to the disk and renamed; the ``.pdopt`` comes last, so a pair
with both files is complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import nn, optimizer

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.lists.agree import check_labels, kept_labels
from slowfast.data.samples import Sample
from slowfast.errors import UserError
from slowfast.predict.tallies import TALLIES
from slowfast.train.folder import (
    BEST,
    PREFIX,
    check_task,
    checkpoints,
    ema_path,
    move_aside,
    remove_old,
)
from slowfast.train.plan import told_apart
from slowfast.train.recipe.ema import Ema
from slowfast.train.recipe.precision import Precision
from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.formats.read import read_pickle
from slowfast.weights.load import load_weights, read_weights
from slowfast.weights.save import write_pickles
from slowfast.weights.systems import Tensors


class NonFiniteError(UserError):
    """Training has produced a loss or weight that is not a finite number."""


@dataclass
class TrainState:
    """The state that a training run keeps between steps.

    Order, augmentation and dropout are functions of (seed, epoch, step), so no random generator's
    state is kept.
    """

    model: nn.Layer
    optimizer: optimizer.Momentum
    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps of the current epoch."""
    steps: int = -1
    """Finished steps of the whole run; -1: as many as its schedule says, see ``go_on``."""
    precision: Precision = field(default_factory=lambda: Precision("off", "bfloat16"))
    ema: Ema | None = None
    best: float = -1.0
    """Best validation so far, a share of 1; -1 before the first."""
    task: str = "single"
    """``train.task``. A run resumes only with the same."""
    class_weights: NDArray[np.float32] | None = None
    """In the loss, ``[K]``."""
    plan: dict[str, int] = field(default_factory=dict)
    """What the order of an epoch depends on. A run resumes within an epoch only if it is equal."""
    samples: Sequence[Sample] = ()
    """The videos of all lists. A run resumes only if those that it knows have the same labels."""

    @property
    def decisive(self) -> str:
        """The metric by which a validation is the best."""
        return TALLIES[self.task].decisive

    @cached_property
    def kept_labels(self) -> dict[str, Any]:
        """What a checkpoint keeps of ``samples``."""
        return kept_labels(self.samples)

    @property
    def name(self) -> str:
        """The checkpoint's file name without extension; epochs count from 1."""
        if self.step == 0:
            return f"{PREFIX}_epoch_{self.epoch:06d}"
        return f"{PREFIX}_epoch_{self.epoch + 1:06d}_step_{self.step:06d}"


def save_checkpoint(
    state: TrainState, cfg: Config, *, is_best: bool = False, best: Tensors | None = None
) -> None:
    """Writes the checkpoint and removes those beyond ``keep_last``; rank 0 writes.

    All processes call it, because batch norm's statistics are averaged over them.

    Args:
        is_best: also write these weights as the best ones.
        best: tensors of the best weights that differ from the current ones.

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
        path = Path(cfg.output_dir) / f"{state.name}.pdparams"
        files: dict[Path, Any] = {path: weights}
        averaged = state.ema.weights() if state.ema else weights
        if state.ema:
            files[ema_path(path)] = averaged
        if is_best:
            decisive = averaged if cfg.train.best_by == "ema" else weights
            files[path.with_name(BEST)] = {**decisive, **(best or {})}
        files[path.with_suffix(".pdopt")] = _training_state(state)
        write_pickles(files)
        remove_old(cfg)
    distributed.barrier()


def restore_furthest(state: TrainState, folder: str) -> list[str]:
    """Continues from the furthest checkpoint in a folder that all processes can read, if any.

    Later checkpoints that are damaged (by a faulty disk: writes are atomic) are renamed to
    ``NAME.pdparams.damaged``, so that the run can write them again. All processes call it. Returns
    lines that say what was loaded.

    Raises:
        WeightsError: no checkpoint can be read, or an intact one does not fit this run.
        ConfigError: the run so far has another task.
        ListError: a video has another label than in the run so far.
    """
    damaged: dict[Path, str] = {}  # and what is wrong with each, furthest first
    for path in distributed.gather(checkpoints(folder))[0]:
        line = own_fault = ""
        try:
            line = restore(state, path)
        except DamagedError as error:
            own_fault = str(error)
        faults = [fault for fault in distributed.gather(own_fault) if fault]
        if not faults:
            if distributed.rank() == 0:
                move_aside(list(damaged))
            aside = "moved aside, going back to the checkpoint before"
            return [*(f"{fault}: {aside}" for fault in damaged.values()), line]
        damaged[path] = faults[0]
    if damaged:
        fault = next(iter(damaged.values()))
        raise WeightsError(f"none of the checkpoints in {folder} can be read: {fault}")
    return [f"no checkpoint in {folder} yet: training from the start"]


def restore(state: TrainState, path: str | Path) -> str:
    """Continues from a checkpoint: weights, optimizer, place in the run, best metric. Returns a
    line that says what was loaded.

    Raises:
        WeightsError: a file is missing, damaged (DamagedError), or of another network.
        ConfigError: the run so far has another task.
        ListError: a video has another label than in the run so far.
    """
    pdopt = Path(path).with_suffix(".pdopt")
    if Path(path).exists() and not pdopt.exists():
        raise WeightsError(f"there is no {pdopt}, so training cannot go on from {path}")
    content = read_pickle(pdopt, what="training state")
    # A run without an average so far starts one from its weights.
    has_average = state.ema and isinstance(content, dict) and content.get("ema_steps")
    averages = read_weights(ema_path(Path(path))) if has_average else {}
    try:
        (task,) = [name for name, key in _BEST.items() if key in content]
        check_task(str(path), task, state.task)
        loaded = load_weights(state.model, path)
        if "kept_labels" in content:
            check_labels(content["kept_labels"], state.samples)
        state.epoch, state.step = int(content["epoch"]), int(content["step"])
        state.steps = int(content.get("steps", -1))  # older checkpoints have none
        state.best = float(content[_BEST[task]])
        if state.step and content["plan"] != state.plan:
            raise ValueError(told_apart(content["plan"], state.plan))
        _set_velocities(state, content["velocities"])
        state.precision.set_state(content.get("precision", {}))
        if state.ema:
            own = {name: value.numpy() for name, value in state.model.state_dict().items()}
            state.ema.set_weights(averages or own, int(content.get("ema_steps", 0)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"training state {pdopt} does not fit this run: {error}") from error
    return f"{loaded}; going on with epoch {state.epoch + 1}, step {state.step}"


def _training_state(state: TrainState) -> dict[str, Any]:
    names = {p.name: name for name, p in state.model.named_parameters()}
    velocities = {
        names[key.removesuffix(_VELOCITY)]: value.numpy()
        for key, value in state.optimizer.state_dict().items()
        if key.endswith(_VELOCITY)
    }
    return {
        "epoch": state.epoch, "step": state.step, "steps": state.steps,
        _BEST[state.task]: state.best,
        "plan": state.plan,
        "precision": state.precision.state(), "ema_steps": state.ema.steps if state.ema else 0,
        "velocities": velocities, "kept_labels": state.kept_labels,
    }  # fmt: skip


_BEST = {"single": "best_top1", "multi": "best_mAP", "detection": "best_frame_mAP"}
"""Under which a checkpoint has its best validation, and so tells its task."""
_VELOCITY = "_velocity_0"  # what Paddle's Momentum appends to a parameter's name


def _set_velocities(state: TrainState, velocities: Tensors) -> None:
    parameters = {n: p for n, p in state.model.named_parameters() if not p.stop_gradient}
    shapes = {name: list(value.shape) for name, value in velocities.items()}
    wanted = {name: list(p.shape) for name, p in parameters.items()}
    if shapes and shapes != wanted:  # none before the first step
        odd = sorted(n for n in {*shapes, *wanted} if shapes.get(n) != wanted.get(n))
        raise ValueError(f"the momentum does not match {odd[0]} and {len(odd) - 1} more weights")
    own_names = {name: f"{p.name}{_VELOCITY}" for name, p in parameters.items()}
    tensors = {own_names[name]: paddle.to_tensor(value) for name, value in velocities.items()}
    state.optimizer.set_state_dict(tensors)
