"""Videos that cannot be read in the middle of training: left out, replaced, or the end of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.tiny_run import main_py, run_script, tiny_config, tiny_data, write_tiny_config

from slowfast.models import build_model
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


def listed(folder: Path) -> list[str]:
    return (folder / "out" / "unreadable_train.txt").read_text().splitlines()


@pytest.mark.parametrize(("policy", "fate"), [("skip", "left out"), ("substitute", "replaced by")])
@pytest.mark.parametrize("processes", [1, 2])
def test_training_goes_on_and_names_them(
    tmp_path: Path, policy: str, fate: str, processes: int
) -> None:
    write_tiny_config(tmp_path)
    overrides = [*write_lists(tmp_path), f"data.on_error={policy}"]
    done = main_py("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path, processes=processes)
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
    done = main_py("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path)
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
    done = main_py("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path, processes=processes)
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
    done = main_py("-c", "tiny.yaml", "-o", *overrides, cwd=tmp_path, processes=processes)
    assert done.returncode == 1
    message = "error: nothing of epoch 1 can be read; see the log for each video"
    assert message in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.pdparams"))


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_what_ends_training_is_named_whichever_process_reads_it(
    tmp_path: Path, broken: int
) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "empty.mp4").touch()
    lines = (tiny_data() / "train.list").read_text().splitlines()
    rows = [f"{tiny_data() / line}" for line in lines]
    rows[broken] = f"{tmp_path}/empty.mp4 0"
    (tmp_path / "one.list").write_text("\n".join(rows))
    flags = ["-c", "tiny.yaml", "-o", "data.train_list=one.list", "train.batch_size=2"]
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 1
    text = done.stdout + done.stderr
    assert f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)" in text
    assert "gloo::" not in text and "Traceback" not in text


def test_what_is_read_instead_is_a_function_of_the_seed(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    overrides = [*write_lists(tmp_path), "data.on_error=substitute", "train.epochs=1"]
    for workers in (0, 2):
        own = [*overrides, f"data.num_workers={workers}", f"output_dir=out{workers}"]
        assert main_py("-c", "tiny.yaml", "-o", *own, cwd=tmp_path).returncode == 0
    first, second = (
        read_weights(tmp_path / f"out{workers}" / "SlowFast_epoch_000001.pdparams")
        for workers in (0, 2)
    )
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


STEP = """
import json, sys
import numpy as np, paddle
from slowfast import distributed
from slowfast.config import load_config
from slowfast.data.dataset import Clip
from slowfast.data.sampling import Grid
from slowfast.engine.precision import Precision
from slowfast.engine.step import Learner, Work, train_step
from slowfast.engine.stop import Stop
from slowfast.models import build_model
from slowfast.models.freeze import freeze_batch_norm
from slowfast.optim import build_optimizer

distributed.start("cpu")
cfg = load_config("tiny.yaml", ["data.on_error=skip", "model.dropout=0"])
paddle.seed(0)
model = build_model(cfg.model, cfg.data.crop_size)
freeze_batch_norm(model)  # its statistics would be those of each batch
optimizer = build_optimizer(model, cfg.optim)
model.train()
parallel = paddle.DataParallel(model) if distributed.world_size() > 1 else model
rng = np.random.default_rng(0)
frames = rng.integers(0, 256, (7, 8, 32, 32, 3), np.uint8)
clips = [Clip(frame, label, 0) for frame, label in zip(frames, rng.integers(0, 24, 7))]
batches, wanted = json.loads(sys.argv[2])[distributed.rank()]
work = Work([[clips[i] for i in batch] for batch in batches], wanted, Grid(8, 32), None)
learner = Learner(parallel, optimizer, Precision("off", "bfloat16"), Stop(), cfg)
outcome = train_step(learner, work, 0.5, 0, 0)
assert outcome.clips == 7 and outcome.is_taken
if distributed.rank() == 0:
    values = {name: value.numpy() for name, value in model.state_dict().items()}
    np.savez(sys.argv[1], loss=outcome.loss, **values)
"""
"""A step on 7 clips; of each process: the clips of each batch, and how many there should be."""

SHARES = {
    "plain": [([[0, 1, 2, 3, 4, 5, 6]], 7)],
    "one left out": [([[0, 1, 2, 3, 4, 5, 6]], 8)],
    "accumulated": [([[0, 1, 2, 3], [4, 5, 6], []], 12)],
    "two processes": [([[0, 1, 2, 3]], 4), ([[4, 5, 6]], 4)],
    "two processes, accumulated": [([[0, 1], [2, 3], [4]], 6), ([[5, 6]], 6)],
    "one has none": [([[0, 1, 2], [3, 4, 5, 6]], 8), ([[], []], 8)],
}


@pytest.fixture(scope="module")
def after_plain_step(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.float32]]:
    return after_step(tmp_path_factory.mktemp("plain"), SHARES["plain"])


def after_step(folder: Path, shares: Any) -> dict[str, NDArray[np.float32]]:
    write_tiny_config(folder)
    run_script(STEP, "after.npz", json.dumps(shares), cwd=folder, processes=len(shares))
    with np.load(folder / "after.npz") as after:
        return dict(after)


@pytest.mark.parametrize("name", [name for name in SHARES if name != "plain"])
def test_clips_count_alike_however_they_are_shared_out(
    name: str, tmp_path: Path, after_plain_step: dict[str, NDArray[np.float32]]
) -> None:
    """Batches whose gradients are added up, processes, and clips that are left out."""
    found = after_step(tmp_path, SHARES[name])
    for key, value in after_plain_step.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
    moved = after_plain_step["head.projection.weight"] - initial_projection(tmp_path)
    assert np.abs(moved).max() > 0.01


def initial_projection(folder: Path) -> NDArray[np.float32]:
    cfg = tiny_config(folder)
    paddle.seed(0)
    weights: NDArray[np.float32] = build_model(
        cfg.model, cfg.data.crop_size
    ).head.projection.weight.numpy()
    return weights
