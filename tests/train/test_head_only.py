"""Training the classifier alone: what it learns, what it leaves alone, what it goes on from."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_run import assert_same_weights, main_here, main_py, save_tiny_model, tiny_config
from support.videos import Picture, write_mpeg4

from slowfast.config import ConfigError, load_config
from slowfast.predict.kept import Kept
from slowfast.train import head_only
from slowfast.weights.load import read_weights

NUM_CLASSES, NUM_TRAIN, NUM_VAL = 3, 18, 12


def stripes(label: int, rng: np.random.Generator) -> Picture:
    """Stripes of a random phase and brightness, in a colour by class, ``[32, 40, 3]``."""
    y, _ = np.indices((32, 40))
    grey = rng.uniform(60, 120) + 40.0 * ((y + rng.integers(8)) // 4 % 2)
    picture = np.repeat(grey[..., None], 3, 2) + rng.normal(0, 4, (32, 40, 3))
    picture[..., label] += 60
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of short still videos, with lists, and an untrained network's weights."""
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    for split, count in (("train", NUM_TRAIN), ("val", NUM_VAL)):
        lines = []
        for i in range(count):
            label = i % NUM_CLASSES
            write_mpeg4(root / f"{split} {i}.mp4", [stripes(label, rng)] * 12)
            lines.append(f"{split} {i}.mp4 {label}\n")
        (root / f"{split}.list").write_text("".join(lines))
    save_tiny_model(tiny_config(root, "model.num_classes=5", "data.labels="))
    return root


def settings(videos: Path, folder: Path) -> list[str]:
    return [
        f"data.root={videos}", f"data.train_list={videos}/train.list", "data.num_workers=0",
        f"data.val_list={videos}/val.list", "data.labels=", "model.num_classes=3",
        f"model.pretrained={backbone(videos)}", "train.head_only=true", "train.head_clips=2",
        "train.epochs=12", "train.log_interval=100", "optim.base_lr=0.1", "optim.scale_lr=false",
        "model.dropout=0", f"output_dir={folder / 'head'}",
    ]  # fmt: skip


def backbone(videos: Path) -> Path:
    return videos / "out" / "SlowFast_epoch_000001.pdparams"


def train(videos: Path, folder: Path, *more: str, flags: tuple[str, ...] = ()) -> Any:
    """Trains a head in this process; its output goes to ``folder/head``."""
    config = str(videos / "tiny.yaml")
    words = ["--validate", *flags, "-c", config, "-o", *settings(videos, folder), *more]
    return main_here(*words, cwd=folder)


def validations(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "head" / "metrics.jsonl").read_text()
    return [row for row in map(json.loads, text.splitlines()) if row["kind"] == "val"]


@pytest.fixture(scope="module")
def trained(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train(videos, folder).returncode == 0
    return folder


def test_it_learns_what_it_has_not_seen(trained: Path) -> None:
    rows = validations(trained)
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[-1]["top1"] >= 0.9  # chance: 0.33
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    log = (trained / "head" / "log.txt").read_text()
    assert "head.projection.bias left as initialised: 5 classes in the file, 3 in the" in log
    assert log.count("the classifier alone is trained, on 2 clips of each video") == 1
    assert "epoch:[ 12/12 ] train step:0" in log


def test_the_backbone_is_the_pretrained_one_bit_by_bit(videos: Path, trained: Path) -> None:
    before = read_weights(backbone(videos))
    for name in ("SlowFast_epoch_000012.pdparams", "SlowFast_best.pdparams"):
        after = read_weights(trained / "head" / name)
        assert after.keys() == before.keys()
        changed = {key for key in after if not np.array_equal(after[key], before[key])}
        assert changed == {"head.projection.weight", "head.projection.bias"}


def test_a_test_of_the_same_views_comes_to_the_same(trained: Path) -> None:
    views = ["test.num_clips=2", "test.num_crops=1"]
    best = trained / "head" / "SlowFast_best.pdparams"
    rows = validations(trained)
    for weights, top1 in (
        (best.with_name("SlowFast_epoch_000012.pdparams"), rows[-1]["top1"]),
        (best, max(row["top1"] for row in rows)),
    ):
        assert main_here("--test", "-w", weights, "-o", *views, cwd=trained).returncode == 0
        result = json.loads((trained / "head" / "test_result.json").read_text())
        assert (result["top1"], result["num_videos"]) == (top1, NUM_VAL)


def test_it_learns_several_labels_and_of_unequal_classes(videos: Path, tmp_path: Path) -> None:
    lines = (videos / "train.list").read_text().splitlines()
    unequal = [line for line in lines if line.endswith(" 0")] + lines[1:3]  # 6, 1 and 1
    (tmp_path / "unequal.list").write_text("\n".join(unequal))
    more = [
        "train.task=multi", "train.class_weights=balanced", "train.sampling=balanced",
        f"data.train_list={tmp_path}/unequal.list", "train.log_interval=1", "train.focal_gamma=1",
    ]  # fmt: skip
    done = train(videos, tmp_path, *more)
    assert done.returncode == 0, done.stderr
    rows = validations(tmp_path)
    assert rows[-1]["mAP"] >= 0.7  # chance: about 0.4
    assert {"mAP_all_classes", "mAP_charades", "f1"} <= rows[-1].keys()
    assert ", class weights 0.3333 to 7, balanced sampling of 3 groups" in done.stdout
    assert "END epoch:12 train loss" in done.stdout and " f1: " in done.stdout
    assert f"best mAP: {max(row['mAP'] for row in rows):.5f}" in done.stdout


def test_the_best_validated_best(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top1 = iter([0.5, 0.75, 0.75])
    heads = []

    real = head_only.validate_head

    def validate(*given: Any) -> Any:
        heads.append(given[0].projection.weight.numpy())
        return {"loss": 1.0, "top1": next(top1), "top5": 1.0, "seen": 1.0}, real(*given)[1]

    monkeypatch.setattr(head_only, "validate_head", validate)
    assert train(videos, tmp_path, "train.epochs=3").returncode == 0
    best, last = (
        read_weights(tmp_path / "head" / f"SlowFast_{name}.pdparams")["head.projection.weight"]
        for name in ("best", "epoch_000003")
    )
    np.testing.assert_array_equal(best, heads[1])
    np.testing.assert_array_equal(last, heads[2])
    assert not np.array_equal(best, last)


def test_what_is_kept_is_not_redone(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal in the middle; the same command goes on; then a longer run with --resume."""
    count, write = 0, Kept.write

    def signal_at_the_fifth(self: Kept, name: str, row: Any) -> None:
        nonlocal count
        count += 1
        write(self, name, row)
        if count == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Kept, "write", signal_at_the_fifth)
    assert train(videos, tmp_path).returncode == 143
    assert len(list(tmp_path.glob("head/features/*/*.npy"))) == 5
    assert not list(tmp_path.glob("head/*.pdparams"))
    assert train(videos, tmp_path, "train.epochs=2").returncode == 0
    assert count == NUM_TRAIN + NUM_VAL
    damaged = next(tmp_path.glob("head/features/*/*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    resume = ("--resume", "auto")
    assert train(videos, tmp_path, "train.epochs=3", flags=resume).returncode == 0
    assert count == NUM_TRAIN + NUM_VAL + 1  # the damaged one
    assert [row["step"] for row in validations(tmp_path)] == [1, 2, 3]
    again = train(videos, tmp_path, "train.epochs=3", flags=resume)
    assert again.returncode == 0 and "nothing left to do: 3 of 3 epochs" in again.stdout


def test_an_interruption_is_told(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(head_only, "validate_head", interrupted)
    done = train(videos, tmp_path)
    assert done.returncode == 130
    said = f"interrupted: the features so far are in {tmp_path}/head/features (go on with"
    assert done.stderr.startswith(said)


def test_a_resumed_run_comes_to_the_same(videos: Path, trained: Path, tmp_path: Path) -> None:
    assert train(videos, tmp_path, "train.epochs=5", "optim.schedule=step").returncode == 0
    more = ("train.epochs=8", "optim.schedule=step")
    assert train(videos, tmp_path, *more, flags=("--resume", "auto")).returncode == 0
    (tmp_path / "whole").mkdir()
    assert train(videos, tmp_path / "whole", *more).returncode == 0
    name = "head/SlowFast_epoch_000008.pdparams"
    assert_same_weights(tmp_path / name, tmp_path / "whole" / name)


def test_videos_that_cannot_be_read(videos: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.list"
    bad.write_text((videos / "train.list").read_text() + f"{tmp_path}/empty.mp4 1\n")
    (tmp_path / "empty.mp4").touch()
    lists = (f"data.train_list={bad}", "train.epochs=1")
    done = train(videos, tmp_path, *lists)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)\n"
    assert train(videos, tmp_path, *lists, "data.on_error=skip").returncode == 0
    log = (tmp_path / "head" / "log.txt").read_text()
    assert "features of 18 of 19 training videos are there" in log
    assert "1 of 19 training videos are left out" in log


@pytest.mark.parametrize(
    ("more", "flags", "line"),
    [
        ("model.pretrained=", (), "needs weights: -o model.pretrained=FILE"),
        ("seed=0", ("--max_iters", "3"), "no use for --max_iters"),
        ("train.batch_size=64", (), "36 samples do not fill one batch of 64 x 1 processes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    videos: Path, tmp_path: Path, more: str, flags: tuple[str, ...], line: str
) -> None:
    done = train(videos, tmp_path, more, flags=flags)
    assert done.returncode == 1
    assert line in done.stderr and done.stderr.count("\n") == 1


def test_all_that_is_useless_to_a_head_is_named() -> None:
    wrong = ["mixup=0.2", "cutmix=1", "multigrid=true", "ema=0.9", "amp=O1", "sync_bn=true"]
    with pytest.raises(ConfigError) as caught:
        load_config(None, ["train.head_only=true", *(f"train.{word}" for word in wrong)])
    assert all(f"train.{word.partition('=')[0]}" in str(caught.value) for word in wrong)


@pytest.mark.slow
def test_two_processes_come_to_what_one_does(videos: Path, trained: Path, tmp_path: Path) -> None:
    """Each computes half of the features; the head is trained by the first."""
    flags = ["--validate", "-c", str(videos / "tiny.yaml"), "-o", *settings(videos, tmp_path)]
    done = main_py(*flags, "train.batch_size=2", cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stderr
    best = "head/SlowFast_best.pdparams"
    assert_same_weights(trained / best, tmp_path / best, 1e-4)
