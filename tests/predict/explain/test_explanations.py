"""Explanations on disk: answers of --infer, what another run keeps, and what it leaves alone."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.full_disk import largest_file
from support.tiny_run import main_here, main_py, save_tiny_model, tiny_config, tiny_data
from support.videos import write_mpeg4

from slowfast.config import ConfigError
from slowfast.data.find import Named
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.predict.explain.explanations import explain
from slowfast.predict.runtime.built import Weighted

VIEWS = "test.num_clips=2"
VIDEOS = [str(tiny_data() / "val" / f"00000{i}.mp4") for i in range(2)]


def run(*flags: str | Path, cwd: Path, status: int = 0) -> Any:
    done = main_here("--infer", *flags, cwd=cwd)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def numbers(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return entry


@pytest.mark.parametrize("name", ["slowfast", "slow_only", "fast_only"])
def test_it_explains_the_answer_of_infer(own_folder: Path, name: str) -> None:
    cfg = tiny_config(own_folder, VIEWS, f"model.name={name}")
    flags: list[str | Path] = [*VIDEOS, "-w", save_tiny_model(cfg)]
    run(*flags, "--out", "rows.json", cwd=own_folder)
    said = run(*flags, "--explain", cwd=own_folder).stdout
    pathways = ["slow", "fast"] if name == "slowfast" else [name.removesuffix("_only")]
    for row in json.loads(Path("rows.json").read_text()):
        entry = numbers(Path("data/results/explained", f"{Path(row['video_id']).stem}.json"))
        for own, of_row in (("classes", "indices"), ("labels", "labels"), ("num_views", None)):
            assert entry[own] == row[f"top5_{of_row}" if of_row else own]
        assert entry["probabilities"] == pytest.approx(row["top5_values"])
        assert list(entry["shares"]) == list(entry["heat"]) == pathways
        assert sum(entry["shares"].values()) == pytest.approx(1)
        parts = np.array([entry["logits"][term] for term in (*pathways, "bias")])
        hottest = max(np.max(x) for x in entry["heat"].values())
        assert hottest > 0 and hottest == float(f"{hottest:.4g}")
        leads = parts[:, 0] - parts[:, 1]
        assert [*entry["lead"].values()] == pytest.approx(leads, abs=1e-6)
        assert [np.shape(x) for x in entry["heat"].values()] == [
            ({"slow": 2, "fast": 8}[pathway], 8, 8) for pathway in pathways
        ]
        best, second = entry["labels"][:2]
        share = f"{pathways[-1]} {100 * entry['shares'][pathways[-1]]:.0f} % of the decision"
        assert f"  {best} " in said and f"  rather than {second}: " in said and share in said
        assert cv2.imread(f"data/results/explained/{Path(row['video_id']).stem}.png") is not None


def test_what_cannot_be_read_stops_no_other_and_what_is_there_is_kept(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, VIEWS))
    Path("few").mkdir()
    Path("few/zero.mp4").touch()
    write_mpeg4(Path("few/2 frames.avi"), [np.full((32, 32, 3), 90, np.uint8)] * 2)
    assert cv2.imwrite("few/picture.png", np.zeros((1, 1, 3), np.uint8))
    shutil.copy(VIDEOS[0], os.fsdecode(b"few/\xe9 $x$.mp4"))
    flags = ("few", "few/picture.png", "-w", weights, "--explain", "why", "--views", "1x1")
    first = run(*flags, cwd=own_folder, status=1)
    assert "few/zero.mp4\n  not read: " in first.stdout
    assert first.stderr.endswith("error: 2 of 4 videos could not be read\n")
    made = sorted(os.listdir("why"))
    assert made == [".lock", "2 frames.json", "2 frames.png",
                    os.fsdecode(b"\xe9 $x$.json"), os.fsdecode(b"\xe9 $x$.png")]  # fmt: skip
    times = [Path("why", name).stat().st_mtime_ns for name in made[1:]]
    again = run(*flags, cwd=own_folder, status=1)
    assert [Path("why", name).stat().st_mtime_ns for name in made[1:]] == times
    reasons = [
        {line for line in done.stdout.splitlines() if " rather than " in line or "why/" in line}
        for done in (first, again)
    ]
    assert reasons[0] == reasons[1] and len(reasons[0]) >= 3
    os.utime("few/2 frames.avi", ns=(1, 1))
    Path("why", made[4]).unlink()
    run(*flags, cwd=own_folder, status=1)
    changed = [Path("why", name).stat().st_mtime_ns for name in made[1:]]
    assert [now != then for now, then in zip(changed, times, strict=True)] == [True] * 4


@pytest.mark.parametrize(("name", "text"), [
    ("000000.png", "a picture"), ("000000.json", "{}"), ("000000.json", "not JSON"),
], ids=["picture", "other json", "no json"])  # fmt: skip
def test_files_of_others_stay(own_folder: Path, name: str, text: str) -> None:
    weights = save_tiny_model(tiny_config(own_folder, VIEWS))
    Path("why").mkdir()
    Path("why", name).write_text(text)
    done = run(*VIDEOS, "-w", weights, "--explain", "why", cwd=own_folder, status=1)
    assert f"error: why/{name} is there, and is not of --explain: " in done.stderr
    assert Path("why", name).read_text() == text and not Path("why/000001.json").exists()


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, VIEWS))
    flags = (VIDEOS[0], "-w", weights, "--explain", "why", "--views", "1x1")
    with largest_file(30_000):
        done = run(*flags, cwd=own_folder, status=1)
    assert done.stderr == "error: why/000000.png: File too large\n"
    assert sorted(os.listdir("why")) == [".lock", "000000.json"]
    run(*flags, cwd=own_folder)
    assert cv2.imread("why/000000.png") is not None
    shutil.copy(VIDEOS[0], "000000.mp4")
    refused = run("000000.mp4", *flags[1:], cwd=own_folder, status=1)
    assert f"why/000000.json is of {VIDEOS[0]}, not of {own_folder}/000000.mp4" in refused.stderr
    other = (*flags, "--top", "3")
    with largest_file(30_000):
        run(*other, cwd=own_folder, status=1)
    assert numbers(Path("why/000000.json"))["classes"][3:] == []
    assert not Path("why/000000.png").exists()  # it was that of another explanation
    run(*other, cwd=own_folder)
    assert cv2.imread("why/000000.png") is not None


def test_what_cannot_be_explained_is_refused(own_folder: Path) -> None:
    def network() -> Any:
        raise AssertionError("it is not needed")

    def explained(*videos: Named, classes: int = 24) -> None:
        cfg = tiny_config(own_folder, f"model.num_classes={classes}")
        explain(Weighted(network, "x"), list(videos), None, cfg, Path("why"), top=5,
                until_enough=True)  # fmt: skip

    with pytest.raises(ListError, match=r"^a/1.mp4 and b/1.avi would both be written to 1.json: "):
        explained(Named(Sample("a/1.mp4"), "1.mp4"), Named(Sample("b/1.avi"), "1.avi"))
    with pytest.raises(ConfigError, match="there is only one"):
        explained(Named(Sample("a"), "a"), classes=1)


@pytest.mark.slow
def test_two_processes_share_the_videos(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, VIEWS))
    Path("zero.mp4").touch()
    flags: list[str | Path] = [*VIDEOS, "zero.mp4", "-w", weights, "--views", "1x1"]
    done = main_py("--infer", *flags, "--explain", "why", cwd=own_folder, processes=2)
    assert done.returncode == 1 and "error: 1 of 3 videos could not be read" in done.stdout
    assert [name for name in sorted(os.listdir("why")) if name.endswith("g")] == [
        "000000.png", "000001.png",
    ]  # fmt: skip


def test_with_several_labels_the_logit_decides(own_folder: Path) -> None:
    """Of one class, and of no other; the maximum over views is of the view that is explained."""
    cfg = tiny_config(own_folder, VIEWS, "train.task=multi", "test.average_clips=max")
    flags: list[str | Path] = [VIDEOS[0], "-w", save_tiny_model(cfg)]
    said = run(*flags, "--explain", "why", "--top", "3", cwd=own_folder).stdout
    entry = numbers(Path("why/000000.json"))
    parts = np.array([entry["logits"][term] for term in ("slow", "fast", "bias")])
    assert "lead" not in entry and [*entry["logit"].values()] == pytest.approx(parts[:, 0])
    probability = 1 / (1 + np.exp(-parts[:, 0].sum()))
    assert entry["probabilities"][0] == pytest.approx(probability, abs=1e-5)
    sizes = np.abs(parts[:2, 0])
    assert [*entry["shares"].values()] == pytest.approx(sizes / sizes.sum())
    best, count = entry["labels"][0], len(entry["predicted_labels"])
    assert f"({count} classes are seen: 50 % or more each)" in said and count > 3
    assert f"  {best}: slow " in said and "of its logit (logit: slow " in said
    assert said.count("\n* ") == count and cv2.imread("why/000000.png") is not None
    run(*flags, "--explain", "why", "--top", "3", "-o", "test.threshold=0.9", cwd=own_folder)
    assert numbers(Path("why/000000.json"))["predicted_labels"] == []


def test_one_class_of_several_labels_is_explained(own_folder: Path) -> None:
    cfg = tiny_config(own_folder, VIEWS, "train.task=multi", "model.num_classes=1", "data.labels=")
    run(VIDEOS[0], "-w", save_tiny_model(cfg), "--explain", "why", cwd=own_folder)
    assert numbers(Path("why/000000.json"))["labels"] == ["class 0"]
