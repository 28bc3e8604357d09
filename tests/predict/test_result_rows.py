"""The rows by themselves; what runs do with them is in test_infer.py."""

import json
from pathlib import Path

import pytest

from slowfast.data.lists import Sample
from slowfast.files import FolderError
from slowfast.predict.result_rows import Answer, Rows, lines_of


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
