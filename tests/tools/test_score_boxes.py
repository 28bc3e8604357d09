"""score_boxes: files in AVA's form, the numbers by each rule, and files that cannot be used."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import environment

from slowfast.tools import score_boxes

TRUTH = """a,0902,.1,.1,.4,.8,12,1
a,0902,.5,.1,.8,.8,12,2
a,0902,.1,.1,.4,.8,14,1
a,0903,.1,.1,.4,.8,12,1
a,0905,.2,.2,.6,.9,11,1
a,0906,.2,.2,.6,.9,12,1
a,0906,.2,.2,.6,.9,2,1
"""
FOUND = """a,0902,.12,.1,.42,.8,12,.60
a,0902,.1,.12,.4,.82,12,.90
a,0902,.3,.1,.6,.8,12,.70
a,0902,.52,.1,.8,.8,12,.50
a,0902,.1,.12,.4,.82,14,.30
a,0902,.52,.1,.8,.8,14,.40
a,0903,.1,.1,.4,.8,12,.65
a,0904,.1,.1,.4,.8,12,.80
a,0905,.2,.2,.6,.54,11,.90
a,0906,.2,.2,.6,.9,12,.95
a,0906,.2,.2,.6,.9,5,.95
a,0904,.1,.1,.4,.8,2,.80
"""
ACTIONS = "5: fall down\n11: sit\n12: stand\n14: walk\n"
EXPECTED = {"official": 0.4513889, "official-2019": 0.3888889, "pyslowfast": 1 / 3,
            "mmaction2": 0.3555556}  # fmt: skip
"""As the peers' own code has them, see tests/metrics/test_frame_map.py."""


def command(folder: Path, found: str = FOUND, truth: str = TRUTH) -> list[str]:
    for name, text in {
        "found.csv": found, "truth.csv": truth, "excluded.csv": "a,0906\n", "actions.txt": ACTIONS,
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    return [
        str(folder / "found.csv"), "--annotations", str(folder / "truth.csv"),
        "--excluded", str(folder / "excluded.csv"), "--actions", str(folder / "actions.txt"),
    ]  # fmt: skip


def test_all_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, numbers = tmp_path / "classes.csv", tmp_path / "numbers.json"
    more = ["--per-class", "--csv", str(table), "--json", str(numbers)]
    assert score_boxes.main([*command(tmp_path), *more]) == 0
    found = json.loads(numbers.read_text())
    assert found["mAP"] == pytest.approx(EXPECTED, abs=1e-7) and found["recall"] == 3 / 4
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == [
        "11 actions of boxes found, 6 annotated; 4 key frames are annotated, 1 excluded",
        "not counted, of other actions: 1 found, 1 annotated",
        "1 of 4 actions are not annotated and have no average precision: 5 fall down",
        "official       mAP 0.45139",
    ]
    assert said[7] == "recall             0.75000"
    assert [line.split()[0] for line in said[8:]] == ["number", "11", "14", "12"]
    with open(table, newline="") as file:
        rows = {row["number"]: row for row in csv.DictReader(file)}
    assert rows["5"]["official"] == "" and float(rows["14"]["official"]) == 0.5
    assert (rows["12"]["name"], rows["12"]["annotated"], rows["12"]["found"]) == ("stand", "4", "7")


def test_one_rule_without_a_list_of_actions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = command(tmp_path)[:3]
    assert score_boxes.main([*plain, "--rule", "official", "--per-class"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[1:4]] == ["1", "official", "recall"]
    assert said[4].split() == ["number", "annotated", "found", "official"]
    assert score_boxes.main([*plain, "--actions", "ava60"]) == 0
    assert "57 of 60 actions are not annotated" in capsys.readouterr().out


@pytest.mark.parametrize(("found", "truth", "complaint"), [
    (FOUND + "a,0907,.1,.1,.4\n", TRUTH, "found.csv:13: 5 columns, not video,time,x1,y1"),
    (FOUND, "a,0902,.1,.1,.4,.8,x,1\n", "truth.csv:1: 'x' is not an action's number"),
    (FOUND.replace("a,", "b,"), TRUTH, "found.csv: none of its key frames is one of "),
    (FOUND, "a,0902,.1,.1,.4,.8,2,1\n", "truth.csv: none of its 1 actions of boxes is one of thos"),
    (FOUND, "a,0906,.1,.1,.4,.8,12,1\n", ""),
], ids=["short line", "no number", "other videos", "other actions", "all excluded"])  # fmt: skip
def test_files_that_cannot_be_used(
    found: str, truth: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score_boxes.main(command(tmp_path, found, truth)) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith(f"error: {tmp_path}/")
    assert complaint in said


def test_nothing_is_written_over_what_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = command(tmp_path)
    assert score_boxes.main([*flags, "--json", flags[2]]) == 1
    assert "truth.csv is a folder or a file that is read" in capsys.readouterr().err
    assert (tmp_path / "truth.csv").read_text() == TRUTH


def test_it_runs_where_there_is_no_paddle(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules |= dict.fromkeys(['paddle', 'visualdl', 'matplotlib'])\n"
        "from slowfast.tools import score_boxes; sys.exit(score_boxes.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command(tmp_path)],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "official       mAP 0.45139" in done.stdout
