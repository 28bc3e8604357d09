"""How fast training goes: the log line, and the curves, of every few steps."""

import time
from typing import Any

import numpy as np

from slowfast import distributed
from slowfast.config import Config
from slowfast.log import MetricWriter, duration, logger
from slowfast.metrics import Meter


class Pace:
    """Times the steps of an epoch and writes the log line every ``log_interval`` of them."""

    def __init__(self, cfg: Config, writer: MetricWriter, epoch: int, steps_per_epoch: int) -> None:
        self._cfg, self._writer = cfg, writer
        self._epoch, self._steps_per_epoch = epoch, steps_per_epoch
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
        cfg = self._cfg
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
        done = self._epoch * self._steps_per_epoch + step + 1
        left = (cfg.train.epochs * self._steps_per_epoch - done) * batch_cost
        ips = cfg.train.batch_size * distributed.world_size() / batch_cost
        logger.info(
            f"epoch:[{self._epoch + 1:>3d}/{cfg.train.epochs:<3d}] train step:{step:<4d} "
            f"loss: {loss:.5f} lr: {lr:.6f} top1: {found['top1']:.5f} top5: {found['top5']:.5f} "
            f"batch_cost: {batch_cost:.5f} sec, reader_cost: {reader_cost:.5f} sec, "
            f"ips: {ips:.5f} instance/sec, eta: {duration(left)}"
        )
        scalars = {"loss": loss, "lr": lr, "top1": found["top1"], "top5": found["top5"], "ips": ips}
        self._writer.write(
            "train",
            done,
            scalars,
            epoch=self._epoch + 1,
            of=cfg.train.epochs * self._steps_per_epoch,
            batch_cost=batch_cost,
            reader_cost=reader_cost,
            eta=left,
        )
