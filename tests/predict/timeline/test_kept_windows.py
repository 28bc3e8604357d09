"""What is kept of windows: read back as it was, and never for other videos, weights or settings."""

from pathlib import Path

import numpy as np
import pytest
from support.seeing import seeing_config
from support.videos import touch

from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.find import Named
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample
from slowfast.files import FolderError
from slowfast.predict.long_videos import Part
from slowfast.predict.timeline.kept_windows import (
    Found,
    Video,
    begin,
    keep_found,
    keep_part,
    kept_found,
    kept_parts,
    videos_of,
)
from slowfast.predict.timeline.segments import Segment
from slowfast.predict.timeline.timeline_files import ENDINGS, beside

TIMES = VideoTimes(29.97, 1.5, 0.25)


def part(*values: float, is_last: bool = False) -> Part:
    rows = np.array(values, np.float32)[:, None] * np.ones(3, np.float32)
    return Part(np.arange(2.0 * len(values)).reshape(-1, 2) / 3, rows, TIMES, is_last)


def video(folder: Path, weights: str = "w", *settings: str) -> Video:
    listed = [Named(Sample(str(folder / "a.mp4")), "a.mp4")]
    (found,) = videos_of(listed, weights, folder / "t", seeing_config(folder, *settings))
    return found


def test_parts_come_back_as_they_were_up_to_the_first_gap(tmp_path: Path) -> None:
    own = video(touch(tmp_path, "a.mp4"))
    assert kept_parts(own) == [] and not (tmp_path / "t").exists()
    with own.journal() as journal:
        keep_part(journal, own, 0, part(0.1, 0.2))
        keep_part(journal, own, 2, part(1 / 3))
        keep_part(journal, own, 3, part(np.nan))  # no use
        keep_part(journal, own, 4, part(0.5, is_last=True))
    first, second = kept_parts(own)
    for found, expected in ((first, part(0.1, 0.2)), (second, part(1 / 3))):
        np.testing.assert_array_equal(found.rows, expected.rows)
        np.testing.assert_array_equal(found.seconds, expected.seconds)
        assert (found.video, found.is_last) == (TIMES, False)


def test_what_is_found_counts_while_all_files_are_there(tmp_path: Path) -> None:
    own = video(touch(tmp_path, "a.mp4"))
    found = Found([Segment(0, 1.5, 2, 0.9)], Segment(0, 1, 2, 0.95), TIMES)
    keep_found(own, found, "files")
    assert kept_found(own, "files") is None
    for ending in ENDINGS:
        beside(own.path, ending).touch()
    assert kept_found(own, "files") == found
    assert kept_found(own, "others") is None


def test_other_weights_settings_and_files_begin_anew(tmp_path: Path) -> None:
    own = video(touch(tmp_path, "a.mp4"))
    same = [video(tmp_path, "w", "test.num_clips=2"), video(tmp_path, "w", "timeline.enter=0.6")]
    others = [
        video(tmp_path, "others"), video(tmp_path, "w", "timeline.every=2"),
        video(tmp_path, "w", "data.num_frames=16"),
    ]  # fmt: skip
    (tmp_path / "a.mp4").write_text("changed")
    others.append(video(tmp_path))
    assert {each.key for each in same} == {own.key}
    assert len({own.key, *(each.key for each in others)}) == 5
    with own.journal() as journal:
        keep_part(journal, own, 0, part(0.1))
    begin(own)
    assert len(kept_parts(own)) == 1
    begin(others[0])
    assert kept_parts(own) == []


def test_the_timeline_of_another_video_stays(tmp_path: Path) -> None:
    own = video(touch(tmp_path, "a.mp4", "a.mkv"))
    with own.journal() as journal:
        keep_part(journal, own, 0, part(0.1))
    listed = [Named(Sample(str(tmp_path / "a.mkv")), "a.mkv")]
    (other,) = videos_of(listed, "w", tmp_path / "t", seeing_config(tmp_path))
    with pytest.raises(FolderError, match=r"a\.jsonl is of .*/a\.mp4, not of .*/a\.mkv: name"):
        begin(other)
    assert len(kept_parts(own)) == 1


def test_what_was_made_of_a_video_that_is_gone_stays(tmp_path: Path) -> None:
    own = video(touch(tmp_path, "a.mp4"))
    with own.journal() as journal:
        keep_part(journal, own, 0, part(0.1))
    (tmp_path / "a.mp4").unlink()
    assert begin(video(tmp_path)) == own
    assert begin(video(tmp_path, "others")).key != own.key
    assert len(kept_parts(own)) == 1


def test_names_are_refused_that_two_videos_have_and_the_name_for_all_is_taken(
    tmp_path: Path,
) -> None:
    names = ["x/activitynet.mp4", "activitynet.mp4"]
    listed = [Named(Sample(name), name) for name in names]
    cfg = seeing_config(tmp_path)
    found = videos_of(listed, "w", tmp_path, cfg)
    assert [each.path.name for each in found] == ["activitynet", "activitynet.mp4"]
    both = [Named(Sample("x/a.mp4"), "a.mp4"), Named(Sample("y/a.avi"), "a.avi")]
    with pytest.raises(ListError, match=r"both be written to a\.jsonl"):
        videos_of(both, "w", tmp_path, cfg)
    assert len(videos_of([both[0], both[0]], "w", tmp_path, cfg)) == 1
