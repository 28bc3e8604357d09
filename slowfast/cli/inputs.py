"""Reads what a run needs before it starts (config, class names, lists) and checks the rest."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from slowfast import distributed
from slowfast.cli import run_config
from slowfast.cli.box_inputs import (
    check_boxes_flags,
    look_into_videos,
    read_key_frames,
    require_no_boxes,
)
from slowfast.cli.flags import is_training
from slowfast.config import Config, ConfigError
from slowfast.data.find import Split, find_listed, find_videos, list_of, listed_places
from slowfast.data.labels import LABELS, find_labels
from slowfast.data.lists.agree import check_lists
from slowfast.data.lists.missing import (
    GO_ON,
    are_all,
    look_into_folders,
    missing_fault,
    missing_files,
)
from slowfast.data.lists.read_lists import ListError, read_list
from slowfast.data.samples import Sample, classes_of
from slowfast.data.video.open import decoder_version
from slowfast.data.video.sources import file_of, is_stream
from slowfast.errors import masked_url
from slowfast.evaluate.scores import REPORT, check_new, is_finished, require_report_place
from slowfast.log import logger
from slowfast.metrics.average_precision import NoPositivesError
from slowfast.predict.export import exported
from slowfast.predict.export.exporter import require_new
from slowfast.predict.runtime.built import MANIFEST
from slowfast.predict.tallies import TALLIES, check_metrics
from slowfast.train.folder import BEST, check_folder
from slowfast.train.recipe.multigrid import phases
from slowfast.weights.damage import WeightsError

if TYPE_CHECKING:
    from slowfast.train.run import TrainInputs

NO_TRAINING_LIST = (
    "there is no training list {}: write a line a video, with its label or labels (docs/data.md), "
    "or name yours with -o data.root=... data.train_list=... data.val_list=...; bash run_demo.sh, "
    "or slowfast-demo, runs everything on built-in data"
)

NO_LIST = "there is no list {} (data.{}; a relative path starts from here, or from data.root)"

PRETRAINED_HINT = " (name others with -o model.pretrained=FILE, or none with model.pretrained=)"


class Inputs(NamedTuple):
    """The inputs of a test or a prediction."""

    cfg: Config
    weights: str
    samples: list[Sample]
    class_names: list[str] | None
    names: Sequence[str] = ()
    """Of the samples of a prediction, see ``find_videos``."""
    stream: str = ""
    """The stream that is predicted instead of videos, see ``is_stream``."""


def read_inputs(args: argparse.Namespace) -> "TrainInputs | Inputs":
    """The inputs of the mode that the flags choose; raises as that mode's own does."""
    if is_training(args):
        return train_inputs(args)
    if args.export:
        return export_inputs(args)
    return test_inputs(args) if args.test else infer_inputs(args)


def train_inputs(args: argparse.Namespace) -> "TrainInputs":
    """Reads config, class names and lists; checks weights, videos, decoder and output folder.

    Raises:
        UserError: an input is missing or does not fit, or the folder holds another run.
    """
    from slowfast.train.run import TrainInputs  # here: it imports Paddle, which takes a second

    cfg = run_config.read_config(args, None)
    decoder_version(cfg.data.decoder)
    phases(cfg)  # raises a ConfigError if there can be none
    check_folder(cfg.output_dir, args.resume)
    cfg = _located(cfg, "train_list", NO_TRAINING_LIST)
    if args.validate:
        cfg = _located(cfg, "val_list")
    cfg, names = _with_labels(cfg)
    run_config.compare_resumed(args, cfg, names)
    for weights in (args.weights, args.resume if args.resume != "auto" else None):
        if weights is not None:
            run_config.require_weights(weights)
    anew = run_config.starts_anew(args, cfg)
    pretrained = cfg.model.pretrained if anew and args.weights is None else ""
    if pretrained:
        run_config.require_weights(pretrained, PRETRAINED_HINT)
    if cfg.train.head_only and anew and not (pretrained or args.weights):
        raise ConfigError("train.head_only=True needs weights: -o model.pretrained=FILE")
    if cfg.train.head_only and args.max_iters:
        raise ConfigError("train.head_only=True has no use for --max_iters: lower train.epochs")
    every = cfg.data.on_error == "raise"
    samples = _read_list(cfg, "train", all_of_them=every)
    if not any(classes_of(sample.label) for sample in samples):
        page = "detection" if cfg.train.task == "detection" else "data"
        raise ListError(
            f"data.train_list={cfg.data.train_list}: none of the {len(samples):,} "
            f"{TALLIES[cfg.train.task].unit} has a label, so there is nothing to learn "
            f"(docs/{page}.md says how a line has them)"
        )
    val = _read_list(cfg, "val", all_of_them=every) if args.validate else None
    read = [(cfg.data.train_list, samples), *([(cfg.data.val_list, val)] if val else [])]
    check_lists(cfg.data.labels, names, read)
    if val:
        require_labels(cfg, cfg.data.val_list, val)
    if cfg.train.head_only and (timed := [sample for sample in samples if sample.actions]):
        raise ListError(
            f"{cfg.data.train_list}: train.head_only=True takes clips from all over each video, "
            f"with all its labels, and {len(timed):,} have labels with times, the first is "
            f'{timed[0].shown}: give a list without "actions", or train the network'
        )
    return TrainInputs(cfg, args.weights, pretrained, samples, val, names)


def read_split(cfg: Config, split: Split) -> tuple[Config, list[Sample], list[str] | None]:
    """The config with the paths at which a list and the class names are found, the list's samples,
    and the names; a video that is missing is told.

    Raises:
        UserError: an input is missing or does not fit.
    """
    key = list_of(cfg.data, split)[0].removeprefix("data.")
    cfg = _located(cfg, key, NO_TRAINING_LIST if split == "train" else NO_LIST)
    cfg, names = _with_labels(cfg)
    return cfg, _read_list(cfg, split, all_of_them=False), names


def test_inputs(args: argparse.Namespace) -> Inputs:
    """Reads config, class names and list; checks weights, decoder, that a video exists, and that
    ``--out`` does not.

    Raises:
        UserError: an input is missing or does not fit, or ``--out`` exists.
    """
    cfg, weights, names = _of_weights(args)
    check_metrics(args.eval or (), cfg.train.task)
    if args.out and not (args.report and is_finished(args.out)):  # whose report can be made again
        check_new(args.out)
    if args.report:
        page = args.report / REPORT
        distributed.on_first(lambda: require_report_place(page))  # now, not after hours
    key = "test_list" if cfg.data.test_list else "val_list"
    cfg = _located(cfg, key)
    if is_detection := cfg.train.task == "detection":
        for flag in ("views", "average_clips"):
            if getattr(args, flag):
                raise ConfigError(
                    f"{weights} classifies boxes, of one view: leave out --{flag.replace('_', '-')}"
                )
    every = is_detection and cfg.data.on_error == "raise"  # a test of these takes hours
    samples = _read_list(cfg, "test", all_of_them=every)
    check_lists(cfg.data.labels, names, [(getattr(cfg.data, key), samples)])
    require_labels(cfg, getattr(cfg.data, key), samples)
    if not cfg.test.calibration_list:
        cfg = cfg.with_test(calibration_list=getattr(cfg.data, key))
    return Inputs(cfg, weights, samples, names)


def infer_inputs(args: argparse.Namespace) -> Inputs:
    """Reads config and class names, finds the videos or the stream; checks weights and decoder.
    The weights may be a folder that ``--export`` has written.

    Raises:
        UserError: an input is missing or does not fit.
    """
    if args.weights and Path(args.weights).is_dir():
        cfg, weights, names = _of_exported(args)
    else:
        cfg, weights, names = _of_weights(args)
    if args.top and args.top > cfg.model.num_classes:
        raise ConfigError(f"--top {args.top}: there are {cfg.model.num_classes} classes")
    check_boxes_flags(args, cfg, weights)
    paths = [*map(file_of, args.infer)]
    stream = _stream(args, paths)
    if not stream and args.annotate == Path("window"):
        raise ConfigError("--annotate window shows a stream: for videos in files name a folder")
    results = [*filter(None, (args.annotate, args.timeline, args.explain))]
    several = cfg.train.task != "single"
    videos = [] if stream else find_videos(paths, cfg.data, results=results, several=several)
    named = args.precision or any(text.startswith("test.precision=") for text in args.override)
    if cfg.test.precision == "fp32" and not named:
        cfg = cfg.with_test(precision="auto")
    samples = [video.sample for video in videos]
    return Inputs(cfg, weights, samples, names, [video.name for video in videos], stream)


def _stream(args: argparse.Namespace, paths: list[str]) -> str:
    """The stream among the paths, or nothing.

    Raises:
        ConfigError: it is not alone, or a flag does not go with it.
    """
    streams = [path for path in paths if is_stream(path)]
    if not streams:
        return ""
    name = masked_url(streams[0])
    if len(paths) > 1:
        raise ConfigError(f"{name} is a stream, which is watched alone: give --infer only this one")
    if distributed.world_size() > 1:
        raise ConfigError(f"{name} is a stream, which one process watches: start one")
    for flag in ("timeline", "explain"):
        if getattr(args, flag):
            raise ConfigError(f"{name} is a stream: --{flag} needs a video in a file")
    if args.views not in (None, "auto"):
        raise ConfigError(f"{name} is a stream: each window is one view, so leave out --views")
    return streams[0]


def export_inputs(args: argparse.Namespace) -> Inputs:
    """Reads config and class names; checks weights, and that the new folder can be one.

    Raises:
        UserError: an input is missing or does not fit, or the folder is there.
    """
    require_new(args.export)
    cfg, weights, names = _of_weights(args)
    return Inputs(cfg, weights, [], names)


def _of_weights(args: argparse.Namespace) -> tuple[Config, str, list[str] | None]:
    """Config, weights and class names; without ``-w`` the weights of the output folder."""
    weights = args.weights
    if weights is None:
        weights = str(Path(run_config.read_config(args, None).output_dir) / BEST)
        if not Path(weights).exists():
            raise WeightsError(f"no -w given, and there is no {weights} from a training run")
    cfg = run_config.read_config(args, weights)
    run_config.require_weights(weights)
    names = run_config.class_names(cfg, weights)
    run_config.compare_trained(cfg, weights, names)
    decoder_version(cfg.data.decoder)
    if args.calibration and cfg.test.precision != "int8":
        raise ConfigError(
            f"--calibration {args.calibration} is for int8, and this is {cfg.test.precision}: add "
            "--precision int8"
        )
    return cfg, weights, names


def _of_exported(args: argparse.Namespace) -> tuple[Config, str, list[str] | None]:
    """Config, folder and class names of an exported network."""
    folder = Path(args.weights)
    exported.require_exported(folder)
    cfg = run_config.read_config(args, str(folder / MANIFEST))
    decoder_version(cfg.data.decoder)
    return cfg, args.weights, exported.class_names(folder)


def _with_labels(cfg: Config) -> tuple[Config, list[str] | None]:
    """``cfg`` with the path of the class names (a built-in list keeps its name), and the names."""
    data = cfg.data
    if not data.labels:
        return cfg, None
    names = run_config.read_class_names(data.labels, cfg)
    found = find_labels(data.labels, data.root)
    if found is not None and Path(found).parent != LABELS:
        cfg = _with_data(cfg, "labels", found)
    return cfg, names


def _located(cfg: Config, key: str, message: str = NO_LIST) -> Config:
    """``cfg`` with the path at which the list ``data.KEY`` is found, see ``find_listed``."""
    path = getattr(cfg.data, key)
    if not path:
        raise ListError(f"data.{key} names no list")
    found = find_listed(path, cfg.data.root)
    if found is None:
        raise ListError(message.format(" or ".join(listed_places(path, cfg.data.root)), key))
    return _with_data(cfg, key, found)


def _with_data(cfg: Config, key: str, path: str) -> Config:
    changes: dict[str, Any] = {key: path}
    return dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, **changes))


def _read_list(cfg: Config, split: Split, *, all_of_them: bool) -> list[Sample]:
    """Reads a list. Raises a ListError if all its videos are missing, or with ``all_of_them`` if
    one is; warns of fewer. The same of frame folders that cannot be used."""
    data, root = cfg.data, cfg.data.root
    _, path = list_of(data, split)
    if cfg.train.task == "detection":
        samples = read_key_frames(cfg, path, split)
    else:
        require_no_boxes(path, cfg.train.task)
        samples = read_list(path, root, cfg.model.num_classes, cfg.train.task)
    missing = missing_files(samples)
    if fault := missing_fault(samples, missing):
        hint, is_all = GO_ON, are_all(samples, missing)
        if missing[0].startswith(root) and not Path(root).is_dir():
            hint = f"there is no folder data.root={root}"
        elif is_all:
            hint = f"data.root={root}"
        if all_of_them or is_all:
            raise ListError(f"{path}: {fault} ({hint})")
        logger.warning(f"{path}: {fault}")
    look_into_folders(path, samples, data, all_of_them)
    if cfg.train.task == "detection":
        look_into_videos(path, samples, cfg, all_of_them)
    return samples


def require_labels(cfg: Config, path: str, samples: Sequence[Sample]) -> None:
    """Raises a NoPositivesError that names the list if a validation or test finds nothing in it."""
    try:
        TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    except NoPositivesError as error:
        raise NoPositivesError(f"{path}: {error}") from error
