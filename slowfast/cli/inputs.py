"""What a run reads before it starts: config, class names, lists; and whether all else is there."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.cli.flags import is_training
from slowfast.cli.run_config import (
    class_names,
    read_class_names,
    read_config,
    require_weights,
    starts_anew,
)
from slowfast.config import Config, ConfigError
from slowfast.data.find import find_listed, find_videos, listed_places, missing_files
from slowfast.data.labels import LABELS, find_labels
from slowfast.data.lists import ListError, Sample, read_list
from slowfast.data.shards import shard_of
from slowfast.data.video.open import decoder_version
from slowfast.evaluate.scores import check_new
from slowfast.train.folder import BEST, check_folder
from slowfast.train.recipe.multigrid import phases
from slowfast.train.run import TrainInputs
from slowfast.weights.damage import WeightsError

NO_TRAINING_LIST = (
    "there is no training list {}: write one line 'path label' a video (docs/data.md), or name "
    "yours with -o data.root=... data.train_list=... data.val_list=...; bash run_demo.sh, or "
    "slowfast-demo, runs everything on built-in data"
)

NO_LIST = "there is no list {} (data.{}; a relative path starts from here, or from data.root)"

PRETRAINED_HINT = " (name others with -o model.pretrained=FILE, or none with model.pretrained=)"


class Inputs(NamedTuple):
    """What a test or a prediction reads before it starts."""

    cfg: Config
    weights: str
    samples: list[Sample]
    class_names: list[str] | None


def read_inputs(args: argparse.Namespace) -> TrainInputs | Inputs:
    """What the flags' mode reads.

    Raises:
        UserError: something of it is not there, or does not fit.
    """
    if is_training(args):
        return train_inputs(args)
    return test_inputs(args) if args.test else infer_inputs(args)


def train_inputs(args: argparse.Namespace) -> TrainInputs:
    """Config, class names and lists; looks whether weights, videos and decoder are there, and
    whether the output folder is free.

    Raises:
        UserError: something of it is not there, or does not fit.
    """
    cfg = read_config(args, None)
    decoder_version(cfg.data.decoder)
    phases(cfg)  # whether there can be any
    check_folder(cfg.output_dir, args.resume)
    cfg = _located(cfg, "train_list", NO_TRAINING_LIST)
    if args.validate:
        cfg = _located(cfg, "val_list")
    cfg, names = _with_labels(cfg)
    for weights in (args.weights, args.resume if args.resume != "auto" else None):
        if weights is not None:
            require_weights(weights)
    anew = starts_anew(args, cfg)
    pretrained = cfg.model.pretrained if anew and args.weights is None else ""
    if pretrained:
        require_weights(pretrained, PRETRAINED_HINT)
    if cfg.train.head_only:
        _check_head_only(args, cfg, anew=anew)
    every = cfg.data.on_error == "raise"
    samples = _read_list(cfg, cfg.data.train_list, all_of_them=every)
    val = _read_list(cfg, cfg.data.val_list, all_of_them=every) if args.validate else None
    return TrainInputs(cfg, args.weights, pretrained, samples, val, names)


def test_inputs(args: argparse.Namespace) -> Inputs:
    """Config, class names and list; looks whether weights, decoder and some video are there, and
    whether ``--out`` is free.

    Raises:
        UserError: something of it is not there, or does not fit.
    """
    cfg, weights, names = _of_weights(args)
    if args.out:
        check_new(args.out)
    key = "test_list" if cfg.data.test_list else "val_list"
    cfg = _located(cfg, key)
    samples = _read_list(cfg, getattr(cfg.data, key), all_of_them=False)
    return Inputs(cfg, weights, samples, names)


def infer_inputs(args: argparse.Namespace) -> Inputs:
    """Config, class names, and what the paths name; looks whether weights and decoder are there.

    Raises:
        UserError: something of it is not there, or does not fit.
    """
    cfg, weights, names = _of_weights(args)
    videos = find_videos(args.infer, cfg.data.frame_pattern)
    return Inputs(cfg, weights, [video.sample for video in videos], names)


def _of_weights(args: argparse.Namespace) -> tuple[Config, str, list[str] | None]:
    """The weights that are asked for, or those of the config's output folder; their config and
    class names."""
    weights = args.weights
    if weights is None:
        weights = str(Path(read_config(args, None).output_dir) / BEST)
        if not Path(weights).exists():
            raise WeightsError(f"no -w given, and there is no {weights} from a training run")
    cfg = read_config(args, weights)
    require_weights(weights)
    names = class_names(cfg, weights)
    decoder_version(cfg.data.decoder)
    return cfg, weights, names


def _check_head_only(args: argparse.Namespace, cfg: Config, *, anew: bool) -> None:
    """Raises ConfigError where a classifier cannot be trained alone."""
    if anew and not (cfg.model.pretrained or args.weights):
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


def _read_list(cfg: Config, path: str, *, all_of_them: bool) -> list[Sample]:
    """A list whose videos are there: all of them, or one at least."""
    samples = read_list(path, cfg.data.root, cfg.model.num_classes)
    missing = missing_files(samples)
    files = {shard_of(sample.path) or sample.path for sample in samples}
    if not missing or not (all_of_them or len(missing) == len(files)):
        return samples
    root = cfg.data.root
    hint = f"data.root={root}"
    if missing[0].startswith(root) and not Path(root).is_dir():
        hint = f"there is no folder {hint}"
    elif len(missing) < len(files):
        hint = "data.on_error=skip goes on without them"
    raise ListError(
        f"{path}: {len(missing):,} of {len(files):,} files are not there, the first is "
        f"{missing[0]} ({hint})"
    )
