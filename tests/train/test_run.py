"""Setting a run up: what it writes, what it goes on from, and what it does not touch."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.locks import lock_held
from support.tiny_run import assert_same_weights, main_here, tiny_config, write_tiny_config
from visualdl import LogReader

from slowfast.config import load_config
from slowfast.train.folder import checkpoints
from slowfast.train.recipe.optim import learning_rate
from slowfast.weights.load import read_weights

LINE = re.compile(
    r"epoch:\[ *\d+/\d+ *\] train step:\d+ +loss: \d+\.\d{5} lr: \d\.\d{6} top1: \d\.\d{5} "
    r"top5: \d\.\d{5} batch_cost: \d+\.\d{5} sec, reader_cost: \d+\.\d{5} sec, "
    r"ips: \d+\.\d{5} instance/sec, eta: \d+:\d\d:\d\d"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run has come to its end; what it said is in ``said``."""
    folder = tmp_path_factory.mktemp("run")
    write_tiny_config(folder)
    done = main_here("--validate", "-c", "tiny.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(whole / "out", tmp_path / "out")
    write_tiny_config(tmp_path)
    return tmp_path


def test_it_writes_checkpoints_log_metrics_and_curves(whole: Path) -> None:
    out, said = whole / "out", (whole / "said").read_text()
    names = {path.name for path in out.iterdir()}
    assert names == {
        "SlowFast_epoch_000001.pdparams", "SlowFast_epoch_000001.pdopt",
        "SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002.pdopt",
        "SlowFast_best.pdparams", "config.yaml", "labels.txt", "log.txt", "metrics.jsonl", "vdl",
        ".lock",
    }  # fmt: skip
    assert len(LINE.findall(said)) == 6
    assert len(LINE.findall((out / "log.txt").read_text())) == 6
    assert "total batch 4 x 1 = 4, learning rate 0.1 x 0.0625 = 0.00625" in said

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
    assert cfg == tiny_config(whole)  # the resolved one
    rates = [row["lr"] for row in rows if row["kind"] == "train"]
    wanted = [learning_rate(step / 6, cfg.optim, 2) * 4 / 64 for step in range(0, 12, 2)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-9)


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "out").mkdir()
    with lock_held(tmp_path / "out" / ".lock"):
        second = main_here("-c", "tiny.yaml", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stderr == f"error: another run is training into {tmp_path / 'out'}\n"


def test_going_on_from_an_earlier_checkpoint_needs_another_folder(finished: Path) -> None:
    before = {path: path.read_bytes() for path in (finished / "out").glob("SlowFast_*")}
    over = main_here("-c", "tiny.yaml", "--deterministic", "--resume", "auto", cwd=finished)
    assert "nothing left to do: 2 of 2 epochs are done" in over.stdout, over.stderr
    first = finished / "out" / "SlowFast_epoch_000001.pdparams"
    flags: list[str | Path] = ["-c", "tiny.yaml", "--resume", first]
    refused = main_here(*flags, cwd=finished)
    assert refused.returncode == 1
    assert "out already holds a run up to SlowFast_epoch_000002: go on with" in refused.stderr
    assert {path: path.read_bytes() for path in (finished / "out").glob("SlowFast_*")} == before
    done = main_here(*flags, "-o", "output_dir=other", cwd=finished)
    assert done.returncode == 0, done.stderr
    name = "SlowFast_epoch_000002.pdparams"
    assert_same_weights(finished / "out" / name, finished / "other" / name)


@pytest.mark.parametrize(
    ("flags", "other"),
    [
        (["seed=2"], "seed=3"),
        (["train.multigrid=true", "data.num_frames=16", "data.sampling_stride=1",
          "train.batch_size=1", "optim.schedule=step", "optim.steps=[0,1]",
          "optim.step_factors=[1,0.1]"], "train.multigrid_epoch_factor=3"),
    ],
)  # fmt: skip
def test_within_an_epoch_a_run_goes_on_in_the_same_order_alone(
    tmp_path: Path, flags: list[str], other: str
) -> None:
    write_tiny_config(tmp_path)
    own = ["-c", "tiny.yaml", "-o", *flags]
    assert main_here(*own, "--max_iters", "1", cwd=tmp_path).returncode == 0
    before = (tmp_path / "out" / "config.yaml").read_text()
    again = main_here(*own, other, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 1
    assert "it stopped within an epoch of {'samples': 24," in again.stderr
    assert (tmp_path / "out" / "config.yaml").read_text() == before


def test_fine_tuning_starts_from_weights_of_other_classes(finished: Path) -> None:
    source = checkpoints(str(finished / "out"))[0]
    flags = [
        "-c", "tiny.yaml", "--max_iters", "1", "-o", "model.num_classes=30", "output_dir=new",
        "data.labels=", "optim.warmup_start_lr=0",  # the rate of the step is 0
    ]  # fmt: skip
    done = main_here(*flags, f"model.pretrained={source}", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert f"190 of 192 tensors loaded from {source}; head.projection.weight" in done.stdout
    after = read_weights(checkpoints(str(finished / "new"))[0])
    name = "s4.pathway0_res0.branch2.b.weight"
    np.testing.assert_array_equal(after[name], read_weights(source)[name])
    assert after["head.projection.bias"].shape == (30,)


def test_what_cannot_be_here_is_said_before_the_network_is_built(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    done = main_here("-c", "tiny.yaml", "-o", "train.sync_bn=true", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 1
    assert "train.sync_bn" in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("out/*.yaml"))
