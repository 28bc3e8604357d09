"""Sets up a training run: network, optimizer, and the checkpoint to resume from."""

import contextlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import STAGES, Config, ConfigError, load_config
from slowfast.data.labels import label_lines
from slowfast.data.order import Pool, class_groups, shard_numbers
from slowfast.data.samples import Label, Sample
from slowfast.data.video.open import decoder_version
from slowfast.files import sole_writer
from slowfast.log import logger, start_logging
from slowfast.models.freeze import freeze, freeze_batch_norm
from slowfast.models.layers.norm import NO_SYNC_ON_CPU, sync_batch_norm
from slowfast.models.resnet3d import set_recompute
from slowfast.models.slowfast import VideoClassifier
from slowfast.models.variants import build_model
from slowfast.train.checkpoint import TrainState, restore, restore_furthest
from slowfast.train.head_only import train_head
from slowfast.train.loop import train
from slowfast.train.recipe.class_weights import class_weights
from slowfast.train.recipe.ema import Ema
from slowfast.train.recipe.optim import build_optimizer
from slowfast.train.recipe.precision import Precision
from slowfast.train.recipe.schedule import Schedule
from slowfast.weights.load import load_pretrained, load_weights
from slowfast.weights.save import CONFIG, own_config, write_config

OF_VALIDATION = (
    "rule", "scored", "val_boxes", "box_score", "keeps_best", "val_excluded", "val_every", "valid",
)  # fmt: skip
"""Settings of detection which decide what a validation's mAP is of."""


class TrainInputs(NamedTuple):
    """The inputs of a training run."""

    cfg: Config
    weights: str | None
    """A file whose weights are all loaded."""
    pretrained: str
    """Else: a file whose classifier is left out if it has other classes; empty: none."""
    samples: list[Sample]
    val_samples: list[Sample] | None
    class_names: list[str] | None


def train_run(
    inputs: TrainInputs, *, resume: str | None = None, max_iters: int | None = None,
    device: str = "auto", deterministic: bool = False,
) -> None:  # fmt: skip
    """Trains into ``output_dir``; no other run may write there meanwhile.

    Args:
        resume: ``auto`` for the folder's furthest checkpoint, or a checkpoint's ``.pdparams``.
        max_iters: steps after which the run ends; None: after the last epoch.
        device, deterministic: see ``distributed.start``.

    Raises:
        UserError: the settings do not fit each other, the folder or the machine; and those of
            ``train`` and ``train_head``.
    """
    cfg = inputs.cfg
    is_writer = distributed.rank() == 0
    alone = sole_writer(Path(cfg.output_dir), "training") if is_writer else contextlib.nullcontext()
    with alone:
        start_logging(distributed.rank(), cfg.output_dir)
        # Report errors before the processes connect: they wait long for each other.
        schedule = _schedule(inputs)
        changed = scored_otherwise(cfg) if resume else ""  # before the config is written
        weights_K = class_weights(_targets(inputs.samples), cfg)
        if cfg.train.sync_bn and (device == "cpu" or not distributed.num_gpus()):
            raise distributed.DeviceError(NO_SYNC_ON_CPU)
        distributed.start(device, seed=cfg.seed, deterministic=deterministic)
        state = _state(inputs, schedule, weights_K)
        if resume == "auto":
            for line in restore_furthest(state, cfg.output_dir):
                logger.info(line)
        elif resume is not None:
            logger.info(restore(state, resume))
            if Path(resume).resolve().parent != Path(cfg.output_dir).resolve():
                state.best = -1.0  # the other folder keeps its best one
        if changed and state.best >= 0:
            logger.info(f"{changed}: earlier validations do not compare, the best one starts anew")
            state.best = -1.0
        if is_writer:
            names = inputs.class_names
            write_config(cfg, names and label_lines(names))
        if cfg.train.head_only:
            train_head(state, inputs.samples, inputs.val_samples, cfg, inputs.class_names)
        else:
            train(
                state, schedule, inputs.samples, inputs.val_samples, cfg, max_iters=max_iters,
                class_names=inputs.class_names,
            )  # fmt: skip


def scored_otherwise(cfg: Config) -> str:
    """The first setting by which a validation of boxes comes to other numbers than those of the run
    so far in output_dir had, and both values; empty if there is none."""
    try:
        before = load_config(Path(cfg.output_dir) / CONFIG)
    except ConfigError:
        return ""
    if cfg.train.task != "detection" or before.train.task != cfg.train.task:
        return ""
    changed = [
        (f"detection.{key}", getattr(before.detection, key), getattr(cfg.detection, key))
        for key in OF_VALIDATION
    ]
    changed.append(("data.val_list", before.data.val_list, cfg.data.val_list))
    return next((f"{key} is {now}, and was {was}" for key, was, now in changed if was != now), "")


def _targets(samples: Sequence[Sample]) -> list[Label]:
    """The labels that the loss compares with: those of each video, or of each box."""
    return [
        label for sample in samples
        for label in ([box.labels for box in sample.key.boxes] if sample.key else [sample.label])
    ]  # fmt: skip


def _schedule(inputs: TrainInputs) -> Schedule:
    """The steps of the run; with ``train.head_only`` over the clips of all videos, as if each could
    be read."""
    cfg = inputs.cfg
    clips = cfg.train.head_clips if cfg.train.head_only else 1
    samples = [sample for sample in inputs.samples for _ in range(clips)]
    is_balanced = cfg.train.sampling == "balanced"
    groups = class_groups([sample.label for sample in samples]) if is_balanced else None
    return Schedule(Pool(len(samples), shard_numbers(samples), groups), cfg)


def _state(
    inputs: TrainInputs, schedule: Schedule, weights_K: NDArray[np.float32] | None
) -> TrainState:
    """The start of the run."""
    cfg, model = inputs.cfg, _network(inputs)
    return TrainState(
        model,
        build_optimizer(model, cfg.optim),
        precision=Precision(cfg.train.amp, cfg.train.amp_dtype),
        ema=Ema(model, cfg.train.ema) if cfg.train.ema else None,
        task=cfg.train.task,
        class_weights=weights_K,
        plan=_plan(inputs, schedule),
        samples=[*inputs.samples, *(inputs.val_samples or [])],
    )


def _network(inputs: TrainInputs) -> VideoClassifier:
    """The network with its weights; what is not trained is frozen."""
    cfg = inputs.cfg
    logger.info(f"video files are read through {decoder_version(cfg.data.decoder)}")
    model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    if inputs.weights is not None:
        logger.info(load_weights(model, inputs.weights))
    elif inputs.pretrained:
        own = own_config(inputs.pretrained)
        if own:
            logger.info(f"network, clips and test as in {own}, except for what -c and -o set")
        logger.info(load_pretrained(model, inputs.pretrained))
    freeze(model, STAGES if cfg.train.head_only else cfg.train.freeze)
    if cfg.train.freeze_bn:
        freeze_batch_norm(model)
    if cfg.train.sync_bn:
        sync_batch_norm(model)
    set_recompute(model, cfg.train.recompute)
    return model


def _plan(inputs: TrainInputs, schedule: Schedule) -> dict[str, int]:
    """What the order of an epoch's clips depends on."""
    cfg, samples = inputs.cfg, inputs.samples
    plan = {
        "samples": len(samples),
        "list": zlib.crc32(b"\n".join(os.fsencode(sample.shown) for sample in samples)),
        "total batch": schedule.total_batch,
        "seed": cfg.seed,
    }
    if any(sample.actions for sample in samples):
        plan["actions"] = zlib.crc32(repr([sample.actions for sample in samples]).encode())
    if cfg.train.task == "detection":
        plan["boxes"] = 0
        for sample in samples:  # all of AVA's in one text would be 150 MB
            plan["boxes"] = zlib.crc32(
                repr(sample.key and sample.key.boxes).encode(), plan["boxes"]
            )
    if cfg.train.multigrid:
        plan["multigrid"] = zlib.crc32(repr(schedule.phases).encode())
    if schedule.pool.groups is not None:
        plan["balanced classes"] = zlib.crc32(repr(schedule.pool.groups).encode())
    if shard_numbers(samples):  # then the order depends on these, too
        plan["processes"] = distributed.world_size()
        plan["data.num_workers"] = cfg.data.num_workers
    return plan
