"""Log lines and curves of training, every few steps."""

import contextlib
import json
import math
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.files import append_line
from slowfast.log import duration, logger
from slowfast.metrics.meter import METERS
from slowfast.train.recipe.optim import lr_scale
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.step import Outcome


class MetricWriter(contextlib.ExitStack):
    """Writes scalars to ``metrics.jsonl``, a row per step or epoch, and to VisualDL if installed.

    VisualDL gets one folder per run, ``output_dir/vdl/TIME``. Only rank 0 writes.
    """

    def __init__(self, output_dir: str, rank: int) -> None:
        super().__init__()
        self._curves: Any = None
        self._rows: IO[bytes] | None = None
        if rank == 0:
            folder = Path(output_dir)
            self._rows = self.enter_context(open(folder / "metrics.jsonl", "ab", buffering=0))  # noqa: SIM115
            try:
                import visualdl
            except ImportError as error:
                logger.warning(f"no curves for VisualDL, which cannot be imported here: {error}")
                return
            curves = folder / "vdl" / time.strftime("%Y%m%d-%H%M%S")
            self._curves = self.enter_context(visualdl.LogWriter(logdir=str(curves)))

    def write(self, kind: str, step: int, scalars: dict[str, float], **row: Any) -> None:
        """Writes each scalar at ``step`` as ``kind/name``; ``row`` goes to metrics.jsonl only.

        Raises:
            OSError: metrics.jsonl cannot be written; it ends with the row before. VisualDL prints a
                warning instead where it cannot write its own file.
        """
        if self._rows is None:
            return
        if self._curves:
            for name, value in scalars.items():
                self._curves.add_scalar(tag=f"{kind}/{name}", step=step, value=value)
        finite = {name: x if math.isfinite(x) else None for name, x in scalars.items()}
        append_line(self._rows, json.dumps({"kind": kind, "step": step, **row, **finite}))


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
        self._last = now
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
        scalars = {"loss": outcome.loss, "lr": lr, **outcome.metrics, "ips": ips}
        costs = {"batch_cost": batch_cost, "reader_cost": reader_cost, "eta": left}
        self._writer.write("train", done, scalars, epoch=self._epoch + 1, of=total, **costs)

    def log_end(self) -> None:
        """Logs the epoch's means."""
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
