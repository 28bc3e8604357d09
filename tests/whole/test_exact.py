"""However a run is shared out over processes, or interrupted, it comes to the same."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.processes import free_ports
from support.tiny_run import environment, main_here, main_py, tiny_data, write_tiny_config

from slowfast.train.folder import checkpoints
from slowfast.weights.load import read_weights
from slowfast.weights.systems import Tensors

EXACT = ["-c", "tiny.yaml", "-o", "train.freeze_bn=true", "model.dropout=0", "train.log_interval=1"]
"""Batch norm's statistics are those of each process's batches: they have to be frozen."""
MULTIGRID = [
    "train.multigrid=true", "data.num_frames=16", "data.sampling_stride=1", "train.batch_size=1",
    "optim.schedule=step", "optim.steps=[0,1]", "optim.step_factors=[1,0.1]",
]  # fmt: skip


def folder_with_config(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    write_tiny_config(folder)
    return folder


def losses(folder: Path) -> list[float]:
    rows = map(json.loads, (folder / "out" / "metrics.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if row["kind"] == "train"]


def weights(folder: Path, suffix: str = "") -> Tensors:
    path = checkpoints(str(folder / "out"))[0]
    return read_weights(path.with_name(f"{path.stem}{suffix}.pdparams"))


def assert_same_weights(one: Tensors, other: Tensors, tolerance: float = 0.0) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process with batches of 8."""
    folder = folder_with_config(tmp_path_factory.mktemp("exact"), "alone")
    done = main_here(*EXACT, "train.batch_size=8", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_have_the_losses_of_one(tmp_path: Path, alone: Path) -> None:
    folder = folder_with_config(tmp_path, "two")
    done = main_py(*EXACT, "train.batch_size=4", cwd=folder, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(losses(folder)) == 6
    np.testing.assert_allclose(losses(folder), losses(alone), rtol=1e-5)
    assert_same_weights(weights(alone), weights(folder), 1e-4)


def test_accumulated_batches_have_the_losses_of_one(tmp_path: Path, alone: Path) -> None:
    folder = folder_with_config(tmp_path, "accumulated")
    flags = ["train.batch_size=2", "train.global_batch_size=8"]
    done = main_here(*EXACT, *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "total batch 2 x 1 x 4 accumulated = 8, learning rate 0.1 x 0.125" in done.stdout
    np.testing.assert_allclose(losses(folder), losses(alone), rtol=1e-5)
    assert_same_weights(weights(alone), weights(folder), 1e-4)


@pytest.mark.slow
def test_two_launchers_have_the_losses_of_one(tmp_path: Path, alone: Path) -> None:
    """Two machines, but for the network between them."""
    folder = folder_with_config(tmp_path, "launchers")
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "2",
        "--master", f"127.0.0.1:{port}", "--nproc_per_node", "1",
    ]  # fmt: skip
    script = [str(REPOSITORY / "main.py"), *EXACT, "train.batch_size=4"]
    launchers = [
        subprocess.Popen(
            [*command, "--rank", str(node), f"--log_dir=log{node}", *script],
            cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )
        for node in range(2)
    ]  # fmt: skip
    for launcher in launchers:
        said, _ = launcher.communicate(timeout=200)
        assert launcher.returncode == 0, said
    np.testing.assert_allclose(losses(folder), losses(alone), rtol=1e-5)


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    """With everything that draws: dropout, augmentation, mixing."""
    flags = ["-c", "tiny.yaml", "--deterministic", "--seed", "7", "-o", "train.epochs=1"]
    flags += ["train.mixup=0.4", "train.cutmix=1", "data.rand_augment=2", "data.erase=0.5"]
    folders = [folder_with_config(tmp_path, name) for name in ("first", "second")]
    for folder in folders:
        done = main_here(*flags, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert_same_weights(weights(folders[0]), weights(folders[1]))
    other = folder_with_config(tmp_path, "other")
    flags[flags.index("7")] = "8"
    assert main_here(*flags, cwd=other).returncode == 0
    name = "s5.pathway0_res0.branch1.weight"
    assert not np.array_equal(weights(other)[name], weights(folders[0])[name])


ALL = ["train.global_batch_size=2", "train.ema=0.9", *MULTIGRID, "train.precise_bn_batches=3",
       "train.precise_bn_interval=1", "train.mixup=0.4"]  # fmt: skip


def thrice_the_videos(folder: Path) -> Path:
    lines = (tiny_data() / "train.list").read_text().splitlines()
    path = folder / "thrice.list"
    path.write_text("".join(f"{tiny_data() / line}\n" for line in lines * 3))
    return path


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        pytest.param(ALL, 4, id="all"),
        pytest.param(["train.global_batch_size=8"], 4, id="accumulation", marks=pytest.mark.slow),
        pytest.param(["train.ema=0.9"], 8, id="ema", marks=pytest.mark.slow),
        pytest.param(MULTIGRID, 5, id="multigrid", marks=pytest.mark.slow),
        pytest.param(
            ["train.precise_bn_batches=3", "train.precise_bn_interval=1"], 8,
            id="precise-bn", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_stopped_in_mid_epoch_and_resumed_equals_uninterrupted(
    tmp_path: Path, overrides: list[str], steps: int
) -> None:
    flags = ["-c", "tiny.yaml", "-o", "train.log_interval=1", *overrides]
    flags += [f"data.train_list={thrice_the_videos(tmp_path)}"] if overrides is ALL else []
    whole, parts = (folder_with_config(tmp_path, name) for name in ("whole", "parts"))
    done = main_here(*flags, cwd=whole)
    assert done.returncode == 0, done.stderr
    assert main_here(*flags, "--max_iters", str(steps), cwd=parts).returncode == 0
    assert "_step_" in checkpoints(str(parts / "out"))[0].stem, "not in mid-epoch"
    done = main_here(*flags, "--resume", "auto", cwd=parts)
    assert done.returncode == 0, done.stderr
    assert losses(parts) == losses(whole)
    assert_same_weights(weights(whole), weights(parts))
    if "train.ema=0.9" in overrides:
        assert_same_weights(weights(whole, "_ema"), weights(parts, "_ema"))


def test_another_multigrid_schedule_does_not_go_on_within_an_epoch(tmp_path: Path) -> None:
    folder = folder_with_config(tmp_path, "run")
    flags = ["-c", "tiny.yaml", "-o", *MULTIGRID]
    assert main_here(*flags, "--max_iters", "1", cwd=folder).returncode == 0
    before = (folder / "out" / "config.yaml").read_text()
    again = main_here(*flags, "train.multigrid_epoch_factor=3", "--resume", "auto", cwd=folder)
    assert again.returncode == 1
    assert "it stopped within an epoch of " in again.stderr
    assert (folder / "out" / "config.yaml").read_text() == before


def test_an_average_begins_with_the_weights_of_a_run_that_had_none(tmp_path: Path) -> None:
    folder = folder_with_config(tmp_path, "run")
    assert main_here("-c", "tiny.yaml", "-o", "train.epochs=1", cwd=folder).returncode == 0
    flags = ["--resume", "auto", "--max_iters", "7", "-o", "train.ema=0.5", "optim.base_lr=0.0001"]
    done = main_here("-c", "tiny.yaml", *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    first = read_weights(folder / "out" / "SlowFast_epoch_000001.pdparams")
    last, average = weights(folder), weights(folder, "_ema")
    name = "head.projection.weight"
    decay = 2 / 11
    expected = decay * first[name] + (1 - decay) * last[name]
    np.testing.assert_allclose(average[name], expected, rtol=1e-5, atol=1e-8)
