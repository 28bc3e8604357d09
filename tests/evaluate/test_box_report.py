"""A test of boxes, whole: what it writes, by 1 and 2 processes, with a film damaged."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.key_frames import write_ava
from support.tiny_run import main_here, main_py, save_tiny_model

from slowfast.config import load_config
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.scored_boxes import read_scored
from slowfast.tools import score, score_boxes
from slowfast.weights.load import read_weights
from slowfast.weights.save import write_pickles

CSV, RESULT = "detections.csv", "test_result.json"


def flags(folder: Path, output: str, *more: str | Path) -> list[str | Path]:
    """Those of a test of two films with 8 key frames, one of which is excluded."""
    weights = folder / "out" / "SlowFast_epoch_000001.pdparams"
    return [
        "--test", "-w", weights, "-o", f"output_dir={folder / output}",
        f"detection.val_excluded={folder / 'val_excluded.csv'}", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films, weights, and a test by one process."""
    folder = tmp_path_factory.mktemp("boxes")
    path = save_tiny_model(load_config(write_ava(folder), []))
    weights = {name: value.copy() for name, value in read_weights(path).items()}
    weights["head.projection.weight"] *= 40
    weights["head.projection.bias"] -= 6
    write_pickles({path: weights})  # most probabilities are low, as a trained network's
    done = main_here(
        *flags(folder, "one", "test.average_clips=score", "--out", "one.npz"), cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder


def result_of(folder: Path) -> Any:
    return json.loads((folder / RESULT).read_text())


def test_the_result_has_numbers_and_no_rows(folder: Path) -> None:
    result = result_of(folder / "one")
    assert result["rule"] == "official" and result["recall"] == 1
    assert (result["num_key_frames"], result["coverage"], result["boxes"]) == (8, 1, 20)
    assert "predictions" not in result and result["not_annotated"] == []
    known = [row["AP"] for row in result["classes"]]
    assert result["mAP"] == pytest.approx(np.mean(known))
    assert [row["number"] for row in result["classes"]] == [1, 2, 3, 4]
    written = {path.name for path in (folder / "one").iterdir()}
    assert written == {RESULT, CSV, "classes.csv", "classes.png"}
    lines = (folder / "one" / "classes.csv").read_text().splitlines()
    assert lines[0] == "class,number,name,AP,annotated,found" and len(lines) == 5
    assert lines[4].startswith("3,4,bright,")


def scored_again(folder: Path, file: Path, *more: str | Path) -> Any:
    """What score_boxes says of a file."""
    flags = [file, "--annotations", folder / "val.csv", "--json", folder / "again.json", *more]
    assert score_boxes.main([*map(str, flags)]) == 0
    return json.loads((folder / "again.json").read_text())


def test_the_detections_are_scored_again_to_the_same_number(folder: Path) -> None:
    """Of the file in AVA's form, and of all scores, which know what is excluded."""
    result, excluded = result_of(folder / "one"), folder / "val_excluded.csv"
    assert 0.05 < result["mAP"] < 0.95
    for again in (
        scored_again(folder, folder / "one" / CSV, "--excluded", excluded),
        scored_again(folder, folder / "one.npz"),
    ):
        assert again["mAP"]["official"] == result["mAP"] and again["recall"] == result["recall"]
    rows = read_scored(folder / "one" / CSV, dict[Moment, int](), has_scores=True)
    assert len(rows.scores) == 20 * 4 and (rows.scores < 0.002).sum() > 20


def test_with_mmaction2s_rule_low_scores_are_left_out(folder: Path) -> None:
    """The log says so, and by that rule the number is the same."""
    rule = "detection.rule=mmaction2"
    done = main_here(*flags(folder, "mm", rule, "test.average_clips=score"), cwd=folder)
    told = f"test: detections (those of 0.002 or less, which the rule ignores, left out): {folder}"
    assert told in done.stdout and done.returncode == 0, done.stdout
    rows = read_scored(folder / "mm" / CSV, dict[Moment, int](), has_scores=True)
    assert 0 < len(rows.scores) < 60 and (rows.scores > 0.002).all()
    excluded, result = folder / "val_excluded.csv", result_of(folder / "mm")
    for file in (folder / "mm" / CSV, folder / "one.npz"):
        again = scored_again(folder, file, "--excluded", excluded, "--rule", "mmaction2")
        assert again["mAP"]["mmaction2"] == result["mAP"]


def test_two_processes_come_to_the_same(folder: Path) -> None:
    """To the last digit; key frames come alone, see test_validate.py."""
    alone = "test.batch_size=1", "data.num_workers=0"
    assert main_here(*flags(folder, "alone", *alone), cwd=folder).returncode == 0
    done = main_py(*flags(folder, "two", *alone), cwd=folder, processes=2)
    assert done.returncode == 0, done.stderr
    assert " over 8 key frames, 20 boxes (" in done.stdout
    for name in (RESULT, CSV):
        assert (folder / "two" / name).read_bytes() == (folder / "alone" / name).read_bytes()
    assert np.isclose(result_of(folder / "two")["mAP"], result_of(folder / "one")["mAP"])


def test_a_damaged_film_is_one_error_and_the_rest_is_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, out = folder / "videos" / "v4.mp4", tmp_path / "scores.npz"
    with damaged(film):
        gone = main_here(*flags(folder, "gone", "--out", out), cwd=folder)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"error: 4 of 8 key frames could not be read (first: {film}")
    result = result_of(folder / "gone")
    assert (result["num_key_frames"], result["num_listed"], result["coverage"]) == (4, 8, 0.5)
    assert [video["path"] for video in result["unreadable"]] == [str(film)]
    assert " over 4 of 8 key frames, 10 boxes; 4 unreadable, listed in" in gone.stdout
    with np.load(out) as half:
        assert half["indices"].tolist() == [4, 5, 6, 7] and len(half["scores"]) == 10
    out.unlink()

    rest = main_here(*flags(folder, "rest", "--out", out), cwd=folder)
    assert rest.returncode == 0 and "--out: 4 of 8 key frames are there already" in rest.stdout
    assert not out.with_name("scores.npz.partial").exists()
    assert result_of(folder / "rest")["mAP"] == pytest.approx(result_of(folder / "one")["mAP"])
    with np.load(out) as whole, np.load(out) as other:
        assert whole["scores"].shape == (20, 4) and whole["counts"].tolist() == [2, 3] * 4
        assert other["times"].tolist() == [900, 901, 902, 903] * 2
        assert whole["videos"].tolist() == ["v4"] * 4 + ["v5"] * 4
    assert score.main([str(out)]) == 1
    assert "it has the scores of boxes, which python -m slowfast.too" in capsys.readouterr().err


def test_boxes_that_moved_are_not_taken_from_an_interrupted_test(
    folder: Path, tmp_path: Path
) -> None:
    """Of the film that was done, those at odd seconds."""
    out = tmp_path / "scores.npz"
    with damaged(folder / "videos" / "v5.mp4"):
        main_here(*flags(folder, "half", "--out", out), cwd=folder)
    out.unlink()
    moved = folder / "moved.csv"
    moved.write_text((folder / "val_boxes.csv").read_text().replace("0.010,0.020", "0.020,0.020"))
    done = main_here(
        *flags(folder, "new", f"detection.val_boxes={moved}", "--out", out), cwd=folder
    )
    assert done.returncode == 0 and "--out: 2 of 8 key frames are there already" in done.stdout


@contextlib.contextmanager
def damaged(film: Path) -> Iterator[None]:
    """A film that cannot be read for a while."""
    whole = film.read_bytes()
    film.write_bytes(b"no film")
    try:
        yield
    finally:
        film.write_bytes(whole)
