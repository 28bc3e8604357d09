"""Which settings of a run VisualDL's table of hyper-parameters has."""

import dataclasses
from typing import Any

from slowfast.config import Config

MAIN = (
    "model.name", "model.num_classes", "model.slow_depth", "model.width", "model.alpha",
    "data.num_frames", "data.sampling_stride", "data.crop_size", "optim.base_lr",
    "optim.warmup_epochs", "optim.weight_decay", "train.task", "train.epochs", "train.batch_size",
    "seed",
)  # fmt: skip
"""The table always has these, so that runs of different configs have columns in common."""
LARGEST = 2**63 - 1
"""Integer that VisualDL's file has room for."""
LEFT_OUT = (
    "output_dir", "data.root", "data.train_list", "data.val_list", "data.test_list", "data.labels",
    "data.num_workers", "train.log_interval", "train.save_interval", "train.save_steps",
    "train.keep_last", "train.show_interval", "train.histogram_interval", "train.recompute",
    "test.backend", "test.views_per_chunk",
)  # fmt: skip
"""The table never has these: where things are, and what does not change the result."""


def shown_settings(cfg: Config, total_batch: int) -> dict[str, int | float | str]:
    """The main settings, and those that differ from their defaults, as numbers or text; and the
    clips of a step of all processes as ``total batch``. ``optim.base_lr`` is ``optim/base_lr``:
    VisualDL leaves the cells of a name with a dot empty."""
    own, default = flat(cfg), flat(Config())
    names = [n for n in own if n in MAIN or (own[n] != default[n] and n not in LEFT_OUT)]
    shown = {name.replace(".", "/"): as_cell(own[name]) for name in names}
    return {**shown, "total batch": total_batch}


def flat(settings: Any, before: str = "") -> dict[str, Any]:
    """All settings by their full name, ``optim.base_lr``."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), f"{before}{field.name}"
        if dataclasses.is_dataclass(value):
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def as_cell(value: Any) -> int | float | str:
    """What a cell of the table holds: VisualDL takes numbers and text, and would show yes as 1."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value > LARGEST:
        return str(value)
    return value if isinstance(value, int | float | str) else ", ".join(map(str, value))


FINALS = {
    "single": ("val/top1", "val/top5", "val/loss"),
    "multi": ("val/mAP", "val/f1", "val/loss"),
    "detection": ("val/mAP", "val/loss"),
}
"""The scalars that runs are compared by, by task."""


def final_scalars(task: str, *, validates: bool) -> list[str]:
    """Whose last values the table has: those of the validation, else the loss in training."""
    return [*FINALS[task]] if validates else ["train/loss"]
