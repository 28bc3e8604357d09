"""List files: what is read, and what is refused with file and line."""

from pathlib import Path

import pytest

from slowfast.data.find import missing_files
from slowfast.data.labels import flipped_labels, read_labels
from slowfast.data.lists import ListError, Sample, read_list, read_paths

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
        read_paths(path, ROOT)
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
    assert str(caught.value) == f"list {path} is not UTF-8 text"


def test_a_list_for_inference_has_bare_paths(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mp4\n\nmy clip 3.mp4\n/elsewhere/b.mp4\n")
    assert read_paths(path, ROOT) == [
        Sample("/videos/a.mp4", -1, None),
        Sample("/videos/my clip 3.mp4", -1, None),
        Sample("/elsewhere/b.mp4", -1, None),
    ]


def test_class_names_are_read_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, "riding a bike\nabseiling\n zumba \n\n", "labels.txt")
    assert read_labels(path, 3) == ["riding a bike", "abseiling", "zumba"]


@pytest.mark.parametrize("num_classes", [2, 4])
def test_another_number_of_class_names_is_refused(tmp_path: Path, num_classes: int) -> None:
    path = write(tmp_path, "a\nb\nc\n", "labels.txt")
    with pytest.raises(ListError) as caught:
        read_labels(path, num_classes)
    assert str(caught.value) == f"{path}: 3 class names for model.num_classes={num_classes}"


def test_any_number_of_class_names_but_none(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, "a\nb\nc\n", "labels.txt"), 0) == ["a", "b", "c"]
    path = write(tmp_path, "\n\n", "empty.txt")
    with pytest.raises(ListError) as caught:
        read_labels(path, 0)
    assert str(caught.value) == f"{path}: the list is empty"


def test_a_missing_labels_file_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.txt")
    with pytest.raises(ListError) as caught:
        read_labels(path, 3, ROOT)
    built_in = "kinetics400, kinetics600, kinetics700, sthv1, sthv2, ucf101"
    assert str(caught.value) == (
        f"data.labels={path}: there is no {path}, and built in are {built_in}"
    )


def test_a_list_with_a_nul_byte_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a\0b.mp4 0\n")
    with pytest.raises(ListError, match="it has a NUL byte"):
        read_list(path, str(tmp_path), 3)


def test_a_frame_folder_without_frames_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.mp4 0\nsome folder 0 2\n")
    with pytest.raises(ListError) as caught:
        read_list(path, str(tmp_path), 3)
    assert str(caught.value) == f"{path}:2: the folder some folder has 0 frames"


def test_missing_files_are_found_without_looking_at_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sp ace").mkdir()
    for name in ("a.mp4", "sp ace/ü.mp4", "shard.tar"):
        (tmp_path / name).touch()
    (tmp_path / "frames").mkdir()
    names = [
        "a.mp4", "gone.mp4", "sp ace/ü.mp4", "sp ace/gone.mp4", "no folder/x.mp4", "gone.mp4",
        "frames", "shard.tar/any.mp4", "lost.tar/1.mp4", "lost.tar/2.mp4", "sp ace/../a.mp4",
    ]  # fmt: skip
    samples = [Sample(str(tmp_path / name), 0) for name in names]
    expected = ["gone.mp4", "sp ace/gone.mp4", "no folder/x.mp4", "lost.tar"]
    assert missing_files(samples) == [str(tmp_path / name) for name in expected]
    monkeypatch.chdir(tmp_path)
    assert missing_files([Sample("a.mp4"), Sample("b.mp4")]) == ["b.mp4"]


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


def test_a_flip_changes_left_and_right() -> None:
    assert flipped_labels([2, 4, 30, 41]) == {2: 4, 4: 2, 30: 41, 41: 30}
    names = [
        "Pulling something from left to right", "Pulling something from right to left", "Folding",
        "Turning left", "Left alone", "Turning right",
    ]  # fmt: skip
    assert flipped_labels([], names) == {0: 1, 1: 0, 3: 5, 5: 3}
    assert flipped_labels([]) == {}
