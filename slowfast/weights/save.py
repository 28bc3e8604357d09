"""Writes weights, and the config and class names beside them; finds that config."""

import contextlib
import pickle
from pathlib import Path
from typing import Any

from slowfast.config import Config, dump_config
from slowfast.files import atomic, write_whole

CONFIG = "config.yaml"
CLASS_NAMES = "labels.txt"


def write_config(cfg: Config, class_names: list[str] | None = None) -> None:
    """Writes the resolved config, and the lines of a file of class names, where the checkpoints
    go."""
    write_whole(Path(cfg.output_dir) / CONFIG, dump_config(cfg))
    if class_names:
        lines = "".join(f"{name}\n" for name in class_names)
        write_whole(Path(cfg.output_dir) / CLASS_NAMES, lines)


def config_beside(weights: str | Path) -> Path:
    """The config of weights: ``NAME.yaml``, else the folder's, which may be missing."""
    own = Path(weights).with_suffix(".yaml")
    return own if own.is_file() else own.with_name(CONFIG)


def own_config(weights: str | Path) -> Path | None:
    """The config that a training or a conversion has written beside weights of ours, if any.

    A YAML beside weights of another ending may be another system's.
    """
    config = config_beside(weights)
    return config if Path(weights).suffix == ".pdparams" and config.is_file() else None


def write_pickles(files: dict[Path, Any]) -> None:
    """Writes all of them, and only then lets them appear, in order."""
    with contextlib.ExitStack() as stack:
        for path, content in reversed(files.items()):  # the last one entered is the first to appear
            pickle.dump(content, stack.enter_context(atomic(path)), protocol=4)
