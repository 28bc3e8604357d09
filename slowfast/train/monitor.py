"""Log lines and curves of training, every few steps."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.log import duration, logger
from slowfast.metrics.meter import METERS
from slowfast.train.curves import MetricWriter
from slowfast.train.memory import memory_gib
from slowfast.train.recipe.learning_rate import lr_scale
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.step import Outcome


class Pace:
    """Times and sums up the steps of an epoch.

    Writes a log line and a point of each curve every ``log_interval`` steps.
    """

    def __init__(self, cfg: Config, writer: MetricWriter, epoch: int, schedule: Schedule) -> None:
        self._cfg, self._writer, self._epoch, self._schedule = cfg, writer, epoch, schedule
        self._began = self._last = time.perf_counter()
        self._costs: list[tuple[float, float]] = []
        """Seconds of each step since the last line, and of these for reading."""
        self._clips = 0  # since the last line
        self._untold = [0.0, 0]
        """Seconds and clips of the steps since the last row of metrics.jsonl."""
        self._steps = 0  # of the epoch, when the last of them ended
        self._all_clips = 0  # of the epoch
        self._meter = METERS[cfg.train.task](cfg.test.threshold)
        self._sums = np.array(self._meter.sums())

    @property
    def seen(self) -> int:
        """Clips, or boxes, of all processes in the epoch so far."""
        return int(self._sums[-1])

    def log(self, step: int, outcome: Outcome, lr: float, reader_cost: float) -> None:
        """Records a step that has just ended; writes a line if it is due."""
        now = time.perf_counter()
        self._costs.append((now - self._last, reader_cost))
        self._untold[0] += now - self._last
        self._untold[1] += outcome.clips
        self._last, self._steps = now, step + 1
        self._clips += outcome.clips
        self._all_clips += outcome.clips
        self._sums += outcome.sums
        if step % self._cfg.train.log_interval == 0 and outcome.sums[-1]:
            self._write(step, outcome, lr)

    def _write(self, step: int, outcome: Outcome, lr: float) -> None:
        batch_cost, reader_cost = np.mean(self._costs, axis=0).tolist()
        ips = self._clips / (batch_cost * len(self._costs))
        self._costs, self._clips = [], 0
        done, total = self._schedule.done(self._epoch, step + 1), self._schedule.total
        left = (total - done) * batch_cost
        logger.info(
            f"epoch:[{self._epoch + 1:>3d}/{self._schedule.epochs:<3d}] train step:{step:<4d} "
            f"loss: {outcome.loss:.5f} lr: {lr:.6f} {_told(outcome.metrics)} "
            f"batch_cost: {batch_cost:.5f} sec, "
            f"reader_cost: {reader_cost:.5f} sec, ips: {ips:.5f} instance/sec, "
            f"eta: {duration(left)}"
        )
        scalars = {
            "loss": outcome.loss, **outcome.metrics, "lr": lr, "grad_norm": outcome.grad_norm,
            "ips": ips, "data_share": reader_cost / batch_cost,
            "memory_GiB": memory_gib(),
        }  # fmt: skip
        costs = {"batch_cost": batch_cost, "reader_cost": reader_cost, "eta": left}
        self._write_row("train", done, scalars, **costs)

    def _write_row(self, kind: str, done: int, scalars: dict[str, float], **row: Any) -> None:
        """Writes a row, with the seconds and clips of the steps since the last one."""
        (seconds, clips), self._untold = self._untold, [0.0, 0]
        row |= {"seconds": seconds, "clips": clips, "processes": distributed.world_size()}
        row |= {"epoch": self._epoch + 1, "of": self._schedule.total}
        self._writer.write(kind, done, scalars, **row)

    def write_rest(self) -> None:
        """Writes the seconds and clips of the steps since the last row, if there are any, as a row
        of the kind ``rest``. To be called before each checkpoint: what is done before a run goes on
        from there is then told in full."""
        if self._untold[0] > 0:
            self._write_row("rest", self._schedule.done(self._epoch, self._steps), {})

    def log_end(self) -> None:
        """Logs the epoch's means, and writes what is left to tell."""
        self.write_rest()
        seconds = time.perf_counter() - self._began
        logger.info(
            f"END epoch:{self._epoch + 1} train {_told(self._meter.result(self._sums.tolist()))} "
            f"time: {duration(seconds)} ips: {self._all_clips / seconds:.5f} instance/sec"
        )


def _told(metrics: dict[str, float]) -> str:
    """Loss and metrics as a line has them."""
    return " ".join(f"{name}: {value:.5f}" for name, value in metrics.items() if name != "seen")


def tell_batch(schedule: Schedule, cfg: Config, weights_K: NDArray[np.float32] | None) -> None:
    """Logs the total batch size and the learning rate that results, and how classes of unequal size
    are treated."""
    world, batch = distributed.world_size(), cfg.train.batch_size
    added = f" x {schedule.accumulate} accumulated" if schedule.accumulate > 1 else ""
    scale = lr_scale(cfg.optim, schedule.total_batch)
    unequal = ""
    if weights_K is not None:
        unequal += f", class weights {weights_K.min():.4g} to {weights_K.max():.4g}"
    if schedule.pool.groups is not None:
        unequal += f", balanced sampling of {len(schedule.pool.groups)} groups"
    logger.info(
        f"total batch {batch} x {world}{added} = {schedule.total_batch}, learning rate "
        f"{cfg.optim.base_lr:g} x {scale:g} = {cfg.optim.base_lr * scale:g}{unequal}"
    )


def log_validation(
    writer: MetricWriter, kind: str, epoch: int, result: dict[str, float], decisive: str,
    best: float,
) -> None:  # fmt: skip
    """Logs a validation and writes its point of each curve; ``kind`` is ``val`` or ``val_ema``.
    ``best`` is the best so far of what is called ``decisive``, see ``Tally.called``."""
    logger.info(f"END epoch:{epoch} {kind} {_told(result)} best {decisive}: {best:.5f}")
    writer.write(kind, epoch, {name: x for name, x in result.items() if name != "seen"})
