"""Whole training runs of several processes, and of one that is killed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.tiny_run import (
    assert_same_weights,
    environment,
    fresh_state,
    main_here,
    main_py,
    tiny_config,
    tiny_data,
    write_tiny_config,
)
from support.video_tools import children, is_running, wait_until
from visualdl import LogReader

from slowfast.config import load_config
from slowfast.data.lists.read_lists import read_list
from slowfast.tools import write_shards
from slowfast.train.curves import RECORDS
from slowfast.train.folder import checkpoints
from slowfast.train.training_clips import clip_loader
from slowfast.train.validate import validate
from slowfast.weights.formats.read import read_pickle
from slowfast.weights.load import load_weights, read_weights

OF_TWO = [
    "--validate", "-c", "tiny.yaml", "-o", "train.batch_size=2", "train.log_interval=1",
    "train.save_steps=2", "train.show_interval=1", "train.freeze=[stem,res2]",
    "optim.grad_clip=0.5", "optim.schedule=step",
    "optim.steps=[0,1]", "optim.step_factors=[1,0.1]",
]  # fmt: skip
"""Stages are frozen, gradients clipped, and the rate falls in steps."""


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two processes in a folder, and what it said."""
    folder = tmp_path_factory.mktemp("two")
    write_tiny_config(folder)
    done = main_py(*OF_TWO, cwd=folder, processes=2)
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def test_two_processes_share_the_work_and_agree(of_two: tuple[Path, str]) -> None:
    folder, said = of_two
    assert "total batch 2 x 2 = 4" in said
    (file,) = (folder / "out" / "vdl").iterdir()  # one writer
    shown = LogReader(file_path=str(file)).get_tags()["image"]
    assert {*shown} == {"clips/1", "clips/2", "val/classes", "val/confusion"}
    rows = [json.loads(r) for r in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "train"] == list(range(1, 13))
    # Validated by one process, from the checkpoint: the same count of the same 7 videos.
    cfg = load_config(folder / "out" / "config.yaml")
    state = fresh_state(cfg)
    load_weights(state.model, checkpoints(cfg.output_dir)[0])
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    with clip_loader([], samples, cfg) as loader:
        alone, _ = validate(state.model, loader, samples, cfg)
    (last,) = (row for row in rows if row["kind"] == "val" and row["step"] == 2)
    assert alone["top1"] == pytest.approx(last["top1"], abs=1e-9)
    assert alone["top5"] == pytest.approx(last["top5"], abs=1e-9)
    assert alone["loss"] == pytest.approx(last["loss"], rel=1e-4)


def test_frozen_stages_stay_and_the_others_learn(of_two: tuple[Path, str], tmp_path: Path) -> None:
    state = fresh_state(tiny_config(tmp_path)).model.state_dict()
    weights = read_weights(of_two[0] / "out" / "SlowFast_epoch_000002.pdparams")
    for name, value in weights.items():
        if name.split(".")[0] in ("s1", "s1_fuse", "s2", "s2_fuse"):
            np.testing.assert_array_equal(value, state[name].numpy(), err_msg=name)
    for name in ("head.projection.weight", "s5.pathway0_res0.branch1_bn._mean", "s3_fuse.bn.bias"):
        assert not np.array_equal(weights[name], state[name].numpy()), name


def points(out: Path) -> dict[str, list[tuple[int, float]]]:
    """The points of the curves in VisualDL's file that do not depend on the machine, and of
    metrics.jsonl, which must be the same."""
    log = LogReader(file_path=str(out / "vdl" / RECORDS))
    names = ("train/loss", "train/lr", "train/grad_norm", "val/loss", "val/top1")
    found = {n: [(p.id, p.value) for p in log.get_data("scalar", n)] for n in names}
    rows = [json.loads(row) for row in (out / "metrics.jsonl").read_text().splitlines()]
    for name, curve in found.items():
        kind, key = name.split("/")
        written = [(row["step"], row[key]) for row in rows if row["kind"] == kind]
        assert [step for step, _ in written] == [step for step, _ in curve]
        np.testing.assert_allclose([x for _, x in written], [x for _, x in curve], rtol=1e-6)
    return found


@pytest.mark.slow
def test_two_processes_resumed_equal_uninterrupted(
    of_two: tuple[Path, str], tmp_path: Path
) -> None:
    """Stopped within an epoch, where the processes' batch norm statistics differ."""
    write_tiny_config(tmp_path)
    for flags in (["--max_iters", "4"], ["--resume", "auto"]):
        done = main_py(*flags, *OF_TWO, cwd=tmp_path, processes=2)
        assert done.returncode == 0, done.stdout
    assert "going on with epoch 1, step 4" in done.stdout
    name = "out/SlowFast_epoch_000002.pdparams"
    assert_same_weights(of_two[0] / name, tmp_path / name)


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path, no_hang: None) -> None:
    """SIGKILL between two saves in mid-epoch, then --resume auto."""
    flags = ["--validate", "-o", "train.save_steps=2", "train.epochs=5", "train.keep_last=5"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        write_tiny_config(folder)
    done = main_here("-c", "tiny.yaml", *flags, cwd=whole)
    assert done.returncode == 0, done.stderr

    command = [sys.executable, str(REPOSITORY / "main.py"), "-c", "tiny.yaml", *flags]
    with subprocess.Popen(
        command, cwd=killed, env=environment(), stdout=subprocess.PIPE
    ) as process:
        first = killed / "out" / "SlowFast_epoch_000001.pdopt"
        wait_until(lambda: first.exists() or process.poll() is not None)
        process.kill()
    assert first.exists() and not (killed / "out" / "SlowFast_epoch_000005.pdopt").exists()
    resumed = main_here("-c", "tiny.yaml", *flags, "--resume", "auto", cwd=killed)
    assert resumed.returncode == 0, resumed.stderr
    assert "going on with epoch" in resumed.stdout

    for name in ("out/SlowFast_epoch_000005.pdparams", "out/SlowFast_best.pdparams"):
        assert_same_weights(whole / name, killed / name)
    curves = [points(folder / "out") for folder in (whole, killed)]
    assert curves[0] == curves[1]  # no step twice, and none missing
    assert [step for step, _ in curves[0]["val/top1"]] == [1, 2, 3, 4, 5]
    ends = [read_pickle(f / "out" / "SlowFast_epoch_000005.pdopt") for f in (whole, killed)]
    assert ends[0]["best_top1"] == ends[1]["best_top1"]
    for tensor, value in ends[0]["velocities"].items():
        np.testing.assert_array_equal(value, ends[1]["velocities"][tensor], err_msg=tensor)


def test_a_loss_that_is_not_finite_ends_all_processes_with_one_line(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    flags = ["optim.base_lr=1e30", "optim.warmup_epochs=0", "train.batch_size=2"]
    done = main_py("-c", "tiny.yaml", "-o", *flags, cwd=tmp_path, processes=2)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "error: the loss of epoch 1, step " in said and " is nan, training on: " in said, said
    assert "Traceback" not in said and "gloo::" not in said
    assert not list((tmp_path / "out").glob("*.pdparams"))


@pytest.mark.slow
def test_a_fault_of_another_process_is_shown(tmp_path: Path) -> None:
    """Rank 1 alone meets the broken video; the launcher shows the output of rank 0."""
    write_tiny_config(tmp_path)
    good = tiny_data() / "val" / "000000.mp4"
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "val.list").write_text(f"{good} 0\n{tmp_path}/empty.mp4 1\n" * 2)
    flags = ["--validate", "-c", "tiny.yaml", "-o", f"data.val_list={tmp_path / 'val.list'}"]
    flags += ["train.batch_size=2", "train.epochs=1"]
    done = main_py(*flags, cwd=tmp_path, processes=2, launcher=True)
    assert done.returncode != 0
    assert f"error: {tmp_path}/empty.mp4: the file is empty" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_processes_end_with_their_launcher(tmp_path: Path, no_hang: None) -> None:
    write_tiny_config(tmp_path)
    script = str(REPOSITORY / "main.py")
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node=2", script]
    flags = ["-c", "tiny.yaml", "-o", "train.batch_size=2", "train.epochs=500"]
    with subprocess.Popen(
        [*command, *flags], cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, text=True,
    ) as launcher:  # fmt: skip
        wait_until(lambda: (tmp_path / "out" / "SlowFast_epoch_000001.pdopt").exists())
        workers = children(launcher)
        launcher.kill()
    assert len(workers) == 2
    wait_until(lambda: not any(map(is_running, workers)))
    again = main_here("-c", "tiny.yaml", "--resume", "auto", "--max_iters", "1", cwd=tmp_path)
    assert "another run is training" not in again.stderr  # the lock is free


@pytest.mark.slow
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
    for place in (root, tiny_data()):
        own = [f"data.root={place}", f"data.val_list={place}/val.list", "test.num_clips=2"]
        done = main_here("--test", "-w", weights, "-o", *own, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / "out" / "test_result.json").read_text())["predictions"]
        tests.append(sorted((row["label"], *row["top5_values"]) for row in rows))
    assert len(tests[0]) == 7
    np.testing.assert_allclose(tests[0], tests[1], rtol=1e-5)
