"""Weights to a file; the config and class names that lie beside one."""

import contextlib
import pickle
from pathlib import Path
from typing import Any

from slowfast.config import Config, dump_config
from slowfast.files import atomic, write_whole

CONFIG = "config.yaml"

CLASS_NAMES = "labels.txt"


def write_config(cfg: Config, class_names: list[str] | None = None) -> None:
    """Writes the resolved config, and the class names, where the checkpoints go."""
    write_whole(Path(cfg.output_dir) / CONFIG, dump_config(cfg))
    if class_names:
        lines = "".join(f"{name}\n" for name in class_names)
        write_whole(Path(cfg.output_dir) / CLASS_NAMES, lines)


def config_beside(weights: str | Path) -> Path:
    """Where the config of weights is: ``NAME.yaml``, of these very ones, else that of the folder.

    The latter need not be there.
    """
    own = Path(weights).with_suffix(".yaml")
    return own if own.is_file() else own.with_name(CONFIG)


def own_config(weights: str | Path) -> Path | None:
    """The config that a training or a conversion has written beside weights of ours, if any.

    Beside weights of other endings may lie a YAML of another system.
    """
    config = config_beside(weights)
    return config if Path(weights).suffix == ".pdparams" and config.is_file() else None


def write_pickles(files: dict[Path, Any]) -> None:
    """Writes all of them, and only then lets them appear, in order."""
    with contextlib.ExitStack() as stack:
        for path, content in reversed(files.items()):  # the last one entered is the first to appear
            pickle.dump(content, stack.enter_context(atomic(path)), protocol=4)
