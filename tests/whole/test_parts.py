"""Parts of videos go through training, validation, test and prediction as if each were a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_run import main_here, save_tiny_model, tiny_config, tiny_data
from support.videos import write_h264

from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.evaluate.scores import read_scores

pytest.importorskip("av")
FEW = ["test.num_clips=2", "test.num_crops=1", "data.num_workers=0"]


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file of all validation videos, a list of its parts, which overlap nowhere,
    and files of these parts alone, with their list."""
    root = tmp_path_factory.mktemp("joined")
    samples = read_list(tiny_data() / "val.list", tiny_data(), 24)
    readers = [open_video(sample, "", 30) for sample in samples]
    films = [reader.frames(np.arange(reader.num_frames)) for reader in readers]
    fps = readers[0].fps
    write_h264(root / "all.mp4", np.concatenate(films), round(fps), x264="qp=0")
    ends = np.cumsum([len(film) for film in films]) / fps
    rows, lines = [], []
    for number, (sample, film) in enumerate(zip(samples, films, strict=True)):
        start, end = float(ends[number] - len(film) / fps), float(ends[number])
        rows.append({"path": "all.mp4", "label": sample.label, "start": start, "end": end})
        write_h264(root / f"{number}.mp4", film, round(fps), x264="qp=0")
        lines.append(f"{number}.mp4 {sample.label}\n")
    (root / "parts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (root / "files.list").write_text("".join(lines))
    return root


def run(*flags: str | Path, cwd: Path, status: int = 0) -> str:
    done = main_here(*flags, cwd=cwd)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stdout + done.stderr


def test_training_and_test_see_the_same_in_parts_as_in_files(joined: Path, tmp_path: Path) -> None:
    results: dict[str, Any] = {}
    for name in ("files.list", "parts.jsonl"):
        cfg = tiny_config(
            tmp_path, f"data.root={joined}", f"data.train_list={name}", f"data.val_list={name}",
            "train.epochs=1", "train.batch_size=3", "train.log_interval=1",
            f"output_dir={tmp_path}/{name}.out", *FEW,
        )  # fmt: skip
        save_tiny_model(cfg)
        config = ["-c", f"{cfg.output_dir}/config.yaml"]
        run("--validate", *config, "--resume", "auto", "-o", "train.epochs=2", cwd=tmp_path)
        rows = map(json.loads, Path(cfg.output_dir, "metrics.jsonl").read_text().splitlines())
        losses = [(row["kind"], row["step"], row["loss"]) for row in rows]
        run("--test", *config, cwd=tmp_path)
        result = json.loads(Path(cfg.output_dir, "test_result.json").read_text())
        answers = [row["top5_values"] for row in result["predictions"]]
        assert ["start" in row for row in result["predictions"]] == [name != "files.list"] * 7
        results[name] = losses, answers, result["top1"]
    assert len(results["files.list"][0]) == 3
    assert results["files.list"] == results["parts.jsonl"]


def test_predictions_tell_parts_apart(joined: Path, own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, *FEW))
    rows = [json.loads(line) for line in (joined / "parts.jsonl").read_text().splitlines()][:2]
    rows = [rows[0], rows[1] | {"end": None}, {"path": "all.mp4", "start": 99, "end": 100.5}]
    path = joined / "three.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    files: list[str | Path] = ["-w", weights, "--views", "2x1", "--out", "r/result.json"]
    said = run("--infer", path, *files, "--annotate", "a", cwd=own_folder, status=1)
    outside = "(from 99 to 100.5 s): the part is outside the video, which has"
    assert f"{joined}/all.mp4 (from 0 to {rows[0]['end']:g} s)\n" in said
    assert f"not read: {joined}/all.mp4 {outside}" in said
    found = json.loads(Path("r/result.json").read_text())
    assert [(row["start"], row["end"]) for row in found] == [
        (row["start"] or None, row["end"]) for row in rows
    ]
    assert found[0]["top5_values"] != found[1]["top5_values"]
    names = [f"all_0-{rows[0]['end']:g}s", f"all_{rows[1]['start']:g}-"]
    assert sorted(p.name for p in Path("a").glob("*.mp4")) == [f"{name}.mp4" for name in names]
    drawn = open_video(Sample(f"a/{names[0]}.mp4"), "", 30)
    assert drawn.num_frames == round(drawn.fps * rows[0]["end"])

    assert "2 of 3 rows are in r/result.jsonl already" in run(
        "--infer", path, *files, cwd=own_folder, status=1
    )
    said = run("--infer", "r/result.jsonl", *files, cwd=own_folder, status=1)
    assert said.endswith(
        "error: r/result.jsonl:1: a line of results, not of a list of videos: name the videos "
        "themselves\n"
    )


def test_the_timeline_of_a_part_has_the_times_of_the_whole(joined: Path, own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder, *FEW))
    rows = [json.loads(line) for line in (joined / "parts.jsonl").read_text().splitlines()]
    path = joined / "middle.jsonl"
    path.write_text(f"{json.dumps(rows[1])}\n{json.dumps(rows[2])}\n")
    run("--infer", path, "-w", weights, "--timeline", "t", "--annotate", "a", cwd=own_folder)
    for row in rows[1:3]:
        name = f"all_{row['start']:g}-{row['end']:g}s"
        timeline = json.loads(Path(f"t/{name}.json").read_text())
        assert (timeline["start"], timeline["end"]) == (row["start"], row["end"])
        assert timeline["duration"] == pytest.approx(row["end"] - row["start"], abs=1e-3)
        windows = timeline["windows"]
        assert windows[0]["start"] == pytest.approx(row["start"], abs=1e-3)
        assert windows[-1]["end"] == pytest.approx(row["end"], abs=1e-3)
        assert Path(f"a/{name}.mp4").exists()


def test_labels_with_times_train_a_network(joined: Path, tmp_path: Path) -> None:
    """Two labels in one file, one after the other, and parts of it: trained, validated, tested."""
    rows = [json.loads(line) for line in (joined / "parts.jsonl").read_text().splitlines()]
    actions = [[row["label"], row["start"], row["end"] - 0.05] for row in rows]
    whole = {"path": "all.mp4", "actions": actions}
    parts = [whole | {"start": row["start"], "end": row["end"] - 0.1} for row in rows]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [whole, *parts]))
    cfg = tiny_config(
        tmp_path, f"data.root={joined}", f"data.train_list={path}", f"data.val_list={path}",
        "train.task=multi", "train.epochs=1", "train.batch_size=4", *FEW,
    )  # fmt: skip
    save_tiny_model(cfg)
    config = ["-c", f"{cfg.output_dir}/config.yaml"]
    said = run("--validate", *config, "--resume", "auto", "-o", "train.epochs=2", cwd=tmp_path)
    assert "mAP" in said
    run("--test", *config, cwd=tmp_path)
    result = json.loads(Path(cfg.output_dir, "test_result.json").read_text())
    labels = [row["labels"] for row in result["predictions"]]
    assert labels == [sorted(row["label"] for row in rows), *([row["label"]] for row in rows)]


def test_parts_that_cannot_be_read_are_told_apart(joined: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (joined / "parts.jsonl").read_text().splitlines()]
    gone = [{"path": "all.mp4", "label": 0, "start": at, "end": at + 1} for at in (98, 99)]
    (tmp_path / "x.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows + gone))
    cfg = tiny_config(
        tmp_path, f"data.root={joined}", f"data.train_list={tmp_path}/x.jsonl",
        f"data.val_list={tmp_path}/x.jsonl", "data.on_error=skip", "train.epochs=1",
        "train.batch_size=3", *FEW,
    )  # fmt: skip
    save_tiny_model(cfg)
    config, out = ["-c", f"{cfg.output_dir}/config.yaml"], Path(cfg.output_dir)
    said = run("--validate", *config, "--resume", "auto", "-o", "train.epochs=2", cwd=tmp_path)
    names = [f"{joined}/all.mp4 (from {at} to {at + 1} s)" for at in (98, 99)]
    lines = [f"{name}: the part is outside the video, which has" for name in names]
    listed = (out / "unreadable_train.txt").read_text().splitlines()
    assert [line.rpartition(" has ")[0] + " has" for line in listed] == lines
    assert all(said.count(f"unreadable: {line}") >= 2 for line in lines)  # training, validation
    run("--test", *config, "--out", "s.npz", cwd=tmp_path)
    result = json.loads((out / "test_result.json").read_text())
    assert [row["path"] for row in result["unreadable"]] == names
    listed = (out / "unreadable.txt").read_text().splitlines()
    assert [line.rpartition(" has ")[0] + " has" for line in listed] == lines
    scores = read_scores(tmp_path / "s.npz")
    assert scores.unreadable_paths == names and len({*scores.paths}) == 7
    assert scores.paths[1] == Sample(
        f"{joined}/all.mp4", start=rows[1]["start"], end=rows[1]["end"]
    ).shown  # fmt: skip
