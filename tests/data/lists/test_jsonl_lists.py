"""Lists of JSON lines: what each field means, and what is refused with file and line."""

import json
from pathlib import Path

import pytest
from support.videos import touch

from slowfast.data.lists.jsonl_lists import line_of, sample_of
from slowfast.data.lists.read_lists import ListError, read_list
from slowfast.data.samples import Action, Sample


def write(folder: Path, *rows: object) -> Path:
    path = folder / "x.jsonl"
    texts = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


A = {"path": "a.mp4"}


@pytest.mark.parametrize(
    ("row", "sample"),
    [
        (A, Sample("a.mp4", ())),
        (A | {"labels": []}, Sample("a.mp4", ())),
        (A | {"labels": [17, 3]}, Sample("a.mp4", (3, 17))),
        ({"path": "é 日本 17", "labels": [3]}, Sample("é 日本 17", (3,))),
        ({"path": "caf\udce9.mp4"}, Sample("caf\udce9.mp4", ())),
        (A | {"start": 1.5, "end": 9}, Sample("a.mp4", (), None, 1.5, 9.0)),
        (A | {"start": 2}, Sample("a.mp4", (), None, 2.0)),
        (A | {"end": 2}, Sample("a.mp4", (), None, None, 2.0)),
        (A | {"start": None, "end": None, "num_frames": None}, Sample("a.mp4", ())),
        ({"path": "f", "num_frames": 120, "labels": [3]}, Sample("f", (3,), 120)),
        (A | {"actions": []}, Sample("a.mp4", ())),
        (A | {"actions": [[7, 1.5, 4], [3, 0, 2], [7, 5, 5]]},
         Sample("a.mp4", (3, 7), actions=(Action(7, 1.5, 4), Action(3, 0, 2), Action(7, 5, 5)))),
        (A | {"labels": [3, 7], "actions": [[7, 1, 4]]},
         Sample("a.mp4", (3, 7), actions=(Action(7, 1, 4),))),
        # of a part those that are seen in it
        (A | {"start": 2, "end": 4, "labels": [1, 2], "actions": [[2, 0, 1], [2, 4, 5], [2, 3, 3]]},
         Sample("a.mp4", (1, 2), None, 2, 4, (Action(2, 3, 3),))),
        (A | {"start": 2, "end": 4, "actions": [[1, 0, 1.9], [2, 0, 2], [3, 3.9, 9], [4, 4, 9]]},
         Sample("a.mp4", (3,), None, 2, 4, (Action(3, 3.9, 9),))),
        # labels that are seen in other parts alone are left out, those without times stay
        (A | {"start": 2.5, "end": 4, "labels": [1, 3, 5], "actions": [[3, 0, 1], [5, 2, 4]]},
         Sample("a.mp4", (1, 5), None, 2.5, 4, (Action(5, 2, 4),))),
        (A | {"end": 10, "labels": [3, 5], "actions": [[3, 10, 12], [5, 100, 120]]},
         Sample("a.mp4", (), None, None, 10)),
        # where one action ends the next begins
        (A | {"start": 2, "end": 4, "actions": [[3, 0, 2], [5, 2, 4]]},
         Sample("a.mp4", (5,), None, 2, 4, (Action(5, 2, 4),))),
        (A | {"start": 0, "end": 2, "actions": [[3, 0, 2], [5, 2, 4]]},
         Sample("a.mp4", (3,), None, None, 2, (Action(3, 0, 2),))),
        (A | {"start": 2, "end": 4, "actions": [[3, 0, 2.0005], [5, 3.9995, 9], [7, 2, 2],
              [8, 4, 4], [9, 0, 9]]},
         Sample("a.mp4", (7, 9), None, 2, 4, (Action(7, 2, 2), Action(9, 0, 9)))),
        (A | {"start": 2, "end": 2.0005, "actions": [[3, 0, 9]]},
         Sample("a.mp4", (3,), None, 2, 2.0005, (Action(3, 0, 9),))),
        # a part that begins with the video has one spelling
        (A | {"start": 0}, Sample("a.mp4", ())),
        (A | {"start": 0.0001, "end": 2}, Sample("a.mp4", (), None, None, 2)),
    ],
)  # fmt: skip
def test_a_line(tmp_path: Path, row: dict[str, object], sample: Sample) -> None:
    path = write(tmp_path, row)
    expected = [sample._replace(path=f"{tmp_path}/{sample.path}")]
    assert read_list(path, tmp_path, 50, "multi") == expected


def test_one_label(tmp_path: Path) -> None:
    path = write(tmp_path, A | {"label": 3, "start": 1, "end": 2}, " ", A | {"label": 0})
    expected = [Sample(f"{tmp_path}/a.mp4", 3, None, 1, 2), Sample(f"{tmp_path}/a.mp4", 0)]
    assert read_list(path, tmp_path, 50) == expected


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (A | {"labels": [3, 3]}, "label 3 is there twice"),
        (A | {"labels": [50]}, "label 50 is not in 0..49"),
        (A | {"labels": [-1]}, "label -1 is not in 0..49"),
        (A | {"labels": [True]}, "label True is not a class's number"),
        (A | {"labels": [1.0]}, "label 1.0 is not a class's number"),
        (A | {"labels": 3}, '"labels" must be a list, as [3, 17], not 3'),
        (A | {"label": 3}, '"label" is for train.task=single: give "labels": [3] for multi'),
        (A | {"start": 5, "end": 5}, "the part ends at 5 s, and starts at 5 s"),
        (A | {"start": 5, "end": 4}, "the part ends at 4 s, and starts at 5 s"),
        (A | {"end": 0}, "the part ends at 0 s, and starts at 0 s"),
        (A | {"start": -1}, "a time must be a number of seconds from 0, not -1"),
        (A | {"start": "1"}, "a time must be a number of seconds from 0, not '1'"),
        ('{"path": "a.mp4", "start": NaN}', "NaN is not a number"),
        ('{"path": "a.mp4", "end": Infinity}', "Infinity is not a number"),
        ('{"path": "a.mp4", "end": 1e999}',
         "a time must be a number of seconds from 0, not inf"),
        ('{"path": "a.mp4", "labels": [1], "labels": [2]}', "the key 'labels' is there twice"),
        (A | {"lables": [3]}, "unknown key 'lables' (there are path, label, labels, num_frames, "
         "start, end, actions)"),
        ({"labels": [3]}, '"path" must be the path of a video, not None'),
        ({"path": ""}, "\"path\" must be the path of a video, not ''"),
        ({"path": "a\0"}, "\"path\" must be the path of a video, not 'a\\x00'"),
        ({"path": "a\nb"}, "\"path\" must be the path of a video, not 'a\\nb'"),
        ({"path": "\ud800"}, "\"path\" must be the path of a video, not '\\ud800'"),
        ({"path": 7}, '"path" must be the path of a video, not 7'),
        (A | {"num_frames": 0}, '"num_frames" must be a number from 1, not 0'),
        ({"path": "there.mp4", "num_frames": 9},
         '"num_frames" is for a folder of frames, and there.mp4 is a file'),
        (A | {"actions": [[3, 4, 1]]}, "the action [3, 4, 1] ends before it starts"),
        (A | {"actions": [[3, 4]]},
         "an action is [label, start, end], as [3, 1.5, 4.0], not [3, 4]"),
        (A | {"actions": {}}, '"actions" must be a list, as [[3, 1.5, 4.0]], not {}'),
        (A | {"actions": [[50, 0, 1]]}, "label 50 is not in 0..49"),
        (A | {"actions": [[3, 0, 1]], "labels": [4]},
         '"actions" have label 3, and "labels" do not'),
        ({"path": "https://me:secret@host/a.mp4?sig=1"},
         "https://***@host/a.mp4?***: an url, not a file"),
        pytest.param('{"path": "a.mp4", "labels": [' + "1" * 5000 + "]}",
                     f"{'1' * 20}... is a number of 5,000 digits", id="digits"),
        ('["a.mp4"]', 'no JSON object: a line is {"path": "x.mp4", ...}'),
        ("a.mp4 3", "no JSON (Expecting value at letter 1)"),
        ("[" * 100_000, "no JSON (too many brackets)"),
        ({"key": "infer 0123 /v/a.mp4", "video_id": "a.mp4"},
         "a line of results, not of a list of videos: name the videos themselves"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, row: object, complaint: str) -> None:
    touch(tmp_path, "there.mp4")
    path = write(tmp_path, A, "", row)
    with pytest.raises(ListError) as caught:
        read_list(path, tmp_path, 50, "multi")
    assert str(caught.value) == f"{path}:3: {complaint}"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (A, 'no "label": give "label": 3 for train.task=single'),
        (A | {"labels": [3]}, '"labels" is for train.task=multi: give "label": 3 for '
         "train.task=single"),
        (A | {"actions": [[3, 0, 1]]}, '"actions" is for train.task=multi: give "label": 3 for '
         "train.task=single"),
        (A | {"label": 3, "labels": [3]}, '"label" is for train.task=single: give "labels": [3] '
         "for multi"),
        (A | {"label": -1}, "label -1 is not in 0..49"),
    ],
)  # fmt: skip
def test_several_labels_where_one_is_expected(tmp_path: Path, row: object, complaint: str) -> None:
    path = write(tmp_path, row)
    with pytest.raises(ListError) as caught:
        read_list(path, tmp_path, 50)
    assert str(caught.value) == f"{path}:1: {complaint}"


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        (Sample("é b.mp4"), '{"path": "é b.mp4"}'),
        (Sample("a.mp4", 0), '{"path": "a.mp4", "label": 0}'),
        (Sample("a", (), 4, None, 2.5), '{"path": "a", "labels": [], "num_frames": 4, "end": 2.5}'),
        (Sample("a.mp4", (3, 7), None, 0.5, 9.25, (Action(3, 1.0, 2.0), Action(7, 0.5, 0.5))),
         '{"path": "a.mp4", "labels": [3, 7], "start": 0.5, "end": 9.25, "actions": '
         "[[3, 1.0, 2.0], [7, 0.5, 0.5]]}"),
    ],
)  # fmt: skip
def test_the_line_of_a_sample(sample: Sample, line: str) -> None:
    assert line_of(sample) == line
    assert sample_of(line, 50, "", str, lambda path: None) == sample
