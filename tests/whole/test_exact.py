"""However a run is shared out over processes, or interrupted, it comes to the same."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.processes import free_ports
from support.tiny_run import (
    assert_same_weights,
    environment,
    main_here,
    main_py,
    tiny_data,
    write_tiny_config,
)

from slowfast.train.folder import checkpoints
from slowfast.weights.load import read_weights

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


def weights(folder: Path, suffix: str = "") -> Path:
    path = checkpoints(str(folder / "out"))[0]
    return path.with_name(f"{path.stem}{suffix}.pdparams")


@pytest.mark.slow
def test_two_launchers_have_the_losses_of_one_process(tmp_path: Path) -> None:
    """Two machines, but for the network between them."""
    alone, folder = (folder_with_config(tmp_path, name) for name in ("alone", "launchers"))
    done = main_here(*EXACT, "train.batch_size=8", cwd=alone)
    assert done.returncode == 0, done.stderr
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
    assert len(losses(folder)) == 6
    np.testing.assert_allclose(losses(folder), losses(alone), rtol=1e-5)
    assert_same_weights(weights(alone), weights(folder), 1e-4)


UNEQUAL = [
    "train.task=multi", "train.sampling=balanced", "train.class_weights=balanced",
    "train.label_smoothing=0.1", "train.focal_gamma=1",
]  # fmt: skip


def unequal_list(folder: Path) -> str:
    """A setting: the training videos, of classes of 18, 4 and 2."""
    lines = (tiny_data() / "train.list").read_text().splitlines()
    labels = [0] * 18 + [1] * 4 + [2] * 2
    videos = [tiny_data() / line.split()[0] for line in lines]
    path = folder / "unequal.list"
    path.write_text("".join(f"{video} {k}\n" for video, k in zip(videos, labels, strict=True)))
    return f"data.train_list={path}"


@pytest.mark.slow
def test_two_processes_draw_alike_from_classes_of_unequal_size(tmp_path: Path) -> None:
    """With all that is for several labels, too."""
    alone, folder = (folder_with_config(tmp_path, name) for name in ("alone", "two"))
    flags = ["--validate", *EXACT, *UNEQUAL, "train.epochs=1", unequal_list(tmp_path)]
    done = main_here(*flags, "train.batch_size=8", cwd=alone)
    assert done.returncode == 0, done.stderr
    done = main_py(*flags, "train.batch_size=4", cwd=folder, processes=2)
    assert done.returncode == 0, done.stdout
    assert ", class weights 0.3333 to 11, balanced sampling of 3 groups" in done.stdout
    np.testing.assert_allclose(losses(folder), losses(alone), rtol=1e-5)
    assert len(losses(alone)) == 3
    assert_same_weights(weights(alone), weights(folder), 1e-4)


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    """With everything that draws: dropout, augmentation, mixing."""
    more = ["train.mixup=0.4", "train.cutmix=1", "data.rand_augment=2", "data.erase=0.5"]
    found = []
    for number, seed in enumerate(("7", "7", "8")):
        folder = folder_with_config(tmp_path, str(number))
        flags = ["--deterministic", "--seed", seed, "--max_iters", "3", "-o", *more]
        done = main_here("-c", "tiny.yaml", *flags, cwd=folder)
        assert done.returncode == 0, done.stderr
        found.append(weights(folder))
    assert_same_weights(found[0], found[1])
    name = "s5.pathway0_res0.branch1.weight"
    first, _, other = (read_weights(path)[name] for path in found)
    assert not np.array_equal(other, first)


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
        pytest.param(ALL, 4, id="all", marks=pytest.mark.slow),
        # Whose batch norm's statistics are those of its steps.
        pytest.param(["train.global_batch_size=8", "train.ema=0.9"], 4, id="accumulation and ema"),
        pytest.param(
            [*UNEQUAL, "train.ema=0.9", "train.mixup=0.4", "train.precise_bn_batches=2"],
            4,
            id="unequal classes of several labels",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_stopped_in_mid_epoch_and_resumed_equals_uninterrupted(
    tmp_path: Path, overrides: list[str], steps: int
) -> None:
    flags = ["-c", "tiny.yaml", "-o", "train.log_interval=1", *overrides]
    flags += [f"data.train_list={thrice_the_videos(tmp_path)}"] if overrides is ALL else []
    flags += [unequal_list(tmp_path)] if overrides[0] == UNEQUAL[0] else []
    whole, parts = (folder_with_config(tmp_path, name) for name in ("whole", "parts"))
    done = main_here(*flags, cwd=whole)
    assert done.returncode == 0, done.stderr
    assert main_here(*flags, "--max_iters", str(steps), cwd=parts).returncode == 0
    assert "_step_" in checkpoints(str(parts / "out"))[0].stem, "not in mid-epoch"
    done = main_here(*flags, "--resume", "auto", cwd=parts)
    assert done.returncode == 0, done.stderr
    assert losses(parts) == losses(whole)
    assert_same_weights(weights(whole), weights(parts))
    assert_same_weights(weights(whole, "_ema"), weights(parts, "_ema"))
