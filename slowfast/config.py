"""The one schema of every run: what can be set, its default, and what it means.

Precedence: the defaults below < a YAML file < ``-o section.key=value``. Unknown keys and values of
the wrong type are refused with the place and what is allowed. The resolved config is written next
to every checkpoint and read back from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import math
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

STAGES = ("stem", "res2", "res3", "res4", "res5")


class ConfigError(ValueError):
    """A config that cannot be used; the message names the key, the value and what is allowed."""


@dataclass(frozen=True)
class ModelConfig:
    """The network (paper section 3)."""

    name: Literal["slowfast", "slow_only", "fast_only"] = "slowfast"
    """Both pathways, or one of them alone (the paper's single-pathway baselines)."""
    num_classes: int = 400
    """Number of classes, K."""
    slow_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the slow pathway's ResNet. 14 and 26 (one and two blocks a stage) are ours."""
    fast_depth: Literal[14, 26, 50, 101, 152] = 50
    """Depth of the fast pathway's ResNet."""
    pretrained: str = ""
    """Weights that training starts from; their classifier is left out if its classes are others."""
    width: int = 64
    """Channels of the slow stem; the stages have 4, 8, 16 and 32 times as many."""
    beta_inv: int = 8
    """Slow channels per fast channel (the paper's 1/beta)."""
    alpha: int = 8
    """Fast frames per slow frame."""
    slow_frames: Literal["linspace", "strided"] = "linspace"
    """Which frames the slow pathway sees: evenly spread from first to last, or every alpha-th."""
    temporal_blocks: tuple[int, ...] = ()
    """How many blocks of res2..res5 have a temporal kernel; empty: all of them."""
    stem_kernel: int = 7
    """Spatial kernel of both stems; 3 suits frames of 32 pixels."""
    fusion_kernel: int = 5
    """Temporal kernel of the lateral connections."""
    lateral_norm: bool = True
    """Batch norm and ReLU after each lateral convolution."""
    head_pooling: Literal["dense", "global"] = "dense"
    """Classify at each position of a window as large as in training, or once over the whole."""
    dropout: float = 0.5
    """Probability of dropping a feature before the classifier."""


@dataclass(frozen=True)
class DataConfig:
    """The lists, and how a clip is cut from a video for training and validation."""

    root: str = "data/k400"
    """Folder that relative paths in the lists start from."""
    train_list: str = "data/k400/train.list"
    """Training list: one ``path label`` a line."""
    val_list: str = "data/k400/val.list"
    """List for validation during training."""
    test_list: str = ""
    """List for --test; empty: val_list."""
    labels: str = ""
    """File of class names, one a line in index order; empty: classes are shown by number."""
    frame_pattern: str = "img_{:05d}.jpg"
    """File name of frame i (from 1) in a frame folder."""
    frame_fps: float = 30.0
    """Frame rate of frame folders, frames per second."""
    num_frames: int = 32
    """Frames of a clip, T (all of them seen by the fast pathway)."""
    sampling_stride: int = 2
    """Frames of the video per frame of the clip, at target_fps."""
    target_fps: float = 30.0
    """Frame rate that sampling_stride counts in; clips of other rates span the same seconds."""
    min_short_side: int = 256
    """Training: the short side is resized to a size drawn from here ..."""
    max_short_side: int = 320
    """... to here, pixels. Validation resizes to min_short_side."""
    crop_size: int = 224
    """Side of the square training and validation crop, pixels."""
    inverse_short_side: bool = False
    """Draw 1 / short side evenly, not the short side: smaller ones more often (PySlowFast)."""
    crop_area: tuple[float, ...] = ()
    """Training: two numbers, from which to which share of the picture's area a crop has; it is
    resized to crop_size, and the short side is not jittered (mmaction2). Empty: as above."""
    crop_aspect: tuple[float, ...] = (0.75, 4 / 3)
    """With crop_area: from which to which ratio of width to height, before resizing."""
    flip: float = 0.5
    """Training: probability of a horizontal flip."""
    flip_pairs: tuple[int, ...] = ()
    """Classes that a flip turns into each other, two by two: [2, 4, 30, 41, 52, 66] for
    Something-Something V1."""
    flip_by_name: bool = False
    """The same for all classes in data.labels whose names differ in "left" and "right" alone."""
    rand_augment: int = 0
    """Training: RandAugment operations a clip, all its frames alike; 0 for none."""
    rand_augment_magnitude: float = 9.0
    """How strong they are, 0 to 10."""
    erase: float = 0.0
    """Training: probability that a random rectangle of the clip is filled with noise."""
    mean: tuple[float, ...] = (0.45, 0.45, 0.45)
    """Subtracted from RGB in [0, 1]."""
    std: tuple[float, ...] = (0.225, 0.225, 0.225)
    """Divides RGB after the mean is subtracted."""
    num_workers: int = 8
    """Reader processes per process of the run; 0 reads in the process itself."""
    decoder: Literal["opencv", "pyav"] = "opencv"
    """Library that opens video files; PyAV is an extra (pip install av)."""
    read_seconds: float = 60.0
    """A reader process that needs longer for one video is ended, and the video is unreadable."""
    on_error: Literal["raise", "skip", "substitute"] = "raise"
    """What an unreadable video does: end the run, leave its place in the batch empty, or have
    another of the list read in its place. In a test none is ever substituted."""
    max_errors: int = 100
    """Unreadable videos of one process in one epoch, or in one test, beyond which the run ends."""


@dataclass(frozen=True)
class TestConfig:
    """The multi-view test (paper section 4): num_clips x num_crops views of each video."""

    num_clips: int = 10
    """Clips spread over the video."""
    num_crops: Literal[1, 3] = 3
    """Crops along the longer side: 3, or the centre alone."""
    short_side: int = 256
    """The short side is resized to this, pixels."""
    crop_size: int = 256
    """Side of the square crop, pixels."""
    average_clips: Literal["prob", "score"] = "prob"
    """What is averaged over views: probabilities, or logits before one softmax."""
    batch_size: int = 1
    """Videos taken together, so that their views fill the chunks."""
    views_per_chunk: int = 6
    """Views computed at once: bounds the memory."""


@dataclass(frozen=True)
class OptimConfig:
    """SGD with momentum, and a learning rate that warms up linearly and then falls."""

    base_lr: float = 0.1
    """Learning rate at a total batch of base_batch_size."""
    base_batch_size: int = 64
    """Total batch that base_lr and warmup_start_lr are declared for."""
    scale_lr: bool = True
    """Scale both learning rates by total batch / base_batch_size."""
    schedule: Literal["cosine", "step"] = "cosine"
    """How the learning rate falls: by a half-cosine to 0, or in steps."""
    steps: tuple[float, ...] = (0.0, 94.0, 154.0)
    """Schedule step: the epochs at which ..."""
    step_factors: tuple[float, ...] = (1.0, 0.1, 0.01)
    """... the learning rate becomes base_lr times this."""
    warmup_epochs: float = 34.0
    """Epochs of linear warm-up; 0 for none."""
    warmup_start_lr: float = 0.01
    """Learning rate at the first step."""
    momentum: float = 0.9
    """Momentum of SGD."""
    nesterov: bool = True
    """Nesterov's form of momentum."""
    weight_decay: float = 1e-4
    """L2 penalty on convolution and linear parameters."""
    bn_weight_decay: float = 0.0
    """L2 penalty on batch norm's scale and shift."""
    grad_clip: float = 0.0
    """Largest L2 norm of all gradients together; longer ones are shortened to it. 0: no limit."""


@dataclass(frozen=True)
class TrainConfig:
    """The training loop."""

    epochs: int = 196
    """Passes over the training list."""
    batch_size: int = 8
    """Clips that a process has on its device at once."""
    global_batch_size: int = 0
    """Clips per step, over all processes: their gradients are accumulated up to it. 0: as many as
    the processes have on their devices at once."""
    log_interval: int = 10
    """Steps between two log lines."""
    val_interval: int = 1
    """Epochs between two validations (with --validate)."""
    save_interval: int = 1
    """Epochs between two checkpoints; the last epoch is always saved."""
    save_steps: int = 0
    """Also save every so many steps within an epoch; 0 for never."""
    keep_last: int = 3
    """Checkpoints kept besides the best one."""
    mixup: float = 0.0
    """Mixup: each clip and label is blended with another's, by shares from Beta(mixup, mixup).
    0 for none."""
    cutmix: float = 0.0
    """CutMix: a rectangle of each clip comes from another, its area from Beta(cutmix, cutmix).
    0 for none. With mixup, too, each batch draws one of them."""
    label_smoothing: float = 0.0
    """Share of the target that all classes have alike, the rest being the label's."""
    freeze: tuple[str, ...] = ()
    """Stages that are not trained, batch norm's statistics neither: of stem, res2 to res5."""
    freeze_bn: bool = False
    """Batch norm uses its running statistics in training, too, and leaves them as they are."""
    sync_bn: bool = False
    """Batch norm over the clips of all processes; GPUs only."""
    precise_bn_interval: int = 10
    """Epochs between two computations of batch norm's statistics over precise_bn_batches, which
    then take the place of the running ones; also before each validation and after the last."""
    precise_bn_batches: int = 200
    """Batches per process for it, or all of the epoch's if there are fewer; 0 for never."""
    multigrid: bool = False
    """Multigrid training (Wu et al. 2020) instead of clips and batches of one size; optim.steps,
    optim.step_factors and epochs are then those of the run that it speeds up."""
    multigrid_epoch_factor: float = 1.5
    """How many times as many epochs multigrid training takes; each is several times quicker."""
    ema: float = 0.0
    """Decay per step of an exponential moving average of the weights, kept beside them; 0: none."""
    best_by: Literal["raw", "ema"] = "raw"
    """Whose validation decides on SlowFast_best.pdparams, which then holds those weights."""
    amp: Literal["off", "O1", "O2"] = "off"
    """Mixed precision, on GPUs; others say so and compute in float32. O1: convolutions, the
    classifier and what stands between convolutions compute in amp_dtype. O2: pooling in the head,
    too. Weights, batch norm's statistics and the loss are float32."""
    amp_dtype: Literal["bfloat16", "float16"] = "bfloat16"
    """The low precision; float16 has its loss scaled, and leaves out steps that overflow."""


@dataclass(frozen=True)
class Config:
    """Everything a run depends on."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    test: TestConfig = field(default_factory=TestConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    output_dir: str = "output/SlowFast"
    """Folder of checkpoints, logs and curves."""
    seed: int = 0
    """Seed of initial weights, order, augmentation and dropout."""


class _Loader(yaml.SafeLoader):
    """Plain YAML, in which a date is text: ``output_dir=2026-05-01`` names a folder."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_config(path: str | Path | None = None, overrides: list[str] | None = None) -> Config:
    """Reads a YAML file over the defaults, and ``section.key=value`` overrides over that.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown, a value does not fit.
    """
    tree = _read_yaml(Path(path)) if path is not None else {}
    where = f"{path}: " if path is not None else ""
    cfg: Config = _build(Config, tree, prefix="", where=where)
    for item in overrides or []:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"override '{item}' is not of the form section.key=value")
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise ConfigError(f"override '{item}': the value is not YAML") from error
        nested: Any = "" if value is None else value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        cfg = _build(Config, nested, prefix="", where="-o ", base=cfg)
    validate(cfg)
    return cfg


def dump_config(cfg: Config) -> str:
    """The config as YAML text that ``load_config`` reads back to an equal config."""
    return yaml.safe_dump(_plain(dataclasses.asdict(cfg)), sort_keys=False, allow_unicode=True)


_COUNTS = (
    "model.num_classes", "model.width", "model.alpha", "model.beta_inv", "model.stem_kernel",
    "model.fusion_kernel", "data.num_frames", "data.sampling_stride", "data.crop_size",
    "test.crop_size", "test.num_clips", "test.batch_size", "test.views_per_chunk",
    "optim.base_batch_size", "train.epochs", "train.batch_size", "train.log_interval",
    "train.val_interval", "train.save_interval", "train.keep_last", "train.precise_bn_interval",
)  # fmt: skip
_ABOVE_ZERO = (
    "data.target_fps", "data.frame_fps", "data.std", "data.read_seconds", "data.crop_area",
    "data.crop_aspect", "optim.base_lr", "train.multigrid_epoch_factor",
)  # fmt: skip
_NOT_NEGATIVE = (
    "data.num_workers", "data.max_errors", "train.save_steps", "optim.warmup_epochs",
    "optim.warmup_start_lr", "optim.weight_decay", "optim.bn_weight_decay", "optim.momentum",
    "optim.grad_clip", "optim.steps", "train.global_batch_size", "train.precise_bn_batches",
    "train.mixup", "train.cutmix", "train.ema", "data.rand_augment",
    "data.rand_augment_magnitude", "seed",
)  # fmt: skip
_SHARES = ("data.flip", "data.crop_area", "data.erase", "model.dropout", "train.label_smoothing")


def validate(cfg: Config) -> None:
    """Checks ranges, and what involves several keys.

    Raises:
        ConfigError: with the values and what is allowed.
    """
    ranges: list[tuple[tuple[str, ...], Callable[[float], bool], str]] = [
        (_COUNTS, lambda x: 1 <= x <= 10**6, "must be between 1 and 1,000,000"),
        (_ABOVE_ZERO, lambda x: x > 0, "must be above 0"),
        (_NOT_NEGATIVE, lambda x: x >= 0, "must not be negative"),
        (_SHARES, lambda x: 0 <= x <= 1, "must be between 0 and 1"),
    ]
    for keys, holds, rule in ranges:
        for key in keys:
            value = functools.reduce(getattr, key.split("."), cfg)
            if not all(map(holds, value if isinstance(value, tuple) else (value,))):
                raise ConfigError(f"{key}={value} {rule}")
    model, data, test = cfg.model, cfg.data, cfg.test
    try:
        numbered = data.frame_pattern.format(1) != data.frame_pattern.format(2)
    except (ValueError, LookupError):
        numbered = False
    relations = [
        (data.num_frames % model.alpha == 0,
         f"data.num_frames={data.num_frames} is not divisible by model.alpha={model.alpha}"),
        (model.width % model.beta_inv == 0,
         f"model.width={model.width} is not divisible by model.beta_inv={model.beta_inv}"),
        (model.stem_kernel % 2 == 1, f"model.stem_kernel={model.stem_kernel} is not odd"),
        (model.fusion_kernel % 2 == 1, f"model.fusion_kernel={model.fusion_kernel} is not odd"),
        (len(model.temporal_blocks) in (0, 4),
         f"model.temporal_blocks={list(model.temporal_blocks)} needs 4 numbers, or none"),
        (numbered, f"data.frame_pattern={data.frame_pattern!r} does not number the frames, as "
                   "img_{:05d}.jpg does"),
        (len(data.mean) == 3, f"data.mean={list(data.mean)} needs 3 numbers, one per colour"),
        (len(data.std) == 3, f"data.std={list(data.std)} needs 3 numbers, one per colour"),
        (cfg.optim.warmup_epochs <= cfg.train.epochs,
         f"optim.warmup_epochs={cfg.optim.warmup_epochs:g} is above "
         f"train.epochs={cfg.train.epochs}"),
        (cfg.optim.steps[:1] == (0.0,) and list(cfg.optim.steps) == sorted({*cfg.optim.steps})
         and len(cfg.optim.steps) == len(cfg.optim.step_factors),
         f"optim.steps={list(cfg.optim.steps)} must rise from 0, with a number of "
         f"optim.step_factors={list(cfg.optim.step_factors)} for each"),
        (len(data.crop_area) in (0, 2) and list(data.crop_area) == sorted(data.crop_area),
         f"data.crop_area={list(data.crop_area)} is not two rising numbers, or none"),
        (len(data.crop_aspect) == 2 and list(data.crop_aspect) == sorted(data.crop_aspect),
         f"data.crop_aspect={list(data.crop_aspect)} is not two rising numbers"),
        (data.rand_augment_magnitude <= 10,
         f"data.rand_augment_magnitude={data.rand_augment_magnitude:g} is above 10"),
        (cfg.train.ema < 1, f"train.ema={cfg.train.ema:g} is not below 1"),
        (cfg.train.ema > 0 or cfg.train.best_by == "raw",
         "train.best_by=ema needs an average of the weights: train.ema, such as 0.999"),
        (not cfg.train.sync_bn or data.on_error != "skip",
         "train.sync_bn needs batches of one size in all processes: data.on_error=raise or "
         "substitute"),
        ({*cfg.train.freeze} <= {*STAGES},
         f"train.freeze={list(cfg.train.freeze)} may name {', '.join(STAGES)}"),
        (data.min_short_side <= data.max_short_side,
         f"data.min_short_side={data.min_short_side} is above "
         f"data.max_short_side={data.max_short_side}"),
        (len(data.flip_pairs) % 2 == 0 and len({*data.flip_pairs}) == len(data.flip_pairs)
         and all(0 <= label < model.num_classes for label in data.flip_pairs),
         f"data.flip_pairs={list(data.flip_pairs)} is not two classes of "
         f"0..{model.num_classes - 1}, and two others, and so on"),
        (bool(data.labels) or not data.flip_by_name,
         "data.flip_by_name=True needs the class names in data.labels"),
        (data.read_seconds <= 10**6, f"data.read_seconds={data.read_seconds:g} is above 1,000,000"),
        (data.crop_size <= data.min_short_side,
         f"data.crop_size={data.crop_size} is above data.min_short_side={data.min_short_side}"),
        (test.crop_size <= test.short_side,
         f"test.crop_size={test.crop_size} is above test.short_side={test.short_side}"),
        (cfg.seed < 2**64, f"seed={cfg.seed} does not fit into 64 bits"),
    ]  # fmt: skip
    for holds_true, fault in relations:
        if not holds_true:
            raise ConfigError(fault)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"config {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"config {path} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"config {path} is not YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"config {path} is not a mapping of sections")
    return tree


def _build(cls: Any, tree: dict[str, Any], *, prefix: str, where: str, base: Any = None) -> Any:
    """An instance of the dataclass ``cls``: ``tree``'s values over ``base`` or the defaults."""
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}'{prefix.rstrip('.')}' is a section, got {tree!r}")
    base = cls() if base is None else base
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if key not in hints:
            raise ConfigError(f"{where}unknown config key '{name}'{_suggest(name)}")
        if dataclasses.is_dataclass(hints[key]):
            section = getattr(base, key)
            value = {} if value is None else value  # all of the section is commented out
            values[key] = _build(hints[key], value, prefix=f"{name}.", where=where, base=section)
        else:
            values[key] = _cast(value, hints[key], name, where)
    return dataclasses.replace(base, **values)


def _cast(value: Any, kind: Any, name: str, where: str) -> Any:
    """``value`` as the annotated type ``kind``; PyYAML reads ``1e-4`` as text, so text is tried."""
    origin = typing.get_origin(kind)
    if origin is Literal:
        allowed = typing.get_args(kind)
        if value is False and "off" in allowed:
            return "off"  # which YAML takes for false
        if value in allowed and not isinstance(value, bool):
            return allowed[allowed.index(value)]  # 50 for 50.0
        raise ConfigError(f"{where}{name}={value!r} is not one of {', '.join(map(str, allowed))}")
    if origin is tuple:
        if isinstance(value, list | tuple):
            element = typing.get_args(kind)[0]
            return tuple(_cast(item, element, name, where) for item in value)
        raise ConfigError(f"{where}{name}={value!r} is not a list")
    if isinstance(value, bool) == (kind is bool) and isinstance(value, bool | int | float | str):
        if kind in (bool, str) or (kind is int and isinstance(value, int)):
            return kind(value)
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
            if math.isfinite(number) and (kind is float or number == int(number)):
                return kind(number)
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
    raise ConfigError(f"{where}{name}={value!r} is not {wanted}")


def _suggest(name: str) -> str:
    names = _all_keys(Config)
    sections = {key.partition(".")[0] for key in names}
    close = difflib.get_close_matches(name, [*names, *sorted(sections)], n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _all_keys(cls: Any, prefix: str = "") -> list[str]:
    keys = []
    for key, kind in typing.get_type_hints(cls).items():
        nested = dataclasses.is_dataclass(kind)
        keys += _all_keys(kind, f"{prefix}{key}.") if nested else [f"{prefix}{key}"]
    return keys


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
