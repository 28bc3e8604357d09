"""Videos that cannot be read in the middle of training: left out, replaced, or the end of it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from support.tiny_run import main_here, main_py, tiny_data, write_tiny_config

from slowfast.data.order import Pool, train_batches
from slowfast.weights.load import read_weights

THREE = {2: "empty.mp4", 9: "missing.mp4", 17: "text.mp4"}


def flags(folder: Path, broken: Mapping[int, str], *overrides: str) -> list[str]:
    """Of an epoch of the tiny run with these files in the place of some of its 24 videos."""
    write_tiny_config(folder)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 50)
    lines = (tiny_data() / "train.list").read_text().splitlines()
    rows = [f"{tiny_data() / line}" for line in lines]
    for row, name in broken.items():
        rows[row] = f"{folder / name} 3"
    (folder / "broken.list").write_text("\n".join(rows))
    own = ["data.train_list=broken.list", "train.epochs=1", "optim.warmup_epochs=0"]
    return ["-c", "tiny.yaml", "-o", *own, *overrides]


@pytest.mark.parametrize(
    ("policy", "fate", "processes"), [("skip", "left out", 1), ("substitute", "replaced by", 2)]
)
def test_training_goes_on_naming_them(
    tmp_path: Path, policy: str, fate: str, processes: int
) -> None:
    words = flags(tmp_path, THREE, f"data.on_error={policy}")
    if processes == 1:
        done = main_here(*words, cwd=tmp_path)
    else:
        done = main_py(*words, cwd=tmp_path, processes=processes)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"epoch:1: 3 unreadable videos {fate}" in done.stdout
    lines = (tmp_path / "out" / "unreadable_train.txt").read_text().splitlines()
    assert lines == [
        f"{tmp_path}/empty.mp4: the file is empty (0 bytes)",
        f"{tmp_path}/missing.mp4: No such file or directory",
        f"{tmp_path}/text.mp4: not a video that PyAV can open",
    ]
    log = (tmp_path / "out" / "log.txt").read_text()
    assert all(line in log for line in lines)
    assert (tmp_path / "out" / "SlowFast_epoch_000001.pdparams").exists()


def test_more_than_the_limit_end_training(tmp_path: Path) -> None:
    words = flags(tmp_path, THREE, "data.on_error=skip", "data.max_errors=2")
    done = main_here(*words, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert done.stdout.count("unreadable: ") == 2
    assert line.startswith(f"error: {tmp_path}/")
    assert line.endswith("(3 unreadable videos; data.max_errors=2)")


@pytest.mark.slow
def test_a_process_that_can_read_nothing_of_a_batch_takes_part(tmp_path: Path) -> None:
    """Batches of one clip, every third of which is broken."""
    thirds = dict.fromkeys(range(0, 24, 3), "empty.mp4")
    words = flags(tmp_path, thirds, "data.on_error=skip", "train.batch_size=1")
    done = main_py(*words, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epoch:1: 8 unreadable videos left out" in done.stdout
    weights = read_weights(tmp_path / "out" / "SlowFast_epoch_000001.pdparams")
    assert all(np.isfinite(value).all() for value in weights.values())


def test_an_epoch_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    words = flags(tmp_path, dict.fromkeys(range(24), "empty.mp4"), "data.on_error=skip")
    done = main_here(*words, cwd=tmp_path)
    assert done.returncode == 1
    message = "error: nothing of epoch 1 can be read; see the log for each video"
    assert message in done.stderr
    assert not list((tmp_path / "out").glob("*.pdparams"))


@pytest.mark.slow
def test_what_ends_training_is_named_whichever_process_reads_it(tmp_path: Path) -> None:
    first, *_ = train_batches(
        Pool(24), sizes=[2], seed=0, epoch=0, rank=1, world_size=2, num_workers=1
    )
    words = flags(tmp_path, {first[0]: "empty.mp4"}, "train.batch_size=2")
    done = main_py(*words, cwd=tmp_path, processes=2)
    assert done.returncode == 1
    assert f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)" in done.stdout
    assert "gloo::" not in done.stdout and "Traceback" not in done.stdout
