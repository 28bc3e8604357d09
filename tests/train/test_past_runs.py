"""What runs left: rows in progress, repeated, damaged; and what is made of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from slowfast.train.finals import finals
from slowfast.train.past_runs import RunError, read_run, sorted_rows


def train_row(step: int, epoch: int, of: int = 20, **more: Any) -> dict[str, Any]:
    row = {"kind": "train", "step": step, "epoch": epoch, "of": of, "loss": 1.0, "lr": 0.1}
    return {**row, "top1": 0.5, "ips": 8.0, "batch_cost": 36.0, **more}


def val_row(epoch: int, top1: float | None, kind: str = "val") -> dict[str, Any]:
    return {"kind": kind, "step": epoch, "loss": 2.0, "top1": top1}


def write_run(folder: Path, rows: list[dict[str, Any]], config: str = "", end: str = "") -> Path:
    folder.mkdir(parents=True)
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text + end)
    if config:
        (folder / "config.yaml").write_text(config)
    return folder


def rest_row(step: int, epoch: int, **more: Any) -> dict[str, Any]:
    return {"kind": "rest", "step": step, "epoch": epoch, "of": 20, **more}


def timed(rows: list[dict[str, Any]], seconds: list[float]) -> list[dict[str, Any]]:
    """With what rows tell of the time, four clips a step."""
    own, before = [], 0
    for row, each in zip(rows, seconds, strict=True):
        clips = 4 * (row["step"] - before)
        own.append({**row, "seconds": each, "clips": clips, "processes": 2})
        before = row["step"]
    return own


TEN_A_EPOCH = [train_row(s, 1 + (s - 1) // 10) for s in (1, 5, 9, 11, 15, 19)]
CONFIG = "train: {epochs: 2, task: single}\noptim: {base_lr: 0.1}\nseed: 3\noutput_dir: x\n"


def test_epochs_and_finals(tmp_path: Path) -> None:
    rows = [*TEN_A_EPOCH[:3], val_row(1, 0.7), *TEN_A_EPOCH[3:], val_row(2, 0.6)]
    run = read_run(write_run(tmp_path / "a", rows, CONFIG))
    assert [row["at"] for row in run.train] == [0.1, 0.5, 0.9, 1.1, 1.5, 1.9]
    found = finals(run, "a")
    assert (found["best"], found["at epoch"], found["last"]) == (0.7, 1, 0.6)
    assert (found["epochs"], found["of"]) == (2.0, 2)
    assert (found["test"], found["best EMA"]) == (None, None)
    (tmp_path / "a" / "test_result.json").write_text('{"top1": 0.75, "videos": []}')
    assert finals(read_run(tmp_path / "a"), "a")["test"] == 0.75


def test_hours_are_those_that_the_rows_tell(tmp_path: Path) -> None:
    """Only an epoch's first step has a row, and takes longer than the others: 3 s and 6 x 0.5 s,
    twice; then the run is resumed, and its third epoch counted once."""
    first = [(train_row(1, 1, 21), 3.0), (rest_row(7, 1), 3.0)]
    second = [(train_row(8, 2, 21), 3.0), (rest_row(14, 2), 3.0)]
    third = [(train_row(15, 3, 21), 99.0), (rest_row(18, 3), 9.0)]
    again = [(train_row(15, 3, 21), 6.0), (rest_row(17, 3), 1.0), (rest_row(21, 3), 2.0)]
    rows: list[dict[str, Any]] = []
    for part in (first, second, third, again):
        own = timed([row for row, _ in part], [seconds for _, seconds in part])
        rows += [{**row, "clips": 4 if row["kind"] == "train" else 24} for row in own]
        rows += [val_row(own[-1]["epoch"], 0.5)] if part is not third else []
    run = read_run(write_run(tmp_path / "a", rows, CONFIG.replace("epochs: 2", "epochs: 3")))
    assert [3600 * row["hours"] for row in run.train] == pytest.approx([3, 9, 18])
    assert [3600 * row["hours"] for row in run.val] == pytest.approx([6, 12, 21])
    found = finals(run, "a")
    assert found["hours"] == pytest.approx(21 / 3600) and found["processes"] == 2
    assert found["clips/s"] == pytest.approx((4 + 24 + 4 + 24 + 4 + 24 + 24) / 21)


@pytest.mark.parametrize("older", [0, 3], ids=["all rows", "the rows before it was resumed"])
def test_older_rows_do_not_tell_hours(older: int, tmp_path: Path) -> None:
    rows = timed(TEN_A_EPOCH, [1.0] * 6)
    for row in rows[older and 0 : older or None]:
        del row["seconds"], row["clips"], row["processes"]
    run = read_run(write_run(tmp_path / "a", [*rows, val_row(2, 0.5)], CONFIG))
    found = finals(run, "a")
    assert (found["hours"], found["clips/s"], found["processes"]) == (None, None, None)
    assert {row["hours"] for row in [*run.train, *run.val]} == {None}


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
    assert lines == [f"{folder}/metrics.jsonl: lines that are no rows of a run are left out: 2"]


def test_the_later_of_repeated_steps_count_also_where_they_do_not_meet() -> None:
    before = [*TEN_A_EPOCH[:3], val_row(1, 0.7), val_row(1, 0.8, "val_ema"), TEN_A_EPOCH[3]]
    again = [train_row(7, 1, loss=9.0), train_row(8, 1), val_row(1, 0.75)]
    train, val, val_ema = sorted_rows([*before, *again])
    assert [(row["step"], row["loss"]) for row in train] == [(1, 1), (5, 1), (7, 9), (8, 1)]
    assert [row["top1"] for row in val] == [0.75]
    assert val_ema == []  # of a part that is computed again
    whole, _, _ = sorted_rows([*TEN_A_EPOCH, *TEN_A_EPOCH])
    assert whole == TEN_A_EPOCH


def test_mAP_and_ema_and_values_that_are_no_numbers(tmp_path: Path) -> None:  # noqa: N802
    several = [{"kind": "val", "step": e, "loss": 1, "mAP": m} for e, m in ((1, 0.2), (2, 0.1))]
    run = read_run(write_run(tmp_path / "a", several, "train: {task: multi}\n"))
    assert (run.decisive, finals(run, "a")["best"], finals(run, "a")["hours"]) == ("mAP", 0.2, None)
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


@pytest.mark.parametrize("changed", [
    {"epoch": None}, {"epoch": "x"}, {"of": None}, {"step": "x"}, {"step": float("inf")},
    {"batch_cost": "x"}, {"ips": "x"}, {"loss": "x"}, {"top1": [1]}, {"epoch": ...},
])  # fmt: skip
def test_a_row_with_something_else_in_place_of_a_number_is_left_out(
    changed: dict[str, Any], tmp_path: Path, lines: list[str]
) -> None:
    row = TEN_A_EPOCH[0] | changed
    bad = {key: value for key, value in row.items() if value is not ...}
    run = read_run(write_run(tmp_path / "a", [bad, *TEN_A_EPOCH[1:]], CONFIG))
    assert [row["step"] for row in run.train] == [row["step"] for row in TEN_A_EPOCH[1:]]
    assert len(lines) == 1 and lines[0].endswith("are left out: 1")
