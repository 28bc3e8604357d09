"""The training loop: ``train`` calls ``train_epoch`` calls ``step_on`` calls ``train_step``.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample, flipped_labels, read_labels
from slowfast.data.dataset import Clip, ClipKey, Clips, TrainClips, TrainKey, ValClips
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.order import Stream, shard_numbers, train_batches
from slowfast.data.video import VideoError
from slowfast.engine.evaluate import validate
from slowfast.engine.pace import Pace
from slowfast.engine.state import NonFiniteError, TrainState, save_checkpoint
from slowfast.engine.step import share_of_batch, step_on
from slowfast.engine.unreadable import Unreadable, write_unreadable
from slowfast.log import MetricWriter, duration, logger
from slowfast.metrics import Meter
from slowfast.optim import learning_rate, lr_scale

UNREADABLE = "unreadable_train.txt"


@dataclass
class Run:
    """What does not change during a training run."""

    cfg: Config
    samples: list[Sample]
    shards: list[int] | None
    """The tar shard of each sample, by number; None without shards."""
    loader: Loader[ClipKey, Clip]
    writer: MetricWriter
    parallel: nn.Layer
    """The model as it is trained: averages gradients over the processes."""
    steps_per_epoch: int
    stop_after: int | None
    """Steps after which this run ends, for a quick check; None: at the last epoch."""


def train(
    state: TrainState,
    train_samples: list[Sample],
    val_samples: list[Sample] | None,
    cfg: Config,
    *,
    max_iters: int | None = None,
) -> dict[str, float]:
    """Trains from where ``state`` is to the last epoch; validates if given ``val_samples``.

    Returns the last validation's ``loss``, ``top1``, ``top5`` (empty without validation).

    Raises:
        ListError: the list does not fill one batch.
        NonFiniteError: the loss or a weight is not finite; no checkpoint holds such weights.
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` forbids
            to go on without it.
    """
    world, batch = distributed.world_size(), cfg.train.batch_size
    scale = lr_scale(cfg.optim, batch * world)
    logger.info(
        f"total batch {batch} x {world} = {batch * world}, learning rate {cfg.optim.base_lr:g} x "
        f"{scale:g} = {cfg.optim.base_lr * scale:g}"
    )
    shards = shard_numbers(train_samples)
    steps = len(_batches(len(train_samples), shards, cfg, epoch=0))
    if state.epoch >= cfg.train.epochs:
        logger.info(f"nothing left to do: {state.epoch} of {cfg.train.epochs} epochs are done")
    result: dict[str, float] = {}
    with (
        clip_loader(train_samples, val_samples or [], cfg) as loader,
        MetricWriter(cfg.output_dir, distributed.rank()) as writer,
    ):
        parallel = paddle.DataParallel(state.model) if world > 1 else state.model
        run = Run(cfg, train_samples, shards, loader, writer, parallel, steps, max_iters)
        while state.epoch < cfg.train.epochs and not _is_over(run, state):
            train_epoch(run, state)
            epoch, last = state.epoch, state.epoch == cfg.train.epochs or _is_over(run, state)
            if last or epoch % cfg.train.save_interval == 0:
                save_checkpoint(state, cfg)  # before anything can go wrong in the validation
            if val_samples and (last or epoch % cfg.train.val_interval == 0):
                distributed.average_batch_norm(state.model)
                result = validate(state.model, loader, val_samples, cfg)
                is_best = result["top1"] > state.best_top1
                state.best_top1 = max(state.best_top1, result["top1"])
                _log_validation(writer, epoch, result, state.best_top1)
                if is_best:
                    save_checkpoint(state, cfg, is_best=True)
    return result


def clip_loader(train: list[Sample], val: list[Sample], cfg: Config) -> Loader[ClipKey, Clip]:
    """The loader of training and validation clips."""
    names = read_labels(cfg.data.labels, cfg.model.num_classes) if cfg.data.flip_by_name else []
    flipped = flipped_labels(cfg.data.flip_pairs, names)
    clips = Clips(TrainClips(train, cfg.data, cfg.seed, flipped), ValClips(val, cfg.data))
    batch_bytes = cfg.train.batch_size * cfg.data.num_frames * cfg.data.crop_size**2 * 3
    processes = distributed.processes_on_this_machine()
    workers, reason = workers_that_fit(cfg.data.num_workers, batch_bytes, processes)
    if reason:
        logger.warning(reason)
    return Loader(
        clips,
        num_workers=workers,
        describe=clips.path,
        seconds=cfg.data.read_seconds,
        substitute=clips.substitute if cfg.data.on_error == "substitute" else None,
    )


def train_epoch(run: Run, state: TrainState) -> None:
    """Trains from ``state.step`` to the end of the epoch, and logs."""
    cfg, epoch = run.cfg, state.epoch
    batches = _batches(len(run.samples), run.shards, cfg, epoch)[state.step :]
    meter, unreadable = Meter(), Unreadable(cfg.data.max_errors)
    pace = Pace(cfg, run.writer, epoch, run.steps_per_epoch)
    began = time.perf_counter()
    run.parallel.train()
    for batch, items, reader_cost in _timed(run.loader, batches, epoch):
        clips, error = _readable(run, unreadable, batch, items)
        share = share_of_batch(len(clips), error)
        lr = learning_rate(epoch + state.step / run.steps_per_epoch, cfg.optim, cfg.train.epochs)
        lr *= lr_scale(cfg.optim, cfg.train.batch_size * distributed.world_size())
        _seed_dropout(cfg.seed, epoch, state.step)
        loss, scores = step_on(clips, share, run.parallel, state.optimizer, cfg, lr)
        if not np.isfinite(loss):
            files = ", ".join(run.samples[i].path for i in batch)
            raise NonFiniteError(
                f"the loss of epoch {epoch + 1}, step {state.step} is {loss}, training on: {files}"
            )
        if clips:
            labels = np.array([clip.label for clip in clips])
            meter.add(scores, labels, loss)
            pace.log(state.step, loss, lr, scores, labels, reader_cost)
        state.step += 1
        if _is_over(run, state):
            break
        is_due = cfg.train.save_steps and state.step % cfg.train.save_steps == 0
        if is_due and state.step < run.steps_per_epoch:
            save_checkpoint(state, cfg)
    if state.step == run.steps_per_epoch:
        state.epoch, state.step = epoch + 1, 0
    seconds = time.perf_counter() - began
    result = meter.result()
    if batches and not result["seen"]:
        raise VideoError(f"nothing of epoch {epoch + 1} can be read; see the log for each video")
    logger.info(
        f"END epoch:{epoch + 1} train loss: {result['loss']:.5f} top1: {result['top1']:.5f} "
        f"top5: {result['top5']:.5f} time: {duration(seconds)} "
        f"ips: {result['seen'] / seconds:.5f} instance/sec"
    )
    if cfg.data.on_error != "raise":
        _list_unreadable(unreadable, epoch, cfg)


def _readable(
    run: Run, unreadable: Unreadable, batch: list[int], items: list[Clip | VideoError]
) -> tuple[list[Clip], VideoError | None]:
    """The clips of a batch that could be read, the others counted and named.

    And the error that ends the run, if one could not be read and may not be left out, or too many
    have been.
    """
    errors = [
        (key.sample, error) for key, error in run.loader.replaced if isinstance(key, TrainKey)
    ]
    run.loader.replaced.clear()
    clips = []
    for index, item in zip(batch, items, strict=True):
        if not isinstance(item, VideoError):
            clips.append(item)
        elif run.cfg.data.on_error == "skip":
            errors.append((index, item))
        else:
            return clips, item
    for index, error in errors:
        try:
            video = unreadable.note(index, run.samples[index].path, error)
        except VideoError as too_many:
            return clips, too_many
        logger.warning(f"unreadable: {video.line()}")
    return clips, None


def _list_unreadable(unreadable: Unreadable, epoch: int, cfg: Config) -> None:
    """Names what the epoch could not read, in the log and in unreadable_train.txt."""
    reasons = unreadable.gather()
    if reasons and distributed.rank() == 0:
        fate = {"skip": "left out", "substitute": "replaced by others"}[cfg.data.on_error]
        path = write_unreadable(cfg.output_dir, reasons, UNREADABLE)
        logger.warning(f"epoch:{epoch + 1}: {len(reasons)} unreadable videos {fate} ({path}):")
        for reason in reasons:
            logger.warning(f"  {reason}")


def _timed(
    loader: Loader[ClipKey, Clip], batches: list[list[int]], epoch: int
) -> Iterator[tuple[list[int], list[Clip | VideoError], float]]:
    """Batches of indices with what was read, and how long the step waited for them, seconds."""
    items = loader.run([[TrainKey(epoch, index) for index in batch] for batch in batches])
    for batch in batches:
        began = time.perf_counter()
        answers = next(items)
        yield batch, answers, time.perf_counter() - began


def _batches(
    num_samples: int, shards: list[int] | None, cfg: Config, epoch: int
) -> list[list[int]]:
    return train_batches(
        num_samples,
        sizes=[cfg.train.batch_size],
        seed=cfg.seed,
        epoch=epoch,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
        shards=shards,
        num_workers=cfg.data.num_workers,
    )


def _is_over(run: Run, state: TrainState) -> bool:
    done = state.epoch * run.steps_per_epoch + state.step
    return run.stop_after is not None and done >= run.stop_after


def _seed_dropout(seed: int, epoch: int, step: int) -> None:
    """Makes this step's dropout a function of its place, so that a resumed run draws the same."""
    place = [Stream.DROPOUT, seed, epoch, step, distributed.rank()]
    words = np.random.SeedSequence(place).generate_state(1)
    paddle.seed(int(words[0]))


def _log_validation(
    writer: MetricWriter, epoch: int, result: dict[str, float], best_top1: float
) -> None:
    logger.info(
        f"END epoch:{epoch} val loss: {result['loss']:.5f} top1: {result['top1']:.5f} "
        f"top5: {result['top5']:.5f} best top1: {best_top1:.5f}"
    )
    scalars = {name: result[name] for name in ("loss", "top1", "top5")}
    writer.write("val", epoch, scalars)
