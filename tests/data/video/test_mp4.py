"""What MP4 files say of their first video track."""

import io
from pathlib import Path

import pytest
from support import odd_videos
from support.odd_videos import X264

from slowfast.data.video.mp4 import Track, read_track


def track_of(content: bytes, before: bytes = b"") -> Track:
    """The track in a file, of which it may be a part."""
    return read_track(io.BytesIO(before + content), len(before), len(before + content))


@pytest.mark.parametrize("b_frames", ["0", "2"])
@pytest.mark.parametrize("flags", ["", "faststart", "frag_keyframe", "frag_keyframe+empty_moov"])
def test_edit_lists_that_cut_nothing(tmp_path: Path, flags: str, b_frames: str) -> None:
    """With B-frames there is one, because the first time is not 0."""
    path = tmp_path / "video.mp4"
    odd_videos.encode(
        path, options=X264 | {"bf": b_frames}, mux={"movflags": flags} if flags else {}
    )
    assert track_of(path.read_bytes()) == Track()


@pytest.mark.parametrize(("first", "gop"), [(1, 12), (25, 250), (45, 12)])
def test_edit_lists_that_cut(tmp_path: Path, first: int, gop: int) -> None:
    path = tmp_path / "video.mp4"
    odd_videos.copied(path, lambda frame: frame - first, gop=gop, avoid_negative_ts="disabled")
    assert track_of(path.read_bytes()).is_cut


@pytest.mark.parametrize(
    "matrix", [(1, 0, 0, 1), *(m for m, _ in odd_videos.ORIENTATIONS.values())]
)
def test_matrices(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = tmp_path / "video.mp4"
    odd_videos.encode(path, matrix=matrix)
    assert track_of(path.read_bytes(), before=b"in a tar").matrix == matrix


def test_boxes_of_other_sizes_and_of_none(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    matrix = (0, 1, -1, 0)
    odd_videos.encode(path, matrix=matrix)
    content = path.read_bytes()
    long = (1).to_bytes(4, "big") + b"free" + (24).to_bytes(8, "big") + bytes(8)
    assert track_of(long + content).matrix == matrix
    for damaged in (content[: len(content) // 2], b"", b"\0\0\0\4free" + content, content[:-300]):
        assert track_of(damaged).is_cut is False
