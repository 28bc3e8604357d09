"""What a test leaves: its numbers, its log line and its lists, from all processes' counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config, load_config
from slowfast.data.samples import Sample
from slowfast.data.unreadable import UnreadableVideo
from slowfast.evaluate import report
from slowfast.evaluate.scores import read_scores
from slowfast.predict.tallies import SeveralLabels

EACH = "2 x 3 views each"
GONE = UnreadableVideo(1, "höhe.mp4", "höhe.mp4: No such file")
NUMBERS = {"top1": 0.5, "top5": 0.5, "mean_class_accuracy": 0.5}


def config(folder: Path) -> Config:
    keys = [f"output_dir={folder}", "model.num_classes=3", "data.labels=", "test.num_clips=2"]
    return load_config(None, keys)


def predictions() -> list[dict[str, Any]]:
    """In the order in which two processes have them."""
    scores = np.array([0.25, 0.5, 0.25])
    return [
        report.prediction(i, Sample(f"{i}.mp4", i // 2), scores, {"label": i // 2}) for i in (2, 0)
    ]


def test_a_prediction_has_the_best_classes_first_and_of_equal_ones_the_lower() -> None:
    assert predictions()[0] == {
        "index": 2, "path": "2.mp4", "label": 1,
        "top5_indices": [1, 0, 2], "top5_values": [0.5, 0.25, 0.25],
    }  # fmt: skip


def test_the_usual_numbers_of_several_labels(tmp_path: Path, lines: list[str]) -> None:
    cfg = load_config(None, [f"output_dir={tmp_path}", "train.task=multi"])
    numbers = {"mAP": 0.1, "mAP_all_classes": 0.2, "mAP_charades": 0.3, "f1": 0.4}
    result = report.summary(numbers, predictions(), [], cfg)
    report.write_report(result, [], cfg, {key: result[key] for key in SeveralLabels.told()}, EACH)
    report.write_report(result, [], cfg, {"f1": 0.4}, EACH)
    assert lines[0].startswith(
        "test: mAP: 0.10000 mAP_all_classes: 0.20000 mAP_charades: 0.30000 f1: 0.40000 over 2 video"
    )
    assert lines[1].startswith("test: f1: 0.40000 over 2 videos")


def test_the_numbers_are_of_what_was_read(tmp_path: Path) -> None:
    found = report.summary(NUMBERS, predictions(), [GONE], config(tmp_path))
    assert [row["index"] for row in found.pop("predictions")] == [0, 2]
    assert found == {
        "top1": 0.5, "top5": 0.5, "mean_class_accuracy": 0.5, "num_videos": 2, "num_listed": 3,
        "coverage": 2 / 3, "num_views": 6,
        "unreadable": [{"index": 1, "path": "höhe.mp4", "error": "höhe.mp4: No such file"}],
    }  # fmt: skip


@pytest.mark.parametrize("missing", [[GONE], []])
def test_files_and_log_line(
    tmp_path: Path, missing: list[UnreadableVideo], lines: list[str]
) -> None:
    cfg = config(tmp_path)
    (tmp_path / "unreadable.txt").write_text("of an earlier test\n")
    result = report.summary(NUMBERS, predictions(), missing, cfg)
    report.write_report(result, missing, cfg, NUMBERS, EACH)
    assert json.loads((tmp_path / "test_result.json").read_text(encoding="utf-8")) == result
    numbers = "test: top1: 0.50000 top5: 0.50000 mean_class_accuracy: 0.50000"
    where = f"({tmp_path}/test_result.json)"
    if missing:
        assert (tmp_path / "unreadable.txt").read_text(encoding="utf-8") == f"{GONE.line()}\n"
        note = f"; 1 unreadable, listed in {tmp_path}/unreadable.txt"
        assert lines == [f"{numbers} over 2 of 3 videos, 2 x 3 views each{note} {where}"]
    else:
        assert not (tmp_path / "unreadable.txt").exists()
        assert lines == [f"{numbers} over 2 videos, 2 x 3 views each {where}"]


def test_the_error_says_how_to_accept_it(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    result = report.summary(NUMBERS, predictions(), [GONE], cfg)
    assert report.unreadable_line(result, cfg) == (
        "1 of 3 videos could not be read (first: höhe.mp4: No such file); listed in "
        f"{tmp_path}/unreadable.txt; data.on_error=skip accepts that"
    )


def test_the_file_of_scores_is_of_the_predictions(tmp_path: Path, lines: list[str]) -> None:
    cfg, path = config(tmp_path), tmp_path / "a.npz"
    result = report.summary(NUMBERS, predictions(), [GONE], cfg)
    rows = [np.full((6, 3), index / 2, np.float32) for index in (0, 2)]
    report.write_scores_of(path, rows, result, ["a", "b", "c"], cfg)
    found = read_scores(path)
    assert (2 * found.scores[:, 0, 0]).tolist() == found.indices.tolist() == [0, 2]
    assert (found.labels.tolist(), found.paths) == ([0, 1], ["0.mp4", "2.mp4"])
    assert (found.num_listed, found.unreadable_paths) == (3, ["höhe.mp4"])
    assert (found.num_clips, found.num_crops, found.average_clips) == (2, 3, "prob")
    assert "num_clips: 2" in found.config
    assert lines == [f"each view's scores: {path} (python -m slowfast.tools.score {path})"]
