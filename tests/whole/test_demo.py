"""The demo, and fine-tuning after it, as a user runs them."""

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
from support.pages import browsing, headless, serving
from support.paths import REPOSITORY

from slowfast.data.labels import read_labels
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import classes_of
from slowfast.data.shapes.moving_shapes import CLASS_NAMES, HOWS, WHATS, render_clip
from slowfast.data.shapes.moving_shapes_files import write_video
from slowfast.demos.one_label import JOINED


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
def test_run_demo_reaches_90_percent_and_is_reused(demo_done: tuple[Path, dict[str, Any]]) -> None:
    folder, first = demo_done
    assert first["top1"] >= 0.9 and first["how_top1"] >= 0.9 and first["what_top1"] >= 0.9
    for name in ("checkpoint", "vdl", "result", "annotated_video"):
        assert (folder / first[name]).exists(), name
    for name in ("learning_curve", "confusion_matrix", "frames", "timeline", "explanation"):
        assert cv2.imread(str(folder / first[name])) is not None
    timeline = json.loads((folder / first["timeline"]).with_suffix(".json").read_text())
    labels = [CLASS_NAMES[label] for label in JOINED]
    assert [segment["label"] for segment in timeline["segments"]] == labels
    starts = [segment["start"] for segment in timeline["segments"]]
    assert starts == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.5)
    weights = (folder / first["checkpoint"]).stat().st_mtime_ns
    again = run_demo(folder)
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert (folder / first["checkpoint"]).stat().st_mtime_ns == weights


@pytest.mark.slow
def test_two_classes_a_video_are_learned_and_found_when_they_are_seen(tmp_path: Path) -> None:
    copy_repository(tmp_path)
    said = run_in(tmp_path, "bash", "run_demo.sh", "--several")
    out = tmp_path / "output/demo_several"
    summary = json.loads((out / "summary.json").read_text())
    assert f"mAP max {100 * summary['mAP max']:.1f} %" in said
    assert min(summary["mAP max"], summary["mAP mean"], summary["F1 max"]) >= 0.9
    assert summary["F1 mean"] < summary["F1 max"]  # each class is seen for half of the time
    sliding, still = (CLASS_NAMES.index(f"striped drop, {how}") for how in ("sliding", "still"))
    line = (tmp_path / "data/moving_shapes_several/val.jsonl").read_text().splitlines()[25]
    assert [label for label, *_ in json.loads(line)["actions"]] == [sliding, still]
    found = json.loads((out / "timeline/000025.json").read_text())["segments"]
    assert [segment["label"] for segment in found] == [
        CLASS_NAMES[sliding], CLASS_NAMES[still],
    ]  # fmt: skip
    assert [segment["start"] for segment in found] == pytest.approx([0, 1.5], abs=0.5)


@pytest.mark.slow
def test_actions_are_learned_in_boxes_and_only_there(tmp_path: Path) -> None:
    copy_repository(tmp_path)
    said = run_in(tmp_path, "bash", "run_demo.sh", "--detection")
    out = tmp_path / "output/demo_detection"
    summary = json.loads((out / "summary.json").read_text())
    assert f"mAP {100 * summary['mAP']:.1f} %, colours" in said
    assert summary["mAP"] >= 0.8 and summary["motions"] >= 0.7
    assert summary["exchanged"] < summary["guessed"] < 0.3
    assert summary["whole"] < 0.6
    assert (out / "annotated/val_000.mp4").stat().st_size > 0
    assert cv2.imread(str(out / "learning_curve.png")) is not None
    again = run_in(tmp_path, "bash", "run_demo.sh", "--detection")
    assert again.count("reusing") == 4  # the training, and three tests


@pytest.mark.slow
def test_explanations_say_what_is_known(demo_done: tuple[Path, dict[str, Any]]) -> None:
    """Heat lies on the drop, and the fast pathway decides about motion."""
    folder, summary = demo_done
    said = run_in(folder, "python", "-m", "benchmarks.reasons", "-w", summary["checkpoint"])
    found = json.loads(said.splitlines()[-1])
    area = found["area of the drop"]
    assert found["videos"] == 240 and 0.15 < area < 0.3
    assert found["heat of the slow pathway on it"] > 2 * area
    assert found["heat of the fast pathway on it"] > 1.3 * area
    motion = found["fast pathway's share where only motion differs"]
    assert motion > 3 * found["fast pathway's share where only appearance differs"]
    assert motion > 0.3


@pytest.mark.slow
def test_three_commands_from_folders_to_a_prediction(
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
            write_video(folder / f"{index:03d}.mp4", render_clip(what, [how], rng, num_frames=40))

    build_list = ("python", "-m", "slowfast.tools.build_list", "folder", "data/mine")
    run_in(demo, *build_list, "--out", "data/mine", "--val-share", "0.375")
    said = run_in(
        demo, "bash", "run_train_single.sh", "-c", "configs/recognition/slowfast/finetune.yaml",
        "-o", "model.pretrained=output/demo/SlowFast_best.pdparams", "data.root=data/mine",
        "train.epochs=8", "train.val_interval=4",
    )  # fmt: skip
    assert "190 of 192 tensors loaded from output/demo/SlowFast_best.pdparams" in said

    root = str(demo / "data/mine")
    names = read_labels("labels.txt", 3, root)
    seen, held_out = (read_list(f"{root}/{name}.list", root, 3) for name in ("train", "val"))
    assert len(held_out) == 36 and not {s.path for s in seen} & {s.path for s in held_out}
    run_in(
        demo, "bash", "run_infer_single.sh", *(sample.path for sample in held_out),
        "-w", "output/finetune/SlowFast_best.pdparams", "-o", "test.num_clips=2",
    )  # fmt: skip
    rows = json.loads((demo / "data/results/result.json").read_text(encoding="utf-8"))
    pairs = zip(rows, held_out, strict=True)
    right = [row["top1_label"] == names[classes_of(s.label)[0]] for row, s in pairs]
    assert np.mean(right) >= 0.9  # chance is a third


@pytest.mark.slow
def test_the_page_is_taught_two_motions_and_knows_them_again(
    demo_done: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, first = demo_done
    teach_two_motions(folder / first["checkpoint"], tmp_path)


def teach_two_motions(weights: Path, folder: Path) -> None:
    """Shows a page 4 clips each of both spins, in a browser, and asks it about 3 new ones each."""

    def clip(how: str, number: int) -> Path:
        path = folder / f"{how} {number}.mp4"
        seed = [7, HOWS.index(how), number]
        what = WHATS[number % len(WHATS)]
        write_video(path, render_clip(what, [how], np.random.default_rng(seed)))
        return path

    spins = "spinning clockwise", "spinning counter-clockwise"
    with headless() as browser, serving(folder, weights) as page, browsing(browser) as browsed:
        browsed.open(page.address, "Teach")
        for how in spins:
            browsed.tab.get_by_label("Name of the action").fill(how)
            browsed.put("teach_clips", *(clip(how, number) for number in range(4)))
            browsed.tab.wait_for_selector("#teach_clips .file-preview")
            browsed.tab.get_by_role("button", name="Add to this action").click()
            browsed.wait("teach_list", f"{how}: 4 clips")
            browsed.tab.wait_for_selector("#teach_clips .file-preview", state="detached")
        browsed.tab.get_by_role("button", name="Learn", exact=True).click()
        browsed.wait("teach_verdict", "of 8 clips")
        right = 0
        for how in spins:
            for number in range(4, 7):
                browsed.put("teach_try", clip(how, number))
                right += browsed.wait("teach_labels", "%").splitlines()[1] == how
                browsed.tab.locator("#teach_try").get_by_label("Clear").click()
                browsed.tab.wait_for_function(
                    "!document.querySelector('#teach_labels').innerText.includes('%')"
                )
        assert right >= 5
