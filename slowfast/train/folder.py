"""The checkpoint files in a run's output folder: finds, removes and protects them.

A checkpoint is a pair: ``NAME.pdparams`` and ``NAME.pdopt``, see ``checkpoint.py``; with
``train.ema`` also ``NAME_ema.pdparams``.
"""

import contextlib
import re
from pathlib import Path

from slowfast.config import Config, ConfigError
from slowfast.files import FolderError

PREFIX = "SlowFast"
BEST = f"{PREFIX}_best.pdparams"

_NAME = re.compile(rf"{PREFIX}_epoch_(\d{{5,6}})(?:_step_(\d+))?\.pdopt")


def check_folder(folder: str, resume: str | None) -> None:
    """Checks that training would not overwrite what is in the folder.

    Raises:
        FolderError: the folder holds a run or weights that ``resume`` does not continue from.
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


def check_task(run: str, before: str, now: str) -> None:
    """Raises a ConfigError if the run so far, of this file, has another ``train.task``: what its
    folder holds would be of two kinds."""
    if before != now:
        both = "" if "detection" in (before, now) else "-w FILE or "  # -w takes the classifier, too
        raise ConfigError(
            f"{run} is of a run with train.task={before}, which cannot go on with {now}: train "
            f"anew into another output_dir, from its weights with {both}model.pretrained=FILE"
        )


def checkpoints(folder: str) -> list[Path]:
    """The ``.pdparams`` of each complete checkpoint in ``folder``, the furthest first."""
    found = []
    for path in Path(folder).glob(f"{PREFIX}_epoch_*.pdopt"):
        match = _NAME.fullmatch(path.name)
        if match and path.with_suffix(".pdparams").exists():
            epoch, step = int(match[1]), int(match[2] or 0)
            place = (epoch - 1, step) if step else (epoch, 0)
            found.append((place, path.with_suffix(".pdparams")))
    return [path for _, path in sorted(found, reverse=True)]


def ema_path(path: Path) -> Path:
    """Path of a checkpoint's averaged weights, from the path of its ``.pdparams``."""
    return path.with_name(f"{path.stem}_ema.pdparams")


def remove_old(cfg: Config) -> None:
    """Keeps the last ``keep_last`` epochs, and the furthest checkpoint if it is within an epoch."""
    newest, *older = checkpoints(cfg.output_dir)
    epochs = [path for path in (newest, *older) if "_step_" not in path.name]
    for path in older:
        if path not in epochs[: cfg.train.keep_last]:
            path.with_suffix(".pdopt").unlink()  # first: without it the rest is no checkpoint
            path.unlink()
            ema_path(path).unlink(missing_ok=True)


def move_aside(damaged: list[Path]) -> None:
    """Renames damaged checkpoints' files to ``NAME.pdparams.damaged`` and so on."""
    for path in damaged:
        for file in (path.with_suffix(".pdopt"), path, ema_path(path)):
            with contextlib.suppress(FileNotFoundError):
                file.rename(file.with_name(f"{file.name}.damaged"))
