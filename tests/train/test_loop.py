"""Training as users start it: one process and two, logs and curves, faults in the middle."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paddle
import pytest
from support.paths import REPOSITORY
from support.tiny_run import (
    REPOSITORY,
    environment,
    main_py,
    tiny_config,
    tiny_data,
    write_tiny_config,
)
from visualdl import LogReader

from slowfast import files
from slowfast.config import load_config
from slowfast.data.lists import read_list
from slowfast.models import build_model
from slowfast.tools import write_shards
from slowfast.train import checkpoint, folder, loop
from slowfast.train.batches import clip_loader
from slowfast.train.recipe.optim import build_optimizer, learning_rate
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.validate import validate
from slowfast.weights.load import read_weights

LINE = re.compile(
    r"epoch:\[ *\d+/\d+ *\] train step:\d+ +loss: \d+\.\d{5} lr: \d\.\d{6} top1: \d\.\d{5} "
    r"top5: \d\.\d{5} batch_cost: \d+\.\d{5} sec, reader_cost: \d+\.\d{5} sec, "
    r"ips: \d+\.\d{5} instance/sec, eta: \d+:\d\d:\d\d"
)


def test_one_process_writes_checkpoints_log_metrics_and_curves(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    done = main_py("--validate", "-c", "tiny.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    names = {path.name for path in out.iterdir()}
    assert names == {
        "SlowFast_epoch_000001.pdparams", "SlowFast_epoch_000001.pdopt",
        "SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002.pdopt",
        "SlowFast_best.pdparams", "config.yaml", "labels.txt", "log.txt", "metrics.jsonl", "vdl",
        ".lock",
    }  # fmt: skip
    assert len(LINE.findall(done.stdout)) == 6
    assert len(LINE.findall((out / "log.txt").read_text())) == 6
    assert "total batch 4 x 1 = 4, learning rate 0.1 x 0.0625 = 0.00625" in done.stdout

    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    (folder,) = (out / "vdl").iterdir()
    (file,) = folder.iterdir()
    reader = LogReader(file_path=str(file))
    for kind, scalars in (
        ("train", ("loss", "top1", "top5", "lr", "ips")), ("val", ("loss", "top1", "top5"))
    ):  # fmt: skip
        own = [row for row in rows if row["kind"] == kind]
        for name in scalars:
            curve = reader.get_data("scalar", f"{kind}/{name}")
            assert [point.id for point in curve] == [row["step"] for row in own]
            np.testing.assert_allclose([p.value for p in curve], [r[name] for r in own], rtol=1e-6)
    cfg = load_config(out / "config.yaml")
    rates = [row["lr"] for row in rows if row["kind"] == "train"]
    wanted = [learning_rate(step / 6, cfg.optim, 2) * 4 / 64 for step in range(0, 12, 2)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-9)


def test_two_processes_share_the_work_and_agree(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    flags = ["--validate", "-c", "tiny.yaml", "-o", "train.batch_size=2", "train.log_interval=1"]
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "total batch 2 x 2 = 4" in done.stdout
    assert len(list((tmp_path / "out" / "vdl").iterdir())) == 1  # one writer
    rows = [json.loads(r) for r in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "train"] == list(range(1, 13))
    # Validated by one process, from the checkpoint: the same count of the same 7 videos.
    cfg = load_config(tmp_path / "out" / "config.yaml")
    model = build_model(cfg.model, cfg.data.crop_size)
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim))
    checkpoint.restore(run, folder.checkpoints(cfg.output_dir)[0])
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    with clip_loader([], samples, cfg) as loader:
        alone = validate(model, loader, samples, cfg)
    (last,) = (row for row in rows if row["kind"] == "val" and row["step"] == 2)
    assert alone["top1"] == pytest.approx(last["top1"], abs=1e-9)
    assert alone["top5"] == pytest.approx(last["top5"], abs=1e-9)
    assert alone["loss"] == pytest.approx(last["loss"], rel=1e-4)


def test_a_loss_that_is_not_finite_names_the_files_and_saves_nothing(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.num_workers=0")
    model = build_model(cfg.model, cfg.data.crop_size)
    model.head.projection.bias.set_value(paddle.full([24], float("inf")))
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim))
    samples = read_list(cfg.data.train_list, cfg.data.root, 24)
    with pytest.raises(checkpoint.NonFiniteError) as caught:
        loop.train(run, Schedule(len(samples), None, cfg), samples, None, cfg)
    message = str(caught.value)
    assert message.startswith("the loss of epoch 1, step 0 is nan, training on: ")
    assert message.count(".mp4") == 4 and str(tiny_data()) in message
    assert not list((tmp_path / "out").glob("*.pdparams"))


def test_a_loss_that_is_not_finite_ends_all_processes_with_one_line(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    flags = ["optim.base_lr=1e30", "optim.warmup_epochs=0", "train.batch_size=2"]
    done = main_py("-c", "tiny.yaml", "-o", *flags, cwd=tmp_path, processes=2)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert re.search(r"error: the loss of epoch 1, step \d is nan, training on: .*\.mp4", said), (
        said
    )
    assert "Traceback" not in said and "gloo::" not in said
    assert not list((tmp_path / "out").glob("*.pdparams"))


def test_a_finished_run_says_that_nothing_is_left(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    flags = ["-c", "tiny.yaml", "-o", "train.epochs=1", "--deterministic"]
    assert main_py(*flags, cwd=tmp_path).returncode == 0
    again = main_py(*flags, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "nothing left to do: 1 of 1 epochs are done" in again.stdout


def test_processes_end_with_their_launcher(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    script = str(REPOSITORY / "main.py")
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node=2", script]
    flags = [
        "-c",
        "tiny.yaml",
        "-o",
        "train.batch_size=2",
        "train.epochs=500",
        "train.keep_last=500",
    ]
    with subprocess.Popen(
        [*command, *flags], cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as launcher:  # fmt: skip
        wait_until(lambda: (tmp_path / "out" / "SlowFast_epoch_000001.pdopt").exists())
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        launcher.kill()
    assert len(children) == 2
    wait_until(lambda: not any(map(is_running, children)))
    again = main_py("-c", "tiny.yaml", "--resume", "auto", "--max_iters", "1", cwd=tmp_path)
    assert "another run is training" not in again.stderr  # the lock is free


def is_running(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    with files.sole_run(str(tmp_path / "out")):
        second = main_py("-c", "tiny.yaml", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stderr == f"error: another run is training into {tmp_path / 'out'}\n"


def test_a_fault_of_another_process_is_shown(tmp_path: Path) -> None:
    """Rank 1 alone meets the broken video; the launcher shows the output of rank 0."""
    write_tiny_config(tmp_path)
    good = tiny_data() / "val" / "000000.mp4"
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "val.list").write_text(f"{good} 0\n{tmp_path}/empty.mp4 1\n" * 2)
    flags = ["--validate", "-c", "tiny.yaml", "-o", f"data.val_list={tmp_path / 'val.list'}"]
    flags += ["train.batch_size=2"]
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode != 0
    assert f"error: {tmp_path}/empty.mp4: the file is empty" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_training_and_validation_from_tar_shards(tmp_path: Path) -> None:
    """Two processes with a reader each: the same videos as from files, in the same numbers."""
    write_tiny_config(tmp_path)
    for part in ("train", "val"):
        source = str(tiny_data() / f"{part}.list")
        flags = ["--root", str(tiny_data()), "--megabytes", "1"]
        assert write_shards.main([source, str(tmp_path / "shards"), *flags]) == 0
    root = tmp_path / "shards"
    assert len(list(root.glob("train-*.tar"))) >= 2
    overrides = [
        f"data.root={root}", f"data.train_list={root}/train.list", f"data.val_list={root}/val.list",
        "train.epochs=1", "train.batch_size=3",
    ]  # fmt: skip
    flags = ["--validate", "-c", "tiny.yaml", "-o", *overrides]
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "END epoch:1 train loss" in done.stdout and "END epoch:1 val loss" in done.stdout
    weights = tmp_path / "out" / "SlowFast_epoch_000001.pdparams"
    tests = []
    for own in ([f"data.root={root}", f"data.val_list={root}/val.list"], []):
        default = [f"data.root={tiny_data()}", f"data.val_list={tiny_data()}/val.list"]
        done = main_py("--test", "-w", weights, "-o", *(own or default), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / "out" / "test_result.json").read_text())["predictions"]
        tests.append(sorted((row["label"], *row["top5_values"]) for row in rows))
    assert len(tests[0]) == 7
    np.testing.assert_allclose(tests[0], tests[1], rtol=1e-5)


def test_a_validation_that_fails_does_not_cost_the_epoch(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "val.list").write_text(f"{tmp_path}/empty.mp4 1\n")
    flags = ["--validate", "-c", "tiny.yaml", "-o", f"data.val_list={tmp_path / 'val.list'}"]
    done = main_py(*flags, "train.epochs=1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)\n"
    assert (tmp_path / "out" / "SlowFast_epoch_000001_step_000006.pdopt").exists()


def test_frozen_stages_and_clipped_gradients_in_a_run(tmp_path: Path) -> None:
    """On two processes; the step schedule with it."""
    cfg = tiny_config(tmp_path)
    paddle.seed(0)
    start = {
        name: value.numpy()
        for name, value in build_model(cfg.model, cfg.data.crop_size).state_dict().items()
    }
    overrides = ["train.freeze=[stem,res2]", "optim.grad_clip=0.5", "optim.schedule=step"]
    overrides += ["optim.steps=[0,1]", "optim.step_factors=[1,0.1]", "train.batch_size=3"]
    done = main_py("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    weights = read_weights(tmp_path / "out" / "SlowFast_epoch_000002.pdparams")
    for name, value in weights.items():
        if name.split(".")[0] in ("s1", "s1_fuse", "s2", "s2_fuse"):
            np.testing.assert_array_equal(value, start[name], err_msg=name)
    for name in ("head.projection.weight", "s5.pathway0_res0.branch1_bn._mean", "s3_fuse.bn.bias"):
        assert not np.array_equal(weights[name], start[name]), name


def test_max_iters_ends_early_with_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    done = main_py("-c", "tiny.yaml", "--max_iters", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in folder.checkpoints(str(tmp_path / "out"))] == [
        "SlowFast_epoch_000001_step_000002.pdparams"
    ]


def test_a_second_run_does_not_touch_the_first_ones_checkpoints(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    assert main_py("-c", "tiny.yaml", "--max_iters", "2", cwd=tmp_path).returncode == 0
    before = read_weights(folder.checkpoints(str(tmp_path / "out"))[0])
    again = main_py("-c", "tiny.yaml", "--max_iters", "2", cwd=tmp_path)
    assert again.returncode == 1
    assert (
        "out already holds a run up to SlowFast_epoch_000001_step_000002: go on with"
        in again.stderr
    )
    after = read_weights(folder.checkpoints(str(tmp_path / "out"))[0])
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("fault", ["missing", "empty"])
def test_a_video_that_cannot_be_read_stops_training_by_name(tmp_path: Path, fault: str) -> None:
    broken = tmp_path / "sp ace" / "köpfe.mp4"
    broken.parent.mkdir()
    if fault == "empty":
        broken.touch()
    (tmp_path / "train.list").write_text(f"{broken} 1\n" * 4, encoding="utf-8")
    cfg = tiny_config(tmp_path, f"data.train_list={tmp_path / 'train.list'}")
    model = build_model(cfg.model, cfg.data.crop_size)
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim))
    samples = read_list(cfg.data.train_list, cfg.data.root, 24)
    with pytest.raises(OSError, match="sp ace/köpfe.mp4"):
        loop.train(run, Schedule(len(samples), None, cfg), samples, None, cfg)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("waited in vain")


def test_a_validation_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    """And so the best checkpoint is the best."""
    write_tiny_config(tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    write_tiny_config(whole)
    flags = ["--validate", "-c", "tiny.yaml", "-o", "train.save_interval=9"]
    assert main_py(*flags, cwd=whole).returncode == 0
    (tmp_path / "val.list").write_text(f"{tmp_path}/gone.mp4 1\n")
    missing = [f"data.val_list={tmp_path}/val.list", "data.on_error=skip"]
    (tmp_path / "gone.mp4").touch()
    assert main_py(*flags, *missing, cwd=tmp_path).returncode == 1
    again = main_py(*flags, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "END epoch:1 val loss" in again.stdout
    best = [read_weights(folder / "out" / "SlowFast_best.pdparams") for folder in (tmp_path, whole)]
    assert all(np.array_equal(best[0][name], best[1][name]) for name in best[0])


def test_fine_tuning_starts_from_weights_of_other_classes(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    assert main_py("-c", "tiny.yaml", "--max_iters", "2", cwd=tmp_path).returncode == 0
    source = folder.checkpoints(str(tmp_path / "out"))[0]
    flags = ["-c", "tiny.yaml", "--max_iters", "1", "-o", "model.num_classes=30", "output_dir=new"]
    flags += [
        "data.labels=",
        "optim.warmup_start_lr=0",
        f"model.pretrained={source}",
    ]  # the rate of the step is 0
    done = main_py(*flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"190 of 192 tensors loaded from {source}; head.projection.weight" in done.stdout
    before, after = (
        read_weights(source),
        read_weights(folder.checkpoints(str(tmp_path / "new"))[0]),
    )
    name = "s4.pathway0_res0.branch2.b.weight"
    np.testing.assert_array_equal(after[name], before[name])
    assert after["head.projection.bias"].shape == (30,)
    flags[-1] = "model.pretrained=gone.pdparams"
    flags.append("output_dir=another")
    done = main_py(*flags, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: weights gone.pdparams cannot be read: No such file")
    assert "-o model.pretrained=FILE" in done.stderr
