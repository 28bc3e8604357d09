"""Scoring a file again: the same numbers, fewer views, and what is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.tiny_run import REPOSITORY, environment, tiny_config
from test_evaluate import run_test
from test_results import members

from slowfast.evaluate import rescore
from slowfast.evaluate.scores import read_scores, write_scores
from slowfast.tools import score

NAMES = ["walk", "run", "jump", "höhe", "sit"]


def make_scores(num_videos: int = 60, views: int = 30) -> NDArray[np.float32]:
    """Probabilities of 5 classes, of which the right one is often the highest."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (num_videos, views, 5)) + rng.normal(0, 1, (num_videos, 1, 5))
    logits += 1.5 * np.eye(5)[labels_of(num_videos)][:, None]
    powers = np.exp(logits)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def labels_of(num_videos: int) -> list[int]:
    return [i * i % 4 for i in range(num_videos)]  # 0 and 1 only


def write(path: Path, **other: Any) -> NDArray[np.float32]:
    scores = make_scores()
    facts = {"labels": labels_of(60), "num_clips": 10, "class_names": NAMES}
    write_scores(path, scores, scores.shape, **members(60, **(facts | other)))
    return scores


def run(path: Path, *flags: str) -> dict[str, Any]:
    """The numbers of a run of the tool."""
    out = path.with_suffix(".json")
    assert score.main([str(path), "--json", str(out), *flags]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def top1(scores_NVK: NDArray[np.float32]) -> float:
    return float((scores_NVK.mean(axis=1).argmax(axis=1) == labels_of(60)).mean())


def test_the_views_of_a_smaller_protocol(tmp_path: Path) -> None:
    scores = write(tmp_path / "a.npz")
    by_clip = scores.reshape(60, 10, 3, 5)
    for flags, wanted in (
        ([], scores),
        (["--clips", "5"], by_clip[:, ::2].reshape(60, 15, 5)),
        (["--clips", "2", "--crops", "3"], by_clip[:, [0, 5]].reshape(60, 6, 5)),
        (["--clips", "5", "--crops", "1"], by_clip[:, ::2, 1]),
        (["--clips", "1", "--crops", "1"], by_clip[:, :1, 1]),
        (["--clips", "middle", "--crops", "1"], by_clip[:, 5:6, 1]),
    ):
        found = run(tmp_path / "a.npz", *flags)
        assert len(found["clips"]) * len(found["crops"]) == wanted.shape[1]
        assert found["top1"] == pytest.approx(top1(wanted))
    assert top1(scores) > top1(by_clip[:, :1, 1]) > 0.3  # so that the wrong views would show


def test_a_smaller_protocol_is_what_running_it_gives(tmp_path: Path) -> None:
    keys = ["data.num_workers=0", "model.num_classes=24"]
    run_test(tiny_config(tmp_path, *keys, "test.num_clips=4"), tmp_path / "a.npz")
    small = tiny_config(tmp_path, *keys, "test.num_clips=2", "test.num_crops=1")
    wanted, _ = run_test(small, tmp_path / "small.npz")
    results, ran = read_scores(tmp_path / "a.npz"), read_scores(tmp_path / "small.npz")
    protocol = rescore.choose(results, "2", 1, None)
    assert (protocol.clips, protocol.crops) == ([0, 2], [1])
    views = protocol.views(results.num_crops)
    np.testing.assert_allclose(results.scores[:, views], ran.scores, rtol=1e-4)
    found = run(tmp_path / "a.npz", "--clips", "2", "--crops", "1")
    for name in ("top1", "top5", "mean_class_accuracy"):
        assert found[name] == wanted[name]


@pytest.mark.parametrize(
    ("protocol", "clips", "chosen"),
    [
        ("pyslowfast", "5", [0, 2, 4, 6, 8]), ("pytorchvideo-0.1", "middle", [5]),
        # Clip i of 10 starts at i/9 of the room: 0, 1/3, 2/3 and 1 are those of 4.
        ("pytorchvideo", "4", [0, 3, 6, 9]), ("pytorchvideo", "2", [0, 9]),
        ("pytorchvideo", "1", [0]),
        # Clip i of 10 starts at (2 i + 1)/20: 5/20 and 15/20 are those of 2.
        ("mmaction2", "2", [2, 7]), ("mmaction2", "10", [*range(10)]),
    ],
)  # fmt: skip
def test_which_clips_are_shared_depends_on_the_protocol(
    tmp_path: Path, protocol: str, clips: str, chosen: list[int]
) -> None:
    write(tmp_path / "a.npz", config=f"test:\n  protocol: {protocol}\n")
    assert run(tmp_path / "a.npz", "--clips", clips)["clips"] == chosen


def test_classes_as_a_table_and_as_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = write(tmp_path / "a.npz")
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


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.npz")
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


def test_logits_are_averaged_before_the_softmax(tmp_path: Path) -> None:
    scores = write(tmp_path / "prob.npz")
    logits = (10 * scores).astype(np.float32)
    facts = {"labels": labels_of(60), "num_clips": 10, "average_clips": "score"}
    write_scores(tmp_path / "a.npz", logits, logits.shape, **members(60, **facts))
    found = run(tmp_path / "a.npz", "--average-clips", "score")
    assert found["top1"] == top1(scores)
    assert found["calibration_error"] != run(tmp_path / "prob.npz")["calibration_error"]


@pytest.mark.parametrize(
    ("facts", "flags", "complaint"),
    [
        ({}, ["--clips", "4"],
         "--clips 4: its clips would start elsewhere than the file's 10; possible are 1, 2, 5, 10, "
         "middle"),
        ({}, ["--clips", "20"], "--clips 20: its clips would start elsewhere"),
        ({"config": "test: {protocol: mmaction2}"}, ["--clips", "5"],
         "--clips 5: its clips would start elsewhere than the file's 10; possible are 2, 10"),
        ({"config": "test: {protocol: pytorchvideo}"}, ["--clips", "middle"],
         "--clips middle: none of 10 clips starts half way"),
        ({"config": "test: {protocol: other}"}, [], "test.protocol=other in its config; known are"),
        ({"num_clips": 30, "num_crops": 1}, ["--crops", "3"],
         "--crops 3: the file has the centre crop only"),
        ({}, ["--average-clips", "score"],
         "--average-clips score: the file has the views' probabilities, and logits do not follow"),
        ({"average_clips": "score"}, ["--average-clips", "prob"],
         "--average-clips prob: the file has the views' logits, and probabilities do not follow"),
    ],
)  # fmt: skip
def test_what_the_file_does_not_have(
    tmp_path: Path,
    facts: dict[str, Any],
    flags: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "a.npz", **facts)
    assert score.main([str(tmp_path / "a.npz"), *flags]) == 1
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith(f"error: {complaint}") and errors.count("\n") == 1


def test_there_is_no_middle_of_an_odd_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = make_scores(views=9)
    write_scores(tmp_path / "a.npz", scores, scores.shape, **members(60, num_clips=3))
    assert score.main([str(tmp_path / "a.npz"), "--clips", "middle"]) == 1
    assert "none of 3 clips starts half way" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--clips", "0"], "0 is not a whole number from 1 on"),
        (["--bootstrap", "-1"], "-1 is not a whole number from 0 to 1,000,000"),
        (["--crops", "2"], "invalid choice: 2"),
        (["--eval", "top1"], "invalid choice: 'top1' (choose from"),
    ],
)
def test_wrong_flags(flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        score.main(["a.npz", *flags])
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert score.main(["nowhere.npz"]) == 1
    assert capsys.readouterr().err == "error: nowhere.npz: No such file or directory\n"


def test_it_runs_where_there_is_no_paddle(tmp_path: Path) -> None:
    write(tmp_path / "a.npz")
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
    write(path)
    content = bytearray(path.read_bytes())
    content[4000:4010] = b"\xff" * 10  # within the scores
    path.write_bytes(content)
    assert score.main([str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path} is cut off or damaged, or not an .npz file\n"


def test_scores_that_are_not_finite_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = make_scores()
    scores[7, 3, 2] = np.nan
    facts = {"labels": labels_of(60), "num_clips": 10, "class_names": NAMES}
    write_scores(tmp_path / "a.npz", scores, scores.shape, **members(60, **facts))
    assert score.main([str(tmp_path / "a.npz")]) == 1
    assert "are not finite: the network's weights are broken\n" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--json", "--csv"])
def test_the_scores_are_not_written_over(
    tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.npz"
    write(path)
    before = path.read_bytes()
    for target in (path, tmp_path):
        assert score.main([str(path), flag, str(target)]) == 1
        assert "is a folder or the file of scores: name another" in capsys.readouterr().err
    assert path.read_bytes() == before
