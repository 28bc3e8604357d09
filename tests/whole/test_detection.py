"""A network for boxes is trained, tested and resumed as any other, and comes to the same."""

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.key_frames import write_ava
from support.tiny_run import assert_same_weights, main_here, main_py

from slowfast.train.folder import checkpoints


@functools.cache
def ava() -> Path:
    """A folder of films, 12 for training and 4 for validation, kept for the whole test session."""
    folder = Path(tempfile.mkdtemp(prefix="slowfast-tests-")) / "ava"
    write_ava(folder, 12, 4)
    return folder


def flags(*overrides: str) -> list[str | Path]:
    """Learns from the annotated boxes and from the detected ones, so that key frames have four or
    five; crops leave fewer."""
    own = [f"detection.train_boxes={ava()}/train_boxes.csv", "output_dir=out", *overrides]
    return ["--validate", "-c", ava() / "ava.yaml", "-o", *own]


def rows(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "out" / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in rows(folder, "train")]


def test_it_learns_and_a_test_comes_to_the_numbers_of_the_validation(tmp_path: Path) -> None:
    """From boxes in mmaction2's form; tested on those in PySlowFast's."""
    own = f"detection.train_boxes={ava()}/train_boxes.pkl"
    done = main_here(*flags("train.epochs=5", own), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert np.mean(losses(tmp_path)[-5:]) < 0.8 * losses(tmp_path)[0]
    first, *_, last = rows(tmp_path, "val")
    best = max(row["mAP"] for row in rows(tmp_path, "val"))
    assert last["loss"] < first["loss"] and best > max(0.75, first["mAP"])
    done = main_here("--test", "-w", "out/SlowFast_best.pdparams", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out/test_result.json").read_text())
    assert result["mAP"] == pytest.approx(best, abs=1e-6)


EXACT = ["train.freeze_bn=true", "model.dropout=0", "train.log_interval=1", "train.epochs=1",
         "optim.base_lr=0.01", "train.sampling=balanced", "train.class_weights=balanced",
         "train.focal_gamma=1", "train.focal_alpha=3", "detection.jitter=true",
         "test.protocol=mmaction2"]  # fmt: skip


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    """Whatever number of boxes the clips of each have."""
    alone, two = tmp_path / "alone", tmp_path / "two"
    alone.mkdir()
    two.mkdir()
    done = main_here(*flags(*EXACT, "train.batch_size=8"), cwd=alone)
    assert done.returncode == 0, done.stderr
    done = main_py(*flags(*EXACT, "train.batch_size=4"), cwd=two, processes=2)
    assert done.returncode == 0, done.stdout
    assert len(losses(alone)) == 6
    np.testing.assert_allclose(losses(two), losses(alone), rtol=1e-5)
    name = "out/SlowFast_epoch_000001.pdparams"
    assert_same_weights(alone / name, two / name, 1e-4)
    (one,), (both,) = rows(alone, "val"), rows(two, "val")
    assert [both[key] for key in ("loss", "mAP")] == pytest.approx(
        [one[key] for key in ("loss", "mAP")], rel=1e-4
    )


@pytest.mark.slow
def test_stopped_in_mid_epoch_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    own = flags(
        "train.log_interval=1", "train.global_batch_size=8", "train.ema=0.9",
        "train.precise_bn_batches=2", "detection.jitter=true", "test.protocol=mmaction2-1.2",
        "train.sampling=balanced",
    )  # fmt: skip
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert main_here(*own, cwd=whole).returncode == 0
    assert main_here(*own, "--max_iters", "8", cwd=parts).returncode == 0
    assert "_step_" in checkpoints(str(parts / "out"))[0].stem, "not in mid-epoch"
    done = main_here(*own, "--resume", "auto", cwd=parts)
    assert done.returncode == 0, done.stderr
    assert losses(parts) == losses(whole) and len(losses(whole)) == 12
    assert rows(parts, "val") == rows(whole, "val")
    for name in ("SlowFast_epoch_000002", "SlowFast_epoch_000002_ema", "SlowFast_best"):
        assert_same_weights(whole / f"out/{name}.pdparams", parts / f"out/{name}.pdparams")
