"""Labels of segments in the videos: which ones when, and a video that has them."""

import functools
from pathlib import Path

import numpy as np
import pytest
from support.seeing import SQUARE, Seeing, seeing_config
from support.videos import write_numbered_video

from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.predict.timeline.captions import best_at, captions_of
from slowfast.predict.timeline.segments import Segment
from slowfast.predict.timeline.timelines import timelines


def test_what_is_shown_when() -> None:
    segments = [Segment(1.5, 3, 0, 0.6), Segment(2.5, 5, 1, 0.9)]
    captions = captions_of(segments, 1.5, ["a", "b"])
    assert captions == [(0, 1.5, "a", 0.6), (1, 3.5, "b", 0.9)]  # from the first frame on
    shown = {second: best_at(captions, second, 3) for second in (0, 0.9, 1, 1.49, 1.5, 3.5)}
    a, b = ("a", 0.6), ("b", 0.9)
    assert shown == {0: [a], 0.9: [a], 1: [b, a], 1.49: [b, a], 1.5: [b], 3.5: []}
    assert captions_of(segments, 1.5, None)[0][2] == "class 0"


def test_a_video_gets_the_labels_of_its_segments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], logging_as_it_was: None
) -> None:
    """Its frames are larger, so that labels can be read; what is drawn changes with the segment."""
    pytest.importorskip("av")
    path = write_numbered_video(tmp_path / "a.mp4", 60, codec="h264", size=SQUARE)
    run = functools.partial(
        timelines, Seeing(30), [Named(Sample(str(path)), "a.mp4")], ["x" * 9, "y"],
        weights="w", folder=tmp_path / "t", top=2, annotate=tmp_path / "drawn",
    )  # fmt: skip
    run(seeing_config(tmp_path, "timeline.every=0.1"))
    new, picture = tmp_path / "drawn" / "a.mp4", tmp_path / "drawn" / "a.png"
    assert picture.read_bytes() == (tmp_path / "t" / "a.png").read_bytes()
    reader = open_video(Sample(str(new)), "", 30)
    assert reader.num_frames == 60
    frames = reader.frames(np.array([16, 48])).astype(int)  # black at the top
    _, height, width, _ = frames.shape
    wide, narrow = ((frame[: height // 8, width // 4 :] > 200).mean() for frame in frames)
    assert wide > narrow  # nine letters, and one
    before = new.stat().st_mtime_ns
    run(seeing_config(tmp_path, "timeline.every=0.1"))
    assert new.stat().st_mtime_ns == before
    run(seeing_config(tmp_path, "timeline.every=0.1", "timeline.shortest=5"))
    assert new.stat().st_mtime_ns != before


def test_more_classes_at_once_than_are_drawn() -> None:
    captions = captions_of([Segment(0, 9, label, label / 10) for label in range(8)], 0, None)
    assert [name for name, _ in best_at(captions, 1, 3)] == ["class 7", "class 6", "class 5"]
    assert len(best_at(captions, 1, 6)) == 6
