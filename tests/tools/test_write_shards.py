"""Shards written from a list: whole or not there, and the same again after an interruption."""

import json
import os
import tarfile
from pathlib import Path

import pytest
from support.locks import lock_held
from support.video_tools import error_line, start, wait_until

from slowfast.data.lists.folders import is_video
from slowfast.data.lists.read_lists import read_list
from slowfast.data.lists.shard_labels import labelled_videos
from slowfast.data.order import shard_numbers
from slowfast.data.shards import member_range, split_member
from slowfast.tools import build_list, write_shards

Capsys = pytest.CaptureFixture[str]


def make(root: Path, count: int = 10, size: int = 300_000) -> Path:
    """``count`` videos of random bytes, number i in class i % 3, and their list."""
    (root / "riding a.bike").mkdir(parents=True)
    lines = []
    for number in range(count):
        name = f"riding a.bike/é {number}.v1.mp4"
        (root / name).write_bytes(os.urandom(size + number))
        lines.append(f"{name} {number % 3}\n")
    source = root / "train.list"
    source.write_text("".join(lines), encoding="utf-8")
    return source


def write(*args: object) -> int:
    return write_shards.main([str(arg) for arg in args])


def error(capsys: Capsys, *args: object) -> str:
    capsys.readouterr()
    return error_line(capsys, write(*args))


def content(path: str) -> bytes:
    tar, name = split_member(path) or ("", "")
    offset, size = member_range(tar, name)
    return Path(tar).read_bytes()[offset : offset + size]


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_shards_hold_every_video_with_its_label(tmp_path: Path, capsys: Capsys) -> None:
    root, dst = tmp_path / "my videos", tmp_path / "my shards"
    source = make(root)
    assert write(source, dst, "--root", root, "--megabytes", 1) == 0
    names = [f"train-00000{i}.tar" for i in range(4)]
    assert sorted(path.name for path in dst.iterdir()) == [".train.jsonl", *names, "train.list"]
    said = capsys.readouterr().out
    assert f"10 videos in 4 shards: {dst}/train.list" in said and "look at files: done in" in said

    found = read_list(str(dst / "train.list"), str(dst), 3)
    assert shard_numbers(found) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    by_number = {int(sample.path.rpartition(" ")[2].partition("_")[0]): sample for sample in found}
    assert list(by_number) != sorted(by_number), "not shuffled"
    assert sorted(by_number) == list(range(10))
    for number, sample in by_number.items():
        assert sample.path.endswith(f".tar/riding a.bike/é {number}_v1.mp4")
        assert sample.label == number % 3
        assert content(sample.path) == (root / f"riding a.bike/é {number}.v1.mp4").read_bytes()

    with tarfile.open(dst / names[3]) as archive:  # KEY.mp4, KEY.cls: a WebDataset sample
        assert [os.path.splitext(name)[1] for name in archive.getnames()] == [".mp4", ".cls"]
    assert build_list.main(["shards", str(dst), "--out", str(tmp_path / "again.list")]) == 0
    assert (tmp_path / "again.list").read_bytes() == (dst / "train.list").read_bytes()


def test_the_seed_decides_on_the_order(tmp_path: Path) -> None:
    source = make(tmp_path / "v", size=100)
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert write(source, tmp_path / folder, "--root", tmp_path / "v", "--seed", seed) == 0
    a, b, c = ((tmp_path / name / "train-000000.tar").read_bytes() for name in "abc")
    assert a == b != c


def test_a_second_run_writes_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    root, dst = tmp_path / "v", tmp_path / "s"
    source = make(root)
    args = (source, dst, "--root", root, "--megabytes", 1)
    assert write(*args) == 0
    before = state(dst)
    (dst / "train-000002.tar").unlink()
    (dst / "train.list").unlink()
    assert write(*args) == 0
    after = state(dst)
    assert {name: film for name, (film, _) in after.items()} == {
        name: film for name, (film, _) in before.items()
    }
    kept = {f"train-00000{number}.tar" for number in (0, 1, 3)}
    assert kept <= {name for name in after if after[name] == before[name]}


def test_shards_of_something_else_are_not_kept(tmp_path: Path, capsys: Capsys) -> None:
    root, dst = tmp_path / "v", tmp_path / "s"
    source = make(root)
    args = (source, dst, "--root", root, "--megabytes", 1)
    assert write(*args) == 0
    before = state(dst)
    other = "is of another list, seed or size: remove it"
    assert f"train-000000.tar {other}" in error(capsys, *args, "--seed", 1)
    assert other in error(capsys, *args[:-1], 1000)
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace(".mp4 0", ".mp4 7"), encoding="utf-8")
    assert other in error(capsys, *args)
    source.write_text(text, encoding="utf-8")
    os.truncate(dst / "train-000003.tar", 5000)
    assert "train-000003.tar: not a whole, uncompressed tar" in error(capsys, *args)
    now = state(dst)
    assert {name for name in now if now[name] != before[name]} == {"train-000003.tar"}


def test_nothing_is_written_of_a_list_that_is_wrong(tmp_path: Path, capsys: Capsys) -> None:
    root, dst = tmp_path / "v", tmp_path / "s"
    source = make(root, count=2, size=100)
    video = root / "riding a.bike/é 0.v1.mp4"
    os.mkfifo(root / "fifo.mp4")
    (root / "empty.mp4").touch()
    good = source.read_text(encoding="utf-8")
    for line, message in {
        "riding a.bike/gone.mp4 0": f"{root}/riding a.bike/gone.mp4: No such file or directory",
        "riding a.bike 300 0": f"{root}/riding a.bike: a folder of frames",
        "riding a.bike 0": f"{root}/riding a.bike: a folder of frames",
        "train.list 0": f"{source}: not named like a video (.mp4,",
        f"{video} 0": f"{video} is in the list twice",
        "riding a.bike/x.mp4": f"{source}:3: no label in",
        "fifo.mp4 1": f"{root}/fifo.mp4: not a file, or empty: no video for a shard",
        "empty.mp4 1": f"{root}/empty.mp4: not a file, or empty: no video for a shard",
    }.items():
        source.write_text(f"{good}{line}\n", encoding="utf-8")
        assert message in error(capsys, source, dst, "--root", root)
    source.write_text(good, encoding="utf-8")
    assert f"{source} would be overwritten" in error(capsys, source, root, "--root", root)
    assert not dst.exists() and not [*root.glob("*.tar")]


def test_videos_outside_of_root_keep_their_names(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", count=1, size=10)
    source = tmp_path / "x.csv"
    source.write_text(f"{tmp_path}/elsewhere/riding a.bike/é 0.v1.mp4,5\n", encoding="utf-8")
    assert write(source, tmp_path / "s", "--root", tmp_path / "root") == 0
    (video,) = labelled_videos(str(tmp_path / "s/x-000000.tar"), is_video, [])
    assert video == ("elsewhere/riding a.bike/é 0_v1.mp4", 10, 5)


def test_videos_of_one_stem_get_names_of_their_own(tmp_path: Path) -> None:
    names = ["a/x.mp4", "a/x.avi", "b/x.mp4", "a/x.v1.mp4", "a/x_v1.mp4", "a/x_avi.mp4", "a/X.MP4",
             "a/x_v1_mp4.mp4", "a/x/v1.mp4", "a/x_v1.MP4"]  # fmt: skip
    for number, name in enumerate(names):
        (tmp_path / "v" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "v" / name).write_bytes(bytes(number + 1))
    source = tmp_path / "x.list"
    source.write_text("".join(f"{name} {number}\n" for number, name in enumerate(names)))
    args = (source, tmp_path / "s", "--root", tmp_path / "v")
    assert write(*args) == 0
    tar = tmp_path / "s/x-000000.tar"
    videos = labelled_videos(str(tar), is_video, [])
    assert sorted((label, size - 1) for _, size, label in videos) == [(n, n) for n in range(10)]
    by_label = {label: name for name, _, label in videos}
    assert [by_label[n] for n in range(6)] == [
        "a/x.mp4", "a/x_avi.avi", "b/x.mp4", "a/x_v1.mp4", "a/x_v1_mp4.mp4", "a/x_avi_mp4.mp4"
    ]  # fmt: skip
    keys = [name.rpartition(".")[0] for name in by_label.values()]
    assert len(set(keys)) == 10 and not any("." in key for key in keys)  # WebDataset's keys
    before = tar.stat().st_mtime_ns
    assert write(*args) == 0  # the same names again
    assert tar.stat().st_mtime_ns == before


def test_a_killed_run_leaves_whole_shards(tmp_path: Path, no_hang: None) -> None:
    root, dst = tmp_path / "v", tmp_path / "s"
    args = (make(root, count=60, size=1_000_000), dst, "--root", root, "--megabytes", 3)
    with start("write_shards", *args) as process:
        wait_until((dst / "train-000003.tar").exists)
        assert process.poll() is None
        process.kill()
    for path in dst.glob("*.tar"):
        assert len(labelled_videos(str(path), is_video, [])) in (2, 3)
    assert write(*args) == 0
    assert [path.name for path in dst.glob(".*")] == [".train.jsonl"]
    assert len(read_list(str(dst / "train.list"), str(dst), 3)) == 60


def test_several_processes_share_the_shards(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, alone, shared = tmp_path / "v", tmp_path / "alone", tmp_path / "shared"
    args = (make(root), shared, "--root", root, "--megabytes", 1)
    assert write(args[0], alone, *args[2:]) == 0
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "3")
    for rank, is_there in ((2, False), (0, False), (1, True)):
        monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
        assert write(*args) == 0
        assert (shared / "train.list").exists() == is_there
    names = [path.name for path in alone.glob("train*")]
    assert len(names) == 5
    assert all((alone / n).read_bytes() == (shared / n).read_bytes() for n in names)
    text = "process 2 has done its share; 3 of 4 are not done yet, of process 0, 1: "
    assert text in capsys.readouterr().out


def test_a_second_run_at_the_same_time_is_refused(tmp_path: Path, capsys: Capsys) -> None:
    source, dst = make(tmp_path / "videos", 2, size=100), tmp_path / "shards"
    dst.mkdir()
    with lock_held(dst / ".train.jsonl"):
        message = error(capsys, source, dst, "--root", source.parent)
    assert message.startswith(f"error: {dst}/.train.jsonl is in use by another run")
    assert write(source, dst, "--root", source.parent) == 0


def test_class_folders_stand_for_a_list(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "x.mp4").write_bytes(b"video")
    assert write(tmp_path / "in", tmp_path / "out", "--root", tmp_path / "in") == 0
    lines = sorted((tmp_path / "out" / "in.list").read_text().splitlines())
    assert lines == ["in-000000.tar/a/x.mp4 0", "in-000000.tar/b/x.mp4 1"]


def test_several_labels_go_into_the_shards_and_come_out(tmp_path: Path, capsys: Capsys) -> None:
    source = make(tmp_path / "v", 6)
    lines = source.read_text().splitlines()
    labels = {0: "0,2", 1: "", 2: "1", 3: "0,1,2", 4: "2", 5: ""}
    videos = [line.rpartition(" ")[0] for line in lines]
    source.write_text("".join(f"{v} {labels[i]}".strip() + "\n" for i, v in enumerate(videos)))
    dst = tmp_path / "s"
    assert write(source, dst) == 0
    found = read_list(dst / "train.list", dst, 3, "multi")
    by_number = {int(s.path.rpartition(" ")[2].partition("_")[0]): s.label for s in found}
    assert by_number == {0: (0, 2), 1: (), 2: (1,), 3: (0, 1, 2), 4: (2,), 5: ()}
    assert all(content(s.path) for s in found)
    assert build_list.main(["shards", str(dst), "--out", str(tmp_path / "again.list")]) == 0
    assert (tmp_path / "again.list").read_bytes() == (dst / "train.list").read_bytes()
    source.write_text("".join(f"{v} 2\n" for v in videos[1:]) + f"{videos[0]}\n")
    for number, row in enumerate((f"{videos[0]}\n", source.read_text())):  # bare paths; 1 of 6
        (tmp_path / "v/y.list").write_text(row)
        said = error(capsys, tmp_path / "v/y.list", tmp_path / "y")
        assert f"no label in {videos[0]!r}" in said
        assert write(tmp_path / "v/y.list", tmp_path / f"y{number}", "--task", "multi") == 0
        found = read_list(tmp_path / f"y{number}/y.list", tmp_path / f"y{number}", 3, "multi")
        assert sorted(s.label for s in found) == [(), *5 * number * [(2,)]]
    (tmp_path / "v/x.jsonl").write_text(
        "".join(json.dumps({"path": v, "labels": [i % 3]}) + "\n" for i, v in enumerate(videos))
    )
    assert write(tmp_path / "v/x.jsonl", tmp_path / "j") == 0
    assert {s.label for s in read_list(tmp_path / "j/x.list", "", 3, "multi")} == {(0,), (1,), (2,)}


@pytest.mark.parametrize("row", [{"label": 1, "start": 1}, {"actions": [[1, 0, 2]]}])
def test_parts_and_times_are_not_for_shards(
    tmp_path: Path, capsys: Capsys, row: dict[str, object]
) -> None:
    make(tmp_path, 1)
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"path": "riding a.bike/é 0.v1.mp4", **row}))
    said = error(capsys, path, tmp_path / "s")
    assert "a part of a video, or labels with times, which a shard does not hold" in said
    assert not (tmp_path / "s").exists()


def test_a_name_that_no_list_can_hold(tmp_path: Path, capsys: Capsys) -> None:
    """In class folders, which need no list."""
    (tmp_path / "videos" / "run").mkdir(parents=True)
    (tmp_path / "videos" / "run" / "a\nb.mp4").write_bytes(b"video")
    said = error(capsys, tmp_path / "videos", tmp_path / "out")
    assert r"/a\nb.mp4: no list can hold a line break or an outer space: rename it" in said
    assert not (tmp_path / "out").exists()
