"""How training goes and how fast: the log lines, and the curves, of every few steps."""

import time

import numpy as np

from slowfast.config import Config
from slowfast.engine.course import Course
from slowfast.engine.step import Outcome
from slowfast.log import MetricWriter, duration, logger


class Pace:
    """Times the steps of an epoch, sums up what came of them, and logs both.

    Every ``log_interval`` steps it writes a line and a point of each curve.
    """

    def __init__(self, cfg: Config, writer: MetricWriter, epoch: int, course: Course) -> None:
        self._cfg, self._writer, self._epoch, self._course = cfg, writer, epoch, course
        self._began = self._last = time.perf_counter()
        self._batch_costs: list[float] = []
        self._reader_costs: list[float] = []
        self._clips = 0  # since the last line
        self._sums = np.zeros(3)
        self.seen = 0
        """Clips of all processes so far in the epoch."""

    def log(self, step: int, outcome: Outcome, lr: float, reader_cost: float) -> None:
        """Takes note of a step that has just ended; writes a line if it is time to."""
        now = time.perf_counter()
        self._batch_costs.append(now - self._last)
        self._reader_costs.append(reader_cost)
        self._last = now
        self._clips += outcome.clips
        self.seen += outcome.clips
        self._sums += outcome.clips * np.array([outcome.loss, outcome.top1, outcome.top5])
        if step % self._cfg.train.log_interval == 0 and outcome.clips:
            self._write(step, outcome, lr)

    def _write(self, step: int, outcome: Outcome, lr: float) -> None:
        batch_cost, reader_cost = map(float, map(np.mean, (self._batch_costs, self._reader_costs)))
        ips = self._clips / sum(self._batch_costs)
        self._batch_costs, self._reader_costs, self._clips = [], [], 0
        done, total = self._course.done(self._epoch, step + 1), self._course.total
        left = (total - done) * batch_cost
        logger.info(
            f"epoch:[{self._epoch + 1:>3d}/{self._course.epochs:<3d}] train step:{step:<4d} "
            f"loss: {outcome.loss:.5f} lr: {lr:.6f} top1: {outcome.top1:.5f} "
            f"top5: {outcome.top5:.5f} batch_cost: {batch_cost:.5f} sec, "
            f"reader_cost: {reader_cost:.5f} sec, ips: {ips:.5f} instance/sec, "
            f"eta: {duration(left)}"
        )
        scalars = {"loss": outcome.loss, "lr": lr, "top1": outcome.top1, "top5": outcome.top5}
        self._writer.write(
            "train",
            done,
            scalars | {"ips": ips},
            epoch=self._epoch + 1,
            of=total,
            batch_cost=batch_cost,
            reader_cost=reader_cost,
            eta=left,
        )

    def log_end(self) -> None:
        """Writes the line of the epoch's end, with its means."""
        seconds = time.perf_counter() - self._began
        loss, top1, top5 = self._sums / max(self.seen, 1)
        logger.info(
            f"END epoch:{self._epoch + 1} train loss: {loss:.5f} top1: {top1:.5f} top5: {top5:.5f} "
            f"time: {duration(seconds)} ips: {self.seen / seconds:.5f} instance/sec"
        )
