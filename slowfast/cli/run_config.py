"""Finds a run's config (file, flags, or the config beside the weights) and its class names."""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

from slowfast.cli.flags import is_training, overrides
from slowfast.config import Config, ConfigError, load_config
from slowfast.config.built_in import DEFAULT_CONFIG, find_config
from slowfast.data.boxes.action_lists import class_numbers
from slowfast.data.labels import find_labels, read_labels
from slowfast.data.lists.agree import Classes, check_same
from slowfast.data.lists.read_lists import ListError
from slowfast.log import logger
from slowfast.train.folder import check_task, checkpoints
from slowfast.weights.damage import WeightsError
from slowfast.weights.save import CLASS_NAMES, CONFIG, config_beside, own_config

NO_CONFIG = (
    "there is no {} beside the weights: name a config with -c; another system's weights get theirs "
    "from python -m slowfast.tools.convert_weights {} NEW.pdparams"
)

WITH_BACKGROUND = 81
"""Outputs of a detector on AVA that has one for the background."""

LABELS_DO_NOT_FIT = (
    "{}: {} class names for model.num_classes={} (other names: -o data.labels=FILE; none: "
    "data.labels=; as many classes: model.num_classes=0)"
)


def read_config(args: argparse.Namespace, weights: str | None) -> Config:
    """The config of main.py's flags, see ``config_for``."""
    if weights is None and is_training(args) and args.weights is not None:  # to start from
        below = None
    else:
        below = functools.partial(_config_below, args)
    return config_for(args.config, overrides(args), weights, below)


def config_for(
    path: str | None, overrides: list[str], weights: str | None,
    below: Callable[[Config], Path | None] | None = None,
) -> Config:  # fmt: skip
    """The config of a file, else the one beside the weights, else the default one; with overrides.

    Args:
        path: a file, or the name of a built-in config.
        below: unless the config is the one beside the weights, finds the file with the defaults
            for its network, clips and test.

    Raises:
        ConfigError: there is no config, or it cannot be used.
        ListError: ``model.num_classes=0``, and there are no class names to count.
        WeightsError: the weights do not exist.
    """
    source: Path = DEFAULT_CONFIG
    if path is not None:
        source = find_config(path)
    elif weights is not None:  # complete: training or a conversion wrote it
        require_weights(weights)
        source, below = config_beside(weights), None
        if not source.exists():
            raise ConfigError(NO_CONFIG.format(source, weights))
    cfg = load_config(source, overrides, find_config=below)
    if cfg.model.num_classes == 0:
        names = class_names(cfg, weights) or read_labels(cfg.data.labels, 0, cfg.data.root)
        number = f"model.num_classes={len(names)}"
        cfg = load_config(source, [*overrides, number], find_config=below)
    return cfg


def _config_below(args: argparse.Namespace, cfg: Config) -> Path | None:
    """The config with the defaults for network, clips and test: that of the resumed run, else that
    of ``model.pretrained``."""
    folder = resumed_folder(args, cfg)
    if folder and (folder / CONFIG).exists():
        return folder / CONFIG
    return own_config(cfg.model.pretrained)


def resumed_folder(args: argparse.Namespace, cfg: Config) -> Path | None:
    """The folder of the run that is resumed, if one is."""
    if not args.resume or starts_anew(args, cfg):
        return None
    return Path(cfg.output_dir) if args.resume == "auto" else Path(args.resume).parent


def compare_resumed(args: argparse.Namespace, cfg: Config, names: list[str] | None) -> None:
    """Checks the run that is resumed by what is in its folder.

    Raises:
        ConfigError: it has another task.
        ListError: it has these class names in another order.
    """
    folder = resumed_folder(args, cfg)
    if folder is None:
        return
    if (own := folder / CONFIG).is_file() and (before := _usable(own)):
        check_task(str(own), before.train.task, cfg.train.task)
        _compare_numbers(own, before, cfg)
    _compare_names(folder / CLASS_NAMES, cfg, names)


def compare_trained(cfg: Config, weights: str, names: list[str] | None) -> None:
    """Tells where a detector's classes have other numbers or names than in its training, by the
    config and the class names beside its weights.

    Raises:
        ListError: it had these class names in another order.
    """
    if cfg.train.task == "detection" and cfg.model.num_classes == WITH_BACKGROUND:
        logger.warning(
            f"{weights} has {WITH_BACKGROUND} classes: if the first is the background, as in "
            "mmaction2's detectors on AVA, it is taken for an action here"
        )
    own = own_config(weights)
    before = _usable(own) if own and cfg.train.task == "detection" else None
    if own and before and before.train.task == "detection":
        _compare_numbers(own, before, cfg)
        if own.name == CONFIG:  # else the folder's class names may be of others
            _compare_names(own.with_name(CLASS_NAMES), cfg, names)


def _compare_numbers(own: Path, before: Config, cfg: Config) -> None:
    """Warns if a detector's classes have other numbers in annotations than in an earlier config."""
    if cfg.train.task != "detection" or before.model.num_classes != cfg.model.num_classes:
        return
    numbers = [class_numbers(each.detection, cfg.model.num_classes) for each in (before, cfg)]
    for index, (old, new) in enumerate(zip(*numbers, strict=True)):
        if old != new:
            logger.warning(
                f"class {index} is action {old} in {own}, and {new} now: the numbers of the "
                "annotations must mean the same (detection.ids, detection.first_id)"
            )
            return


def _compare_names(before: Path, cfg: Config, names: list[str] | None) -> None:
    """``check_same`` with an earlier file of class names, if it is there."""
    if names and before.is_file():
        ours = Classes(f"data.labels={cfg.data.labels}", dict(enumerate(names)))
        check_same(ours, Classes(str(before), dict(enumerate(read_labels(str(before), 0)))))


def _usable(config: Path) -> Config | None:
    """A config file; None if it cannot be used."""
    try:
        return load_config(config)
    except ConfigError:
        return None


def starts_anew(args: argparse.Namespace, cfg: Config) -> bool:
    """Whether the run trains, not from a checkpoint: ``--resume auto`` may find none yet."""
    resumes = args.resume == "auto" and checkpoints(cfg.output_dir)
    return is_training(args) and not resumes and args.resume in (None, "auto")


def class_names(cfg: Config, weights: str | None) -> list[str] | None:
    """The class names from their file or from beside the weights; None if there is no file.

    Raises:
        ListError: their number is not the number of classes.
    """
    if not cfg.data.labels:
        return None
    path = find_labels(cfg.data.labels, cfg.data.root)
    if path is None and weights is not None:
        beside = Path(weights).parent / CLASS_NAMES
        path = str(beside) if beside.is_file() else None
    return read_class_names(path, cfg) if path else None


def read_class_names(labels: str, cfg: Config) -> list[str]:
    """``read_labels``, but if the number of names is wrong, the error says what to do."""
    ids = cfg.detection.ids if cfg.train.task == "detection" else ()
    names = read_labels(labels, 0, cfg.data.root, ids)
    if cfg.model.num_classes not in (0, len(names)):
        path = find_labels(labels, cfg.data.root)
        raise ListError(LABELS_DO_NOT_FIT.format(path, len(names), cfg.model.num_classes))
    return names


def require_weights(path: str, hint: str = "") -> None:
    """Raises a WeightsError if the file does not exist."""
    if not Path(path).is_file():
        reason = "Is a directory" if Path(path).is_dir() else "No such file or directory"
        raise WeightsError(f"weights {path} cannot be read: {reason}{hint}")
