"""The rows by themselves; what runs do with them is in test_infer.py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config
from slowfast.config.schema import TrainConfig
from slowfast.data.samples import Sample
from slowfast.files import FolderError
from slowfast.predict.answer import Answer, answer_of
from slowfast.predict.result_rows import Rows


def answer(best: int) -> Answer:
    return Answer([best, 3], [0.75, 0.25], 4)


def test_rows_are_kept_as_they_come_and_all_are_written_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, samples = tmp_path / "r.json", [Sample("a", 7), Sample("b"), Sample("a", 7)]
    with Rows(out, samples, "digest", None, 2) as rows:
        assert list(rows.todo) == [0, 1]  # a file that is named twice is computed once
        rows.add(1, answer(1))
        rows.show()
        assert capsys.readouterr().out == ""  # it waits for the one before
    with Rows(out, samples, "digest", None, 2) as rows:
        assert list(rows.todo) == [0]
        rows.add(0, "it is cut off")
        rows.show()
        assert capsys.readouterr().out.count("\n\n") == 3
        assert rows.finish() == 2
    found = json.loads(out.read_text())
    assert [row["video_id"] for row in found] == ["a", "b", "a"]
    assert [row.get("error") for row in found] == ["it is cut off", None, "it is cut off"]
    assert found[1]["top2_indices"] == [1, 3] and found[1]["num_views"] == 4
    assert found[0]["label"] == 7 and "label" not in found[1]
    with Rows(out, samples, "other", None, 2) as rows:  # other weights or settings
        assert list(rows.todo) == [0, 1]
    with Rows(out, samples, "digest", None, 1) as rows:  # fewer classes are there
        assert list(rows.todo) == [0]


def test_a_file_that_is_not_of_this_project(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("mine")
    with (
        pytest.raises(FolderError, match="is not a result of --infer"),
        Rows(tmp_path / "r.json", [], "digest", None, 5),
    ):
        pass


SEVERAL = Config(train=TrainConfig(task="multi"))


def test_a_higher_threshold_needs_no_network(tmp_path: Path) -> None:
    row = np.array([[0.9, 0.2, 0.6]], np.float32)

    def run(threshold: float) -> tuple[bool, Any]:
        cfg = SEVERAL.with_test(threshold=threshold)
        samples = [Sample("a", (1, 2))]
        with Rows(tmp_path / "r.json", samples, "w", ["x", "y", "z"], 1, threshold) as rows:
            is_done = not rows.todo
            for index in rows.todo:
                rows.add(index, answer_of(row, cfg, 1))
            rows.finish()
            return is_done, rows.listed(0)

    assert run(0.5) == (False, [("x", pytest.approx(0.9)), ("z", pytest.approx(0.6))])
    assert run(0.7) == (True, [("x", pytest.approx(0.9))])
    (found,) = json.loads((tmp_path / "r.json").read_text())
    assert found["predicted_labels"] == ["x"] and found["predicted_indices"] == [0]
    assert found["labels"] == [1, 2] and found["threshold"] == 0.7
    assert run(0.1)[0] is False
    (found,) = json.loads((tmp_path / "r.json").read_text())
    assert found["predicted_labels"] == ["x", "z", "y"] and found["top1_label"] == "x"


def test_parts_of_one_video_are_rows_of_their_own(tmp_path: Path) -> None:
    samples = [Sample("a", start=0.0, end=2.0), Sample("a", start=2.0, end=4.0), Sample("a")]
    with Rows(tmp_path / "r.json", samples, "w", None, 1) as rows:
        assert list(rows.todo) == [0, 1, 2]
        for index in rows.todo:
            rows.add(index, Answer([index], [1.0], 1))
        rows.finish()
    found = json.loads((tmp_path / "r.json").read_text())
    assert [(row.get("start"), row.get("end"), row["top1_indices"]) for row in found] == [
        (0.0, 2.0, 0), (2.0, 4.0, 1), (None, None, 2)
    ]  # fmt: skip
