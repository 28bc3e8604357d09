"""Where files may be written."""

import os
from pathlib import Path

import pytest

from slowfast.files import FolderError, write_lines, write_whole
from slowfast.places import require_place, require_unread


def test_a_place_is_one_where_a_file_can_be(tmp_path: Path) -> None:
    require_place(tmp_path / "new" / "a.txt")
    assert os.listdir(tmp_path / "new") == []
    with pytest.raises(IsADirectoryError) as folder:
        require_place(tmp_path)
    assert folder.value.filename == str(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=str(tmp_path / "file")):
        require_place(tmp_path / "file" / "a.txt")


def test_a_place_where_nobody_can_write_is_named_itself() -> None:
    with pytest.raises(OSError) as caught:
        require_place(Path("/proc/a.json"))
    assert caught.value.filename == "/proc/a.json"


@pytest.mark.parametrize("is_link", [False, True])
def test_no_file_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path, is_link: bool) -> None:
    """Every function that checks a place, or writes there, refuses it in a line."""
    path = tmp_path / "a.json"
    os.mkfifo(pipe := tmp_path / "pipe" if is_link else path)
    if is_link:
        path.symlink_to(pipe)
    for write in (
        require_place, lambda path: require_unread(path, []),
        lambda path: write_whole(path, "x"), lambda path: write_lines(path, ["x"]),
    ):  # fmt: skip
        with pytest.raises(FolderError, match=f"^{path} is a device or a pipe: name a file$"):
            write(path)
    assert pipe.is_fifo() and path.is_symlink() == is_link
    with pytest.raises(FolderError, match="^/dev/null is a device or a pipe"):
        require_place(Path("/dev/null"))
