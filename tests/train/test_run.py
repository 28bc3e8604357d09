"""Setting a run up: what it writes, what it goes on from, and what it does not touch."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.locks import lock_held
from support.tiny_run import (
    assert_same_weights,
    main_here,
    tiny_config,
    tiny_data,
    write_tiny_config,
)

from slowfast.config import load_config
from slowfast.data.order import Pool
from slowfast.data.samples import Action, Box, KeyFrame, Sample
from slowfast.train import run
from slowfast.train.recipe.learning_rate import learning_rate
from slowfast.train.run import TrainInputs
from slowfast.weights.save import write_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a run has come to its end, and what it said."""
    folder = tmp_path_factory.mktemp("run")
    write_tiny_config(folder)
    done = main_here("--validate", "-c", "tiny.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_it_writes_checkpoints_log_metrics_and_curves(finished: tuple[Path, str]) -> None:
    folder, said = finished
    out = folder / "out"
    names = {path.name for path in out.iterdir()}
    assert names == {
        "SlowFast_epoch_000001.pdparams", "SlowFast_epoch_000001.pdopt",
        "SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002.pdopt",
        "SlowFast_best.pdparams", "config.yaml", "labels.txt", "log.txt", "metrics.jsonl", "vdl",
        ".lock",
    }  # fmt: skip
    assert said.count("] train step:") == (out / "log.txt").read_text().count("] train step:") == 6
    assert "total batch 4 x 1 = 4, learning rate 0.1 x 0.0625 = 0.00625" in said
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    cfg = load_config(out / "config.yaml")
    assert cfg == tiny_config(folder)  # the resolved one
    rates = [row["lr"] for row in rows if row["kind"] == "train"]
    wanted = [learning_rate(step / 6, cfg.optim, 2) * 4 / 64 for step in range(0, 12, 2)]
    np.testing.assert_allclose(rates, wanted, rtol=1e-9)


@pytest.mark.parametrize("units", ["stages", "blocks"])
def test_a_run_that_computes_activations_again_has_the_same_weights(
    finished: tuple[Path, str], units: str
) -> None:
    folder, _ = finished
    flags = ["-o", f"train.recompute={units}", f"output_dir={units}"]
    done = main_here("-c", "tiny.yaml", *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    name = "SlowFast_epoch_000002.pdparams"
    assert_same_weights(folder / "out" / name, folder / units / name)


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "out").mkdir()
    with lock_held(tmp_path / "out" / ".lock"):
        second = main_here("-c", "tiny.yaml", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stderr == f"error: another run is training into {tmp_path / 'out'}\n"


def test_an_earlier_checkpoint_needs_another_folder(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = {path: path.read_bytes() for path in (folder / "out").glob("SlowFast_*")}
    over = main_here("-c", "tiny.yaml", "--deterministic", "--resume", "auto", cwd=folder)
    assert "nothing left to do: 2 of 2 epochs are done" in over.stdout, over.stderr
    first = folder / "out" / "SlowFast_epoch_000001.pdparams"
    flags: list[str | Path] = ["-c", "tiny.yaml", "--resume", first]
    refused = main_here(*flags, cwd=folder)
    assert refused.returncode == 1
    assert "out already holds a run up to SlowFast_epoch_000002: go on with" in refused.stderr
    assert {path: path.read_bytes() for path in (folder / "out").glob("SlowFast_*")} == before
    done = main_here(*flags, "-o", "output_dir=other", cwd=folder)
    assert done.returncode == 0, done.stderr
    name = "SlowFast_epoch_000002.pdparams"
    assert_same_weights(folder / "out" / name, folder / "other" / name)


@pytest.mark.parametrize(
    ("flags", "other", "told"),
    [
        (["seed=2"], "seed=3", "seed 2 (now 3)"),
        (["train.multigrid=true", "data.num_frames=16", "data.sampling_stride=1",
          "train.batch_size=1", "optim.schedule=step", "optim.steps=[0,1]",
          "optim.step_factors=[1,0.1]"], "train.multigrid_epoch_factor=3",
         "other phases of train.multigrid"),
    ],
    ids=["seed", "phases"],
)  # fmt: skip
def test_within_an_epoch_a_run_goes_on_in_the_same_order_alone(
    tmp_path: Path, flags: list[str], other: str, told: str
) -> None:
    write_tiny_config(tmp_path)
    own = ["-c", "tiny.yaml", "-o", *flags]
    assert main_here(*own, "--max_iters", "1", cwd=tmp_path).returncode == 0
    before = (tmp_path / "out" / "config.yaml").read_text()
    again = main_here(*own, other, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 1
    assert f"it stopped within an epoch of {told}: go on with the same" in again.stderr
    assert (tmp_path / "out" / "config.yaml").read_text() == before


def test_within_an_epoch_balanced_sampling_goes_on_with_the_same_classes_alone(
    tmp_path: Path,
) -> None:
    write_tiny_config(tmp_path)
    own = ["-c", "tiny.yaml", "-o", "train.sampling=balanced"]
    done = main_here(*own, "--max_iters", "1", cwd=tmp_path)
    assert ", balanced sampling of 24 groups\n" in done.stdout, done.stderr
    again = main_here(*own, "train.sampling=plain", "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    assert "within an epoch of train.sampling=balanced (now plain): go on" in again.stderr
    lines = (tiny_data() / "train.list").read_text().splitlines()
    path, _, label = lines[3].rpartition(" ")
    lines[3] = f"{path} {(int(label) + 1) % 24}"
    (tmp_path / "other.list").write_text("\n".join(lines))
    other = f"data.train_list={tmp_path}/other.list"
    again = main_here(*own, other, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    assert "1 of 24 videos have another label than in the run so far" in again.stderr


def test_the_clips_of_a_head_are_drawn_evenly_from_each_class(tmp_path: Path) -> None:
    head = ["train.head_only=true", "train.head_clips=2", "train.sampling=balanced"]
    cfg = tiny_config(tmp_path, *head)
    samples = [Sample("a.mp4", 5), Sample("b.mp4", 2), Sample("c.mp4", 5)]
    schedule = run._schedule(TrainInputs(cfg, None, "", samples, None, None))
    assert schedule.pool == Pool(6, None, [[2, 3], [0, 1, 4, 5]])


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("class_weights=w.txt", "w.txt:2: 'x' is no class weight: a number above 0"),
        ("class_weights=other", "train.class_weights=other is neither none, balanced nor a file"),
        ("focal_gamma=2", "train.focal_gamma and train.focal_alpha are for several labels: "
         "train.task=multi or detection"),
    ],
    ids=["weights", "no file", "focal"],
)  # fmt: skip
def test_what_is_wrong_with_the_loss_is_one_line(tmp_path: Path, setting: str, line: str) -> None:
    write_tiny_config(tmp_path)
    (tmp_path / "w.txt").write_text("1\nx\n")
    done = main_here("-c", "tiny.yaml", "-o", f"train.{setting}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"error: {line}\n")
    assert not list(tmp_path.glob("out/*.yaml"))


def test_the_plan_of_a_run_knows_when_labels_are_seen(tmp_path: Path) -> None:
    """Clips have other labels where the times are others; without times it is the plan of old."""
    cfg = tiny_config(tmp_path, "train.task=multi")

    def plan(*actions: Action) -> dict[str, int]:
        samples = [Sample("a.mp4", (1,), actions=actions), *[Sample("b.mp4", (1,))] * 7]
        inputs = TrainInputs(cfg, None, "", samples, None, None)
        return run._plan(inputs, run._schedule(inputs))

    early, late = plan(Action(1, 0, 1)), plan(Action(1, 0, 2))
    assert early.pop("actions") != late.pop("actions")
    assert early == late == plan() and "actions" not in plan()


def test_the_plan_of_a_run_needs_no_text_of_all_boxes(tmp_path: Path) -> None:
    """Of these 200,000 it would be 18 MB; of AVA's, 150 in each process."""
    cfg = tiny_config(tmp_path, "train.task=detection")
    boxes = (Box((0.125, 0.25, 0.5, 0.75), (1, 2)),) * 100
    samples = [Sample("a.mp4", (1, 2), key=KeyFrame("a", 902.0, 2.0, boxes))] * 2000
    inputs = TrainInputs(cfg, None, "", samples, None, None)
    schedule = run._schedule(inputs)
    tracemalloc.start()
    try:
        run._plan(inputs, schedule)
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


def test_the_plan_of_a_run_knows_its_boxes_and_their_actions(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection", "train.class_weights=balanced")

    def key(*boxes: Box) -> Sample:
        return Sample("a.mp4", (1, 2), key=KeyFrame("a", 902.0, 2.0, boxes))

    def plan(*boxes: Box) -> dict[str, int]:
        inputs = TrainInputs(cfg, None, "", [key(*boxes)] * 8, None, None)
        return run._plan(inputs, run._schedule(inputs))

    one, other = Box((0, 0, 0.5, 1), (1, 2)), Box((0, 0, 1, 1), (1,))
    plans = [plan(one), plan(one, other), plan(one._replace(labels=(1,)))]
    assert len({found.pop("boxes") for found in plans}) == 3
    assert plans[0] == plans[1] == plans[2]
    assert run._targets([key(one, other), Sample("b.mp4", 7)]) == [(1, 2), (1,), 7]


def test_what_cannot_be_here_is_said_before_the_network_is_built(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)
    done = main_here("-c", "tiny.yaml", "-o", "train.sync_bn=true", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 1
    assert "train.sync_bn" in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("out/*.yaml"))


def test_a_validation_that_does_not_compare_with_earlier_ones(tmp_path: Path) -> None:
    own = ["train.task=detection", "data.val_list=v.csv"]
    cfg = tiny_config(tmp_path, *own)
    assert run.scored_otherwise(cfg) == ""  # there is no run yet
    Path(cfg.output_dir).mkdir()
    write_config(cfg, None)
    assert run.scored_otherwise(cfg) == ""
    for key, was, now in (
        ("detection.rule", "official", "pyslowfast"), ("detection.box_score", 0.8, 0.9),
        ("detection.val_boxes", "", "b.csv"), ("detection.scored", "", "ava60"),
        ("data.val_list", "v.csv", "w.csv"),
    ):  # fmt: skip
        found = run.scored_otherwise(tiny_config(tmp_path, *own, f"{key}={now}"))
        assert found == f"{key} is {now}, and was {was}"
