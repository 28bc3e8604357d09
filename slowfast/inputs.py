"""What a run reads before it starts: config, class names, lists; and whether all else is there."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.config import Config, ConfigError
from slowfast.data.annotations import (
    LABELS,
    ListError,
    Sample,
    find_labels,
    find_listed,
    listed_places,
    missing_files,
    read_list,
)
from slowfast.data.decode import decoder_version
from slowfast.data.shards import shard_of
from slowfast.engine import infer, run_folder
from slowfast.engine.multigrid import phases
from slowfast.engine.results import check_new
from slowfast.flags import is_training
from slowfast.run_config import (
    class_names,
    read_class_names,
    read_config,
    require_weights,
    starts_anew,
)
from slowfast.weights import WeightsError

NO_TRAINING_LIST = (
    "there is no training list {}: write one line 'path label' a video (docs/data.md), or name "
    "yours with -o data.root=... data.train_list=... data.val_list=...; bash run_demo.sh runs "
    "everything on built-in data"
)

NO_LIST = "there is no list {} (data.{}; a relative path starts from here, or from data.root)"

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
                require_weights(weights)
        if cfg.model.pretrained and args.weights is None and starts_anew(args, cfg):
            require_weights(cfg.model.pretrained, PRETRAINED_HINT)
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
    require_weights(weights)
    names = class_names(cfg, weights)
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


def _check_head_only(args: argparse.Namespace, cfg: Config) -> None:
    """Raises ConfigError where a classifier cannot be trained alone."""
    if starts_anew(args, cfg) and not (cfg.model.pretrained or args.weights):
        raise ConfigError("train.head_only=True needs weights: -o model.pretrained=FILE")
    if args.max_iters:
        raise ConfigError("train.head_only=True has no use for --max_iters: lower train.epochs")


def _with_labels(cfg: Config) -> tuple[Config, list[str] | None]:
    """The class names for training, and ``cfg`` with where they are found; built in is a name.

    Raises:
        ListError: they are not to be found, or there are more or fewer of them than classes.
    """
    data = cfg.data
    if not data.labels:
        return cfg, None
    names = read_class_names(data.labels, cfg)
    found = find_labels(data.labels, data.root)
    if found is not None and Path(found).parent != LABELS:
        cfg = _with_data(cfg, "labels", found)
    return cfg, names


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
