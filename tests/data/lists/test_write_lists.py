"""Where the videos that a data set names are, and their lines in a list; others in build_list's
tests."""

import json
from pathlib import Path

import pytest
from support.video_tools import lines
from support.videos import touch

from slowfast.data.lists.annotations import Listed
from slowfast.data.lists.read_lists import ListError
from slowfast.data.lists.write_lists import find_samples, write_lists
from slowfast.data.samples import Action, Sample


def test_labels_and_times_stay_with_a_video(tmp_path: Path) -> None:
    touch(tmp_path, "a.MP4", "b/b-000001.jpg", "b/b-000002.jpg")
    timed = (Action(3, 0.5, 1.0),)
    listed = [Listed(("a",), (3, 7), timed), Listed(("b",), (), (), 2), Listed(("c",), (1,))]
    assert find_samples(tmp_path, listed) == [
        ("a", Sample("a.MP4", (3, 7), actions=timed)), ("b", Sample("b", (), 2)), ("c", None),
    ]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), [(None, 3), (2, 2), (3, 3), (5, 3)])
def test_a_folder_has_the_frames_that_are_there(
    tmp_path: Path, said: int | None, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, *(f"a/{i}.jpg" for i in range(3)))
    rows = find_samples(tmp_path, [Listed(("a",), 0, num_frames=said)])
    assert rows == [("a", Sample("a", 0, expected))]
    warned = f"1 folders lack frames at their end, the first: {tmp_path}/a has 3 of 5"
    assert (warned in caplog.text) == (said == 5)


def test_a_jsonl_list_has_an_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    timed = (Action(3, 0.5, 1.0), Action(3, 2.0, 2.0))
    samples = [
        Sample("é b.mp4", (3, 7), actions=timed), Sample("line\nbreak", (), 4), Sample("c", 5),
    ]  # fmt: skip
    write_lists({path: [*((s.path, s) for s in samples), ("gone", None)]}, None, [])
    assert [json.loads(line) for line in lines(path)] == [
        {"path": "é b.mp4", "labels": [3, 7], "actions": [[3, 0.5, 1.0], [3, 2.0, 2.0]]},
        {"path": "line\nbreak", "labels": [], "num_frames": 4},
        {"path": "c", "label": 5},
    ]
    assert lines(tmp_path / "x.jsonl.missing") == ["gone"]


def test_nothing_is_written_if_a_name_fits_into_no_list(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="line break"):
        write_lists({tmp_path / "x.list": [("a\nb", None), ("c", Sample("c", 0))]}, None, [])
    assert not any(tmp_path.iterdir())


def test_progress_comes_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "a.mp4")
    find_samples(tmp_path, [Listed(("a",), 0)])
    assert capsys.readouterr().out == "find videos: done in 0:00:00\n"
