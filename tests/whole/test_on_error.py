"""Videos that cannot be read in the middle of training: left out, replaced, or the end of it."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.tiny_run import main_here, main_py, tiny_data, write_tiny_config

from slowfast.data.order import train_batches
from slowfast.weights.load import read_weights

BROKEN = {2: "empty.mp4", 9: "missing.mp4", 17: "text.mp4"}
"""The training list's line -> what stands there instead."""


def write_lists(folder: Path) -> list[str]:
    """A copy of the tiny lists with broken videos in it; the flags to use it."""
    lines = (tiny_data() / "train.list").read_text().splitlines()
    rows = [f"{tiny_data() / line}" for line in lines]
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video\n" * 50)
    for row, name in BROKEN.items():
        rows[row] = f"{folder / name} 3"
    (folder / "broken.list").write_text("\n".join(rows))
    return ["data.train_list=broken.list", "train.epochs=1", "optim.warmup_epochs=0"]


def main_of(processes: int, *flags: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """One process is this one."""
    if processes == 1:
        return main_here(*flags, cwd=cwd)
    return main_py(*flags, cwd=cwd, processes=processes)


def listed(folder: Path) -> list[str]:
    return (folder / "out" / "unreadable_train.txt").read_text().splitlines()


@pytest.mark.parametrize(("policy", "fate"), [("skip", "left out"), ("substitute", "replaced by")])
@pytest.mark.parametrize("processes", [1, 2])
def test_training_goes_on_and_names_them(
    tmp_path: Path, policy: str, fate: str, processes: int
) -> None:
    write_tiny_config(tmp_path)
    overrides = [*write_lists(tmp_path), f"data.on_error={policy}"]
    done = main_of(processes, "-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"epoch:1: 3 unreadable videos {fate}" in done.stdout
    assert listed(tmp_path) == [
        f"{tmp_path}/empty.mp4: the file is empty (0 bytes)",
        f"{tmp_path}/missing.mp4: No such file or directory",
        f"{tmp_path}/text.mp4: not a video that OpenCV can open",
    ]
    for line in listed(tmp_path):
        assert line in (tmp_path / "out" / "log.txt").read_text()
    assert (tmp_path / "out" / "SlowFast_epoch_000001.pdparams").exists()


def test_more_than_the_limit_end_training(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    overrides = [*write_lists(tmp_path), "data.on_error=skip", "data.max_errors=2"]
    done = main_here("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert done.stdout.count("unreadable: ") == 2
    assert line.startswith(f"error: {tmp_path}/")
    assert line.endswith("(3 unreadable videos; data.max_errors=2)")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_process_that_can_read_nothing_of_a_batch_takes_part(
    tmp_path: Path, processes: int
) -> None:
    """Batches of one clip, every third of which is broken."""
    write_tiny_config(tmp_path)
    lines = (tiny_data() / "train.list").read_text().splitlines()
    (tmp_path / "empty.mp4").touch()
    rows = [
        f"{tiny_data() / line}" if i % 3 else f"{tmp_path}/empty.mp4 1"
        for i, line in enumerate(lines)
    ]
    (tmp_path / "thirds.list").write_text("\n".join(rows))
    overrides = [
        "data.train_list=thirds.list", "data.on_error=skip", "train.batch_size=1", "train.epochs=1",
        "optim.warmup_epochs=0",
    ]  # fmt: skip
    done = main_of(processes, "-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"epoch:1: {len(lines) // 3} unreadable videos left out" in done.stdout
    weights = read_weights(tmp_path / "out" / "SlowFast_epoch_000001.pdparams")
    assert all(np.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("processes", [1, 2])
def test_an_epoch_of_which_nothing_can_be_read_is_an_error(tmp_path: Path, processes: int) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "gone.list").write_text(f"{tmp_path}/empty.mp4 0\n" * 8)
    overrides = ["data.train_list=gone.list", "data.on_error=skip"]
    done = main_of(processes, "-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 1
    message = "error: nothing of epoch 1 can be read; see the log for each video"
    assert message in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.pdparams"))


@pytest.mark.parametrize("rank", [0, 1])
def test_what_ends_training_is_named_whichever_process_reads_it(tmp_path: Path, rank: int) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "empty.mp4").touch()
    lines = (tiny_data() / "train.list").read_text().splitlines()
    rows = [f"{tiny_data() / line}" for line in lines]
    first, *_ = train_batches(
        len(rows), sizes=[2], seed=0, epoch=0, rank=rank, world_size=2, shards=None, num_workers=1
    )
    rows[first[0]] = f"{tmp_path}/empty.mp4 0"
    (tmp_path / "one.list").write_text("\n".join(rows))
    flags = ["-c", "tiny.yaml", "-o", "data.train_list=one.list", "train.batch_size=2"]
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 1
    assert f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)" in done.stdout
    assert "gloo::" not in done.stdout and "Traceback" not in done.stdout


def test_what_is_read_instead_is_a_function_of_the_seed(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    overrides = [*write_lists(tmp_path), "data.on_error=substitute", "train.epochs=1"]
    for workers in (0, 2):
        own = [*overrides, f"data.num_workers={workers}", f"output_dir=out{workers}"]
        assert main_here("-c", "tiny.yaml", "-o", *own, cwd=tmp_path).returncode == 0
    first, second = (
        read_weights(tmp_path / f"out{workers}" / "SlowFast_epoch_000001.pdparams")
        for workers in (0, 2)
    )
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
