"""Folders of videos and of classes: what is taken for a video, and what is left out."""

import os
from pathlib import Path

import pytest
from support.videos import touch

from slowfast.data.lists import folders
from slowfast.log import logger


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the logger is given."""
    lines: list[str] = []
    monkeypatch.setattr(logger, "info", lines.append)
    return lines


def test_every_ending_of_a_video_is_known(tmp_path: Path) -> None:
    videos = [f"{i:02d}{ending}" for i, ending in enumerate(folders.VIDEO_ENDINGS)]
    touch(tmp_path, *videos, "A.MP4", "mp4", "x.mp4.txt", "y.mp3", "._x.mp4", "empty.ts")
    for name in videos:
        (tmp_path / name).write_bytes(b"G@\0")
    (tmp_path / "source.MTS").write_text("export const x: number = 1\n")
    (tmp_path / "folder.mp4").mkdir()
    others = ["._x.mp4", "empty.ts", "folder.mp4/", "mp4", "source.MTS", "x.mp4.txt", "y.mp3"]
    assert folders.list_videos(tmp_path, deep=False) == ([*videos, "A.MP4"], others)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "b/é 2.mp4", "b/c/1.avi", "a.mkv", ".a.mp4", ".git/x.mp4", "b/.c/y.mp4", "text")
    found = ["a.mkv", "b/c/1.avi", "b/é 2.mp4"], [".a.mp4", ".git/", "b/.c/", "text"]
    assert folders.list_videos(tmp_path, deep=True) == found
    assert folders.list_videos(tmp_path, deep=False) == (
        ["a.mkv"],
        [".a.mp4", ".git/", "b/", "text"],
    )
    assert folders.list_videos(tmp_path / ".git", deep=True) == (["x.mp4"], [])  # named, so meant


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "far.mp4")
    root = touch(tmp_path / "root", "a/b/near.mp4")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "link.mp4").symlink_to(tmp_path / "elsewhere/far.mp4")
    (root / "a/b/up").symlink_to(root)
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "pipe.mp4")
    found = ["a/b/near.mp4", "link.mp4", "link/far.mp4"]
    assert folders.list_videos(root, deep=True) == (found, ["gone.mp4", "pipe.mp4"])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for deep in (False, True):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            folders.list_videos(tmp_path / "nowhere", deep=deep)


def test_what_is_left_out_is_told_once(tmp_path: Path, said: list[str]) -> None:
    touch(tmp_path, "a/1.mp4", "a/.1.mp4", "b/notes.txt")
    assert folders.videos_below(tmp_path) == ["a/1.mp4"]
    reasons = "hidden, not named as a video, or in a folder where none is expected"
    assert said == [f"{tmp_path}: 2 left out (a/.1.mp4, ...): {reasons}"]
    folders.tell_left_out("x", ["y"])
    assert said[1] == f"x: 1 left out (y): {reasons}"
    folders.tell_left_out("x", [])
    assert folders.videos_below(touch(tmp_path / "c", "1.mp4")) == ["1.mp4"]
    assert len(said) == 2


def test_class_folders_hold_videos_and_nothing_deeper(tmp_path: Path, said: list[str]) -> None:
    touch(tmp_path, "b/2.mp4", "b/1.AVI", "b/deep/3.mp4", "a/text", ".c/x.mp4", "loose.mp4", "list")
    assert folders.class_folders(tmp_path) == {"a": [], "b": ["1.AVI", "2.mp4"]}
    (line,) = said
    assert line.startswith(f"{tmp_path}: 4 left out (.c/, ...)")
