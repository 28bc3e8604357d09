"""How training goes: the log lines, and the rows of metrics.jsonl."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config, config_of
from slowfast.data.order import Pool, class_groups
from slowfast.train import monitor
from slowfast.train.curves import MetricWriter
from slowfast.train.cut import Place
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.step import Outcome


def rows(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


def settings(**train: Any) -> Config:
    cfg = config_of({"optim.warmup_epochs": 0.0, "optim.base_lr": 0.2})
    return dataclasses.replace(cfg, train=dataclasses.replace(cfg.train, epochs=3, **train))


def test_every_few_steps_there_is_a_line_and_at_the_end_the_means(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 steps of 4 clips, half a second each; of the last, no clip could be read."""
    cfg = settings(batch_size=4, log_interval=3)
    schedule = Schedule(Pool(32), cfg)
    now = 100.0
    monkeypatch.setattr("slowfast.train.monitor.time.perf_counter", lambda: now)
    monkeypatch.setattr("slowfast.train.monitor.memory_gib", lambda: 1.5)
    with MetricWriter(str(tmp_path), 0, Place(0, 0)) as writer:
        lines.clear()  # how to open the curves
        pace = monitor.Pace(cfg, writer, epoch=1, schedule=schedule)
        for step in range(8):
            now += 0.5
            clips = 4 if step < 6 else 0
            sums = [float(step * clips), 0.25 * clips, 0.75 * clips, clips]
            metrics = {"top1": 0.25, "top5": 0.75}
            outcome = Outcome(float(step), metrics, sums, clips, False, 0.0, True, 2.5)
            pace.log(step, outcome, lr=0.01, reader_cost=0.125)
        pace.log_end()
    assert len(lines) == 3
    assert lines[1] == (
        "epoch:[  2/3  ] train step:3    loss: 3.00000 lr: 0.010000 top1: 0.25000 top5: 0.75000 "
        "batch_cost: 0.50000 sec, reader_cost: 0.12500 sec, ips: 8.00000 instance/sec, eta: 0:00:06"
    )
    assert lines[2].startswith("END epoch:2 train loss: 2.50000 top1: 0.25000 top5: 0.75000 ")
    assert pace.seen == 24
    found = rows(tmp_path)
    assert [(row["kind"], row["step"]) for row in found] == [
        ("train", 9), ("train", 12), ("rest", 16)
    ]  # fmt: skip
    assert found[1] == {
        "kind": "train", "step": 12, "epoch": 2, "of": 24, "batch_cost": 0.5, "reader_cost": 0.125,
        "eta": 6.0, "loss": 3.0, "lr": 0.01, "top1": 0.25, "top5": 0.75, "ips": 8.0,
        "grad_norm": 2.5, "data_share": 0.25, "memory_GiB": 1.5,
        "seconds": 1.5, "clips": 12, "processes": 1,
    }  # fmt: skip
    assert found[2] == {
        "kind": "rest", "step": 16, "epoch": 2, "of": 24, "seconds": 2.0, "clips": 8, "processes": 1
    }  # fmt: skip
    assert [sum(row[name] for row in found) for name in ("seconds", "clips")] == [4, 24]


def test_a_checkpoint_in_an_epoch_has_the_time_of_all_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it tells of the mean step stays the mean since the last line."""
    cfg = settings(batch_size=4, log_interval=3)
    now = 0.0
    monkeypatch.setattr("slowfast.train.monitor.time.perf_counter", lambda: now)
    with MetricWriter(str(tmp_path), 0, Place(0, 0)) as writer:
        pace = monitor.Pace(cfg, writer, epoch=0, schedule=Schedule(Pool(32), cfg))
        for step, seconds in enumerate((3.0, 1.0, 2.0, 3.0)):
            now += seconds
            pace.log(step, Outcome(1.0, {}, [1.0, 1, 1, 4], 4, False, 1.0, True), 0.1, 0.0)
            if step in (0, 1):
                pace.write_rest()  # after step 0 all is told already
        pace.log_end()
    found = [(row["kind"], row["step"], row["seconds"], row["clips"]) for row in rows(tmp_path)]
    assert found == [("train", 1, 3, 4), ("rest", 2, 1, 4), ("train", 4, 5, 8)]
    assert rows(tmp_path)[2]["batch_cost"] == 2


def test_the_batch_and_its_learning_rate_are_told(lines: list[str]) -> None:
    cfg = settings(batch_size=4, global_batch_size=32)
    monitor.tell_batch(Schedule(Pool(64), cfg), cfg, None)
    assert lines == [
        "total batch 4 x 1 x 8 accumulated = 32, learning rate 0.2 x 0.5 = 0.1"
    ]  # fmt: skip


def test_how_classes_of_unequal_size_are_treated_is_told(lines: list[str]) -> None:
    cfg = settings(batch_size=4)
    groups = class_groups([0] * 60 + [1] * 4)
    monitor.tell_batch(
        Schedule(Pool(64, groups=groups), cfg), cfg, np.array([0.533, 8], np.float32)
    )
    monitor.tell_batch(Schedule(Pool(64), cfg), cfg, np.array([0.5, 2], np.float32))
    told = "total batch 4 x 1 = 4, learning rate 0.2 x 0.0625 = 0.0125, class weights "
    assert lines == [f"{told}0.533 to 8, balanced sampling of 2 groups", f"{told}0.5 to 2"]


def test_with_several_labels_lines_and_rows_have_their_metrics(
    tmp_path: Path, lines: list[str]
) -> None:
    cfg = settings(batch_size=4, log_interval=1, task="multi")
    result = {"loss": 0.5, "mAP": 0.25, "mAP_all_classes": 0.125, "f1": 0.75, "seen": 7.0}
    with MetricWriter(str(tmp_path), 0, Place(0, 0)) as writer:
        lines.clear()  # how to open the curves
        pace = monitor.Pace(cfg, writer, epoch=0, schedule=Schedule(Pool(32), cfg))
        for found in (1.0, 4.0):  # of 4 that are there; as many are predicted
            sums = [2.0, found, 4.0, 4.0, 4.0]
            pace.log(0, Outcome(0.5, {"f1": found / 4}, sums, 4, False, 0.5, True), 0.1, 0.0)
        pace.log_end()
        monitor.log_validation(writer, "val", 1, result, "mAP (official)", best=0.5)
    assert " loss: 0.50000 lr: 0.100000 f1: 0.25000 batch_cost: " in lines[0]
    assert lines[2].startswith("END epoch:1 train loss: 0.50000 f1: 0.62500 time: ")
    assert lines[3] == (
        "END epoch:1 val loss: 0.50000 mAP: 0.25000 mAP_all_classes: 0.12500 f1: 0.75000 "
        "best mAP (official): 0.50000"
    )
    found_rows = rows(tmp_path)
    assert found_rows[1]["f1"] == 1.0 and "top1" not in found_rows[1]
    del result["seen"]
    assert found_rows[2] == {"kind": "val", "step": 1, **result}


def test_a_validation_is_a_line_and_a_row(tmp_path: Path, lines: list[str]) -> None:
    result = {"loss": 1.0, "top1": 0.5, "top5": 0.75, "seen": 7.0}
    with MetricWriter(str(tmp_path), 0, Place(0, 0)) as writer:
        lines.clear()  # how to open the curves
        monitor.log_validation(writer, "val", 2, result, "top1", best=0.625)
    assert lines == ["END epoch:2 val loss: 1.00000 top1: 0.50000 top5: 0.75000 best top1: 0.62500"]
    row = {"kind": "val", "step": 2, "loss": 1.0, "top1": 0.5, "top5": 0.75}
    assert rows(tmp_path) == [row]
