"""What paths name: videos in folders and lists, lists and labels here or below root."""

import os
from pathlib import Path

import pytest
from support.videos import touch

from slowfast.config import DataConfig
from slowfast.data.find import (
    Named,
    find_listed,
    find_videos,
    listed_places,
    require_own_names,
    without_ending,
)
from slowfast.data.labels import find_labels
from slowfast.data.lists.missing import missing_files
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.log import logger

DATA = DataConfig(root="elsewhere")


def found(*paths: object, root: Path | None = None) -> list[tuple[str, str]]:
    """Path and name of each video."""
    videos = find_videos([str(path) for path in paths], DATA, root)
    return [(video.sample.path, video.name) for video in videos]


def test_videos_of_folders_at_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = touch(tmp_path / "r", "b/2.mp4", "1.AVI", "b/c/.3.mp4", "b/.d/4.mp4", "notes.txt")
    said: list[str] = []
    monkeypatch.setattr(logger, "info", said.append)
    expected = [(f"{root}/1.AVI", "1.AVI"), (f"{root}/b/2.mp4", "b/2.mp4")]
    assert found(root) == found(f"{root}/") == expected
    assert len(said) == 2 and said[0].startswith(f"{root}: 3 left out (b/.d/, ...)")
    assert found(root / "b/2.mp4", root) == [(f"{root}/b/2.mp4", "2.mp4"), *expected]
    assert found(tmp_path / "gone.mp4") == [(f"{tmp_path}/gone.mp4", "gone.mp4")]
    with pytest.raises(ListError, match=f"{tmp_path}/empty: no video in this folder"):
        found(touch(tmp_path / "empty", "notes.txt"))


@pytest.mark.parametrize("name", ["img_00000.jpg", "img_00001.jpg", "img_00017.jpg"])
def test_a_folder_of_frames_is_one_video(tmp_path: Path, name: str) -> None:
    touch(tmp_path, f"v 1.mp4/{name}")
    assert found(f"{tmp_path}/v 1.mp4/") == [(f"{tmp_path}/v 1.mp4/", "v 1.mp4")]
    touch(tmp_path, "v 1.mp4/x.mp4")  # beside a video it is a thumbnail
    assert found(f"{tmp_path}/v 1.mp4") == [(f"{tmp_path}/v 1.mp4/x.mp4", "x.mp4")]


def test_frames_below_the_folder(tmp_path: Path) -> None:
    data = DataConfig(frame_pattern="rgb/{}.png")
    touch(tmp_path, "v/rgb/1.png", "w/a.mp4")
    paths = [f"{tmp_path}/{name}" for name in ("v", "w")]
    names = [video.name for video in find_videos(paths, data)]
    assert names == ["v", "a.mp4"]


def test_frames_of_another_pattern_are_shown(tmp_path: Path) -> None:
    touch(tmp_path, *(f"v/frame{number:06d}.png" for number in range(3)))
    with pytest.raises(ListError) as caught:
        found(tmp_path / "v")
    message = "; 3 are like frame{:06d}.png: set data.frame_pattern=frame{:06d}.png"
    assert str(caught.value).endswith(message)


def test_videos_of_lists(tmp_path: Path, lines: list[str]) -> None:
    far = touch(tmp_path, "a/1.mp4", "far/2.mp4", "root/a/1.mp4") / "far"
    here, root = tmp_path / "lists", tmp_path / "root"
    here.mkdir()
    (tmp_path / "x.LIST").write_text(f"a/1.mp4 3\n{far}/2.mp4 4\n")
    assert found(tmp_path / "x.LIST")[0] == (f"{tmp_path}/a/1.mp4", "a/1.mp4")
    whole = (f"{far}/2.mp4", f"{far}/2.mp4"[1:])
    assert found(tmp_path / "x.LIST", root=root) == [(f"{root}/a/1.mp4", "a/1.mp4"), whole]
    (tmp_path / "bare.txt").write_text("a/1.mp4\n")
    assert found(tmp_path / "bare.txt") == [(f"{tmp_path}/a/1.mp4", "a/1.mp4")]
    assert lines == []


def test_a_list_that_starts_from_data_root(tmp_path: Path, lines: list[str]) -> None:
    root = touch(tmp_path / "root", "a/1.mp4", "gone/2.mp4")
    path = tmp_path / "x.list"
    path.write_text("a/1.mp4 3\ngone/2.mp4 4\n")
    data = DataConfig(root=str(root))
    names = ["a/1.mp4", "gone/2.mp4"]
    assert find_videos([str(path)], data) == [
        Named(Sample(f"{root}/{name}", 3 + i), name) for i, name in enumerate(names)
    ]
    (root / "gone/2.mp4").unlink()
    assert [video.name for video in find_videos([str(path)], data)] == names
    where = f"(relative paths start from {tmp_path}/ or {root}/)"
    first = f"of 2 files are not there, the first is {root}/gone/2.mp4 {where}"
    assert lines == [f"{path}: its paths start from data.root={root}", f"{path}: 1 {first}"]
    (root / "a/1.mp4").unlink()
    with pytest.raises(ListError) as caught:
        find_videos([str(path)], data)
    gone = f"2 of 2 files are not there, the first is {tmp_path}/a/1.mp4"
    assert str(caught.value) == f"{path}: {gone} {where}"


def test_a_tar_and_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="name a list of what is in it"):
        found(touch(tmp_path, "x.tar") / "x.tar")
    with pytest.raises(ListError, match="gone.list cannot be read"):
        found(tmp_path / "gone.list")


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/1.mp4", "b/1.mp4")
    require_own_names(find_videos([str(root), str(root)], DATA))  # twice the same
    both = find_videos([f"{root}/a", f"{root}/b"], DATA)
    message = f"^{root}/a/1.mp4 and {root}/b/1.mp4 would both be written to 1.mp4.npy"
    with pytest.raises(ListError, match=message):
        require_own_names(both)
    kinds = find_videos([str(touch(tmp_path / "c", "1.mp4", "1.AVI"))], DATA)
    require_own_names(kinds)
    with pytest.raises(ListError, match="both be written to 1.png: run twice, and write to two fo"):
        require_own_names(kinds, lambda name: f"{without_ending(name)}.png")


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    """A list, or the folder, would not tell them apart."""
    row = '{"path": "1.mp4", "start": 1.0001, "end": %s}'
    (path := touch(tmp_path, "1.mp4") / "x.jsonl").write_text(f"{row % 2}\n{row % 2.0002}\n")
    message = r"would both be written to 1_1-2s.mp4.npy: run twice, and write to two folders$"
    with pytest.raises(ListError, match=message):
        require_own_names(find_videos([str(path)], DATA))


def test_json_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"x.json: no video: .* ends in .jsonl$"):
        find_videos([str(touch(tmp_path, "x.json") / "x.json")], DATA)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    longest = Named(Sample("x.mp4"), f"a/{'é' * 125}.mp4")
    require_own_names([longest], lambda name: f"{without_ending(name)}.json")
    with pytest.raises(ListError, match=r"^x.mp4: its name is too long, .*é.jsonl would have 256 "):
        require_own_names([longest], lambda name: f"{without_ending(name)}.jsonl")


def test_results_of_an_earlier_run_are_no_videos_of_a_folder_around_them(tmp_path: Path) -> None:
    root = touch(tmp_path / "r", "1.mp4", "out/1.mp4", "out/b/2.mp4", "outer/3.mp4")

    def names(path: Path, *results: Path) -> list[str]:
        return [each.name for each in find_videos([str(path)], DATA, results=results)]

    assert names(root, tmp_path / "elsewhere", root / "out") == ["1.mp4", "outer/3.mp4"]
    (tmp_path / "link").symlink_to(root / "out")
    assert names(root, tmp_path / "link") == ["1.mp4", "outer/3.mp4"]
    assert names(root / "out", root / "out") == ["1.mp4", "b/2.mp4"]  # it is asked for
    assert names(root / "out/1.mp4", root / "out") == ["1.mp4"]
    assert len(names(root, root)) == len(names(root, tmp_path)) == 4
    with pytest.raises(ListError, match="no video in this folder"):
        names(touch(tmp_path / "s", "out/1.mp4"), tmp_path / "s/out")


@pytest.mark.parametrize(("name", "stem"), [
    ("a.mp4", "a"), ("b.c/a.MOV", "b.c/a"), ("a.b.mkv", "a.b"), ("a.b", "a.b"), (".mp4", ".mp4"),
])  # fmt: skip
def test_a_name_without_the_ending_of_a_video(name: str, stem: str) -> None:
    assert without_ending(name) == stem


def test_two_files_that_differ_are_not_chosen_between(own_folder: Path) -> None:
    Path("videos/train").mkdir(parents=True)
    Path("labels.txt").write_text("of another run\n")
    assert find_labels("labels.txt", "videos") == "labels.txt"
    Path("videos/labels.txt").write_text("mine\n")
    for find in (find_labels, find_listed):
        with pytest.raises(ListError) as caught:
            find("labels.txt", "videos")
        assert str(caught.value) == (
            "labels.txt and videos/labels.txt are both there, and differ: name the one that you "
            "mean by its whole path"
        )
        for path in ("labels.txt", "videos/labels.txt"):
            assert find(str(own_folder / path), "videos") == str(own_folder / path)
    Path("train").mkdir()
    with pytest.raises(ListError, match="train and videos/train are both there"):
        find_listed("train", "videos")


def test_lists_are_looked_for_here_and_then_below_root(own_folder: Path) -> None:
    assert find_listed("sub/a.list", "videos") is None
    touch(own_folder, "videos/sub/a.list")
    assert find_listed("sub/a.list", "videos") == "videos/sub/a.list"
    touch(own_folder, "sub/a.list")
    assert find_listed("sub/a.list", "videos") == "sub/a.list"
    assert find_listed("sub", "videos/../.") == "sub"  # one and the same
    assert listed_places("/a.list", "videos") == ["/a.list"]


@pytest.mark.parametrize("path", ["rtsp://me:secret@host/live", "0", "-", "fifo"])
def test_a_stream_is_not_among_videos(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    path = str(tmp_path / path) if path == "fifo" else path
    with pytest.raises(ListError, match="is a stream, which is watched as it comes: main.py") as e:
        find_videos([str(touch(tmp_path, "a.mp4")), path], DataConfig())
    assert "secret" not in str(e.value)


def test_parts_of_one_video_have_names_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4", "frames/img_00001.jpg")
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"path": "a/1.mp4", "start": 1.5, "end": 9}\n{"path": "a/1.mp4", "start": 9}\n'
        '{"path": "a/1.mp4", "end": 0.25}\n{"path": "a/1.mp4"}\n{"path": "frames", "end": 2}\n'
        '{"path": "a/1.mp4", "start": 1.5, "end": 9}\n'
    )
    videos = find_videos([str(path)], DATA)
    names = ["a/1_1.5-9s.mp4", "a/1_9-.mp4", "a/1_0-0.25s.mp4", "a/1.mp4", "frames_0-2s"]
    assert [video.name for video in videos] == [*names, names[0]]
    require_own_names(videos, lambda name: f"{without_ending(name)}.png")
    near = [Named(Sample("v.mp4", start=1, end=2 + i / 10**5), "v_1-2s.mp4") for i in range(2)]
    with pytest.raises(ListError, match=r"^v.mp4 \(from 1 to 2 s\) and v.mp4 \(from 1 to 2 s\) wo"):
        require_own_names(near)
    assert missing_files([video.sample for video in videos]) == []


@pytest.mark.parametrize("row", ['{"key": "infer 0 a.mp4", "video_id": "a.mp4"}', '{"key": "x"}'])
def test_a_file_of_results_is_no_list(tmp_path: Path, row: str) -> None:
    path = tmp_path / "result.jsonl"
    path.write_text(f"{row}\n")
    with pytest.raises(ListError) as caught:
        found(path)
    assert str(caught.value) == (
        f"{path}:1: a line of results, not of a list of videos: name the videos themselves"
    )


def test_a_list_for_several_labels(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    path = tmp_path / "x.list"
    for text, labels in (("a.mp4 3\nb.mp4\n", [(3,), ()]), ("a.mp4\nb.mp4\n", [-1, -1])):
        path.write_text(text)
        videos = find_videos([str(path)], DATA, several=True)
        assert [video.sample.label for video in videos] == labels
