"""Setting a run up: what it writes, what it goes on from, and what it does not touch."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.locks import lock_held
from support.tiny_run import main_here, tiny_config, write_tiny_config
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
    rates = [row["lr"] for row in rows if row["kind"] == "train"]
    wanted = [learning_rate(step / 6, cfg.optim, 2) * 4 / 64 for step in range(0, 12, 2)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-9)


def test_the_config_beside_a_checkpoint_is_the_resolved_one(whole: Path) -> None:
    assert load_config(whole / "out" / "config.yaml") == tiny_config(whole)


def test_a_finished_run_says_that_nothing_is_left(finished: Path) -> None:
    again = main_here("-c", "tiny.yaml", "--deterministic", "--resume", "auto", cwd=finished)
    assert again.returncode == 0, again.stderr
    assert "nothing left to do: 2 of 2 epochs are done" in again.stdout


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "out").mkdir()
    with lock_held(tmp_path / "out" / ".lock"):
        second = main_here("-c", "tiny.yaml", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stderr == f"error: another run is training into {tmp_path / 'out'}\n"


def test_a_second_run_does_not_touch_the_first_ones_checkpoints(finished: Path) -> None:
    before = {path: path.read_bytes() for path in (finished / "out").glob("SlowFast_*")}
    again = main_here("-c", "tiny.yaml", "--max_iters", "2", cwd=finished)
    assert again.returncode == 1
    assert "out already holds a run up to SlowFast_epoch_000002: go on with" in again.stderr
    assert {path: path.read_bytes() for path in (finished / "out").glob("SlowFast_*")} == before


def test_weights_without_their_training_state_are_not_trained_over(finished: Path) -> None:
    first, second = (finished / "out").glob("*.pdopt")
    for pdopt in (first, second):
        pdopt.unlink()
    for flags in ([], ["--resume", "auto"]):
        again = main_here("-c", "tiny.yaml", *flags, cwd=finished)
        assert again.returncode == 1
        assert "out holds weights without the .pdopt to go on from" in again.stderr
    named = main_here(
        "-c", "tiny.yaml", "--resume", first.with_suffix(".pdparams"),
        "-o", "output_dir=other", cwd=finished,
    )  # fmt: skip
    assert f"there is no {first}, so training cannot go on" in named.stderr


def test_going_on_from_an_earlier_checkpoint_needs_another_folder(finished: Path) -> None:
    (furthest,) = checkpoints(str(finished / "out"))[:1]
    over = main_here("-c", "tiny.yaml", "--resume", "out/" + furthest.name, cwd=finished)
    assert "nothing left to do" in over.stdout, over.stderr  # however the path is written
    first = finished / "out" / "SlowFast_epoch_000001.pdparams"
    flags: list[str | Path] = ["-c", "tiny.yaml", "--resume", first]
    refused = main_here(*flags, cwd=finished)
    assert refused.returncode == 1
    assert "out already holds a run up to SlowFast_epoch_000002: go on with" in refused.stderr
    done = main_here(*flags, "-o", "output_dir=other", cwd=finished)
    assert done.returncode == 0, done.stderr
    a = read_weights(finished / "out" / "SlowFast_epoch_000002.pdparams")
    b = read_weights(finished / "other" / "SlowFast_epoch_000002.pdparams")
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_the_best_so_far_stays_where_it_is(finished: Path) -> None:
    """A run that goes on in another folder has a best checkpoint of its own there."""
    first = finished / "out" / "SlowFast_epoch_000001.pdparams"
    flags: list[str | Path] = ["--validate", "-c", "tiny.yaml", "--resume", first]
    done = main_here(*flags, "-o", "output_dir=other", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert (finished / "other" / "SlowFast_best.pdparams").exists()


def test_a_damaged_last_checkpoint_costs_its_epoch_alone(finished: Path) -> None:
    """And the run comes to where it was."""
    last = finished / "out" / "SlowFast_epoch_000002.pdparams"
    wanted = read_weights(last)
    last.write_bytes(last.read_bytes()[:1000])
    again = main_here("-c", "tiny.yaml", "--resume", "auto", cwd=finished)
    assert again.returncode == 0, again.stderr
    said = again.stdout.splitlines()
    assert said[1].endswith(": moved aside, going back to the checkpoint before")
    assert "SlowFast_epoch_000001.pdparams; going on with epoch 2, step 0" in said[2]
    for name, value in read_weights(last).items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_within_an_epoch_a_run_goes_on_with_the_same_videos_alone(finished: Path) -> None:
    flags = ["-c", "tiny.yaml", "-o", "output_dir=new"]
    assert main_here(*flags, "--max_iters", "2", cwd=finished).returncode == 0
    other = main_here(*flags, "seed=3", "--resume", "auto", cwd=finished)
    assert other.returncode == 1
    assert "it stopped within an epoch of {'samples': 24," in other.stderr
    assert "'seed': 0" in other.stderr and "'seed': 3" in other.stderr


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
    gone = ["model.pretrained=gone.pdparams", "output_dir=another"]
    done = main_here(*flags, *gone, cwd=finished)
    assert done.returncode == 1
    assert done.stderr.startswith("error: weights gone.pdparams cannot be read: No such file")
    assert "-o model.pretrained=FILE" in done.stderr


def test_what_cannot_be_here_is_said_before_the_network_is_built(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    flags = ["-c", "tiny.yaml", "--device", "cpu", "-o"]
    for override, line in (
        ("train.sync_bn=true", "train.sync_bn"),
        ("train.batch_size=25", "24 samples do not fill one batch of 25 x 1 processes"),
    ):
        done = main_here(*flags, override, cwd=tmp_path)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert line in done.stderr
        assert not list(tmp_path.glob("out/*.yaml"))
