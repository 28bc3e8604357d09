"""The tool that compares runs: its table, files and picture."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from slowfast.pictures.run_curves import COLOURS
from slowfast.tools import compare
from slowfast.train.past_runs import read_run
from slowfast.train.run_panels import panels


def write_run(folder: Path, lr: float, epochs: int = 3, task: str = "single") -> None:
    """A run of ten steps an epoch, of a second each; only every third has a row of its own."""
    folder.mkdir(parents=True)
    rows, metric = [], "top1" if task == "single" else "mAP"
    own = "top1" if task == "single" else "f1"
    for step in range(1, 10 * epochs + 1):
        row = {"kind": "train", "step": step, "epoch": 1 + (step - 1) // 10, "of": 10 * epochs}
        share = 1 - math.exp(-step * lr)
        done = (step - 1) % 10  # rows of the steps 0, 3, 6, 9
        if done % 3 == 0:
            time = {"seconds": 1 + 2 * (done > 0), "clips": 4 + 8 * (done > 0), "processes": 2}
            rows.append({**row, "loss": 3 - share, "lr": lr, own: share, "ips": 9, **time})
        if step % 10 == 0:
            rows.append({"kind": "val", "step": step // 10, "loss": 3 - share, metric: share / 2})
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    settings = f"optim: {{base_lr: {lr}}}\ntrain: {{epochs: {epochs}, task: {task}}}\n"
    (folder / "config.yaml").write_text(settings)


def colours_in(picture: Path) -> list[bool]:
    pixels = imread(picture)[..., :3]
    return [bool((np.abs(pixels - to_rgb(c)).max(axis=2) < 0.02).sum() > 200) for c in COLOURS[:3]]


def test_a_table_files_and_a_picture(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(own_folder / "slow", 0.02)
    write_run(own_folder / "\u5feb", 0.1)
    flags = ["--csv", "new/a.csv", "--json", "a.json", "--out", "a.png"]
    assert compare.main(["slow", "\u5feb", *flags]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[:4] == ["run", "metric", "best", "at"]
    assert said[1].split()[:3] == ["slow", "top1", "0.2256"]
    assert "settings that differ:" in said
    assert [line.split() for line in said if line.startswith("optim")] == [
        ["optim.base_lr", "0.02", "0.1"]
    ]
    assert said[-1] == "curves in a.png"
    with open("new/a.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["slow", "\u5feb"]
    assert [row["optim.base_lr"] for row in rows] == ["0.02", "0.1"]
    found = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert found[0]["settings"] == {"optim.base_lr": 0.02}
    assert found[1]["best"] == pytest.approx((1 - math.exp(-3)) / 2)
    assert found[0]["hours"] == pytest.approx(30 / 3600) and found[0]["clips/s"] == 4
    assert found[0]["processes"] == 2
    assert colours_in(Path("a.png")) == [True, True, False]


def test_other_tasks_and_lengths_have_panels_of_their_own(own_folder: Path) -> None:
    write_run(own_folder / "a", 0.1, epochs=2)
    write_run(own_folder / "b", 0.1, epochs=6, task="multi")
    runs = [read_run(Path(name)) for name in ("a", "b")]
    rows = panels(runs)
    assert [[panel.title for panel in row] for row in rows] == [
        ["loss", "top-1 accuracy", "F1", "mAP", "learning rate"]
    ] * 2
    assert [panel.across for row in rows for panel in row[:1]] == [
        "epoch", "minutes of training steps"
    ]  # fmt: skip
    assert [(c.run, c.kind) for c in rows[0][1].curves] == [(0, "train"), (0, "val")]
    assert [(c.run, c.kind) for c in rows[0][2].curves] == [(1, "train")]
    assert [(c.run, c.kind) for c in rows[0][3].curves] == [(1, "val")]
    assert rows[1][0].curves[2].x[-1] == pytest.approx(1)  # of 60 steps of a second
    assert compare.main(["a", "b"]) == 0 and Path("compare.png").is_file()


def test_a_run_may_be_called_as_a_column(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(own_folder / "setting", 0.1)
    write_run(own_folder / "b", 0.2)
    assert compare.main(["setting", "b"]) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    place = said.index(["settings", "that", "differ:"])
    assert said[place + 1 : place + 3] == [
        ["setting", "setting", "b"],
        ["optim.base_lr", "0.1", "0.2"],
    ]


def test_rows_of_older_runs_have_no_hours(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are compared over epochs; beside a newer run, in its table, they have dashes."""
    write_run(own_folder / "new", 0.1)
    write_run(own_folder / "old", 0.1)
    path = own_folder / "old" / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [{k: x for k, x in row.items() if k != "seconds"} for row in rows]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in kept))
    assert len(panels([read_run(Path("old"))])) == 1
    both = panels([read_run(Path(name)) for name in ("old", "new")])
    assert [{curve.run for curve in row[0].curves} for row in both] == [{0, 1}, {1}]
    assert compare.main(["old", "new"]) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()[:3]]
    assert said[1][-3:] == ["-", "-", "-"] and said[2][-3:] == ["0.01", "4.0", "2"]


def test_one_run_has_nothing_that_differs(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(own_folder / "a", 0.1)
    assert compare.main(["a"]) == 0
    assert "differ" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["a", "gone"], "gone is not there (a run is the output_dir of a training)"),
        (["a", "empty"], "empty has no metrics.jsonl of a training run: name one that has"),
        (["a", "./a"], "a run is named twice: name each once"),
        (["a", "--csv", "a/config.yaml"], "a/config.yaml would be written over a/config.yaml"),
    ],
)
def test_faults_are_one_line(
    own_folder: Path, flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(own_folder / "a", 0.1)
    (own_folder / "empty").mkdir()
    assert compare.main(flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and complaint in line


def test_the_picture_is_a_png(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare.parse_args(["a", "--out", "a.jpg"])
    assert "does not end with .png" in capsys.readouterr().err
