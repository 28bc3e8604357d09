"""Which files and frames of a list's samples are missing, and why, where what is there shows it."""

from pathlib import Path

import pytest
from support.videos import touch

from slowfast.config import DataConfig
from slowfast.data.lists.missing import (
    FOLDERS_SEEN,
    look_into_folders,
    missing_fault,
    missing_files,
)
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import KeyFrame, Sample


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.mp4 cat", "ROOT/a.mp4 is there, and 'cat' is one field too many (FORM)"),
        ("a.mp4\tcat", "ROOT/a.mp4 is there, and 'cat' is one field too many (FORM)"),
        ("a.mp4,cat", "ROOT/a.mp4 is there, and 'cat' is one field too many (FORM)"),
        ("seq", "ROOT/seq 1 is there, and has no label in the list (FORM)"),
        ("a", "ROOT/a.mp4 is there: a list has whole names"),
        ('"a.mp4"', "a list has no quotes"),
        ("caf\udce9.mp4", "the list has bytes there that are not UTF-8"),
        ("nothing.mp4", ""),
    ],
)
def test_why_a_line_names_nothing(tmp_path: Path, line: str, reason: str) -> None:
    touch(tmp_path, "a.mp4", "seq 1")
    sample = Sample(f"{tmp_path}/{line}") if line != "seq" else Sample(f"{tmp_path}/seq", 1)
    fault = missing_fault([sample], missing_files([sample]))
    form = "a line is 'path label' or 'folder num_frames label'"
    reason = reason.replace("ROOT", str(tmp_path)).replace("FORM", form)
    said = f"1 of 1 files are not there, the first is {sample.path}"
    assert fault == (f"{said}: {reason}" if reason else said)


def test_parts_of_one_file_are_one_missing_file() -> None:
    gone = [Sample("gone.mp4", start=i) for i in range(3)]
    assert missing_fault(gone, missing_files(gone)).startswith("1 of 1 files are not there")


def test_missing_files_are_found_without_looking_at_each(own_folder: Path) -> None:
    touch(own_folder, "a.mp4", "sp ace/ü.mp4", "shard.tar", "frames/1.jpg")
    names = [
        "a.mp4", "gone.mp4", "sp ace/ü.mp4", "sp ace/gone.mp4", "no folder/x.mp4", "gone.mp4",
        "frames", "shard.tar/any.mp4", "lost.tar/1.mp4", "lost.tar/2.mp4", "sp ace/../a.mp4",
    ]  # fmt: skip
    samples = [Sample(str(own_folder / name), 0) for name in names]
    expected = ["gone.mp4", "sp ace/gone.mp4", "no folder/x.mp4", "lost.tar"]
    assert missing_files(samples) == [str(own_folder / name) for name in expected]
    assert missing_files([Sample("a.mp4"), Sample("b.mp4")]) == ["b.mp4"]


def frame_folders(root: Path, *counts: int, start: int = 1) -> list[Sample]:
    """Folders of so many frames, by a list that says 3 of each."""
    for number, count in enumerate(counts):
        touch(root, *(f"{number}/img_{start + i:05d}.jpg" for i in range(count)))
    return [Sample(str(root / str(number)), 0, 3) for number in range(len(counts))]


def test_frame_folders_are_looked_into_before_a_run(tmp_path: Path, lines: list[str]) -> None:
    samples = frame_folders(tmp_path / "a", 3, 3) + frame_folders(tmp_path / "b", 3, start=0)
    others = [Sample("gone", 0, 3), Sample(f"{tmp_path}/v.mp4", 0)]
    look_into_folders("x.list", samples + others, DataConfig(), every=True)
    assert lines == ["x.list: looked into 3 frame folders; 1 number their frames from 0"]
    look_into_folders("x.list", others, DataConfig(), every=True)
    bad = frame_folders(tmp_path / "c", 2)
    look_into_folders("x.list", samples + bad, DataConfig(), every=False)
    reason = (
        f"{tmp_path}/c/0: 2 frames without a gap, img_00001.jpg to img_00002.jpg; the list says"
    )
    first = f"1 cannot be used, the first is {reason} 3: correct it, or extract the frames again"
    assert lines[1:] == [f"x.list: looked into 4 frame folders: {first}"]
    with pytest.raises(ListError) as caught:
        look_into_folders("x.list", samples + bad, DataConfig(), every=True)
    assert str(caught.value) == f"{lines[1]} (data.on_error=skip goes on without them)"
    with pytest.raises(ListError, match="looked into 1 frame folders: 1 cannot be used"):
        look_into_folders("x.list", bad, DataConfig(), every=False)  # all are bad


def test_of_many_frame_folders_some_are_looked_into(tmp_path: Path, lines: list[str]) -> None:
    (sample,) = frame_folders(tmp_path, 3)
    many = [sample._replace(path=sample.path + "/" * n) for n in range(2 * FOLDERS_SEEN + 1)]
    look_into_folders("x.list", many, DataConfig(), every=True)
    assert lines == ["x.list: looked into 667 of 2,001 frame folders; 0 number their frames from 0"]


def test_a_folder_of_many_key_frames_is_looked_into_once(tmp_path: Path, lines: list[str]) -> None:
    (sample,) = frame_folders(tmp_path, 3)
    keyed = [sample._replace(key=KeyFrame("v", time, time, ())) for time in (0.0, 0.1)]
    look_into_folders("x.csv", keyed, DataConfig(), every=True)
    assert lines == ["x.csv: looked into 1 frame folders; 0 number their frames from 0"]


def test_a_missing_film_of_key_frames() -> None:
    samples = [Sample("gone/v", key=KeyFrame("v", time, time, ())) for time in (1.0, 2.0)]
    missing = missing_files(samples)
    assert missing_fault(samples, missing) == (
        "1 of 1 files are not there, the first is gone/v: no video file and no frame folder has "
        "this name"
    )
