"""What paths name: videos in folders and lists, lists and labels here or below root."""

from pathlib import Path

import pytest
from support.videos import numbered_picture, touch, write_frames

from slowfast.data.find import (
    find_listed,
    find_videos,
    listed_places,
    missing_files,
    require_own_names,
)
from slowfast.data.labels import find_labels
from slowfast.data.lists import ListError, Sample
from slowfast.log import logger

PATTERN = "img_{:05d}.jpg"


def found(*paths: object, root: Path | None = None) -> list[tuple[str, str]]:
    """Path and name of each video."""
    videos = find_videos([str(path) for path in paths], PATTERN, root)
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


def test_a_folder_of_frames_is_one_video(tmp_path: Path) -> None:
    write_frames(tmp_path / "v 1", [numbered_picture(0)])
    assert found(f"{tmp_path}/v 1/") == [(f"{tmp_path}/v 1/", "v 1")]


def test_videos_of_lists(tmp_path: Path) -> None:
    text = "a/1.mp4 3\n/elsewhere/2.mp4 4\n"
    (tmp_path / "x.LIST").write_text(text)
    whole = ("/elsewhere/2.mp4", "elsewhere/2.mp4")
    assert found(tmp_path / "x.LIST") == [(f"{tmp_path}/a/1.mp4", "a/1.mp4"), whole]
    assert found(tmp_path / "x.LIST", root=Path("/r")) == [("/r/a/1.mp4", "a/1.mp4"), whole]
    (tmp_path / "bare.txt").write_text("a/1.mp4\n")
    assert found(tmp_path / "bare.txt") == [(f"{tmp_path}/a/1.mp4", "a/1.mp4")]
    with pytest.raises(ListError, match="name a list of what is in it"):
        found(touch(tmp_path, "x.tar") / "x.tar")
    with pytest.raises(ListError, match="gone.list cannot be read"):
        found(tmp_path / "gone.list")


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/1.mp4", "b/1.mp4")
    require_own_names(find_videos([str(root), str(root)], PATTERN))  # twice the same
    both = find_videos([f"{root}/a", f"{root}/b"], PATTERN)
    message = f"^{root}/a/1.mp4 and {root}/b/1.mp4 would both be written to 1.mp4.npy"
    with pytest.raises(ListError, match=message):
        require_own_names(both)


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
