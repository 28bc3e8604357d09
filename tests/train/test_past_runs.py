"""What runs left: rows in progress, repeated, damaged; and what is made of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from slowfast.train.past_runs import (
    RunError,
    differing,
    finals,
    names_of,
    read_run,
    shown_setting,
    sorted_rows,
)


def train_row(step: int, epoch: int, of: int = 20, **more: Any) -> dict[str, Any]:
    row = {"kind": "train", "step": step, "epoch": epoch, "of": of, "loss": 1.0, "lr": 0.1}
    return {**row, "top1": 0.5, "ips": 8.0, "batch_cost": 36.0, **more}


def val_row(epoch: int, top1: float | None, kind: str = "val") -> dict[str, Any]:
    return {"kind": kind, "step": epoch, "loss": 2.0, "top1": top1}


def write_run(
    folder: Path, rows: list[dict[str, Any]], config: str = "", end: str = "", log: str = ""
) -> Path:
    folder.mkdir(parents=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text + end)
    if config:
        (folder / "config.yaml").write_text(config)
    if log:
        (folder / "log.txt").write_text(log)
    return folder


TEN_A_EPOCH = [train_row(s, 1 + (s - 1) // 10) for s in (1, 5, 9, 11, 15, 19)]
CONFIG = "train: {epochs: 2, task: single}\noptim: {base_lr: 0.1}\nseed: 3\noutput_dir: x\n"


def test_epochs_hours_and_finals(tmp_path: Path) -> None:
    rows = [*TEN_A_EPOCH[:3], val_row(1, 0.7), *TEN_A_EPOCH[3:], val_row(2, 0.6)]
    log = "x\ntotal batch 4 x 8 = 32, learning rate\ntotal batch 4 x 2 = 8, learning rate"
    run = read_run(write_run(tmp_path / "a", rows, CONFIG, log=log))
    assert [row["at"] for row in run.train] == [0.1, 0.5, 0.9, 1.1, 1.5, 1.9]
    assert [row["hours"] for row in run.train] == pytest.approx(
        [s / 100 for s in (1, 5, 9, 11, 15, 19)]
    )
    assert [row["hours"] for row in run.val] == pytest.approx([0.09, 0.19])
    found = finals(run, "a")
    assert (found["best"], found["at epoch"], found["last"]) == (0.7, 1, 0.6)
    assert (found["epochs"], found["of"], found["processes"]) == (2.0, 2, 2)
    assert found["hours"] == pytest.approx(0.19) and found["clips/s"] == pytest.approx(8)
    assert (found["test"], found["best EMA"]) == (None, None)
    (tmp_path / "a" / "test_result.json").write_text('{"top1": 0.75, "videos": []}')
    assert finals(read_run(tmp_path / "a"), "a")["test"] == 0.75


def test_in_progress_with_a_half_line(tmp_path: Path, lines: list[str]) -> None:
    run = read_run(write_run(tmp_path / "a", TEN_A_EPOCH[:5], CONFIG, end='{"kind": "tr'))
    assert [row["at"] for row in run.train] == [0.1, 0.5, 0.9, 1.1, 1.5]
    assert (run.epochs_done, run.decisive, lines) == (1.5, "top1", [])
    first = read_run(write_run(tmp_path / "b", TEN_A_EPOCH[:2], CONFIG))
    assert [row["at"] for row in first.train] == [0.1, 0.5]  # of 20 steps in 2 epochs


def test_a_damaged_line_is_left_out_and_told(tmp_path: Path, lines: list[str]) -> None:
    folder = write_run(tmp_path / "a", TEN_A_EPOCH[:1], CONFIG, end='{"kin\n[1]\n')
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(json.dumps(TEN_A_EPOCH[1]) + "\n")
    assert [row["step"] for row in read_run(folder).train] == [1, 5]
    assert lines == [f"{folder}/metrics.jsonl: 2 lines are not rows of a run, and are left out"]


def test_the_later_of_repeated_steps_count_also_where_they_do_not_meet() -> None:
    before = [*TEN_A_EPOCH[:3], val_row(1, 0.7), val_row(1, 0.8, "val_ema"), TEN_A_EPOCH[3]]
    again = [train_row(7, 1, loss=9.0), train_row(8, 1), val_row(1, 0.75)]
    train, val, val_ema = sorted_rows([*before, *again])
    assert [(row["step"], row["loss"]) for row in train] == [(1, 1), (5, 1), (7, 9), (8, 1)]
    assert [row["top1"] for row in val] == [0.75]
    assert val_ema == []  # of a part that is computed again
    whole, _, _ = sorted_rows([*TEN_A_EPOCH, *TEN_A_EPOCH])
    assert whole == TEN_A_EPOCH


def test_settings_that_differ_and_names(tmp_path: Path) -> None:
    other = CONFIG.replace("0.1", "0.2").replace("output_dir: x", "output_dir: y")
    one = read_run(write_run(tmp_path / "a" / "out", TEN_A_EPOCH, CONFIG))
    two = read_run(write_run(tmp_path / "b" / "out", TEN_A_EPOCH, other))
    none = read_run(write_run(tmp_path / "c", TEN_A_EPOCH))
    assert differing([one, two, none]) == ["optim.base_lr"]
    assert differing([one, none]) == []
    shown = [shown_setting(run.settings, "optim.base_lr") for run in (one, two, none)]
    assert shown == ["0.1", "0.2", "-"]
    assert names_of([one.folder, two.folder]) == ["a/out", "b/out"]
    assert names_of([one.folder, none.folder]) == ["out", "c"]


def test_mAP_and_ema_and_values_that_are_no_numbers(tmp_path: Path) -> None:  # noqa: N802
    several = [{"kind": "val", "step": e, "loss": 1, "mAP": m} for e, m in ((1, 0.2), (2, 0.1))]
    run = read_run(write_run(tmp_path / "a", several, "train: {task: multi}\n"))
    assert (run.decisive, finals(run, "a")["best"], finals(run, "a")["hours"]) == ("mAP", 0.2, 0)
    ema = read_run(
        write_run(tmp_path / "b", [val_row(1, None), val_row(2, 0.3), val_row(2, 0.4, "val_ema")])
    )
    found = finals(ema, "b")
    assert (found["best"], found["best EMA"], found["loss"]) == (0.3, 0.4, None)


def test_what_is_no_run(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", TEN_A_EPOCH)
    write_run(tmp_path / "empty", [])
    (tmp_path / "file").touch()
    for name, complaint in {
        "gone": "gone is not there (a run is the output_dir of a training)",
        "file": "file is a file: name its folder (a run is the output_dir of a training)",
        "runs": "runs has no metrics.jsonl of a training run: name the runs in it: a",
        "empty": "metrics.jsonl has no row yet: wait for train.log_interval steps, or leave it out",
    }.items():
        with pytest.raises(RunError) as error:
            read_run(tmp_path / name)
        assert str(error.value).endswith(complaint) and str(tmp_path / name) in str(error.value)
