"""The demo: its parts, and (slow) the whole of it as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.tiny_run import REPOSITORY

from slowfast.data.labels import read_labels
from slowfast.data.lists import read_list
from slowfast.data.moving_shapes import HOWS, WHATS, render_clip, write_video
from slowfast.tools import demo


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("epoch:[  3/24 ] train step:15   loss: 1.0 lr: 0.1 top1: 0.5", 2.25 / 24),
        ("test: 30/120, 0:00:09 left", 0.25),
        ("END epoch:3 train loss: 1.0", None),
        ("192 of 192 tensors loaded from x", None),
    ],
)
def test_how_far_a_step_is_shows_in_its_lines(line: str, share: float | None) -> None:
    assert demo._share_done(line) == pytest.approx(share)


def test_the_halves_of_a_class() -> None:
    motions = len(HOWS)
    pairs = [(0, 0), (1, 0), (motions, 0), (motions + 1, motions + 1)]
    rows = [{"label": label, "top5_indices": [predicted]} for label, predicted in pairs]
    assert demo.halves(rows) == (0.75, 0.75)


def test_a_step_that_fails_shows_its_error_and_keeps_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with pytest.raises(demo.StepFailedError, match="error: config no.yaml cannot be read"):
        demo.run("train", ["single", "log", "--validate", "-c", "no.yaml"])
    assert "error: config no.yaml" in (tmp_path / "output" / "demo_train.txt").read_text()


def copy_repository(folder: Path) -> None:
    """Copies what is or would be in git."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)


def run_in(folder: Path, *command: str) -> str:
    """What a command of a user says that ends well, with this Python first on the path."""
    keep = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "OMP_NUM_THREADS")}
    env = keep | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_demo(folder: Path) -> dict[str, Any]:
    """Runs run_demo.sh; returns its summary.json."""
    said = run_in(folder, "bash", "run_demo.sh")
    summary: dict[str, Any] = json.loads((folder / "output/demo/summary.json").read_text())
    assert f"top-1 {100 * summary['top1']:.1f} %" in said
    return summary


@pytest.fixture(scope="module")
def demo_done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A copy of the repository in which the demo has been run (minutes), and its summary.json."""
    folder = tmp_path_factory.mktemp("demo")
    copy_repository(folder)
    return folder, run_demo(folder)


@pytest.mark.slow
def test_run_demo_reaches_90_percent_and_reuses_what_is_there(
    demo_done: tuple[Path, dict[str, Any]],
) -> None:
    folder, first = demo_done
    assert first["top1"] >= 0.9 and first["how_top1"] >= 0.9 and first["what_top1"] >= 0.9
    for name in ("checkpoint", "vdl", "result", "learning_curve", "confusion_matrix", "frames"):
        assert (folder / first[name]).exists(), name
    for name in ("learning_curve", "confusion_matrix", "frames"):
        assert cv2.imread(str(folder / first[name])) is not None
    weights = (folder / first["checkpoint"]).stat().st_mtime_ns
    again = run_demo(folder)
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert (folder / first["checkpoint"]).stat().st_mtime_ns == weights


@pytest.mark.slow
def test_three_commands_from_a_folder_per_class_to_a_prediction(
    demo_done: tuple[Path, dict[str, Any]],
) -> None:
    """Motions, whatever moves, by a network that has learned 24 classes of other videos."""
    demo, _ = demo_done
    motions = {
        "shaking": ("shaking",),
        "sliding": ("sliding",),
        "turning": ("spinning clockwise", "spinning counter-clockwise"),
    }
    for label, (name, hows) in enumerate(motions.items()):
        folder = demo / "data/mine" / name
        folder.mkdir(parents=True)
        for index in range(32):
            what, how = WHATS[index % len(WHATS)], hows[index % len(hows)]
            rng = np.random.default_rng([7, label, index])
            write_video(folder / f"{index:03d}.mp4", render_clip(what, how, rng, num_frames=40))

    build_list = ("python", "-m", "slowfast.tools.build_list", "folder", "data/mine")
    run_in(demo, *build_list, "--out", "data/mine", "--val-share", "0.375")
    said = run_in(
        demo, "bash", "run_train_single.sh", "-c", "configs/recognition/slowfast/finetune.yaml",
        "-o", "model.pretrained=output/demo/SlowFast_best.pdparams", "data.root=data/mine",
    )  # fmt: skip
    assert "190 of 192 tensors loaded from output/demo/SlowFast_best.pdparams" in said

    root = str(demo / "data/mine")
    names = read_labels("labels.txt", 3, root)
    seen, held_out = (read_list(f"{root}/{name}.list", root, 3) for name in ("train", "val"))
    assert len(held_out) == 36 and not {s.path for s in seen} & {s.path for s in held_out}
    run_in(
        demo, "bash", "run_infer_single.sh", *(sample.path for sample in held_out),
        "-w", "output/finetune/SlowFast_best.pdparams",
    )  # fmt: skip
    rows = json.loads((demo / "data/results/result.json").read_text(encoding="utf-8"))
    right = [row["top1_label"] == names[s.label] for row, s in zip(rows, held_out, strict=True)]
    assert np.mean(right) >= 0.9  # chance is a third
