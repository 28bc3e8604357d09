"""What a run reads before it starts: config, lists, class names; and whether all else is there."""

import argparse
import dataclasses
import functools
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.config import Config, ConfigError, load_config
from slowfast.data.annotations import (
    LABELS,
    ListError,
    Sample,
    find_labels,
    find_listed,
    listed_places,
    missing_files,
    read_labels,
    read_list,
)
from slowfast.data.decode import decoder_version
from slowfast.data.shards import shard_of
from slowfast.engine import infer, run_folder
from slowfast.engine.multigrid import phases
from slowfast.engine.results import check_new
from slowfast.flags import is_training
from slowfast.weights import WeightsError

DEFAULT_CONFIG = Path(__file__).parent.parent / "configs/recognition/slowfast/slowfast.yaml"

NO_TRAINING_LIST = (
    "there is no training list {}: write one line 'path label' a video (docs/data.md), or name "
    "yours with -o data.root=... data.train_list=... data.val_list=...; bash run_demo.sh runs "
    "everything on built-in data"
)

NO_LIST = "there is no list {} (data.{}; a relative path starts from here, or from data.root)"

NO_CONFIG = (
    "there is no {} beside the weights: name a config with -c; another system's weights get theirs "
    "from python -m slowfast.tools.convert_weights {} NEW.pdparams"
)

LABELS_DO_NOT_FIT = (
    "{}: {} class names for model.num_classes={} (other names: -o data.labels=FILE; none: "
    "data.labels=; as many classes: model.num_classes=0)"
)

PRETRAINED_HINT = " (name others with -o model.pretrained=FILE, or none with model.pretrained=)"


class Inputs(NamedTuple):
    """What a run reads before it starts."""

    cfg: Config
    weights: str | None
    samples: list[Sample]
    val_samples: list[Sample] | None
    labels: list[str] | None


def read_inputs(args: argparse.Namespace) -> Inputs:
    """Reads the config, the lists and the class names; looks whether all else is there: weights,
    videos, the decoder.

    Raises:
        one of USER_ERRORS.
    """
    if is_training(args):
        cfg = read_config(args, None)
        decoder_version(cfg.data.decoder)
        phases(cfg)  # whether there can be any
        run_folder.check_folder(cfg.output_dir, args.resume)
        cfg = _located(cfg, "train_list", NO_TRAINING_LIST)
        if args.validate:
            cfg = _located(cfg, "val_list")
        cfg, names = _with_labels(cfg)
        val_samples = _read_list(cfg, cfg.data.val_list) if args.validate else None
        for weights in (args.weights, args.resume if args.resume != "auto" else None):
            if weights is not None:
                _require_weights(weights)
        if cfg.model.pretrained and args.weights is None and starts_anew(args, cfg):
            _require_weights(cfg.model.pretrained, PRETRAINED_HINT)
        if cfg.train.head_only:
            _check_head_only(args, cfg)
        samples = _read_list(cfg, cfg.data.train_list)
        for videos, path in ((samples, cfg.data.train_list), (val_samples, cfg.data.val_list)):
            _require_files(videos or [], path, cfg, all_of_them=cfg.data.on_error == "raise")
        return Inputs(cfg, args.weights, samples, val_samples, names)
    weights = args.weights
    if weights is None:
        weights = str(Path(read_config(args, None).output_dir) / run_folder.BEST)
        if not Path(weights).exists():
            raise WeightsError(f"no -w given, and there is no {weights} from a training run")
    cfg = read_config(args, weights)
    _require_weights(weights)
    names = _labels(cfg, weights)
    decoder_version(cfg.data.decoder)
    if args.test:
        if args.out:
            check_new(args.out)
        key = "test_list" if cfg.data.test_list else "val_list"
        cfg = _located(cfg, key)
        path = getattr(cfg.data, key)
        samples = _read_list(cfg, path)
        _require_files(samples, path, cfg, all_of_them=False)
        return Inputs(cfg, weights, samples, None, names)
    samples = infer.find_videos(args.infer, cfg.data.frame_pattern)
    return Inputs(cfg, weights, samples, None, names)


def read_described(args: argparse.Namespace) -> Config:
    """The config that ``--summary`` describes.

    Raises:
        ConfigError: it cannot be used.
        ListError: its class names, if they are there, are more or fewer than its classes.
    """
    cfg = read_config(args, None)
    _labels(cfg, None)
    return cfg


def _check_head_only(args: argparse.Namespace, cfg: Config) -> None:
    """Raises ConfigError where a classifier cannot be trained alone."""
    if starts_anew(args, cfg) and not (cfg.model.pretrained or args.weights):
        raise ConfigError("train.head_only=True needs weights: -o model.pretrained=FILE")
    if args.max_iters:
        raise ConfigError("train.head_only=True has no use for --max_iters: lower train.epochs")


def starts_anew(args: argparse.Namespace, cfg: Config) -> bool:
    """Whether it trains, and not from a checkpoint: ``--resume auto`` may find none yet."""
    resumes = args.resume == "auto" and run_folder.checkpoints(cfg.output_dir)
    return is_training(args) and not resumes and args.resume in (None, "auto")


def read_config(args: argparse.Namespace, weights: str | None) -> Config:
    """The config of ``-c``, else the one beside the weights, else the default one; with ``-o``."""
    overrides = list(args.override)
    if args.seed is not None:
        overrides.append(f"seed={args.seed}")
    if args.average_clips is not None:
        overrides.append(f"test.average_clips={args.average_clips}")
    if args.amp:
        overrides.append(f"train.amp={args.amp_level or 'O1'}")
    if args.multigrid:
        overrides.append("train.multigrid=true")
    path = args.config
    if path is None and weights is not None:
        _require_weights(weights)
        path = run_folder.config_beside(weights)
        if not path.exists():
            raise ConfigError(NO_CONFIG.format(path, weights))
    is_whole = args.config is None and weights is not None  # as training has written it
    others = weights is None and is_training(args) and args.weights is not None  # to start from
    find = None if is_whole or others else functools.partial(_config_below, args)
    cfg = load_config(path or DEFAULT_CONFIG, overrides, find_config=find)
    if cfg.model.num_classes == 0:
        names = _labels(cfg, weights) or read_labels(cfg.data.labels, 0, cfg.data.root)
        overrides.append(f"model.num_classes={len(names)}")
        cfg = load_config(path or DEFAULT_CONFIG, overrides, find_config=find)
    return cfg


def _config_below(args: argparse.Namespace, cfg: Config) -> Path | None:
    """Whose network, clips and test are taken over by default: those of the run that is resumed,
    which needs ``model.pretrained`` no more, or else of those weights."""
    if args.resume and not starts_anew(args, cfg):
        folder = cfg.output_dir if args.resume == "auto" else Path(args.resume).parent
        if (Path(folder) / run_folder.CONFIG).exists():
            return Path(folder) / run_folder.CONFIG
    return run_folder.own_config(cfg.model.pretrained)


def _with_labels(cfg: Config) -> tuple[Config, list[str] | None]:
    """The class names for training, and ``cfg`` with where they are found; built in is a name.

    Raises:
        ListError: they are not to be found, or there are more or fewer of them than classes.
    """
    data = cfg.data
    if not data.labels:
        return cfg, None
    names = _read_labels(data.labels, cfg)
    found = find_labels(data.labels, data.root)
    if found is not None and Path(found).parent != LABELS:
        cfg = _with_data(cfg, "labels", found)
    return cfg, names


def _labels(cfg: Config, weights: str | None) -> list[str] | None:
    """The class names, if there is a file of them, also one that training left beside the weights.

    Raises:
        ListError: there are more or fewer of them than classes.
    """
    if not cfg.data.labels:
        return None
    path = find_labels(cfg.data.labels, cfg.data.root)
    if path is None and weights is not None:
        beside = Path(weights).parent / run_folder.LABELS
        path = str(beside) if beside.is_file() else None
    return _read_labels(path, cfg) if path else None


def _read_labels(labels: str, cfg: Config) -> list[str]:
    """See ``read_labels``; what to do where their number is wrong is said, too."""
    names = read_labels(labels, 0, cfg.data.root)
    if cfg.model.num_classes not in (0, len(names)):
        path = find_labels(labels, cfg.data.root)
        raise ListError(LABELS_DO_NOT_FIT.format(path, len(names), cfg.model.num_classes))
    return names


def _located(cfg: Config, key: str, message: str = NO_LIST) -> Config:
    """``cfg`` with the list ``data.KEY`` where it is found, see ``find_listed``."""
    path = getattr(cfg.data, key)
    found = find_listed(path, cfg.data.root)
    if found is None:
        raise ListError(message.format(" or ".join(listed_places(path, cfg.data.root)), key))
    return _with_data(cfg, key, found)


def _with_data(cfg: Config, key: str, path: str) -> Config:
    changes: dict[str, Any] = {key: path}
    return dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, **changes))


def _read_list(cfg: Config, path: str) -> list[Sample]:
    return read_list(path, cfg.data.root, cfg.model.num_classes)


def _require_files(
    samples: list[Sample], list_path: str, cfg: Config, *, all_of_them: bool
) -> None:
    """Raises ListError where videos are missing: one of them, or so many that the root is wrong."""
    missing = missing_files(samples)
    files = {shard_of(sample.path) or sample.path for sample in samples}
    if not missing or not (all_of_them or len(missing) == len(files)):
        return
    root = cfg.data.root
    hint = f"data.root={root}"
    if missing[0].startswith(root) and not Path(root).is_dir():
        hint = f"there is no folder {hint}"
    elif len(missing) < len(files):
        hint = "data.on_error=skip goes on without them"
    raise ListError(
        f"{list_path}: {len(missing):,} of {len(files):,} files are not there, the first is "
        f"{missing[0]} ({hint})"
    )


def _require_weights(path: str, hint: str = "") -> None:
    if not Path(path).is_file():
        reason = "Is a directory" if Path(path).is_dir() else "No such file or directory"
        raise WeightsError(f"weights {path} cannot be read: {reason}{hint}")
