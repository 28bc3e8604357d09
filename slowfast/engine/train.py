"""The training loop: ``train`` calls ``train_epoch`` calls ``train_step``.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.annotations import Sample
from slowfast.data.dataset import Clip, ClipKey, Clips, TrainClips, ValClips
from slowfast.data.loader import Loader, workers_that_fit
from slowfast.data.order import Stream, train_batches
from slowfast.engine.evaluate import readable, validate
from slowfast.engine.loss import cross_entropy
from slowfast.engine.preprocess import normalize
from slowfast.engine.state import NonFiniteError, TrainState, save_checkpoint
from slowfast.log import MetricWriter, duration, logger
from slowfast.metrics import Meter
from slowfast.optim import learning_rate, lr_scale


@dataclass
class Run:
    """What does not change during a training run."""

    cfg: Config
    samples: list[Sample]
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
        VideoError: a video cannot be read.
    """
    world, batch = distributed.world_size(), cfg.train.batch_size
    scale = lr_scale(cfg.optim, batch * world)
    logger.info(
        f"total batch {batch} x {world} = {batch * world}, learning rate {cfg.optim.base_lr:g} x "
        f"{scale:g} = {cfg.optim.base_lr * scale:g}"
    )
    steps = len(_batches(len(train_samples), cfg, epoch=0))
    if state.epoch >= cfg.train.epochs:
        logger.info(f"nothing left to do: {state.epoch} of {cfg.train.epochs} epochs are done")
    result: dict[str, float] = {}
    with (
        clip_loader(train_samples, val_samples or [], cfg) as loader,
        MetricWriter(cfg.output_dir, distributed.rank()) as writer,
    ):
        parallel = paddle.DataParallel(state.model) if world > 1 else state.model
        run = Run(cfg, train_samples, loader, writer, parallel, steps, max_iters)
        while state.epoch < cfg.train.epochs and not _is_over(run, state):
            train_epoch(run, state)
            epoch, last = state.epoch, state.epoch == cfg.train.epochs or _is_over(run, state)
            is_best = False
            if val_samples and (last or epoch % cfg.train.val_interval == 0):
                distributed.average_batch_norm(state.model)
                result = validate(state.model, loader, len(val_samples), cfg)
                is_best = result["top1"] > state.best_top1
                state.best_top1 = max(state.best_top1, result["top1"])
                _log_validation(writer, epoch, result, state.best_top1)
            if last or is_best or epoch % cfg.train.save_interval == 0:
                save_checkpoint(state, cfg, is_best=is_best)
    return result


def clip_loader(train: list[Sample], val: list[Sample], cfg: Config) -> Loader[ClipKey, Clip]:
    """The loader of training and validation clips."""
    clips = Clips(TrainClips(train, cfg.data, cfg.seed), ValClips(val, cfg.data))
    batch_bytes = cfg.train.batch_size * cfg.data.num_frames * cfg.data.crop_size**2 * 3
    processes = distributed.processes_on_this_machine()
    workers, reason = workers_that_fit(cfg.data.num_workers, batch_bytes, processes)
    if reason:
        logger.warning(reason)
    return Loader(clips, num_workers=workers, describe=clips.path)


def train_epoch(run: Run, state: TrainState) -> None:
    """Trains from ``state.step`` to the end of the epoch, and logs."""
    cfg, epoch = run.cfg, state.epoch
    batches = _batches(len(run.samples), cfg, epoch)[state.step :]
    meter, pace = Meter(), _Pace(run, state)
    began = time.perf_counter()
    run.parallel.train()
    for batch, clips, reader_cost in _timed(run.loader, batches, epoch):
        labels = np.array([clip.label for clip in clips])
        lr = learning_rate(epoch + state.step / run.steps_per_epoch, cfg.optim, cfg.train.epochs)
        lr *= lr_scale(cfg.optim, cfg.train.batch_size * distributed.world_size())
        _seed_dropout(cfg.seed, epoch, state.step)
        frames = paddle.to_tensor(np.stack([clip.frames for clip in clips]))
        clip_NCTHW = normalize(frames, cfg.data.mean, cfg.data.std)
        loss, logits = train_step(run.parallel, state.optimizer, clip_NCTHW, labels, lr)
        if not np.isfinite(loss):
            files = ", ".join(run.samples[i].path for i in batch)
            raise NonFiniteError(
                f"the loss of epoch {epoch + 1}, step {state.step} is {loss}, training on: {files}"
            )
        scores = logits.numpy()
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
    logger.info(
        f"END epoch:{epoch + 1} train loss: {result['loss']:.5f} top1: {result['top1']:.5f} "
        f"top5: {result['top5']:.5f} time: {duration(seconds)} "
        f"ips: {result['seen'] / seconds:.5f} instance/sec"
    )


def train_step(
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    clip_NCTHW: Tensor,
    labels: np.ndarray[Any, Any],
    lr: float,
) -> tuple[float, Tensor]:
    """One step on one batch. A loss that is not finite leaves the weights as they are.

    Returns:
        The mean loss, and the logits ``[N, K]``.
    """
    logits = model(clip_NCTHW)
    loss = cross_entropy(logits, paddle.to_tensor(labels))
    value = float(loss)
    if np.isfinite(value):
        loss.backward()
        optimizer.set_lr(lr)
        optimizer.step()
        optimizer.clear_grad()
    return value, logits.detach()


class _Pace:
    """Times steps and writes the log line every ``log_interval`` of them."""

    def __init__(self, run: Run, state: TrainState) -> None:
        self._run, self._epoch = run, state.epoch
        self._last = time.perf_counter()
        self._batch_costs: list[float] = []
        self._reader_costs: list[float] = []

    def log(
        self, step: int, loss: float, lr: float, logits: Any, labels: Any, reader_cost: float
    ) -> None:
        """Takes note of a step that has just ended; writes a line if it is time to."""
        now = time.perf_counter()
        self._batch_costs.append(now - self._last)
        self._reader_costs.append(reader_cost)
        self._last = now
        run, cfg = self._run, self._run.cfg
        if step % cfg.train.log_interval:
            return
        batch_cost, reader_cost = (
            float(np.mean(self._batch_costs)),
            float(np.mean(self._reader_costs)),
        )
        self._batch_costs, self._reader_costs = [], []
        meter = Meter(local=True)
        meter.add(logits, labels)
        found = meter.result()
        done = self._epoch * run.steps_per_epoch + step + 1
        left = (cfg.train.epochs * run.steps_per_epoch - done) * batch_cost
        ips = cfg.train.batch_size * distributed.world_size() / batch_cost
        logger.info(
            f"epoch:[{self._epoch + 1:>3d}/{cfg.train.epochs:<3d}] train step:{step:<4d} "
            f"loss: {loss:.5f} lr: {lr:.6f} top1: {found['top1']:.5f} top5: {found['top5']:.5f} "
            f"batch_cost: {batch_cost:.5f} sec, reader_cost: {reader_cost:.5f} sec, "
            f"ips: {ips:.5f} instance/sec, eta: {duration(left)}"
        )
        scalars = {"loss": loss, "lr": lr, "top1": found["top1"], "top5": found["top5"], "ips": ips}
        run.writer.write(
            "train",
            done,
            scalars,
            epoch=self._epoch + 1,
            of=cfg.train.epochs * run.steps_per_epoch,
            batch_cost=batch_cost,
            reader_cost=reader_cost,
            eta=left,
        )


def _timed(
    loader: Loader[ClipKey, Clip], batches: list[list[int]], epoch: int
) -> Iterator[tuple[list[int], list[Clip], float]]:
    """Batches of indices with their clips, and how long the step waited for them, seconds."""
    items = loader.run([[(epoch, index) for index in batch] for batch in batches])
    for batch in batches:
        began = time.perf_counter()
        clips = [readable(item) for item in next(items)]
        yield batch, clips, time.perf_counter() - began


def _batches(num_samples: int, cfg: Config, epoch: int) -> list[list[int]]:
    return train_batches(
        num_samples,
        batch_size=cfg.train.batch_size,
        seed=cfg.seed,
        epoch=epoch,
        rank=distributed.rank(),
        world_size=distributed.world_size(),
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
