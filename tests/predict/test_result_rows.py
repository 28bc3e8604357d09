"""The rows by themselves; what runs do with them is in test_infer.py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config
from slowfast.config.schema import TrainConfig
from slowfast.data.lists import Sample
from slowfast.files import FolderError
from slowfast.predict.result_rows import Answer, Rows, answer_of, lines_of


def test_without_class_names_the_table_shows_numbers() -> None:
    assert lines_of("a.mp4", Answer([3, 0], [0.75, 0.25], 1), None).splitlines() == [
        "a.mp4",
        "  class 3   75.0 %  ######################",
        "  class 0   25.0 %  ########",
    ]


def test_names_can_do_nothing_to_the_table() -> None:
    names = ["run", "\x1b[2J" + "x" * 400]
    said = lines_of("a\n.mp4", Answer([0, 1], [0.75, 0.25], 1), names).splitlines()
    assert said[0] == r"a\n.mp4" and len(said) == 3 and r"\x1b[2Jxx" in said[2]
    assert said[1].startswith("  run ") and len(said[1]) < 80
    assert lines_of("a.mp4", "\x1b", None) == "a.mp4\n  not read: \\x1b"


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


def test_several_labels_are_marked_and_all_of_them_listed() -> None:
    """They do not add up to 100 %; more than ``top`` may be seen."""
    row = np.array([[0.9, 0.2, 0.6, 0.5]], np.float32)
    found = answer_of(row, SEVERAL, 2)
    assert found.classes == [0, 2] and found.predicted is not None
    assert found.predicted.classes == [0, 2, 3]
    assert lines_of("a.mp4", found, None).splitlines() == [
        "a.mp4  (3 classes are seen: 50 % or more each)",
        "* class 0   90.0 %  ###########################",
        "* class 2   60.0 %  ##################",
        "* class 3   50.0 %  ###############",
    ]
    none = answer_of(row / np.float32(2), SEVERAL, 2)
    assert none.shown(["a", "b", "c", "d"]) == []
    assert lines_of("a.mp4", none, None).splitlines() == [
        "a.mp4  (0 classes are seen: 50 % or more each)",
        "  class 0   45.0 %  #############",
        "  class 2   30.0 %  #########",
    ]


@pytest.mark.parametrize(("average_clips", "expected"), [
    ("prob", [0.5, 0.5]), ("max", [0.9, 0.8]), ("score", [0.549834, 0.549834]),
])  # fmt: skip
@pytest.mark.parametrize("task", ["single", "multi"])
def test_how_views_become_an_answer(task: Any, average_clips: Any, expected: list[float]) -> None:
    cfg = Config(train=TrainConfig(task=task)).with_test(average_clips=average_clips)
    views = {"prob": [[0.9, 0.2], [0.1, 0.8]], "score": [[0.9, -0.5], [-0.5, 0.9]]}
    found = answer_of(np.array(views[cfg.test.row_kind], np.float32), cfg, 2)
    if (task, average_clips) == ("single", "score"):
        expected = [0.5, 0.5]
    assert found.values == pytest.approx(expected) and found.num_views == 2


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
