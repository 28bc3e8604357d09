"""The tool that scores a file again: its flags, tables and files, and what it refuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.scores import labels_of, top1, truth_of, write_file, write_several
from support.tiny_run import environment

from slowfast.tools import score


def run(path: Path, *flags: str) -> dict[str, Any]:
    """The numbers of a run of the tool."""
    out = path.with_suffix(".json")
    assert score.main([str(path), "--json", str(out), *flags]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_classes_as_a_table_and_as_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = write_file(tmp_path / "a.npz")
    found = run(tmp_path / "a.npz", "--per-class", "--csv", str(tmp_path / "a.csv"))
    right = scores.mean(axis=1).argmax(axis=1) == labels_of(60)
    shares = [float(right[np.array(labels_of(60)) == label].mean()) for label in (0, 1)]
    assert [row["accuracy"] for row in found["classes"]] == shares
    assert found["mean_class_accuracy"] == pytest.approx(np.mean(shares))
    with open(tmp_path / "a.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["name"], row["videos"]) for row in rows] == [
        ("0", "walk", "30"), ("1", "run", "30")
    ]  # fmt: skip
    assert [float(row["accuracy"]) for row in rows] == shares
    table = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split()[1] for line in table] == (
        ["walk", "run"] if shares[0] <= shares[1] else ["run", "walk"]
    )


def test_flags_choose_the_views(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "a.npz")
    found = run(
        tmp_path / "a.npz", "--clips", "middle", "--crops", "1", "--average-clips", "prob"
    )  # fmt: skip
    assert (found["clips"], found["crops"], found["average_clips"]) == ([5], [1], "prob")
    assert found["top1"] == pytest.approx(top1(scores.reshape(60, 10, 3, 5)[:, 5:6, 1]))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (
            ["a.npz", "--clips", "4"],
            "--clips 4: its clips would start elsewhere than the file's 10",
        ),
        (["nowhere.npz"], "nowhere.npz: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(
    own_folder: Path, flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_file(Path("a.npz"))
    assert score.main(flags) == 1
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith(f"error: {complaint}") and errors.count("\n") == 1


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_file(tmp_path / "a.npz")
    found = run(tmp_path / "a.npz", "--eval", "top_k_accuracy", "--clips", "5")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == (
        "60 of 61 videos, 5 x 3 of 10 x 3 views each, probabilities averaged; 1 unreadable"
    )
    low, high = found["intervals"]["top1"]
    assert lines[0] == f"top1                 {found['top1']:.5f}  (95 %: {low:.5f} to {high:.5f})"
    assert [line.split()[0] for line in lines] == ["top1", "top5"]
    assert low < found["top1"] < high
    assert found["coverage"] == 60 / 61
    assert run(tmp_path / "a.npz", "--bootstrap", "0")["intervals"] == {}
    assert run(tmp_path / "a.npz", "--seed", "5")["intervals"]["top1"] != [low, high]


def test_what_is_printed_of_several_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_several(tmp_path / "a.npz")
    flags = ["--average-clips", "max", "--threshold", "0.9", "--crops", "1", "--per-class"]
    found = run(tmp_path / "a.npz", *flags, "--csv", str(tmp_path / "a.csv"))
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == (
        "60 of 61 videos, 10 x 1 of 10 x 3 views each, highest probabilities; 1 unreadable"
    )
    low, high = found["intervals"]["mAP"]
    assert lines[0] == f"mAP                  {found['mAP']:.5f}  (95 %: {low:.5f} to {high:.5f})"
    low, high = found["intervals"]["f1"]
    assert lines[3] == f"f1 at 0.9            {found['f1']:.5f}  (95 %: {low:.5f} to {high:.5f})"
    assert [line.split()[0] for line in lines[:4]] == [
        "mAP", "mAP_all_classes", "mAP_charades", "f1"
    ]  # fmt: skip
    head, *table = (line.split() for line in lines[4:])
    assert head == ["class", "name", "videos", "AP", "AP_charades", "precision", "recall", "f1"]
    shown = [float(row[3]) for row in table]
    assert shown == sorted(shown) and len({*shown}) == len(shown) == 4  # none has class 3
    assert {row[1]: int(row[2]) for row in table} == {
        name: int(truth_of()[:, i].sum()) for i, name in enumerate(["walk", "run", "jump"])
    } | {"sit": int(truth_of()[:, 4].sum())}
    with open(tmp_path / "a.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["AP"] for row in rows] == [str(row["AP"]) for row in found["classes"]]


def test_chosen_numbers_of_several_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_several(tmp_path / "a.npz")
    found = run(tmp_path / "a.npz", "--eval", "f1", "--bootstrap", "0")
    assert capsys.readouterr().out.splitlines()[1:] == [f"f1 at 0.4            {found['f1']:.5f}"]


def test_a_file_without_labels_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_several(tmp_path / "a.npz", labels=np.zeros((60, 5)))
    assert score.main([str(tmp_path / "a.npz")]) == 1
    said = f"error: {tmp_path}/a.npz: none of the 60 videos has a label, so there is no average"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("several", "flags", "complaint"),
    [
        (True, ["--eval", "top_k_accuracy"],
         "--eval top_k_accuracy is not for train.task=multi: choose from mean_average_precision"),
        (False, ["--eval", "f1"],
         "--eval f1 is not for train.task=single: choose from top_k_accuracy, mean_class_accuracy, "
         "calibration_error"),
        (False, ["--threshold", "0.5"], "--threshold is for several labels a video, and the file "),
    ],
    ids=["accuracy", "f1", "threshold"],
)  # fmt: skip
def test_what_is_of_the_other_task(
    tmp_path: Path, several: bool, flags: list[str], complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (write_several if several else write_file)(tmp_path / "a.npz")
    assert score.main([str(tmp_path / "a.npz"), *flags]) == 1
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith(f"error: {complaint}") and errors.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--threshold", "1.5"], "'1.5' is not a number from 0 to 1"),
        (["--threshold", "-0.1"], "'-0.1' is not a number from 0 to 1"),
        (["--threshold", "nan"], "'nan' is not a number from 0 to 1"),
        (["--threshold", "half"], "'half' is not a number from 0 to 1"),
        (["--clips", "0"], "'0' is not a whole number from 1 on"),
        (["--bootstrap", "-1"], "'-1' is not a whole number from 0 to 1,000,000"),
        (["--crops", "2"], "invalid choice: 2"),
        (["--eval", "top1"], "invalid choice: 'top1' (choose from"),
    ],
)
def test_wrong_flags(flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        score.main(["a.npz", *flags])
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_it_runs_where_there_is_no_paddle(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    code = (
        "import sys; sys.modules |= dict.fromkeys(['paddle', 'visualdl', 'cv2', 'matplotlib'])\n"
        "from slowfast.tools import score; sys.exit(score.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.npz"), "--per-class"],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "calibration_error" in done.stdout


def test_damaged_scores_are_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.npz"
    write_file(path)
    content = bytearray(path.read_bytes())
    content[4000:4010] = b"\xff" * 10  # within the scores
    path.write_bytes(content)
    assert score.main([str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path} is cut off or damaged, or not an .npz file\n"


@pytest.mark.parametrize("flag", ["--json", "--csv"])
def test_the_scores_are_not_written_over(
    tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.npz"
    write_file(path)
    before = path.read_bytes()
    for target in (path, tmp_path):
        assert score.main([str(path), flag, str(target)]) == 1
        said = capsys.readouterr().err
        assert ("would be written over" if target == path else "is a folder: name a file") in said
    assert path.read_bytes() == before


def test_a_report_is_written_over_reports_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "a.npz", tmp_path / "r" / "report.html"
    write_file(file)
    command = [str(file), "--report", str(page.parent)]
    assert [score.main(command), score.main(command)] == [0, 0]
    page.write_text("mine")
    capsys.readouterr()
    assert score.main(command) == 1
    assert capsys.readouterr().err == (
        f"error: {page} is there, and no report of this command: name another folder\n"
    )
    assert page.read_text() == "mine"


def test_a_file_that_cannot_be_read_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"none")
    assert score.main([str(tmp_path / "a.npz"), "--report", str(tmp_path / "r")]) == 1
    assert not (tmp_path / "r").exists()
