"""Lists built from real folders (the videos are empty files) and data sets' own split files."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from support.video_tools import error_line, lines, write
from support.videos import (
    numbered_picture,
    read_numbers,
    touch,
    write_frames,
    write_numbered_video,
    write_tar,
)

from slowfast.config import DataConfig
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.labels import read_labels
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Action, Label, Sample
from slowfast.data.shards import split_member
from slowfast.tools.build_list import main

Capsys = pytest.CaptureFixture[str]


def build(*args: object) -> int:
    return main([str(arg) for arg in args])


def error(capsys: Capsys, *args: object) -> str:
    return error_line(capsys, build(*args))


def left_out(said: str) -> list[str]:
    """What is said of files and folders that are left out, without the reasons."""
    rows = (line.rpartition(": hidden") for line in said.splitlines())
    return [start for start, found, _ in rows if found]


def samples(path: Path, root: Path, num_classes: int) -> list[tuple[str, Label]]:
    """What training would read, by paths from root."""
    read = read_list(str(path), str(root), num_classes)
    assert all(Path(sample.path).exists() for sample in read)
    return [(Path(sample.path).relative_to(root).as_posix(), sample.label) for sample in read]


# ---------------------------------------------------------------------------- class folders


def test_class_folders_are_numbered_in_code_point_order(tmp_path: Path, capsys: Capsys) -> None:
    root = touch(
        tmp_path / "my videos",
        *("été/b 2.MP4", "été/a.avi", "été/.hidden.avi", "été/notes.txt"),
        *("riding a bike/x 12.avi", "Zumba/跳.webm", ".cache/x.avi", "loose.avi"),
    )
    assert build("folder", root, "--out", tmp_path / "out") == 0
    bike, zumba = ("riding a bike/x 12.avi", 1), ("Zumba/跳.webm", 0)
    expected = [zumba, bike, ("été/a.avi", 2), ("été/b 2.MP4", 2)]
    assert samples(tmp_path / "out/all.list", root, 3) == expected
    labels = read_labels(str(tmp_path / "out/labels.txt"), 3)
    assert labels == ["Zumba", "riding a bike", "été"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["all.list", "labels.txt"]
    assert left_out(capsys.readouterr().out) == [f"{root}: 4 left out (.cache/, ...)"]


@pytest.mark.parametrize(("train", "val"), [("training", "validation"), ("train", "val")])
def test_splits_are_found_and_share_classes(
    tmp_path: Path, train: str, val: str, capsys: Capsys
) -> None:
    videos = [f"{train}/B/1.avi", f"{train}/C/2.avi", f"{val}/A/3.avi", f"{val}/C/4.avi"]
    root = touch(tmp_path, *videos)
    (root / train / "empty").mkdir()
    assert build("folder", root, "--out", root) == 0
    assert samples(root / "train.list", root, 3) == [(videos[0], 1), (videos[1], 2)]
    assert samples(root / "val.list", root, 3) == [(videos[2], 0), (videos[3], 2)]
    assert read_labels(str(root / "labels.txt"), 3) == ["A", "B", "C"]
    out = capsys.readouterr().out
    for line in (
        "train: no video of A", "val: no video of B", "without any video, so not classes: empty",
    ):  # fmt: skip
        assert f"{line}\n" in out


def test_splits_by_name(tmp_path: Path) -> None:
    root = touch(tmp_path, "part 1/A/1.avi", "part 2/sub/A/2.avi")
    splits = ("--split", "train=part 1", "--split", "test=part 2/sub/")
    assert build("folder", root, "--out", root, *splits) == 0
    assert samples(root / "train.list", root, 1) == [("part 1/A/1.avi", 0)]
    assert samples(root / "test.list", root, 1) == [("part 2/sub/A/2.avi", 0)]


def test_a_share_of_each_class_is_for_validation(tmp_path: Path) -> None:
    names = [f"{label}/{i}.mp4" for label, n in (("A", 10), ("B", 3), ("C", 1)) for i in range(n)]
    root = touch(tmp_path / "videos", *names)
    share = ("--val-share", 0.3)
    assert build("folder", root, "--out", root, *share) == 0
    train, val = (samples(root / f"{split}.list", root, 3) for split in ("train", "val"))
    assert sorted(path for path, _ in train + val) == sorted(names)
    assert [label for _, label in train] == 7 * [0] + 2 * [1] + [2]
    assert [label for _, label in val] == 3 * [0] + [1]
    assert not (root / "all.list").exists()
    assert [path for path, _ in val] != names[:3] + ["B/0.mp4"]  # not the first ones
    assert build("folder", root, "--out", root, *share) == 0
    assert samples(root / "val.list", root, 3) == val


def test_folders_that_cannot_be_listed(tmp_path: Path, capsys: Capsys) -> None:
    def message(name: str, *files: str, flags: Any = ()) -> str:
        root = touch(tmp_path / name, *files)
        return error(capsys, "folder", root, "--out", tmp_path / "out", *flags)

    share = ("--val-share", 0.5)
    assert "no video in" in message("a", "x.avi")
    assert f"no video in {tmp_path}/b/val/CLASS/" in message("b", "train/A/1.avi", "val/A/readme")
    assert "No such file" in message("none")
    for name in ("A/line\nbreak.avi", " A/1.avi"):
        assert "line break" in message(repr(name).replace("/", ""), name)
    assert "twice" in message("c", "A/1.avi", flags=("--split", "a=A", "--split", "a=B"))
    split = f"{tmp_path}/d/train, {tmp_path}/d/val"
    assert message("d", "train/A/1.avi", "val/A/2.avi", flags=share) == (
        f"error: --val-share: the videos are split already ({split})\n"
    )
    few = message("e", "A/1.avi", "B/2.avi", flags=share)
    assert few == "error: --val-share: no class has two videos\n"
    assert "has a line break: no name for a class" in message("g", "a\u2028b/1.avi")
    with contextlib.suppress(OSError, UnicodeError):  # some file systems take no such name
        assert "no name for a class" in message("f", "\udcff/1.avi")
    assert not (tmp_path / "out").exists()


def test_a_name_that_no_list_can_hold_is_left_out(tmp_path: Path, capsys: Capsys) -> None:
    root = touch(tmp_path / "a", "A/1.avi", "A/line\nbreak.avi", "A/next\x85\u2028line.avi")
    out = tmp_path / "out"
    assert main(["folder", str(root), "--out", str(out)]) == 0
    assert "no list can hold 1 of 3 names" in capsys.readouterr().out
    found = [Path(sample.path).name for sample in read_list(out / "all.list", root, 1)]
    assert found == ["1.avi", "next\x85\u2028line.avi"]


# ---------------------------------------------------------------------------- UCF101


def ucf101(folder: Path) -> tuple[Path, Path]:
    write(folder / "splits/classInd.txt", "1 Archery\r\n2 Bowling\r\n")
    write(folder / "splits/trainlist02.txt", "Archery/v_1.avi 1\r\nBowling/v_2.avi 2\r\n")
    write(folder / "splits/testlist02.txt", "Bowling/v_3.avi\r\nBowling/v_4.avi\r\n")
    root = touch(folder / "UCF-101", "Archery/v_1.avi", "Bowling/v_2.avi", "Bowling/v_3.avi")
    return root, folder / "splits"


def test_ucf101_labels_start_from_0(tmp_path: Path, capsys: Capsys) -> None:
    root, splits = ucf101(tmp_path)
    stale = touch(tmp_path, "train.list.missing") / "train.list.missing"
    assert build("ucf101", root, splits, "--split", 2, "--out", tmp_path) == 0
    train = [("Archery/v_1.avi", 0), ("Bowling/v_2.avi", 1)]
    assert samples(tmp_path / "train.list", root, 2) == train
    assert samples(tmp_path / "val.list", root, 2) == [("Bowling/v_3.avi", 1)]
    assert (tmp_path / "val.list.missing").read_text() == "Bowling/v_4.avi\n"
    assert read_labels(str(tmp_path / "labels.txt"), 2) == ["Archery", "Bowling"]
    out = capsys.readouterr().out
    assert "train.list: 2 of 2 videos found\n" in out
    assert "val.list: 1 of 2 videos found; 1 missing, listed in " in out
    assert not stale.exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("trainlist02.txt", "Archery/v_1.avi 2\n", "trainlist02.txt:1: 'Archery/v_1.avi 2'"),
        ("testlist02.txt", "\nCurling/v_1.avi\n", "testlist02.txt:2: unknown class 'Curling'"),
        ("classInd.txt", "1 Archery\n3 Bowling\n", "classInd.txt: its 2 classes do not have the"),
        ("classInd.txt", "1 Archery\n2 A\n3 A\n", "classInd.txt: the class 'A' is there twice"),
        ("testlist02.txt", "Archery/gone.avi\n", "such as Archery/gone.avi"),
        ("testlist02.txt", "", "testlist02.txt: the list is empty"),
    ],
)
def test_wrong_ucf101_files(
    tmp_path: Path, capsys: Capsys, name: str, text: str, message: str
) -> None:
    root, splits = ucf101(tmp_path)
    write(splits / name, text)
    args = ("ucf101", root, splits, "--split", 2, "--out", tmp_path / "out")
    assert message in error(capsys, *args)
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------------- Kinetics

HEADER = "label,youtube_id,time_start,time_end,split,is_cc\n"
ROWS = (
    "riding a bike,-aaaaaaaaaa,10,20,val,0\n"
    "abseiling,bbbbbbbbbbb,0,10,val,0\n"
    '"cooking, fast",ccccccccccc,7,17,val,0\n'
    "abseiling,ddddddddddd,1234567,1234577,val,0\n"
    "zumba,eeeeeeeeeee,5,15,val,0\n"
)


def test_kinetics_finds_the_usual_layouts(tmp_path: Path, capsys: Capsys) -> None:
    root = touch(
        tmp_path / "val",
        *("riding_a_bike/-aaaaaaaaaa_000010_000020.mp4", "riding_a_bike/-aaaaaaaaaa.mp4"),
        *("abseiling/bbbbbbbbbbb.mkv", "ccccccccccc_000007_000017.webm", "ddddddddddd.MP4"),
        *("riding_a_bike/.bbbbbbbbbbb.mp4", "abseiling/notes.txt", "zumba/deep/eeeeeeeeeee.mp4"),
        *("abseiling/.bbbbbbbbbbb.mp4", ".hidden/x.mp4", ".y.mp4"),
    )
    out = tmp_path / "lists/val.list"
    assert build("kinetics", root, write(tmp_path / "v.csv", HEADER + ROWS), "--out", out) == 0
    assert samples(out, root, 4) == [
        ("riding_a_bike/-aaaaaaaaaa_000010_000020.mp4", 2),
        ("abseiling/bbbbbbbbbbb.mkv", 0),
        ("ccccccccccc_000007_000017.webm", 1),
        ("ddddddddddd.MP4", 0),
    ]
    missing = Path(f"{out}.missing")
    assert missing.read_text() == "zumba/eeeeeeeeeee_000005_000015\n"
    names = read_labels(f"{out}.labels", 4)
    assert names == ["abseiling", "cooking, fast", "riding a bike", "zumba"]
    said = capsys.readouterr().out
    assert f"{out}: 4 of 5 videos found; 1 missing, listed in {missing}\n" in said
    assert left_out(said) == [f"{root}: 5 left out (.hidden/, ...)"]


def test_kinetics_by_the_users_class_names(tmp_path: Path, capsys: Capsys) -> None:
    root = touch(tmp_path / "val", "riding a bike/-aaaaaaaaaa.mp4")
    table = write(tmp_path / "v.csv", HEADER + ROWS)
    labels = write(tmp_path / "names.txt", "zumba\nabseiling\ncooking, fast\nriding a bike\n")
    args = ("kinetics", root, table, "--out", tmp_path / "list.csv", "--labels", labels)
    assert build(*args) == 0
    assert (tmp_path / "list.csv").read_text() == "riding a bike/-aaaaaaaaaa.mp4,3\n"
    assert not (tmp_path / "list.csv.labels").exists()
    write(labels, "zumba\nriding a bike\n")
    assert f"{table}:3: unknown class 'abseiling'" in error(capsys, *args)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "youtube_id,time_start,time_end,split\na,0,10,test\n",
            "v.csv:1: has no columns label,youtube_id,time_start",
        ),
        ("", "v.csv:1: has no columns label,youtube_id,time_start"),
        (HEADER + ROWS + "zumba,a,x,10,val,0\n", "v.csv:7: "),
        (HEADER + "zumba,a\n", "v.csv:2: "),
        (HEADER + ROWS, "none of the 5 videos is there, such as riding a bike/-aaaaaaaaaa_000010"),
        (HEADER + "a\0b", "NUL"),
    ],
)
def test_wrong_kinetics_csvs(tmp_path: Path, capsys: Capsys, text: str, message: str) -> None:
    root = touch(tmp_path / "val", "else.mp4")
    table = write(tmp_path / "v.csv", text)
    assert message in error(capsys, "kinetics", root, table, "--out", tmp_path / "l")
    assert not (tmp_path / "l").exists()


# ---------------------------------------------------------------------------- Something-Something

TEMPLATES = {"Pushing something": "1", "Holding something next to something": "0"}
SPLIT = [
    {"id": "7", "template": "Holding [something] next to [something]", "label": "holding a pen"},
    {"id": 8, "template": "Pushing [something]"},
    {"id": "9", "template": "Pushing [something]"},
    {"id": "10", "template": "Pushing [something]"},
]


def sthv(folder: Path, labels: object, split: object) -> list[object]:
    text = labels if isinstance(labels, str) else json.dumps(labels)
    labels_json = write(folder / "labels.json", text)
    split_json = write(folder / "train.json", json.dumps(split))
    (folder / "videos").mkdir(exist_ok=True)
    return ["sthv", folder / "videos", labels_json, split_json, "--out", folder / "train.list"]


def test_something_something_videos_and_frame_folders(tmp_path: Path, capsys: Capsys) -> None:
    frames = [f"8/img_{i:05d}.jpg" for i in (1, 2, 3)]
    others = ("8/notes.txt", "8/.a.jpg", "9/notes.txt", ".10.webm", "10.txt", ".11/1.jpg")
    root = touch(tmp_path / "videos", "7.webm", *frames, *others)
    assert build(*sthv(tmp_path, TEMPLATES, SPLIT)) == 0
    assert read_list(str(tmp_path / "train.list"), "", 2) == [
        Sample("7.webm", 0),
        Sample("8", 1, 3),
    ]
    assert (tmp_path / "train.list.missing").read_text() == "9\n10\n"
    names = read_labels(str(tmp_path / "train.list.labels"), 2)
    assert names == ["Holding something next to something", "Pushing something"]
    out = capsys.readouterr().out
    assert "2 of 4 videos found; 2 missing" in out
    assert f"{root}: 3 left out (.10.webm, ...): hidden" in out


@pytest.mark.parametrize(
    ("labels", "split", "message"),
    [
        (TEMPLATES, [{"id": "7"}], "train.json: entry 1 has no id and template"),
        (TEMPLATES, [{"id": "7", "template": "Eating"}], "entry 1: unknown class 'Eating'"),
        (TEMPLATES, {}, "train.json is not a JSON list"),
        ([], SPLIT, "labels.json: not a JSON file of class names"),
        ('{\n"A" 0}', SPLIT, "labels.json: no JSON (Expecting"),
        ({"A": "0", "B": "0"}, SPLIT, "labels.json: its 2 classes do not have the numbers"),
        (TEMPLATES, SPLIT, "videos: none of the 4 videos is there, such as 7"),
    ],
)
def test_something_something_files_that_are_wrong(
    tmp_path: Path, capsys: Capsys, labels: object, split: object, message: str
) -> None:
    assert message in error(capsys, *sthv(tmp_path, labels, split))
    assert not (tmp_path / "train.list").exists()


# ---------------------------------------------------------------------------- Charades

CHARADES = (
    "id,script,actions,length\n"
    'AAAAA,"cooks, eats",c147 0.50 0.75;c156 0.00 0.60;c147 0.90 9.00,1.0\n'
    "BBBBB,x,c000 0.00 1.00,1.0\nCCCCC,x,,1.0\nDDDDD,x,,1.0\n"
)
"""Of the data set's own csv: some columns, and videos of one second."""


@pytest.fixture
def charades_root(tmp_path: Path) -> Path:
    """A folder of 24 frames, and two videos at 30 frames/s."""
    root = tmp_path / "Charades_v1"
    pictures = (numbered_picture(number, (48, 48)) for number in range(24))
    write_frames(root / "AAAAA", pictures, "AAAAA-{:06d}.jpg")
    for name in ("BBBBB.mp4", "CCCCC.avi"):
        write_numbered_video(root / name, 30, size=(48, 48))
    return root


def test_charades_by_its_own_csv(tmp_path: Path, charades_root: Path, capsys: Capsys) -> None:
    source, out = write(tmp_path / "train.csv", CHARADES), tmp_path / "train.jsonl"
    assert build("charades", charades_root, source, "--out", out) == 0
    actions = (Action(147, 0.5, 0.75), Action(156, 0.0, 0.6), Action(147, 0.9, 1.0))
    assert read_list(out, charades_root, 157, "multi") == [
        Sample(f"{charades_root}/AAAAA", (147, 156), 24, actions=actions),
        Sample(f"{charades_root}/BBBBB.mp4", (0,), actions=(Action(0, 0.0, 1.0),)),
        Sample(f"{charades_root}/CCCCC.avi", ()),
    ]
    assert lines(Path(f"{out}.missing")) == ["DDDDD"]
    assert not Path(f"{out}.labels").exists()  # data.labels=charades
    assert f"{out}: 3 of 4 videos found; 1 missing, listed in " in capsys.readouterr().out


def test_charades_by_pyslowfasts_list(tmp_path: Path, charades_root: Path) -> None:
    rows = [
        f'{name} {number} {i} {name}/{name}-{i + 1:06d}.jpg "{labels if 6 <= i < 13 else ""}"\n'
        for number, (name, labels) in enumerate((("BBBBB", "1,5"), ("AAAAA", "7")))
        for i in range(24)
    ]
    header = "original_vido_id video_id frame_id path labels\n"
    source, out = write(tmp_path / "val.csv", header + "".join(rows)), tmp_path / "val.jsonl"
    assert build("charades", charades_root, source, "--out", out) == 0
    assert read_list(out, charades_root, 157, "multi") == [
        Sample(f"{charades_root}/BBBBB.mp4", (1, 5),
               actions=(Action(1, 0.25, 0.5), Action(5, 0.25, 0.5))),
        Sample(f"{charades_root}/AAAAA", (7,), 24, actions=(Action(7, 0.25, 0.5),)),
    ]  # fmt: skip


def test_a_charades_clip_has_the_labels_of_its_time(tmp_path: Path, charades_root: Path) -> None:
    """Clips of 3 of a folder's 24 frames, and of what a video shows at the same times."""
    source, out = write(tmp_path / "train.csv", CHARADES), tmp_path / "train.jsonl"
    assert build("charades", charades_root, source, "--out", out) == 0
    data = DataConfig(
        num_frames=2, sampling_stride=2, target_fps=24.0, spacing="stride", frame_fps=24.0,
        frame_pattern="{name}-{:06d}.jpg", min_short_side=48, max_short_side=48, crop_size=48,
        flip=0.0,
    )  # fmt: skip
    read = TrainClips(read_list(out, charades_root, 157, "multi"), data, seed=0)
    seen = set()
    for epoch in range(40):
        clip = read(TrainKey(epoch, 0))
        first, last = read_numbers(clip.frames)
        assert last == first + 2
        spans = {147: ((12, 18), (21.6, 24)), 156: ((0, 14.4),)}  # in frames of 1/24 s
        expected = [
            label for label, parts in spans.items()
            if any(first <= end and last >= start for start, end in parts)
        ]  # fmt: skip
        assert clip.label == tuple(expected), first
        seen.add(clip.label)
        assert read(TrainKey(epoch, 2)).label == ()
    assert seen == {(156,), (147, 156), (147,), ()}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.jsonl", CHARADES.replace("c156 0.00 0.60", "c157 0 1"), "x.csv:2: class '157' is not"),
        ("x.list", CHARADES, "x.list: the list has times, which only a .jsonl list can hold"),
        (
            "x.jsonl",
            "id,actions,length\nEEEEE,,1\n",
            "none of the 1 videos is there, such as EEEEE",
        ),
        (
            "x.jsonl",
            "label,youtube_id\n",
            "x.csv:1: has no columns id,actions,length, but label,yo",
        ),
    ],
)
def test_wrong_charades_files(
    tmp_path: Path, charades_root: Path, capsys: Capsys, name: str, text: str, message: str
) -> None:
    source, out = write(tmp_path / "x.csv", text), tmp_path / name
    assert message in error(capsys, "charades", charades_root, source, "--out", out)
    assert not out.exists()


# ---------------------------------------------------------------------------- tar shards


def test_shards_are_listed_in_their_order(tmp_path: Path, capsys: Capsys) -> None:
    root = tmp_path / "my shards"
    label = b'{"label": 0}'
    for name, files in {
        "train-000001.tar": {"a 1.mp4": b"x", "a 1.cls": b"1"},
        "train-000000.tar": {"b.cls": b"2", "b.mp4": b"x", "a é.mp4": b"x", "a é.json": label},
        "more/train-000000.tar": {"c/x.webm": b"x", "c/x.cls": b"1", "readme": b""},
        "val-000000.tar": {"v.mp4": b"x", "v.cls": b"0"},
    }.items():
        write_tar(root / name, files)
    out = tmp_path / "train.list"
    assert build("shards", root, "--pattern", "train-*.tar", "--out", out) == 0
    said = capsys.readouterr().out
    assert f"{out}: 4 of 4 videos found\n" in said and "read headers: done in" in said
    expected = [
        ("more/train-000000.tar/c/x.webm", 1),
        ("train-000000.tar/b.mp4", 2),
        ("train-000000.tar/a é.mp4", 0),
        ("train-000001.tar/a 1.mp4", 1),
    ]
    found = read_list(str(out), str(root), 3)
    assert found == [Sample(str(root / path), label) for path, label in expected]
    assert all(split_member(sample.path) for sample in found)
    assert build("shards", root, "--out", out) == 0
    assert len(read_list(str(out), str(root), 3)) == 5


def test_several_processes_share_the_headers(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "shards", tmp_path / "out.list"
    root.mkdir()
    for number in range(3):
        files = {f"{number}.mp4": b"film", f"{number}.cls": str(number).encode(), "._x.mp4": b""}
        write_tar(root / f"{number}.tar", files)
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    for rank in (0, 1):
        assert not out.exists()
        monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
        assert build("shards", root, "--out", out) == 0
    expected = ["0.tar/0.mp4 0", "1.tar/1.mp4 1", "2.tar/2.mp4 2"]
    assert lines(out) == expected
    said = capsys.readouterr().out
    assert "process 0 has done its share; 1 of 3 are not done yet, of process 1: " in said
    assert f"{root}: 3 left out (" in said  # told by the one that knows all

    write_tar(root / "1.tar", {"b.mp4": b"another film", "b.cls": b"7"})
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "1")
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    assert build("shards", root, "--out", out) == 0
    assert lines(out) == [expected[0], "1.tar/b.mp4 7", expected[2]]
    kept = lines(Path(f"{out}.headers.jsonl"))
    assert len(kept) == 4 and '"b.mp4"' in kept[3]  # only what has changed is read again


def test_shards_that_are_wrong(tmp_path: Path, capsys: Capsys) -> None:
    args = ("shards", tmp_path, "--out", tmp_path / "out")
    assert f"no video in 0 files {tmp_path}/**/*.tar" in error(capsys, *args)
    path = write_tar(tmp_path / "x.tar", {"readme": b""})
    assert f"no video in 1 files {tmp_path}/**/*.tar" in error(capsys, *args)
    write_tar(tmp_path / "x.tar", {"a.mp4": b"x"})
    assert f"{path}: a.mp4 has no label beside it, a.cls or a.json" in error(capsys, *args)
    assert not (tmp_path / "out").exists()


def test_what_of_a_shard_is_a_video(tmp_path: Path, capsys: Capsys) -> None:
    names = ["\udcff.mp4", "stream.ts", "source.ts", "._x.mp4", ".d/y.mp4"]
    members = {name: b"GIF\0" if name != "source.ts" else b"let x = 1" for name in names}
    labels = {name.rpartition(".")[0] + ".cls": b"1" for name in names}
    write_tar(tmp_path / "x.tar", members | labels)
    assert build("shards", tmp_path, "--out", tmp_path / "out.list") == 0
    found = read_list(tmp_path / "out.list", "", 2)
    assert found == [Sample("x.tar/\udcff.mp4", 1), Sample("x.tar/stream.ts", 1)]
    told = f"{tmp_path}: 3 left out ({tmp_path}/x.tar/source.ts, ...): hidden, not named"
    assert told in capsys.readouterr().out


# ---------------------------------------------------------------------------- other data sets

# Of each data set: its own files, what is in ROOT, the arguments, and each list with its classes.
DATA_SETS: dict[
    str, tuple[dict[str, str], list[str], list[str], dict[str, list[Sample]], list[str]]
]
DATA_SETS = {
    "hmdb51": (
        {"s/climb_stairs_test_split1.txt": "a!&_climb_stairs_0.avi 1 \nb.avi 2 \nc.avi 0 \n",
         "s/climb_test_split1.txt": "d.avi 2 \ne.avi 1 \n",
         "s/climb_test_split2.txt": "d.avi 1 \n"},
        ["climb_stairs/a!&_climb_stairs_0.avi", "climb_stairs/b/img_00001.jpg", "climb/d.mp4",
         "climb/e.avi", "climb/e.mp4", "climb_stairs/c.avi"],
        ["s", "--split", "1"],
        {"out/train.list": [Sample("climb/e.avi", 0),
                            Sample("climb_stairs/a!&_climb_stairs_0.avi", 1)],
         "out/val.list": [Sample("climb/d.mp4", 0), Sample("climb_stairs/b", 1, 1)]},
        ["climb", "climb_stairs"],
    ),
    "jester": (
        {"labels.csv": "Swiping Left\nDoing other things\n",
         "train.csv": "34870;Doing other things\n56557;Swiping Left\n7;Swiping Left\n"},
        ["34870/00001.jpg", "34870/00002.jpg", "56557/00001.jpg", "7.webm"],
        ["labels.csv", "train.csv"],
        {"out": [Sample("34870", 1, 2), Sample("56557", 0, 1), Sample("7.webm", 0)]},
        ["Swiping Left", "Doing other things"],
    ),
    "moments": (
        {"moments_categories.txt": "adult+male+singing,1\naiming,0\n",
         "trainingSet.csv": "aiming/yt-a_1.mp4,aiming,4,0\n"
                            "adult+male+singing/b.mp4,adult+male+singing,3,1\n"},
        ["aiming/yt-a_1.mp4", "adult+male+singing/b.mp4"],
        ["moments_categories.txt", "trainingSet.csv"],
        {"out": [Sample("aiming/yt-a_1.mp4", 0), Sample("adult+male+singing/b.mp4", 1)]},
        ["aiming", "adult+male+singing"],
    ),
    "diving48": (
        {"vocab.json": '[["Back", "15som", "FREE"], ["Inward", "Dive", "PIKE"]]',
         "train.json": '[{"vid_name": "-m_00155", "label": 1, "start_frame": 0, "end_frame": 48}]'},
        ["-m_00155.mp4"],
        ["vocab.json", "train.json"],
        {"out": [Sample("-m_00155.mp4", 1)]},
        ["Back 15som FREE", "Inward Dive PIKE"],
    ),
    "csv": (
        {"my.csv": 'id;file;"class"\n1;x/a.mp4;walk\n2;b;"run; fast"\n3;c.avi;walk\n'},
        ["x/a.mp4", "b.webm", "c/1.png"],
        ["my.csv", "--columns", "file,class"],
        {"out": [Sample("x/a.mp4", 1), Sample("b.webm", 0), Sample("c", 1, 1)]},
        ["run; fast", "walk"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DATA_SETS)
def test_other_data_sets(kind: str, own_folder: Path) -> None:
    files, videos, args, expected, names = DATA_SETS[kind]
    for name, text in files.items():
        write(Path(name), text)
    root = touch(Path("videos"), *videos)
    assert build(kind, root, *args, "--out", "out") == 0
    for path, found in expected.items():
        assert read_list(path, "", 2) == found
        assert Path(f"{path}.missing").exists() is False
    assert read_labels("out/labels.txt" if kind == "hmdb51" else "out.labels", 2) == names


@pytest.mark.parametrize(
    ("kind", "name", "text", "message"),
    [
        ("hmdb51", "s/climb_test_split1.txt", "d.avi 3\n", "split1.txt:1: not 'x.avi 0'"),
        ("jester", "train.csv", "34870\n", "train.csv:1: not 'ID;CLASS': '34870'"),
        ("jester", "train.csv", "\n1;Jump\n", "train.csv:2: unknown class 'Jump'"),
        ("moments", "trainingSet.csv", "aiming/a.mp4\n", "Set.csv:1: not 'LABEL/x.mp4,"),
        ("moments", "trainingSet.csv", "a/a.mp4,a,1,1\n", "trainingSet.csv:1: unknown class 'a'"),
        ("diving48", "train.json", '[{"vid_name": "a", "label": 2}]', "label 2 is not in 0..1"),
        ("diving48", "train.json", '[{"vid_name": "a"}]', "entry 1 has no vid_name and label"),
        ("csv", "my.csv", "path,label\na,b\n", "has no columns file,class, but path,label"),
        ("csv", "my.csv", "file,class\na,\n", "my.csv:2: not file,class"),
        ("csv", "my.csv", "file,class\na,b\n", "none of the 1 videos is there, such as a"),
    ],
)  # fmt: skip
def test_other_data_sets_files_that_are_wrong(
    kind: str, name: str, text: str, message: str, own_folder: Path, capsys: Capsys
) -> None:
    files, videos, args, _, _ = DATA_SETS[kind]
    for path, content in (files | {name: text}).items():
        write(Path(path), content)
    assert message in error(capsys, kind, touch(Path("videos"), *videos), *args, "--out", "out")
    assert not Path("out").exists()


def test_a_csv_with_numbers_keeps_them(own_folder: Path) -> None:
    root = touch(Path("v"), "a.mp4", "b.mp4")
    write(Path("my.csv"), "path,label\na.mp4,7\nb.mp4,0\n")
    assert build("csv", root, "my.csv", "--out", "my.list") == 0
    assert samples(Path("my.list"), root, 8) == [("a.mp4", 7), ("b.mp4", 0)]
    assert not Path("my.list.labels").exists()


@pytest.mark.parametrize("kind", ["csv", "folder"])
def test_classes_are_numbered_by_a_file_of_names(
    kind: str, own_folder: Path, capsys: Capsys
) -> None:
    root = touch(Path("v"), "Swim/c.mp4", "jump_rope/a.mp4", "run/b.mp4")
    write(Path("names.json"), '{"run": 1, "Jump Rope": 0, "swim": 3, "walk": 2}')
    write(Path("my.csv"), "path,label\nrun/b.mp4,RUN\nSwim/c.mp4,swim\njump_rope/a.mp4,jump-rope\n")
    source = [] if kind == "folder" else ["my.csv"]
    assert build(kind, root, *source, "--labels", "names.json", "--out", "out") == 0
    path = Path("out/all.list" if kind == "folder" else "out")
    assert dict(samples(path, root, 4)) == {"jump_rope/a.mp4": 0, "run/b.mp4": 1, "Swim/c.mp4": 3}
    touch(root, "fly/x.mp4")
    write(Path("my.csv"), "path,label\nfly/x.mp4,fly\n")
    message = error(capsys, kind, root, *source, "--labels", "names.json", "--out", "other")
    assert "names.json has no class 'fly'" in message or "my.csv:2: unknown class 'fly'" in message


def test_numbered_class_folders_keep_their_order_in_labels_txt(tmp_path: Path) -> None:
    """Folders are sorted by their names, 1, 10, 2: these are no numbers of classes."""
    names = sorted(f"{number} action {number}" for number in range(1, 12))
    root = touch(tmp_path, *(f"{name}/x.mp4" for name in names))
    assert build("folder", root, "--out", root) == 0
    assert read_labels(str(root / "labels.txt"), 11) == names
    found = samples(root / "all.list", root, 11)
    assert found == [(f"{name}/x.mp4", label) for label, name in enumerate(names)]


@pytest.mark.parametrize(
    "kind", ["folder", "ucf101", "hmdb51", "kinetics", "csv", "sthv", "jester", "moments",
             "diving48", "charades", "shards"],
)  # fmt: skip
def test_help_has_an_example(kind: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit):
        main([kind, "--help"])
    assert f"slowfast.tools.build_list {kind} " in capsys.readouterr().out.partition("example:")[2]


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        *((f"--split={value}", "is not NAME=SUBFOLDER") for value in ("x", "=a", "x=", "a/b=c")),
        ("--val-share=0", "'0' is not a number above 0 and below 1"),
        ("--val-share=1", "'1' is not a number above 0 and below 1"),
    ],
)
def test_flags_that_are_wrong(flag: str, message: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit):
        build("folder", "x", "--out", "y", flag)
    assert message in capsys.readouterr().err
