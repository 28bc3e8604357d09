"""Which values of the settings are allowed: each by its range in the schema, and together."""

import dataclasses
from typing import Any, get_type_hints

from slowfast.config.ranges import faults
from slowfast.config.schema import DEPTHS, Config, ConfigError

Rules = list[tuple[bool, str]]
"""Whether each rule holds, and what is wrong if not."""


def validate(cfg: Config) -> None:
    """Checks the range of every setting, and the rules about several.

    Raises:
        ConfigError: with the values and what is allowed.
    """
    _check_ranges(cfg)
    for holds_true, fault in (
        *_of_clips(cfg),
        *_of_training(cfg),
        *_of_detection(cfg),
        *_of_answers(cfg),
    ):
        if not holds_true:
            raise ConfigError(fault)


def _of_clips(cfg: Config) -> Rules:
    """Of the network and what it is given."""
    model, data = cfg.model, cfg.data
    return [
        (model.num_classes > 0 or bool(data.labels),
         "model.num_classes=0 takes the number of class names in data.labels, which names no file"),
        (data.num_frames % model.alpha == 0,
         f"data.num_frames={data.num_frames} is not divisible by model.alpha={model.alpha}"),
        (model.width % model.beta_inv == 0,
         f"model.width={model.width} is not divisible by model.beta_inv={model.beta_inv}"),
        (data.min_short_side <= data.max_short_side,
         f"data.min_short_side={data.min_short_side} is above "
         f"data.max_short_side={data.max_short_side}"),
        (len(data.flip_pairs) % 2 == 0 and len({*data.flip_pairs}) == len(data.flip_pairs)
         and all(0 <= label < (model.num_classes or 10**6) for label in data.flip_pairs),
         f"data.flip_pairs={list(data.flip_pairs)} is not two classes of "
         f"0..{model.num_classes - 1}, and two others, and so on"),
        (bool(data.labels) or not data.flip_by_name,
         "data.flip_by_name=True needs the class names in data.labels"),
        (data.crop_size <= data.min_short_side,
         f"data.crop_size={data.crop_size} is above data.min_short_side={data.min_short_side}"),
    ]  # fmt: skip


def _of_training(cfg: Config) -> Rules:
    optim, train = cfg.optim, cfg.train
    return [
        (optim.warmup_epochs <= train.epochs,
         f"optim.warmup_epochs={optim.warmup_epochs:g} is above train.epochs={train.epochs}"),
        (optim.steps[:1] == (0.0,) and list(optim.steps) == sorted({*optim.steps})
         and len(optim.steps) == len(optim.step_factors),
         f"optim.steps={list(optim.steps)} must rise from 0, with a number of "
         f"optim.step_factors={list(optim.step_factors)} for each"),
        (train.task != "single" or (train.focal_gamma == 0 and train.focal_alpha == 1),
         "train.focal_gamma and train.focal_alpha are for several labels: train.task=multi or "
         "detection"),
        (not cfg.has_one_label or (train.focal_gamma == 0 and train.focal_alpha == 1
                                   and train.class_weights == "none"),
         "model.labels_per_box=one has plain cross-entropy: leave out train.focal_gamma, "
         "train.focal_alpha and train.class_weights"),
        (train.task != "single" or train.class_weights != "balanced" or train.sampling == "plain",
         "train.class_weights=balanced and train.sampling=balanced both make up for classes of "
         "unequal size: choose one"),
        (train.ema > 0 or train.best_by == "raw",
         "train.best_by=ema needs an average of the weights: train.ema, such as 0.999"),
        (not train.sync_bn or cfg.data.on_error != "skip",
         "train.sync_bn needs batches of one size in all processes: data.on_error=raise or "
         "substitute"),
        (not train.head_only or not _useless_to_a_head(cfg),
         "train.head_only=True trains the classifier on features that are computed once: leave out "
         f"{', '.join(_useless_to_a_head(cfg))}"),
    ]  # fmt: skip


def _of_detection(cfg: Config) -> Rules:
    """Of the network and the recipe of train.task=detection, and of what it alone has."""
    model, detection, train = cfg.model, cfg.detection, cfg.train
    useless = [
        f"train.{key}" for key in ("mixup", "cutmix", "multigrid", "head_only")
        if getattr(train, key)
    ]  # fmt: skip
    is_other = train.task != "detection"
    files = [f"detection.{key}" for key in _FILES_OF_BOXES if getattr(detection, key)]
    return [
        (not is_other or not files,
         f"{', '.join(files)}: only with train.task=detection, and it is {train.task}"),
        (is_other or detection.rate <= 1 or detection.rate == cfg.data.target_fps,
         f"times are numbers of frames, detection.rate={detection.rate:g} a second, but clips "
         f"count frames at data.target_fps={cfg.data.target_fps:g}: they must be equal"),
        (is_other or not detection.jitter or cfg.test.protocol.startswith("mmaction2"),
         "detection.jitter=True moves pictures as mmaction2 does: test.protocol=mmaction2 or "
         f"mmaction2-1.2, not {cfg.test.protocol}"),
        (is_other or not detection.ids or detection.first_id == 1,
         f"detection.first_id={detection.first_id} has no meaning with detection.ids, which has "
         "the number of each class"),
        (is_other or not useless, f"train.task=detection cannot use {', '.join(useless)}"),
        (is_other or not cfg.data.crop_area,
         "train.task=detection cuts square crops: leave out data.crop_area"),
        (is_other or not cfg.data.rand_augment and not cfg.data.erase,
         "train.task=detection cannot use data.rand_augment and data.erase"),
        (len(detection.valid) in (0, 2) and list(detection.valid) == sorted(detection.valid),
         f"detection.valid={list(detection.valid)} is not a first and a last time, or nothing"),
        (len(detection.ids) in (0, model.num_classes) or not model.num_classes,
         f"detection.ids has {len(detection.ids)} numbers for "
         f"model.num_classes={model.num_classes}"),
        (is_other or cfg.test.precision != "int8",
         "test.precision=int8 is for classes of whole clips: with train.task=detection take fp32 "
         "or bf16"),
        (all(block < DEPTHS[model.slow_depth][2] for block in model.nonlocal_blocks)
         and all(block >= 0 for block in model.nonlocal_blocks),
         f"model.nonlocal_blocks={list(model.nonlocal_blocks)} are not blocks of res4, which has "
         f"{DEPTHS[model.slow_depth][2]}"),
        (not model.nonlocal_blocks or model.name != "fast_only",
         "fast_only has no slow pathway, so no model.nonlocal_blocks"),
    ]  # fmt: skip


_FILES_OF_BOXES = (
    "train_boxes", "val_boxes", "train_excluded", "val_excluded", "train_frames", "val_frames",
    "scored",
)  # fmt: skip


def _of_answers(cfg: Config) -> Rules:
    """Of a test and a timeline."""
    test, timeline = cfg.test, cfg.timeline
    return [
        (test.crop_size <= test.short_side,
         f"test.crop_size={test.crop_size} is above test.short_side={test.short_side}"),
        (timeline.leave <= timeline.enter,
         f"timeline.leave={timeline.leave:g} is above timeline.enter={timeline.enter:g}"),
    ]  # fmt: skip


def _check_ranges(section: Any, prefix: str = "") -> None:
    """Raises a ConfigError for a value that its own range in the schema does not allow."""
    for name, kind in get_type_hints(type(section), include_extras=True).items():
        value = getattr(section, name)
        if dataclasses.is_dataclass(value):
            _check_ranges(value, f"{prefix}{name}.")
        for fault in faults(value, kind):
            raise ConfigError(f"{prefix}{name}={fault}")


def _useless_to_a_head(cfg: Config) -> list[str]:
    """What is set and has no meaning where only the classifier is trained."""
    keys = ("mixup", "cutmix", "multigrid", "ema", "sync_bn")
    found = [f"train.{key}" for key in keys if getattr(cfg.train, key)]
    return found + (["train.amp"] if cfg.train.amp != "off" else [])
