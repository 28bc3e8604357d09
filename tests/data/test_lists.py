"""List files and folders: what is read, what is left out, what is refused with file and line."""

import os
from pathlib import Path

import pytest
from support.videos import touch

from slowfast.data import lists
from slowfast.data.lists import (
    Entry,
    ListError,
    Sample,
    class_folders,
    list_videos,
    read_entries,
    read_list,
    tell_left_out,
    videos_below,
)
from slowfast.log import logger

ROOT = "/videos"


def write(folder: Path, text: str, name: str = "train.list") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ("a.mp4 3", Sample("/videos/a.mp4", 3)),
        ("a.mp4 0", Sample("/videos/a.mp4", 0)),
        ("a.mp4 9", Sample("/videos/a.mp4", 9)),
        ("sub/a.mp4   3", Sample("/videos/sub/a.mp4", 3)),
        ("riding a bike/my clip.mp4 3", Sample("/videos/riding a bike/my clip.mp4", 3)),
        ("/elsewhere/a.mp4 3", Sample("/elsewhere/a.mp4", 3)),
        ("  a.mp4 3  ", Sample("/videos/a.mp4", 3)),
        ("a,b.mp4 3", Sample("/videos/a,b.mp4", 3)),
        ("frames/v1 120 3", Sample("/videos/frames/v1", 3, 120)),
        ("my frames/v 1 120 3", Sample("/videos/my frames/v 1", 3, 120)),
        ("clip v2 3", Sample("/videos/clip v2", 3)),
        ("día/ñandú 日本.mp4 3", Sample("/videos/día/ñandú 日本.mp4", 3)),
    ],
)
def test_a_line_of_a_list(tmp_path: Path, line: str, sample: Sample) -> None:
    assert read_list(write(tmp_path, line + "\n"), ROOT, 10) == [sample]


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ("a.mp4,3", Sample("/videos/a.mp4", 3)),
        ("a.mp4, 3", Sample("/videos/a.mp4", 3)),
        ("a b.mp4,3", Sample("/videos/a b.mp4", 3)),
        ("a,b.mp4,3", Sample("/videos/a,b.mp4", 3)),
        ("frames/v 1,120,3", Sample("/videos/frames/v 1", 3, 120)),
        ("frames/v 12,3", Sample("/videos/frames/v 12", 3)),
    ],
)
def test_a_line_of_a_csv(tmp_path: Path, line: str, sample: Sample) -> None:
    assert read_list(write(tmp_path, line + "\n", "train.csv"), ROOT, 10) == [sample]


def test_a_file_whose_name_ends_in_a_number_is_no_frame_folder(tmp_path: Path) -> None:
    (tmp_path / "take 12").write_bytes(b"video")
    found = read_list(write(tmp_path, "take 12 3\ntake 13 3\n"), str(tmp_path), 10)
    assert found == [
        Sample(str(tmp_path / "take 12"), 3),
        Sample(str(tmp_path / "take"), 3, 13),
    ]


def test_what_is_in_a_tar_is_no_frame_folder(tmp_path: Path) -> None:
    for name in ("x.tar", "sub/x 1.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.tar").mkdir()
    lines = "x.tar/a/take 12 3\nsub/x 1.tar/b c.mp4 4\nfolder.tar/v1 12 5\ngone.tar/v1 12 6\n"
    assert read_list(write(tmp_path, lines), str(tmp_path), 10) == [
        Sample(str(tmp_path / "x.tar/a/take 12"), 3),
        Sample(str(tmp_path / "sub/x 1.tar/b c.mp4"), 4),
        Sample(str(tmp_path / "folder.tar/v1"), 5, 12),
        Sample(str(tmp_path / "gone.tar/v1"), 6, 12),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_order_is_kept_and_blank_lines_are_ignored(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(ending.join(["", "b.mp4 1", "  ", "a.mp4 0", "b.mp4 1", ""]).encode())
    found = read_list(str(path), ROOT, 2)
    assert found == [
        Sample("/videos/b.mp4", 1),
        Sample("/videos/a.mp4", 0),
        Sample("/videos/b.mp4", 1),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_path(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfa.mp4 1\n")
    assert read_list(str(path), ROOT, 2) == [Sample("/videos/a.mp4", 1)]


def test_a_relative_root_stays_relative(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "a.mp4 1"), "data/k400", 2) == [Sample("data/k400/a.mp4", 1)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a.mp4", "no label in 'a.mp4' (a line is 'path label')"),
        ("a.mp4 cat", "no label in 'a.mp4 cat' (a line is 'path label')"),
        ("a.mp4 1.5", "no label in 'a.mp4 1.5' (a line is 'path label')"),
        ("a.mp4\t3", r"no label in 'a.mp4\t3' (a line is 'path label')"),
        ("a.mp4,3", "no label in 'a.mp4,3' (a line is 'path label')"),
        ("3", "no label in '3' (a line is 'path label')"),
        ("a.mp4 10", "label 10 is not in 0..9"),
        ("a.mp4 -1", "label -1 is not in 0..9"),
        ("frames/v1 120 10", "label 10 is not in 0..9"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = write(tmp_path, f"good.mp4 1\n\n{line}\nalso-good.mp4 2\n")
    with pytest.raises(ListError) as caught:
        read_list(path, ROOT, 10)
    assert str(caught.value) == f"{path}:3: {complaint}"


@pytest.mark.parametrize("line", ["a.mp4 3", "a.mp4,", ",3"])
def test_a_wrong_line_of_a_csv_is_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"good.mp4,1\n{line}\n", "train.csv")
    with pytest.raises(ListError) as caught:
        read_list(path, ROOT, 10)
    assert str(caught.value) == f"{path}:2: no label in '{line}' (a line is 'path,label')"


@pytest.mark.parametrize("text", ["", "\n  \n\n"])
def test_an_empty_list_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ListError) as with_labels:
        read_list(path, ROOT, 10)
    with pytest.raises(ListError) as bare:
        read_entries(path, ROOT)
    assert str(with_labels.value) == str(bare.value) == f"{path}: the list is empty"


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.list")
    with pytest.raises(ListError) as caught:
        read_list(path, ROOT, 10)
    assert str(caught.value) == f"list {path} cannot be read: No such file or directory"


def test_a_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("Größe.mp4 1\n".encode("latin-1"))
    with pytest.raises(ListError) as caught:
        read_list(str(path), ROOT, 10)
    assert str(caught.value) == f"{path} is not UTF-8 text"


def test_a_list_for_inference_has_bare_paths(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mp4\n\nmy clip 3.mp4\n/elsewhere/b.mp4\n")
    assert read_entries(path, ROOT) == [
        Entry("a.mp4", Sample("/videos/a.mp4")),
        Entry("my clip 3.mp4", Sample("/videos/my clip 3.mp4")),
        Entry("/elsewhere/b.mp4", Sample("/elsewhere/b.mp4")),
    ]


def test_one_label_makes_it_a_list_with_labels(tmp_path: Path) -> None:
    path = write(tmp_path, " a.mp4   3\n\nframes 12 987654\n")
    assert read_entries(path, ROOT) == [
        Entry("a.mp4   3", Sample("/videos/a.mp4", 3)),
        Entry("frames 12 987654", Sample("/videos/frames", 987654, 12)),
    ]
    path = write(tmp_path, "a.mp4,3\nb.mp4,4\n", "train.csv")
    assert [entry.sample.label for entry in read_entries(path, ROOT)] == [3, 4]
    path = write(tmp_path, "a.mp4\nb.mp4 0\n")
    with pytest.raises(ListError) as caught:
        read_entries(path, ROOT)
    assert str(caught.value) == f"{path}:1: no label in 'a.mp4' (a line is 'path label')"


def test_a_list_with_a_nul_byte_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a\0b.mp4 0\n")
    with pytest.raises(ListError, match="it has a NUL byte"):
        read_list(path, str(tmp_path), 3)


def test_a_frame_folder_without_frames_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mp4 0\nsome folder 0 2\n")
    with pytest.raises(ListError) as caught:
        read_list(path, str(tmp_path), 3)
    assert str(caught.value) == f"{path}:2: the folder some folder has 0 frames"


# ---------------------------------------------------------------------------- folders


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the logger is given."""
    lines: list[str] = []
    monkeypatch.setattr(logger, "info", lines.append)
    return lines


def test_every_ending_of_a_video_is_known(tmp_path: Path) -> None:
    videos = [f"{i}{ending}" for i, ending in enumerate(lists.VIDEO_ENDINGS)]
    touch(tmp_path, *videos, "A.MP4", "mp4", "x.mp4.txt", "y.mp3")
    assert list_videos(tmp_path, deep=False) == (
        [*videos, "A.MP4"],
        ["mp4", "x.mp4.txt", "y.mp3"],
    )


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "b/é 2.mp4", "b/c/1.avi", "a.mkv", ".a.mp4", ".git/x.mp4", "b/.c/y.mp4", "text")
    assert list_videos(tmp_path, deep=True) == (
        ["a.mkv", "b/c/1.avi", "b/é 2.mp4"],
        [".a.mp4", ".git/", "b/.c/", "text"],
    )
    assert list_videos(tmp_path, deep=False) == (["a.mkv"], [".a.mp4", ".git/", "b/", "text"])
    assert list_videos(tmp_path / ".git", deep=True) == (["x.mp4"], [])  # named, so meant


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "far.mp4")
    root = touch(tmp_path / "root", "a/b/near.mp4")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "link.mp4").symlink_to(tmp_path / "elsewhere/far.mp4")
    (root / "a/b/up").symlink_to(root)
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "pipe.mp4")
    found = ["a/b/near.mp4", "link.mp4", "link/far.mp4"]
    assert list_videos(root, deep=True) == (found, ["gone.mp4", "pipe.mp4"])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for deep in (False, True):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            list_videos(tmp_path / "nowhere", deep=deep)


def test_what_is_left_out_is_told_once(tmp_path: Path, said: list[str]) -> None:
    touch(tmp_path, "a/1.mp4", "a/.1.mp4", "b/notes.txt")
    assert videos_below(tmp_path) == ["a/1.mp4"]
    reasons = "hidden, not named as a video, or in a folder where none is expected"
    assert said == [f"{tmp_path}: 2 left out (a/.1.mp4, ...): {reasons}"]
    tell_left_out("x", ["y"])
    assert said[1] == f"x: 1 left out (y): {reasons}"
    tell_left_out("x", [])
    assert videos_below(touch(tmp_path / "c", "1.mp4")) == ["1.mp4"]
    assert len(said) == 2


def test_class_folders_hold_videos_and_nothing_deeper(tmp_path: Path, said: list[str]) -> None:
    touch(tmp_path, "b/2.mp4", "b/1.AVI", "b/deep/3.mp4", "a/text", ".c/x.mp4", "loose.mp4", "list")
    assert class_folders(tmp_path) == {"a": [], "b": ["1.AVI", "2.mp4"]}
    (line,) = said
    assert line.startswith(f"{tmp_path}: 4 left out (.c/, ...)")


def test_a_folder_of_class_folders_stands_for_a_list(tmp_path: Path) -> None:
    for name in ("b b/2.avi", "b b/1.MP4", "a/z.webm", "c/x.mkv", "a/notes.txt", ".hidden/x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "labels.txt").touch()
    found = read_list(str(tmp_path), "elsewhere", 3)
    paths = [("a/z.webm", 0), ("b b/1.MP4", 1), ("b b/2.avi", 1), ("c/x.mkv", 2)]
    assert found == [Sample(str(tmp_path / path), label) for path, label in paths]
    with pytest.raises(ListError, match="3 class folders for model.num_classes=4"):
        read_list(str(tmp_path), "", 4)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "class").mkdir()
    with pytest.raises(ListError, match="no video in its class folders"):
        read_list(str(tmp_path / "empty"), "", 1)
