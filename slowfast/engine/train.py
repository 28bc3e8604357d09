"""The training loop: ``train`` calls ``train_epoch`` calls ``train_step``.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import paddle

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample, flipped_labels, read_labels
from slowfast.data.dataset import Clip, ClipKey, Clips, TrainClips, TrainKey, ValClips
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.order import shard_numbers
from slowfast.data.video import VideoError
from slowfast.engine.course import Course, Step
from slowfast.engine.evaluate import validate
from slowfast.engine.pace import Pace
from slowfast.engine.precise_bn import precise_bn
from slowfast.engine.preprocess import normalize
from slowfast.engine.state import NonFiniteError, TrainState, save_checkpoint
from slowfast.engine.step import Learner, Outcome, Work, raise_together, train_step
from slowfast.engine.stop import Stop, handled_signals
from slowfast.engine.unreadable import Unreadable, write_unreadable
from slowfast.log import MetricWriter, duration, logger
from slowfast.models.norm import set_splits
from slowfast.optim import lr_scale

UNREADABLE = "unreadable_train.txt"


@dataclass
class Run:
    """What does not change during a training run."""

    cfg: Config
    samples: list[Sample]
    val_samples: list[Sample] | None
    course: Course
    loader: Loader[ClipKey, Clip]
    writer: MetricWriter
    learner: Learner
    stop: Stop
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
        ConfigError: the processes do not fit ``train.global_batch_size``.
        ListError: the list does not fill one batch.
        NonFiniteError: the loss or a weight is not finite; no checkpoint holds such weights.
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` forbids
            to go on without it.
        KeyboardInterrupt: Ctrl-C, or (Terminated) SIGTERM; the steps that are done are saved.
    """
    course = Course(len(train_samples), shard_numbers(train_samples), cfg)
    _tell_batch(course, cfg)
    if state.epoch >= course.epochs:
        logger.info(f"nothing left to do: {state.epoch} of {course.epochs} epochs are done")
    result: dict[str, float] = {}
    with (
        clip_loader(train_samples, val_samples or [], cfg) as loader,
        MetricWriter(cfg.output_dir, distributed.rank()) as writer,
        handled_signals() as stop,
    ):
        several = distributed.world_size() > 1
        parallel = paddle.DataParallel(state.model) if several else state.model
        learner = Learner(parallel, state.optimizer, state.precision, cfg)
        run = Run(cfg, train_samples, val_samples, course, loader, writer, learner, stop, max_iters)
        while state.epoch < course.epochs and not _is_over(run, state):
            with stop.deferred():
                is_stopped = train_epoch(run, state)
                if is_stopped:
                    save_checkpoint(state, cfg)
            if is_stopped:
                raise stop.error(f"{state.name} is saved")
            result = _finish_epoch(run, state) or result
    return result


def _finish_epoch(run: Run, state: TrainState) -> dict[str, float]:
    """Precise batch norm, checkpoint, validation, best checkpoint, where they are due."""
    cfg, epoch = run.cfg.train, state.epoch
    last = epoch == run.course.epochs or _is_over(run, state)
    is_whole = state.step == 0
    if is_whole and cfg.precise_bn_batches and (last or epoch % cfg.precise_bn_interval == 0):
        state.epoch, state.step = epoch - 1, run.course.length(epoch - 1)
        save_checkpoint(state, run.cfg)  # to go on from if what follows is interrupted
        state.epoch, state.step = epoch, 0
        _precise_bn(run, state)
    if last or epoch % cfg.save_interval == 0:
        save_checkpoint(state, run.cfg)  # before anything can go wrong in the validation
    if not run.val_samples or not (last or epoch % cfg.val_interval == 0):
        return {}
    distributed.average_batch_norm(state.model)
    result = validate(state.model, run.loader, run.val_samples, run.cfg)
    decisive = result
    if state.ema:
        with state.ema.applied():
            averaged = validate(state.model, run.loader, run.val_samples, run.cfg)
        decisive = averaged if cfg.best_by == "ema" else result
    is_best = decisive["top1"] > state.best_top1
    state.best_top1 = max(state.best_top1, decisive["top1"])
    _log_validation(run.writer, "val", epoch, result, state.best_top1)
    if state.ema:
        _log_validation(run.writer, "val_ema", epoch, averaged, state.best_top1)
    if is_best:
        save_checkpoint(state, run.cfg, is_best=True)
    return result


def _precise_bn(run: Run, state: TrainState) -> None:
    """Batch norm's statistics over clips of the epoch that is done, of full size."""
    began = time.perf_counter()
    set_splits(state.model, 1)
    _precise_statistics(run, state)
    if state.ema:
        with state.ema.applied(keep_statistics=True):
            _precise_statistics(run, state)
    logger.info(
        f"batch norm's statistics over {run.cfg.train.precise_bn_batches} batches a process or "
        f"the epoch's: {duration(time.perf_counter() - began)}"
    )


def _precise_statistics(run: Run, state: TrainState) -> None:
    data, epoch = run.cfg.data, state.epoch - 1
    batches = run.course.full_batches(epoch)[: run.cfg.train.precise_bn_batches]

    def clips() -> Iterator[paddle.Tensor]:
        keys = [[TrainKey(epoch, index) for index in batch] for batch in batches]
        for items in run.loader.run(keys):
            # What cannot be read was told of in the epoch, or is by the next.
            found = [paddle.to_tensor(c.frames) for c in items if not isinstance(c, VideoError)]
            if found:
                yield normalize(paddle.stack(found), data.mean, data.std)

    with state.precision.autocast():
        precise_bn(state.model, clips())
    run.loader.replaced.clear()


def _tell_batch(course: Course, cfg: Config) -> None:
    """Logs the batch and the learning rate that follows."""
    world, batch = distributed.world_size(), cfg.train.batch_size
    added = f" x {course.accumulate} accumulated" if course.accumulate > 1 else ""
    scale = lr_scale(cfg.optim, course.total_batch)
    logger.info(
        f"total batch {batch} x {world}{added} = {course.total_batch}, learning rate "
        f"{cfg.optim.base_lr:g} x {scale:g} = {cfg.optim.base_lr * scale:g}"
    )


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


def train_epoch(run: Run, state: TrainState) -> bool:
    """Trains from ``state.step`` to the end of the epoch, and logs.

    Returns:
        Whether a signal stopped it, after a step.
    """
    cfg, epoch, course = run.cfg, state.epoch, run.course
    steps = course.steps(epoch)[state.step :]
    unreadable, pace = Unreadable(cfg.data.max_errors), Pace(cfg, run.writer, epoch, course)
    set_splits(state.model, course.phase(epoch).factor)
    run.learner.model.train()
    is_stopped = False
    for step, items, reader_cost in _timed(run.loader, steps, epoch):
        work = _readable(run, unreadable, step, items)
        lr = course.learning_rate(epoch, state.step)
        outcome = train_step(run.learner, work, lr, epoch, state.step)
        _check_loss(run, state, step, outcome)
        if state.ema and outcome.is_taken:
            state.ema.update()
        pace.log(state.step, outcome, lr, reader_cost)
        state.step += 1
        is_stopped = outcome.stop
        if is_stopped or _is_over(run, state):
            break
        is_due = cfg.train.save_steps and state.step % cfg.train.save_steps == 0
        if is_due and state.step < course.length(epoch):
            save_checkpoint(state, cfg)
    if state.step == course.length(epoch):
        state.epoch, state.step = epoch + 1, 0
    if steps and not pace.seen:
        raise VideoError(f"nothing of epoch {epoch + 1} can be read; see the log for each video")
    if steps and not is_stopped:
        pace.log_end()
    if cfg.data.on_error != "raise":
        _list_unreadable(unreadable, epoch, cfg)
    return is_stopped


def _check_loss(run: Run, state: TrainState, step: Step, outcome: Outcome) -> None:
    """Raises NonFiniteError in all processes if the loss is not finite in one of them."""
    if np.isfinite(outcome.loss):
        return
    files = ", ".join(run.samples[i].path for batch in step.batches for i in batch)
    own = NonFiniteError(
        f"the loss of epoch {state.epoch + 1}, step {state.step} is {outcome.own_loss}, "
        f"training on: {files}"
    )
    raise_together(NonFiniteError, None if np.isfinite(outcome.own_loss) else own)


def _readable(
    run: Run, unreadable: Unreadable, step: Step, items: list[list[Clip | VideoError]]
) -> Work:
    """The clips of a step's batches that could be read, the others counted and named.

    And the error that ends the run, if one could not be read and may not be left out, or too many
    have been.
    """
    policy = run.cfg.data.on_error
    errors = [
        (key.sample, error) for key, error in run.loader.replaced if isinstance(key, TrainKey)
    ]
    run.loader.replaced.clear()
    batches: list[list[Clip]] = []
    fatal = None
    for indices, answers in zip(step.batches, items, strict=True):
        batches.append([item for item in answers if not isinstance(item, VideoError)])
        for index, item in zip(indices, answers, strict=True):
            if isinstance(item, VideoError) and policy == "skip":
                errors.append((index, item))
            elif isinstance(item, VideoError):
                fatal = fatal or item
    try:
        for index, error in errors:
            video = unreadable.note(index, run.samples[index].path, error)
            logger.warning(f"unreadable: {video.line()}")
    except VideoError as too_many:
        fatal = fatal or too_many
    return Work(batches, step.clips, step.grid, fatal, run.stop.signal != 0)


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
    loader: Loader[ClipKey, Clip], steps: list[Step], epoch: int
) -> Iterator[tuple[Step, list[list[Clip | VideoError]], float]]:
    """Steps with what was read of each batch, and how long the step waited for it, seconds."""
    items = loader.run(
        [TrainKey(epoch, index, step.grid) for index in batch]
        for step in steps
        for batch in step.batches
    )
    for step in steps:
        began = time.perf_counter()
        answers = [next(items) for _ in step.batches]
        yield step, answers, time.perf_counter() - began


def _is_over(run: Run, state: TrainState) -> bool:
    return run.stop_after is not None and run.course.done(state.epoch, state.step) >= run.stop_after


def _log_validation(
    writer: MetricWriter, kind: str, epoch: int, result: dict[str, float], best_top1: float
) -> None:
    logger.info(
        f"END epoch:{epoch} {kind} loss: {result['loss']:.5f} top1: {result['top1']:.5f} "
        f"top5: {result['top5']:.5f} best top1: {best_top1:.5f}"
    )
    scalars = {name: result[name] for name in ("loss", "top1", "top5")}
    writer.write(kind, epoch, scalars)
