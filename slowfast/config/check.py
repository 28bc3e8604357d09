"""Which values of the config's settings are allowed, alone and together."""

import functools
from collections.abc import Callable

from slowfast.config.schema import STAGES, Config, ConfigError

_COUNTS = (
    "model.width", "model.alpha", "model.beta_inv", "model.stem_kernel",
    "model.fusion_kernel", "data.num_frames", "data.sampling_stride", "data.crop_size",
    "test.crop_size", "test.num_clips", "test.batch_size", "test.views_per_chunk",
    "optim.base_batch_size", "train.epochs", "train.batch_size", "train.log_interval",
    "train.val_interval", "train.save_interval", "train.keep_last", "train.precise_bn_interval",
    "train.head_clips",
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
        (0 <= model.num_classes <= 10**6,
         f"model.num_classes={model.num_classes} must be between 1 and 1,000,000, or 0 for as many "
         "as data.labels has"),
        (model.num_classes > 0 or bool(data.labels),
         "model.num_classes=0 takes the number of class names in data.labels, which names no file"),
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
        (not cfg.train.head_only or not _useless_to_a_head(cfg),
         "train.head_only=True trains the classifier on features that are computed once: leave out "
         f"{', '.join(_useless_to_a_head(cfg))}"),
        ({*cfg.train.freeze} <= {*STAGES},
         f"train.freeze={list(cfg.train.freeze)} may name {', '.join(STAGES)}"),
        (data.min_short_side <= data.max_short_side,
         f"data.min_short_side={data.min_short_side} is above "
         f"data.max_short_side={data.max_short_side}"),
        (len(data.flip_pairs) % 2 == 0 and len({*data.flip_pairs}) == len(data.flip_pairs)
         and all(0 <= label < (model.num_classes or 10**6) for label in data.flip_pairs),
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


def _useless_to_a_head(cfg: Config) -> list[str]:
    """What is set and has no meaning where only the classifier is trained."""
    keys = ("mixup", "cutmix", "multigrid", "ema", "sync_bn")
    found = [f"train.{key}" for key in keys if getattr(cfg.train, key)]
    return found + (["train.amp"] if cfg.train.amp != "off" else [])
