"""List files and folders: what is read, what is left out, what is refused with file and line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.videos import touch

from slowfast.data.lists.read_lists import Entry, ListError, read_entries, read_list
from slowfast.data.samples import Sample
from slowfast.files import write_lines

ROOT = "/videos"


def write(folder: Path, text: str, name: str = "train.list") -> str:
    path = folder / name
    path.write_bytes(text.encode())
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
        ("\ufeffa.mp4 1", Sample("/videos/a.mp4", 1)),  # a byte order mark
        ("csv: a.mp4,3", Sample("/videos/a.mp4", 3)),
        ("csv: a.mp4, 3", Sample("/videos/a.mp4", 3)),
        ("csv: a b.mp4,3", Sample("/videos/a b.mp4", 3)),
        ("csv: a,b.mp4,3", Sample("/videos/a,b.mp4", 3)),
        ("csv: frames/v 1,120,3", Sample("/videos/frames/v 1", 3, 120)),
        ("csv: frames/v 12,3", Sample("/videos/frames/v 12", 3)),
    ],
)
def test_a_line_of_a_list(tmp_path: Path, line: str, sample: Sample) -> None:
    name = "train.csv" if line.startswith("csv: ") else "train.list"
    path = write(tmp_path, line.removeprefix("csv: ") + "\n", name)
    assert read_list(path, ROOT, 10) == [sample]


def test_files_and_what_is_in_a_tar_are_no_frame_folders(tmp_path: Path) -> None:
    touch(tmp_path, "take 12", "x.tar", "sub/x 1.tar", "folder.tar/v1/1.jpg")
    expected: dict[str, tuple[str, int, int | None]] = {
        "take 12 3": ("take 12", 3, None),
        "take 13 3": ("take", 3, 13),
        "x.tar/a/take 12 3": ("x.tar/a/take 12", 3, None),
        "sub/x 1.tar/b c.mp4 4": ("sub/x 1.tar/b c.mp4", 4, None),
        "folder.tar/v1 12 5": ("folder.tar/v1", 5, 12),
        "gone.tar/v1 12 6": ("gone.tar/v1", 6, 12),
    }
    found = read_list(write(tmp_path, "\n".join(expected)), str(tmp_path), 10)
    assert found == [Sample(f"{tmp_path}/{s[0]}", s[1], s[2]) for s in expected.values()]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_order_is_kept_and_blank_lines_are_ignored(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, ending.join(["", "b.mp4 1", "  ", "a.mp4 0", "b.mp4 1", ""]))
    b, a = Sample("data/k400/b.mp4", 1), Sample("data/k400/a.mp4", 0)
    assert read_list(path, "data/k400", 2) == [b, a, b]  # a relative root stays relative


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
        ("some folder 0 2", "the folder some folder has 0 frames"),
        ("csv: a.mp4 3", "no label in 'a.mp4 3' (a line is 'path,label')"),
        ("csv: a.mp4,", "no label in 'a.mp4,' (a line is 'path,label')"),
        ("csv: ,3", "no label in ',3' (a line is 'path,label')"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    comma, name = (",", "x.csv") if line.startswith("csv: ") else (" ", "x.list")
    line = line.removeprefix("csv: ")
    path = write(tmp_path, f"good.mp4{comma}1\n\n{line}\nalso-good.mp4{comma}2\n", name)
    with pytest.raises(ListError) as caught:
        read_list(path, ROOT, 10)
    assert str(caught.value) == f"{path}:3: {complaint}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "PATH: the list is empty"),
        (b"\n  \n\n", "PATH: the list is empty"),
        (None, "list PATH cannot be read: No such file or directory"),
        (b"a\0b.mp4 0\n", "it has a NUL byte"),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "train.list"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: read_list(str(path), ROOT, 10), lambda: read_entries(str(path), ROOT)):
        with pytest.raises(ListError) as caught:
            read()
        assert message.replace("PATH", str(path)) in str(caught.value)


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


def test_a_path_that_ends_with_a_number_needs_no_label_if_it_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, "clips/walk\nclips/seq 1\n")
    with pytest.raises(ListError) as caught:
        read_entries(path, tmp_path)
    assert str(caught.value) == (
        f"{path}:1: no label in 'clips/walk' (the list is read as one with labels because line 2 "
        "ends with a number)"
    )
    (tmp_path / "clips/seq 1").mkdir(parents=True)
    samples = [Sample(f"{tmp_path}/clips/{name}") for name in ("walk", "seq 1")]
    assert [entry.sample for entry in read_entries(path, tmp_path)] == samples
    path = write(tmp_path, "clips/seq 1\n")
    assert read_entries(path, tmp_path) == [Entry("clips/seq 1", samples[1])]
    path = write(
        tmp_path, "clips/walk 0\nclips/seq 1\n"
    )  # not each is there, and each ends with a number: labels
    samples = [Sample(f"{tmp_path}/clips/walk", 0), Sample(f"{tmp_path}/clips/seq", 1)]
    assert [entry.sample for entry in read_entries(path, tmp_path)] == samples


def test_a_list_without_a_task_shows_it_by_a_line_of_several(tmp_path: Path) -> None:
    touch(tmp_path, "frames/v1/1.jpg", "v.mp4", "clip 3,17")
    path = write(tmp_path, "a.mp4 3\nb.mp4\nframes/v1 120\nc.mp4 3,4\n")
    labels = [entry.sample.label for entry in read_entries(path, tmp_path)]
    assert labels == [(3,), (), (), (3, 4)]
    path = write(tmp_path, "a.mp4 3\nb.mp4\n")
    assert [e.sample.label for e in read_entries(path, tmp_path, "multi")] == [(3,), ()]
    with pytest.raises(ListError, match="no label in 'b.mp4'"):
        read_entries(path, tmp_path)
    path = write(tmp_path, "v.mp4\nclip 3,17\n")  # paths that are there
    for task in ("single", "multi"):
        assert [e.sample.label for e in read_entries(path, tmp_path, task)] == [-1, -1]
    path = write(tmp_path, "a.mp4,3\nb.mp4,\n", "x.csv")
    assert [e.sample.label for e in read_entries(path, tmp_path)] == [(3,), ()]


@pytest.mark.parametrize("separator", [" ", ","])
@pytest.mark.parametrize("task", ["single", "multi"])
def test_a_folder_with_one_number_is_told(
    tmp_path: Path, separator: str, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word its class would be lost."""
    touch(tmp_path, "a.mp4", "fr/1.jpg", "more/1.jpg")
    rows = ["a.mp4 1", "fr 3", "more 4", "more 10", "fr 9 2"]
    name = "x.csv" if separator == "," else "x.list"
    path = write(tmp_path, "\n".join(rows).replace(" ", separator), name)
    found = [(sample.label, sample.num_frames) for sample in read_list(path, tmp_path, 11, task)]
    told = f"{path}: 3 lines, the first is line 2, are a folder and one number, and are taken for"
    assert (told in caplog.text) == (task == "multi" and separator == " ")
    if task == "single":
        assert found == [(1, None), (3, None), (4, None), (10, None), (2, 9)]
    elif separator == ",":
        assert found == [((1,), None), ((3,), None), ((4,), None), ((10,), None), ((2,), 9)]
    else:
        assert found == [((1,), None), ((), 3), ((), 4), ((), 10), ((2,), 9)]
        read_list(path, tmp_path, 4, task)  # 4 and 10 cannot be classes
        assert f"{path}: 1 lines, the first is line 2" in caplog.text


def test_the_lines_of_a_json_list_say_their_labels(tmp_path: Path) -> None:
    rows = ['{"path": "a.mp4"}', '{"path": "a.mp4", "label": 3}', '{"path": "a.mp4", "labels": []}']
    path = write(tmp_path, "\n".join(rows), "x.jsonl")
    samples = [Sample("/videos/a.mp4", label) for label in (-1, 3, ())]
    assert read_entries(path, ROOT) == [*map(Entry, rows, samples)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("v.mp4 0 1", "'v.mp4 0 1' is of the form 'folder num_frames label', and v.mp4 is a file "
         "(a video's line is 'path label')"),
        ("v.mp4 9 1", "'v.mp4 9 1' is of the form 'folder num_frames label', and v.mp4 is a file "
         "(a video's line is 'path label')"),
        ("my frames 0 9 1", "'my frames 0 9 1' has one number more than 'folder num_frames label', "
         "and my frames is there: lists with offsets, as mmaction2 has them, are not read: give "
         "each clip a folder of its own"),
        ("my frames 0 1", "the folder my frames has 0 frames"),
        ("csv: v.mp4,0,1", "'v.mp4,0,1' is of the form 'folder,num_frames,label', and v.mp4 is a "
         "file (a video's line is 'path,label')"),
    ],
)  # fmt: skip
def test_the_form_of_a_line_is_that_of_what_is_there(
    tmp_path: Path, line: str, complaint: str
) -> None:
    touch(tmp_path, "v.mp4", "my frames/1.jpg")
    path = write(tmp_path, line.removeprefix("csv: "), "x.csv" if "csv" in line else "x.list")
    for read in (lambda: read_list(path, tmp_path, 10), lambda: read_entries(path, tmp_path)):
        with pytest.raises(ListError) as caught:
            read()
        assert str(caught.value) == f"{path}:1: {complaint}"


def test_names_that_are_not_utf8_keep_their_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    Path(path).write_bytes(b"caf\xe9.mp4 1\n\xc3\xa9.mp4 2\n")
    (first, second) = read_list(path, tmp_path, 3)
    assert os.fsencode(first.path) == os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    assert second.path == f"{tmp_path}/é.mp4"
    write_lines(tmp_path / "again.list", [entry.line for entry in read_entries(path, "")])
    assert (tmp_path / "again.list").read_bytes() == Path(path).read_bytes()


def test_paths_may_begin_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    path = write(tmp_path, "~/a.mp4 1\nsub/~/a.mp4 1\n~x.mp4 1\n")
    names = ["/home/me/a.mp4", "/videos/sub/~/a.mp4", "/videos/~x.mp4"]
    assert [sample.path for sample in read_list(path, ROOT, 2)] == names


def test_a_folder_of_class_folders_stands_for_a_list(tmp_path: Path) -> None:
    touch(tmp_path, "b b/2.avi", "b b/1.MP4", "a/z.webm", "c/x.mkv", "a/notes.txt", "labels.txt")
    found = read_list(str(tmp_path), "elsewhere", 3)
    paths = [("a/z.webm", 0), ("b b/1.MP4", 1), ("b b/2.avi", 1), ("c/x.mkv", 2)]
    assert found == [Sample(str(tmp_path / path), label) for path, label in paths]
    entries = read_entries(str(tmp_path), tmp_path.parent, "multi")
    assert entries == [
        Entry(f"{tmp_path.name}/{path} {label}", Sample(str(tmp_path / path), (label,)))
        for path, label in paths
    ]
    with pytest.raises(ListError, match="3 class folders for model.num_classes=4"):
        read_list(str(tmp_path), "", 4)
    (tmp_path / "empty/class").mkdir(parents=True)
    with pytest.raises(ListError, match="no video in its class folders"):
        read_list(str(tmp_path / "empty"), "", 1)


@pytest.mark.parametrize("line", ["rtsp://me:secret@host/live", "http://me:secret@host/a.mp4 1"])
def test_a_list_holds_no_streams(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.list"
    path.write_text(f"a.mp4 0\n{line}\n" if line.endswith("1") else f"{line}\n")
    reads: list[Callable[[], object]] = [lambda: read_entries(path, tmp_path)]
    if line.endswith("1"):
        reads.append(lambda: read_list(path, tmp_path, 2))
    for read in reads:
        with pytest.raises(ListError, match=r"a.list:\d: \w+://\*\*\*@host/.*: an url") as caught:
            read()
        assert "secret" not in str(caught.value)


def test_the_ending_of_a_csv_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "x.CSV").write_text("a b.mp4,1\n")
    assert read_list(tmp_path / "x.CSV", "/v", 2) == [Sample("/v/a b.mp4", 1)]


@pytest.mark.parametrize(
    "text",
    ['{"path": "a.mp4", "labels": [1]}\n', '[{"path": "a.mp4"}]', '[\n  {\n    "path": "a.mp4"}]'],
    ids=["lines", "a list", "a pretty list"],
)
@pytest.mark.parametrize("task", ["single", "multi"])
def test_json_lines_are_known_by_the_ending(tmp_path: Path, text: str, task: str) -> None:
    (path := tmp_path / "x.json").write_text(text)
    for read in (lambda: read_list(path, "", 2, task), lambda: read_entries(path, "", task)):
        with pytest.raises(ListError, match=r"x.json:1: JSON: .* must end in .jsonl$"):
            read()
    path.write_text('{"x".mp4 1\n')
    assert read_list(path, "/v", 2) == [Sample('/v/{"x".mp4', 1)]


def test_a_device_is_no_list() -> None:
    with pytest.raises(ListError, match="/dev/zero: a device, not a list"):
        read_list("/dev/zero", "", 2)
