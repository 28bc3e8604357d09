"""Checkpoints: whole or not there, as many as wanted, and everything that training needs."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import paddle
import pytest
from support.tiny_run import REPOSITORY, environment, main_py, tiny_config, write_tiny_config

from slowfast.config import Config, load_config
from slowfast.models import build_model
from slowfast.train import checkpoint, folder
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights import save
from slowfast.weights.damage import WeightsError
from slowfast.weights.formats.read import read_pickle
from slowfast.weights.load import read_weights


def fresh_state(cfg: Config) -> checkpoint.TrainState:
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size)
    return checkpoint.TrainState(model, build_optimizer(model, cfg.optim))


def take_a_step(run: checkpoint.TrainState) -> None:
    run.model(paddle.rand([2, 3, 8, 32, 32])).sum().backward()
    run.optimizer.step()
    run.optimizer.clear_grad()


def test_restore_gives_back_weights_momentum_place_and_best(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    take_a_step(run)
    run.epoch, run.step, run.best_top1 = 3, 5, 0.25
    checkpoint.save_checkpoint(run, cfg)
    again = fresh_state(cfg)
    message = checkpoint.restore(again, folder.checkpoints(cfg.output_dir)[0])
    assert (again.epoch, again.step, again.best_top1) == (3, 5, 0.25)
    assert "192 of 192 tensors" in message and "epoch 4, step 5" in message
    paddle.seed(1)
    take_a_step(run)
    paddle.seed(1)
    take_a_step(again)  # with the same momentum it ends at the same weights
    for (name, a), b in zip(
        run.model.state_dict().items(), again.model.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)


def test_keeps_the_last_epochs_the_furthest_step_and_the_best(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.keep_last=2")
    run = fresh_state(cfg)
    for epoch, step in ((1, 0), (1, 2), (1, 4), (2, 0), (3, 0), (3, 2), (3, 4)):
        run.epoch, run.step = epoch, step
        checkpoint.save_checkpoint(run, cfg, is_best=(epoch, step) == (1, 0))
    assert [path.name for path in folder.checkpoints(cfg.output_dir)] == [
        "SlowFast_epoch_000004_step_000004.pdparams",
        "SlowFast_epoch_000003.pdparams",
        "SlowFast_epoch_000002.pdparams",
    ]
    left = sorted(path.name for path in Path(cfg.output_dir).glob("*.pdparams"))
    assert len(left) == 4 and left[0] == "SlowFast_best.pdparams"


def test_half_a_checkpoint_does_not_count(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch = 1
    checkpoint.save_checkpoint(run, cfg)
    (tmp_path / "out" / "SlowFast_epoch_000002.pdparams").write_bytes(b"cut off before its .pdopt")
    assert [p.name for p in folder.checkpoints(cfg.output_dir)] == [
        "SlowFast_epoch_000001.pdparams"
    ]


def test_five_digit_names_of_other_tools_are_found(tmp_path: Path) -> None:
    for name in ("SlowFast_epoch_00196.pdparams", "SlowFast_epoch_00196.pdopt"):
        (tmp_path / name).touch()
    assert [p.name for p in folder.checkpoints(str(tmp_path))] == ["SlowFast_epoch_00196.pdparams"]


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.model.head.projection.bias.set_value(paddle.full([24], float("nan")))
    with pytest.raises(checkpoint.NonFiniteError, match="head.projection.bias"):
        checkpoint.save_checkpoint(run, cfg)
    assert not list(Path(cfg.output_dir).glob("*"))


def test_a_full_disk_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch = 1
    checkpoint.save_checkpoint(run, cfg)

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    run.epoch = 2
    with pytest.raises(OSError, match="No space left") as caught:
        checkpoint.save_checkpoint(run, cfg)
    assert caught.value.filename.endswith("SlowFast_epoch_000002.pdparams")
    names = sorted(path.name for path in Path(cfg.output_dir).iterdir())
    assert names == ["SlowFast_epoch_000001.pdopt", "SlowFast_epoch_000001.pdparams"]


def test_a_training_state_of_another_network_is_refused(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch = 1
    take_a_step(run)
    checkpoint.save_checkpoint(run, cfg)
    pdopt = tmp_path / "out" / "SlowFast_epoch_000001.pdopt"
    pdopt.write_bytes(pdopt.read_bytes().replace(b"head.projection", b"tail.projection"))
    with pytest.raises(WeightsError, match=r"000001\.pdopt does not fit"):
        checkpoint.restore(fresh_state(cfg), pdopt.with_suffix(".pdparams"))


def test_paddle_reads_our_checkpoints(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch = 1
    checkpoint.save_checkpoint(run, cfg)
    path = str(folder.checkpoints(cfg.output_dir)[0])
    missing, unexpected = fresh_state(cfg).model.set_state_dict(paddle.load(path))
    assert not missing and not unexpected


def test_a_run_goes_on_within_an_epoch_only_as_it_began(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.plan, run.step = {"samples": 24, "total batch": 4, "seed": 0}, 3
    checkpoint.save_checkpoint(run, cfg)
    other = fresh_state(cfg)
    other.plan = {"samples": 24, "total batch": 8, "seed": 0}
    with pytest.raises(WeightsError, match="'total batch': 4.* not .*'total batch': 8"):
        checkpoint.restore(other, folder.checkpoints(cfg.output_dir)[0])
    run.epoch, run.step = 1, 0
    checkpoint.save_checkpoint(run, cfg)  # between epochs anything may change
    checkpoint.restore(other, folder.checkpoints(cfg.output_dir)[0])
    assert (other.epoch, other.step) == (1, 0)


@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt"])
def test_a_damaged_last_checkpoint_is_moved_aside_for_the_one_before(
    tmp_path: Path, suffix: str
) -> None:
    """And the run comes to where it was."""
    write_tiny_config(tmp_path)
    assert main_py("-c", "tiny.yaml", cwd=tmp_path).returncode == 0
    last = tmp_path / "out" / "SlowFast_epoch_000002.pdparams"
    wanted = read_weights(last)
    damaged = last.with_suffix(suffix)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    again = main_py("-c", "tiny.yaml", "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    said = again.stdout.splitlines()
    assert f"SlowFast_epoch_000002{suffix} " in said[1]
    assert said[1].endswith(": moved aside, going back to the checkpoint before")
    assert "SlowFast_epoch_000001.pdparams; going on with epoch 2, step 0" in said[2]
    assert (tmp_path / "out" / f"SlowFast_epoch_000002{suffix}.damaged").stat().st_size == 1000
    for name, value in read_weights(last).items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_checkpoints_that_are_all_damaged_end_it(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    for run.epoch in (1, 2):
        checkpoint.save_checkpoint(run, cfg)
    for path in (tmp_path / "out").glob("*.pdopt"):
        path.write_bytes(b"")
    for _ in range(2):  # the second time, too: they are still there
        with pytest.raises(WeightsError, match="none of the checkpoints in .*out can be read"):
            checkpoint.restore_furthest(fresh_state(cfg), cfg.output_dir)


def test_a_whole_checkpoint_of_another_network_is_not_moved_aside(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    for run.epoch in (1, 2):
        checkpoint.save_checkpoint(run, cfg)
    other = fresh_state(tiny_config(tmp_path, "model.num_classes=9"))
    with pytest.raises(WeightsError, match="do not fit the network"):
        checkpoint.restore_furthest(other, cfg.output_dir)
    assert len(folder.checkpoints(cfg.output_dir)) == 2


@pytest.mark.parametrize("part", [None, {}, [], {"epoch": 1}, "some"])
def test_a_damaged_training_state_is_refused(tmp_path: Path, part: object) -> None:
    cfg = tiny_config(tmp_path)
    run = fresh_state(cfg)
    run.epoch = 1
    take_a_step(run)
    checkpoint.save_checkpoint(run, cfg)
    pdopt = tmp_path / "out" / "SlowFast_epoch_000001.pdopt"
    content = read_pickle(pdopt)
    if part == "some":
        content["velocities"].popitem()
    else:
        content = part
    pdopt.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"000001\.pdopt does not fit"):
        checkpoint.restore(fresh_state(cfg), pdopt.with_suffix(".pdparams"))


def test_weights_without_their_training_state_are_not_trained_over(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    assert main_py("-c", "tiny.yaml", "--max_iters", "2", cwd=tmp_path).returncode == 0
    (pdopt,) = (tmp_path / "out").glob("*.pdopt")
    pdopt.unlink()
    for flags in ([], ["--resume", "auto"]):
        again = main_py("-c", "tiny.yaml", *flags, cwd=tmp_path)
        assert again.returncode == 1
        assert "out holds weights without the .pdopt to go on from" in again.stderr
    named = main_py(
        "-c", "tiny.yaml", "--resume", pdopt.with_suffix(".pdparams"),
        "-o", "output_dir=other", cwd=tmp_path,
    )  # fmt: skip
    assert f"there is no {pdopt}, so training cannot go on" in named.stderr


def test_going_on_from_an_earlier_checkpoint_needs_another_folder(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    assert main_py("-c", "tiny.yaml", cwd=tmp_path).returncode == 0
    (furthest,) = folder.checkpoints(str(tmp_path / "out"))[:1]
    over = main_py("-c", "tiny.yaml", "--resume", "out/" + furthest.name, cwd=tmp_path)
    assert "nothing left to do" in over.stdout, over.stderr  # however the path is written
    first = tmp_path / "out" / "SlowFast_epoch_000001.pdparams"
    flags: list[str | Path] = ["-c", "tiny.yaml", "--resume", first]
    refused = main_py(*flags, cwd=tmp_path)
    assert refused.returncode == 1
    assert "out already holds a run up to SlowFast_epoch_000002: go on with" in refused.stderr
    done = main_py(*flags, "-o", "output_dir=other", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    a = read_weights(tmp_path / "out" / "SlowFast_epoch_000002.pdparams")
    b = read_weights(tmp_path / "other" / "SlowFast_epoch_000002.pdparams")
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.slow
def test_two_processes_resumed_equal_two_uninterrupted(tmp_path: Path) -> None:
    """Stopped within an epoch, where the processes' batch norm statistics differ."""
    flags = ["-c", "tiny.yaml", "-o", "train.save_steps=2", "train.batch_size=2"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
        write_tiny_config(folder)
    done = [main_py(*flags, cwd=whole, processes=2)]
    done.append(main_py(*flags, "--max_iters", "4", cwd=stopped, processes=2))
    done.append(main_py(*flags, "--resume", "auto", cwd=stopped, processes=2))
    assert [run.returncode for run in done] == [0, 0, 0], done[-1].stdout
    name = "SlowFast_epoch_000002.pdparams"
    a, b = read_weights(whole / "out" / name), read_weights(stopped / "out" / name)
    for tensor in a:
        np.testing.assert_array_equal(a[tensor], b[tensor], err_msg=tensor)


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL between two saves in mid-epoch, then --resume auto."""
    flags = ["--validate", "-o", "train.save_steps=2", "train.epochs=10", "train.keep_last=10"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        write_tiny_config(folder)
    done = main_py("-c", "tiny.yaml", *flags, cwd=whole)
    assert done.returncode == 0, done.stderr

    command = [sys.executable, str(REPOSITORY / "main.py"), "-c", "tiny.yaml", *flags]
    with subprocess.Popen(
        command, cwd=killed, env=environment(), stdout=subprocess.PIPE
    ) as process:
        wait_for(killed / "out" / "SlowFast_epoch_000002.pdopt", process)
        process.kill()
    assert not (killed / "out" / "SlowFast_epoch_000010.pdopt").exists()
    resumed = main_py("-c", "tiny.yaml", *flags, "--resume", "auto", cwd=killed)
    assert resumed.returncode == 0, resumed.stderr
    assert "going on with epoch" in resumed.stdout

    for name in ("SlowFast_epoch_000010.pdparams", "SlowFast_best.pdparams"):
        a, b = read_weights(whole / "out" / name), read_weights(killed / "out" / name)
        assert a.keys() == b.keys()
        for tensor in a:
            np.testing.assert_array_equal(a[tensor], b[tensor], err_msg=f"{name}: {tensor}")
    ends = [read_pickle(f / "out" / "SlowFast_epoch_000010.pdopt") for f in (whole, killed)]
    assert ends[0]["best_top1"] == ends[1]["best_top1"]
    for tensor, value in ends[0]["velocities"].items():
        np.testing.assert_array_equal(value, ends[1]["velocities"][tensor], err_msg=tensor)


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(12000):
        if path.exists():
            return
        assert process.poll() is None, "training ended before it could be killed"
        time.sleep(0.01)
    pytest.fail(f"{path} did not appear")


def test_the_config_beside_a_checkpoint_is_the_resolved_one(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "optim.base_lr=0.025")
    save.write_config(cfg)
    assert load_config(tmp_path / "out" / "config.yaml") == cfg
