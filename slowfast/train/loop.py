"""The training loop: ``train`` calls ``train_epoch`` calls ``train_step``."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import paddle

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import duration, logger
from slowfast.models.layers.norm import batch_norms, set_splits
from slowfast.predict.tallies import TALLIES
from slowfast.signals import handled_signals
from slowfast.train.batches import EpochReader
from slowfast.train.checkpoint import NonFiniteError, TrainState, save_checkpoint
from slowfast.train.class_results import results_of
from slowfast.train.curves import MetricWriter
from slowfast.train.cut import Place
from slowfast.train.monitor import Pace, log_validation, tell_batch
from slowfast.train.recipe.precise_bn import precise_bn
from slowfast.train.recipe.schedule import Schedule, Step
from slowfast.train.settings_shown import final_scalars, shown_settings
from slowfast.train.step import Learner, Outcome, batch_of, raise_together, train_step
from slowfast.train.training_clips import clip_loader, train_keys
from slowfast.train.validate import validate
from slowfast.train.watch import first_step


@dataclass
class Run:
    """What does not change during a training run."""

    cfg: Config
    samples: list[Sample]
    val_samples: list[Sample] | None
    schedule: Schedule
    loader: Loader[ClipKey, Clip]
    writer: MetricWriter
    learner: Learner
    stop_after: int | None
    """Steps after which the run ends, for a quick check; None: after the last epoch."""
    class_names: list[str] | None
    """For the pictures; None: classes are shown by number."""


def train(
    state: TrainState, schedule: Schedule, train_samples: list[Sample],
    val_samples: list[Sample] | None, cfg: Config, *, max_iters: int | None = None,
    class_names: list[str] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Trains from ``state`` to the last epoch; validates if there are ``val_samples``.

    Returns the last validation's result, see ``validate`` (empty without validation).

    Args:
        max_iters: steps after which the run ends; None: after the last epoch.

    Raises:
        NonFiniteError: the loss or a weight is not finite; no checkpoint holds such weights.
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` does not
            allow leaving it out.
        KeyboardInterrupt: Ctrl-C, or (Terminated) SIGTERM; finished steps are saved.
    """
    tell_batch(schedule, cfg, state.class_weights)
    if state.epoch >= schedule.epochs:
        logger.info(f"nothing left to do: {state.epoch} of {schedule.epochs} epochs are done")
        return {}
    result: dict[str, float] = {}
    with handled_signals() as stop, contextlib.ExitStack() as opened:
        loader = opened.enter_context(clip_loader(train_samples, val_samples or [], cfg))
        state.steps = schedule.go_on(state.epoch, state.step, state.steps)
        place = Place(state.steps, state.epoch)
        writer = opened.enter_context(MetricWriter(cfg.output_dir, distributed.rank(), place))
        finals = final_scalars(cfg.train.task, validates=bool(val_samples))
        writer.settings(shown_settings(cfg, schedule.total_batch), finals)
        parallel = paddle.DataParallel(state.model) if distributed.world_size() > 1 else state.model
        learner = Learner(
            parallel, state.optimizer, state.precision, stop, cfg, state.class_weights
        )  # fmt: skip
        run = Run(
            cfg, train_samples, val_samples, schedule, loader, writer, learner, max_iters,
            class_names,
        )  # fmt: skip
        while state.epoch < schedule.epochs and not _is_over(run, state):
            with stop.deferred():
                train_epoch(run, state)
            if state.step == schedule.length(state.epoch):
                result = _finish_epoch(run, state) or result
            else:  # --max_iters
                _save(run, state)
    return result


def _finish_epoch(run: Run, state: TrainState) -> dict[str, float]:
    """Runs precise batch norm and validation, and saves checkpoints, each if it is due."""
    cfg, epoch = run.cfg.train, state.epoch + 1
    is_final = epoch == run.schedule.epochs
    is_last = is_final or _is_over(run, state)
    validates = bool(run.val_samples) and (is_last or epoch % cfg.val_interval == 0)
    tracks = not all(norm.is_frozen for norm in batch_norms(state.model))
    is_precise = tracks and cfg.precise_bn_batches > 0
    is_precise = is_precise and (is_final or validates or epoch % cfg.precise_bn_interval == 0)
    if is_precise or validates:
        _save(run, state)  # so that a run can continue from here if the next part fails
    if is_precise:
        _precise_bn(run, state)
    result, is_best = _validate(run, state, epoch) if validates else ({}, False)
    state.epoch, state.step = epoch, 0
    if is_best or is_last or epoch % cfg.save_interval == 0:
        _save(run, state, is_best=is_best)
    return result


def _save(run: Run, state: TrainState, *, is_best: bool = False) -> None:
    """Saves; then ends the run in all processes if one of them got a signal meanwhile."""
    stop = run.learner.stop
    run.writer.flush()
    with stop.deferred():
        save_checkpoint(state, run.cfg, is_best=is_best)
        (stops,) = distributed.all_reduce_sum(stop.signal != 0)
    if stops:
        raise stop.error(f"{state.name} is saved")


def _validate(run: Run, state: TrainState, epoch: int) -> tuple[dict[str, float], bool]:
    """Validates the weights, and their average if there is one.

    Returns the result for the weights, and whether this is the best so far.
    """
    cfg = run.cfg
    assert run.val_samples is not None
    distributed.average_batch_norm(state.model)
    result = _validate_weights(run, state, "val", epoch)
    decisive = result
    if state.ema:
        with state.ema.applied():
            averaged = _validate_weights(run, state, "val_ema", epoch)
        decisive = averaged if cfg.train.best_by == "ema" else result
    name = state.decisive
    is_best = decisive[name] > state.best
    state.best = max(state.best, decisive[name])
    called = TALLIES[cfg.train.task].called(name, cfg)
    log_validation(run.writer, "val", epoch, result, called, state.best)
    if state.ema:
        log_validation(run.writer, "val_ema", epoch, averaged, called, state.best)
    return result, is_best


def _validate_weights(run: Run, state: TrainState, kind: str, epoch: int) -> dict[str, float]:
    """Validates the current weights, and draws how well they do on each class."""
    assert run.val_samples is not None
    result, tally = validate(state.model, run.loader, run.val_samples, run.cfg)
    if run.cfg.train.show_interval and run.writer.draws:
        from slowfast.train.class_pictures import draw_classes  # here: it imports matplotlib

        draw_classes(run.writer, kind, epoch, results_of(tally), run.class_names)
    return result


def _precise_bn(run: Run, state: TrainState) -> None:
    """Recomputes batch norm's statistics over full-size clips of the finished epoch."""
    began, most = time.perf_counter(), run.cfg.train.precise_bn_batches
    batches = run.schedule.batches(state.epoch)[:most]
    keys = [train_keys(batch, state.epoch, len(run.samples)) for batch in batches]

    def clips() -> Iterator[paddle.Tensor]:
        for items in run.loader.run(keys):
            # Unreadable videos were logged in this epoch, or will be in the next.
            found = [clip for clip in items if not isinstance(clip, VideoError)]
            if found:
                (clip_NCTHW, *_), _ = batch_of(found, run.cfg)
                yield clip_NCTHW
        run.loader.replaced.clear()

    def recompute() -> None:
        with state.precision.autocast():
            precise_bn(state.model, clips())

    set_splits(state.model, 1)
    recompute()
    if state.ema:
        with state.ema.applied(keep_statistics=True):
            recompute()
    seconds = time.perf_counter() - began
    logger.info(f"batch norm's statistics over up to {most} batches a process: {duration(seconds)}")


def train_epoch(run: Run, state: TrainState) -> None:
    """Trains from ``state.step`` to the end of the epoch, and logs.

    Raises:
        KeyboardInterrupt: in all processes, after a step in which one of them got a signal; the
            step is saved.
    """
    cfg, epoch, schedule = run.cfg, state.epoch, run.schedule
    begin, length = state.step, schedule.length(epoch)
    reader = EpochReader(run.loader, run.samples, cfg, epoch)
    pace = Pace(cfg, run.writer, epoch, schedule)
    set_splits(state.model, schedule.phase(epoch).factor)
    run.learner.model.train()
    for step, work, reader_cost in reader.read(schedule.steps(epoch)[begin:]):
        number, names = schedule.done(epoch, 1), run.class_names
        watch = first_step(run.writer, cfg, epoch, number, names) if state.step == 0 else None
        lr = schedule.learning_rate(epoch, state.step)
        outcome = train_step(run.learner, work, lr, epoch, state.step, watch)
        _check_loss(run, state, step, outcome)
        if state.ema and outcome.is_taken:
            state.ema.update()
        pace.log(state.step, outcome, lr, reader_cost)
        state.step += 1
        state.steps += 1
        if outcome.stop:  # here, before waiting for the readers
            pace.write_rest()
            run.writer.flush()
            save_checkpoint(state, cfg)
            raise run.learner.stop.error(f"{state.name} is saved")
        if _is_over(run, state):
            break
        is_due = cfg.train.save_steps and state.step % cfg.train.save_steps == 0
        if is_due and state.step < length:
            pace.write_rest()
            run.writer.flush()
            save_checkpoint(state, cfg)
    lost = reader.num_lost() if cfg.train.task == "detection" else 0
    if begin == 0 and not pace.seen:
        fault = f"nothing of epoch {epoch + 1} can be read; see the log for each video"
        if lost:
            fault = f"{cfg.data.train_list}: {lost:,} clips of epoch {epoch + 1} have no box in "
            fault += "their crop, and no other can be read"
        raise VideoError(fault)
    if begin < length:
        pace.log_end()
    if lost:
        logger.info(
            f"epoch:{epoch + 1}: {lost:,} clips had no box in their crop, and were left out"
        )
    reader.list_unreadable()


def _check_loss(run: Run, state: TrainState, step: Step, outcome: Outcome) -> None:
    """Raises NonFiniteError in all processes if the loss of one is not finite."""
    if np.isfinite(outcome.loss):
        return
    draws = [draw for batch in step.batches for draw in batch]
    files = ", ".join(run.samples[draw % len(run.samples)].shown for draw in draws)
    own = NonFiniteError(
        f"the loss of epoch {state.epoch + 1}, step {state.step} is {outcome.own_loss}, "
        f"training on: {files}"
    )
    raise_together(NonFiniteError, None if np.isfinite(outcome.own_loss) else own)


def _is_over(run: Run, state: TrainState) -> bool:
    last = run.stop_after
    return last is not None and run.schedule.done(state.epoch, state.step) >= last
