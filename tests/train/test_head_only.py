"""Training the classifier alone: what it learns, what it leaves alone, what it goes on from."""

import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support.tiny_run import main_py, tiny_config
from support.videos import Picture, write_mpeg4
from test_evaluate import save_tiny_model

from slowfast.cli import main
from slowfast.config import Config, ConfigError, load_config
from slowfast.data.clips.datasets import MultiViewVideos
from slowfast.data.lists import read_list
from slowfast.models import build_model
from slowfast.predict import kept, kept_features
from slowfast.train import head_only
from slowfast.weights.load import load_weights, read_weights

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


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("slowfast")
    before = logger.handlers, logger.level, logger.propagate
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level, logger.propagate = before


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


def train(videos: Path, folder: Path, *more: str, flags: tuple[str, ...] = ()) -> int:
    """Trains a head in this process; its output goes to ``folder/head``."""
    config = str(videos / "tiny.yaml")
    return main.main(["--validate", *flags, "-c", config, "-o", *settings(videos, folder), *more])


def validations(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "head" / "metrics.jsonl").read_text()
    return [row for row in map(json.loads, text.splitlines()) if row["kind"] == "val"]


@pytest.fixture(scope="module")
def trained(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train(videos, folder) == 0
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
        assert main.main(["--test", "-w", str(weights), "-o", *views]) == 0
        result = json.loads((trained / "head" / "test_result.json").read_text())
        assert (result["top1"], result["num_videos"]) == (top1, NUM_VAL)


def test_the_best_is_the_epoch_that_validated_best(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top1 = iter([0.5, 0.75, 0.75])
    heads = []

    def validate(head: paddle.nn.Layer, val: object, cfg: Config) -> dict[str, float]:
        heads.append(head.projection.weight.numpy())
        return {"loss": 1.0, "top1": next(top1), "top5": 1.0, "seen": 1.0}

    monkeypatch.setattr(head_only, "validate_head", validate)
    assert train(videos, tmp_path, "train.epochs=3") == 0
    best, last = (
        read_weights(tmp_path / "head" / f"SlowFast_{name}.pdparams")["head.projection.weight"]
        for name in ("best", "epoch_000003")
    )
    np.testing.assert_array_equal(best, heads[1])
    np.testing.assert_array_equal(last, heads[2])
    assert not np.array_equal(best, last)


def test_features_are_those_of_the_tests_views(videos: Path, trained: Path) -> None:
    cfg = load_config(trained / "head" / "config.yaml", ["test.num_clips=2", "test.num_crops=1"])
    model = build_model(cfg.model, cfg.data.crop_size)
    load_weights(model, trained / "head" / "SlowFast_best.pdparams")
    model.eval()
    samples = read_list(cfg.data.val_list, cfg.data.root, 3)
    folder = kept_features.claim_features(model, cfg)
    file = folder / f"{kept_features._key(samples[4])}.npy"
    rows = np.load(file, allow_pickle=False)
    video = MultiViewVideos(samples, cfg.data, cfg.test)(4)
    ((y, x),) = video.crops
    for row, clip in zip(rows, video.clips, strict=True):
        pixels = video.frames[clip][:, y : y + 32, x : x + 32].astype(np.float32)
        clip_NCTHW = (pixels / 255 - 0.45).transpose(3, 0, 1, 2)[None] / 0.225
        with paddle.no_grad():
            expected = model.embed(paddle.to_tensor(clip_NCTHW.astype(np.float32))).numpy()[0]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


def test_what_is_kept_is_not_computed_again(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal in the middle; the same command goes on; then a longer run with --resume."""
    count = 0
    write = kept.write_array

    def signal_at_the_fifth(path: Path, array: Any) -> None:
        nonlocal count
        count += 1
        write(path, array)
        if count == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("slowfast.predict.kept_features.write_array", signal_at_the_fifth)
    assert train(videos, tmp_path) == 143
    assert len(list(tmp_path.glob("head/features/*/*.npy"))) == 5
    assert not list(tmp_path.glob("head/*.pdparams"))
    assert train(videos, tmp_path, "train.epochs=2") == 0
    assert count == NUM_TRAIN + NUM_VAL
    damaged = next(tmp_path.glob("head/features/*/*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert train(videos, tmp_path, "train.epochs=3", flags=("--resume", "auto")) == 0
    assert count == NUM_TRAIN + NUM_VAL + 1  # the damaged one
    assert [row["step"] for row in validations(tmp_path)] == [1, 2, 3]
    assert train(videos, tmp_path, "train.epochs=3", flags=("--resume", "auto")) == 0


def test_an_interruption_is_told_in_one_line(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(head_only, "validate_head", interrupted)
    assert train(videos, tmp_path) == 130
    said = f"interrupted: the features so far are in {tmp_path}/head/features (go on with"
    assert capfd.readouterr().err.startswith(said)


def test_a_resumed_run_comes_to_the_same(videos: Path, trained: Path, tmp_path: Path) -> None:
    assert train(videos, tmp_path, "train.epochs=5", "optim.schedule=step") == 0
    more = ("train.epochs=8", "optim.schedule=step")
    assert train(videos, tmp_path, *more, flags=("--resume", "auto")) == 0
    (tmp_path / "whole").mkdir()
    assert train(videos, tmp_path / "whole", *more) == 0
    name = "head/SlowFast_epoch_000008.pdparams"
    one, other = (read_weights(path / name) for path in (tmp_path, tmp_path / "whole"))
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)


def test_what_features_depend_on(videos: Path) -> None:
    model = build_model(load_config(videos / "tiny.yaml").model, 32)

    def plan(*overrides: str) -> dict[str, Any]:
        return kept.make_plan(model, load_config(videos / "tiny.yaml", list(overrides)))

    base = plan()
    for same in ("model.num_classes=7", "data.flip=0", "test.num_clips=3", "model.dropout=0.1"):
        assert plan(same) == base, same
    for other in ("data.num_frames=12", "test.protocol=mmaction2", "model.alpha=2"):
        assert plan(other) != base, other
    model.head.projection.bias.set_value(model.head.projection.bias + 1)
    assert plan() == base
    model.s5.sublayers()[0].parameters()[0].set_value(model.s5.sublayers()[0].parameters()[0] + 1)
    assert {key for key, value in plan().items() if value != base[key]} == {"weights"}


def test_videos_that_cannot_be_read(videos: Path, tmp_path: Path, capfd: Any) -> None:
    bad = tmp_path / "bad.list"
    bad.write_text((videos / "train.list").read_text() + f"{tmp_path}/empty.mp4 1\n")
    (tmp_path / "empty.mp4").touch()
    lists = (f"data.train_list={bad}", "train.epochs=1")
    assert train(videos, tmp_path, *lists) == 1
    line = f"error: {tmp_path}/empty.mp4: the file is empty (0 bytes)\n"
    assert capfd.readouterr().err == line
    assert train(videos, tmp_path, *lists, "data.on_error=skip") == 0
    log = (tmp_path / "head" / "log.txt").read_text()
    assert "features of 18 of 19 training videos are there" in log
    assert "1 of 19 training videos are left out" in log


@pytest.mark.parametrize(
    ("more", "flags", "line"),
    [
        ("model.pretrained=", (), "needs weights: -o model.pretrained=FILE"),
        ("train.ema=0.9", ("--amp",), "leave out train.ema, train.amp"),
        ("seed=0", ("--max_iters", "3"), "no use for --max_iters"),
        ("train.batch_size=64", (), "36 samples do not fill one batch of 64 x 1 processes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    videos: Path, tmp_path: Path, capfd: Any, more: str, flags: tuple[str, ...], line: str
) -> None:
    assert train(videos, tmp_path, more, flags=flags) == 1
    said = capfd.readouterr().err
    assert line in said and said.count("\n") == 1


def test_all_that_is_useless_to_a_head_is_named() -> None:
    wrong = ["train.mixup=0.2", "train.cutmix=1", "train.multigrid=true", "train.sync_bn=true"]
    with pytest.raises(ConfigError, match="mixup, train.cutmix, train.multigrid, train.sync_bn"):
        load_config(None, ["train.head_only=true", *wrong])


@pytest.mark.slow
def test_two_processes_come_to_what_one_does(videos: Path, trained: Path, tmp_path: Path) -> None:
    """Each computes half of the features; the head is trained by the first."""
    flags: list[str | Path] = [
        "--validate",
        "-c",
        videos / "tiny.yaml",
        "-o",
        *settings(videos, tmp_path),
    ]
    done = main_py(*flags, "train.batch_size=2", cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stderr
    one, two = (read_weights(f / "head" / "SlowFast_best.pdparams") for f in (trained, tmp_path))
    for key, value in one.items():
        np.testing.assert_allclose(two[key], value, rtol=1e-4, atol=1e-6, err_msg=key)
