"""The training loop: what it saves and validates when, and what ends it."""

import json
from pathlib import Path

import paddle
import pytest
from support.tiny_run import (
    assert_same_weights,
    fresh_state,
    main_here,
    tiny_config,
    tiny_data,
    write_tiny_config,
)
from visualdl import LogReader

from slowfast.config import Config
from slowfast.data.lists.read_lists import read_list
from slowfast.data.order import Pool
from slowfast.data.video.reader import VideoError
from slowfast.train import loop
from slowfast.train.checkpoint import NonFiniteError, TrainState
from slowfast.train.curves import RECORDS
from slowfast.train.folder import checkpoints
from slowfast.train.recipe.ema import Ema
from slowfast.train.recipe.schedule import Schedule


def train(state: TrainState, cfg: Config, *, max_iters: int | None = None) -> dict[str, float]:
    samples = read_list(cfg.data.train_list, cfg.data.root, 24)
    val = read_list(cfg.data.val_list, cfg.data.root, 24)
    schedule = Schedule(Pool(len(samples)), cfg)
    Path(cfg.output_dir).mkdir(exist_ok=True)
    return loop.train(state, schedule, samples, val, cfg, max_iters=max_iters)


def names(folder: Path) -> list[str]:
    return [path.stem.removeprefix("SlowFast_") for path in checkpoints(str(folder))]


def validations(folder: Path) -> list[int]:
    """The epochs that were validated."""
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [row["step"] for row in rows if row["kind"] == "val"]


@pytest.mark.parametrize(
    ("overrides", "validated", "saved"),
    [
        (["train.val_interval=2", "train.save_interval=9"], [2, 3], ["epoch_000003"]),
        (["train.val_interval=9", "train.save_interval=2"], [3], ["epoch_000003", "epoch_000002"]),
    ],
)
def test_the_last_epoch_is_validated_and_saved_whatever_the_intervals(
    tmp_path: Path, overrides: list[str], validated: list[int], saved: list[str]
) -> None:
    cfg = tiny_config(
        tmp_path, "train.epochs=3", "train.batch_size=12", "data.num_workers=0",
        "train.keep_last=9", *overrides,
    )  # fmt: skip
    state = fresh_state(cfg)
    state.best = 2.0  # so that none is saved for being the best
    result = train(state, cfg)
    out = Path(cfg.output_dir)
    assert validations(out) == validated
    assert [name for name in names(out) if "_step_" not in name] == saved
    assert (state.epoch, state.step) == (3, 0)
    assert result["seen"] == 7
    assert not (out / "SlowFast_best.pdparams").exists()


def test_it_ends_after_so_many_steps_and_saves_on_the_way(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.save_steps=1", "train.keep_last=9", "data.num_workers=0")
    state = fresh_state(cfg)
    assert train(state, cfg, max_iters=3) == {}
    assert (state.epoch, state.step) == (0, 3)
    assert names(tmp_path / "out") == ["epoch_000001_step_000003"]  # of an epoch the furthest
    assert train(state, cfg, max_iters=6)["seen"] == 7
    assert names(tmp_path / "out") == ["epoch_000001"] and validations(tmp_path / "out") == [1]


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path, lines: list[str]) -> None:
    cfg = tiny_config(tmp_path)
    state = fresh_state(cfg)
    state.epoch = 2
    assert train(state, cfg) == {}
    assert lines[1:] == ["nothing left to do: 2 of 2 epochs are done"]


def test_a_loss_that_is_not_finite_names_the_files_and_saves_nothing(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.num_workers=0")
    state = fresh_state(cfg)
    state.model.head.projection.bias.set_value(paddle.full([24], float("inf")))
    with pytest.raises(NonFiniteError) as caught:
        train(state, cfg)
    message = str(caught.value)
    assert message.startswith("the loss of epoch 1, step 0 is nan, training on: ")
    assert message.count(".mp4") == 4 and str(tiny_data()) in message
    assert not list((tmp_path / "out").glob("*.pdparams"))


def test_a_validation_that_fails_does_not_cost_the_epoch(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "val.list").write_text(f"{tmp_path}/empty.mp4 1\n")
    cfg = tiny_config(tmp_path, f"data.val_list={tmp_path / 'val.list'}", "data.num_workers=0")
    with pytest.raises(VideoError) as caught:
        train(fresh_state(cfg), cfg)
    assert str(caught.value) == f"{tmp_path}/empty.mp4: the file is empty (0 bytes)"
    assert names(tmp_path / "out") == ["epoch_000001_step_000006"]


def test_a_validation_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    """And so the best checkpoint is the best."""
    whole = tmp_path / "whole"
    whole.mkdir()
    for folder in (tmp_path, whole):
        write_tiny_config(folder)
    flags = ["--validate", "-c", "tiny.yaml", "-o", "train.save_interval=9"]
    assert main_here(*flags, cwd=whole).returncode == 0
    (tmp_path / "val.list").write_text(f"{tmp_path}/gone.mp4 1\n")
    missing = [f"data.val_list={tmp_path}/val.list", "data.on_error=skip"]
    (tmp_path / "gone.mp4").touch()
    assert main_here(*flags, *missing, cwd=tmp_path).returncode == 1
    again = main_here(*flags, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "END epoch:1 val loss" in again.stdout
    best = "out/SlowFast_best.pdparams"
    assert_same_weights(tmp_path / best, whole / best)


def test_with_several_labels_the_best_is_that_of_the_best_map(tmp_path: Path) -> None:
    overrides = ["train.task=multi", "train.val_interval=1", "data.num_workers=0"]
    cfg = tiny_config(tmp_path, "train.epochs=2", "train.batch_size=12", *overrides)
    state = fresh_state(cfg)
    result = train(state, cfg)
    rows = map(json.loads, (tmp_path / "out" / "metrics.jsonl").read_text().splitlines())
    found = [row["mAP"] for row in rows if row["kind"] == "val"]
    assert len(found) == 2 and state.best == max(found) and found[-1] == result["mAP"]
    best = checkpoints(cfg.output_dir)[::-1][found.index(max(found))]
    assert_same_weights(best, tmp_path / "out" / "SlowFast_best.pdparams")


def test_the_average_is_validated_too_and_may_be_the_best(tmp_path: Path) -> None:
    cfg = tiny_config(
        tmp_path, "train.ema=0.9", "train.best_by=ema", "train.epochs=1", "train.batch_size=12",
        "data.num_workers=0", "optim.warmup_epochs=0",
    )  # fmt: skip
    state = fresh_state(cfg)
    state.ema = Ema(state.model, 0.9)
    train(state, cfg)
    rows = map(json.loads, (tmp_path / "out" / "metrics.jsonl").read_text().splitlines())
    kinds = {row["kind"]: row for row in rows}
    assert state.best == kinds["val_ema"]["top1"]
    assert kinds["val_ema"]["loss"] != kinds["val"]["loss"]


def test_with_another_batch_a_run_goes_on_with_its_curves(tmp_path: Path) -> None:
    """Steps count on, whatever the epochs' lengths: none of the first epoch is cut, and what was
    written of the second, which is computed again, is."""
    write_tiny_config(tmp_path)
    flags = ("--validate", "-c", "tiny.yaml", "-o", "train.log_interval=1", "data.num_workers=0")
    first = main_here(*flags, "train.batch_size=4", "--max_iters", "9", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    out = tmp_path / "out"
    before = curves(out)
    assert [step for _, step, _ in before["train"]] == [*range(1, 10)]  # 6 an epoch
    for path in out.glob("SlowFast_epoch_000002_step_*"):
        path.unlink()
    for batch, steps in (("12", [*range(1, 9)]), ("8", [*range(1, 12)])):
        more = ("train.epochs=3",) if batch == "8" else ()
        flags_now = (*flags, f"train.batch_size={batch}", *more)
        again = main_here(*flags_now, "--resume", "auto", cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        after = curves(out)
        assert [step for _, step, _ in after["train"]] == steps
        assert after["train"][:6] == before["train"][:6]
        assert [epoch for epoch, *_ in after["train"][6:]] == [2, 2, 3, 3, 3][: len(steps) - 6]
        log = LogReader(file_path=str(out / "vdl" / RECORDS))
        assert [one.id for one in log.get_data("scalar", "train/loss")] == steps
    assert [step for _, step, _ in after["val"]] == [1, 2, 3]
    assert [row[2] for row in after["val"][:1]] == [row[2] for row in before["val"]]


def curves(out: Path) -> dict[str, list[tuple[int, int, float]]]:
    """Epoch, step and loss of each row."""
    rows = [*map(json.loads, (out / "metrics.jsonl").read_text().splitlines())]
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("train", "val")}
    return {
        kind: [(row.get("epoch", row["step"]), row["step"], row["loss"]) for row in own]
        for kind, own in kinds.items()
    }
