"""Which frames are key frames, and the boxes in them."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.videos import write_numbered_video

from slowfast.config import Config, DetectionConfig
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, Sample
from slowfast.data.video.reader import Picture, VideoError
from slowfast.predict.persons.box_sources import WHOLE, BoxSource, Detected, FromFile, open_source
from slowfast.predict.persons.detector_settings import DetectorError
from slowfast.predict.persons.person_detectors import PersonDetector
from slowfast.predict.runtime.runtimes import BackendError

NOTHING = np.zeros((0, 0, 3), np.uint8)
FROM_ZERO = Config(detection=DetectionConfig(start=0, valid=()))
LINES = """
{"video": "a", "time": 2.5, "boxes": [[0.1, 0.2, 0.5, 0.9]], "scores": [0.9], "persons": [4]}
{"video": "a", "time": 1, "boxes": [[0, 0, 1, 1], [0.2, 0.2, 0.4, 0.4]], "scores": [0.5, 0.8]}
{"video": "a", "time": 9, "boxes": [[0, 0, 1, 1]]}
{"video": "b.mp4", "time": 1, "boxes": [[6, 12, 32, 48]], "pixels": true}
"""


@pytest.mark.parametrize(
    ("begin", "end", "every", "keys"),
    [
        (0, 4.0, 1.0, [1, 2, 3]),
        (0, 4.6, 1.0, [1, 2, 3, 4]),
        (0, 0.8, 1.0, [0.4]),
        (0, 4.0, 1.5, [1.5, 3.0]),
        (10, 13.5, 1.0, [11, 12, 13]),
    ],
    ids=["whole seconds", "a half more", "short", "every 1.5", "part"],
)
def test_key_frames_have_most_of_their_windows(
    begin: float, end: float, every: float, keys: list[float]
) -> None:
    source = BoxSource(FROM_ZERO.detection, every)
    assert source.keys(0, begin, end).tolist() == keys
    assert source.boxes(0, 1.0, NOTHING) == (Box((0, 0, 1, 1)),)
    assert source.digest != BoxSource(FROM_ZERO.detection, every + 1).digest and source.longest == 0


def boxes_file(folder: Path, text: str = LINES) -> Path:
    path = folder / "boxes.jsonl"
    path.write_text(text.lstrip())
    return path


def test_boxes_of_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    b = write_numbered_video(tmp_path / "b.mp4", 60)
    samples = [Sample("videos/a.mp4"), Sample(str(b)), Sample("c.mp4")]
    source = open_source(str(boxes_file(tmp_path)), None, None, samples, FROM_ZERO)
    assert source.keys(0, 0, 5).tolist() == [1, 2.5, 9]  # the last is left out by who reads
    assert [box.score for box in source.boxes(0, 1.0, NOTHING)] == [0.8]  # detection.box_score
    assert source.boxes(0, 2.5, NOTHING) == (Box((0.1, 0.2, 0.5, 0.9), (), 0.9, 4),)
    assert source.boxes(1, 1.0, NOTHING)[0].corners == (6 / 64, 0.25, 0.5, 1.0)
    assert (
        f"{tmp_path}/boxes.jsonl: 1 of 5 boxes are below detection.box_score=0.8 and left out"
        in (caplog.text)
    )
    with pytest.raises(VideoError, match="boxes.jsonl: no boxes of it, but of a, b.mp4"):
        source.keys(2, 0, 5)


def test_the_best_box_stays_as_in_a_test(tmp_path: Path) -> None:
    text = (
        '{"video": "a", "time": 1, "boxes": [[0, 0, 1, 1], [0, 0, 1, 0.5]], "scores": [0.1, 0.3]}'
    )
    path, samples = boxes_file(tmp_path, text), [Sample("a.mp4")]
    best = Config(detection=DetectionConfig(start=0, valid=(), keeps_best=True))
    none, one = (FromFile(path, samples, cfg) for cfg in (FROM_ZERO, best))
    assert none.boxes(0, 1.0, NOTHING) == ()
    assert [box.score for box in one.boxes(0, 1.0, NOTHING)] == [0.3]
    assert none.digest != one.digest


def test_times_as_annotated(tmp_path: Path) -> None:
    text = '{"video": "a", "time": 925, "boxes": [[0, 0, 1, 1]]}'
    path, samples = boxes_file(tmp_path, text), [Sample("a.mp4")]
    frames = Config(detection=DetectionConfig(start=900, rate=10, valid=()))
    source = FromFile(path, samples, frames)
    assert source.keys(0, 0, 5).tolist() == [2.5] and source.time(0, 2.5) == 925
    assert len(source.boxes(0, 2.5, NOTHING)) == 1
    with pytest.raises(VideoError, match="all its times, 925 to 925, are outside of the video, wh"):
        FromFile(path, samples, FROM_ZERO).keys(0, 0, 5)
    whole = BoxSource(frames.detection)
    assert whole.time(0, 2.5) == 925 and whole.digest != BoxSource(FROM_ZERO.detection).digest
    assert source.digest != FromFile(path, samples, FROM_ZERO).digest


def test_boxes_of_other_videos_alone(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="no boxes of c.mp4, but of a, b.mp4: a video is called"):
        FromFile(boxes_file(tmp_path), [Sample("c.mp4")], FROM_ZERO)


def test_all_of_the_picture() -> None:
    source = open_source(WHOLE, None, 2.0, [Sample("a.mp4")], FROM_ZERO)
    assert source.keys(0, 0, 5).tolist() == [2, 4] and source.about == "the whole picture"


@pytest.mark.parametrize(
    ("time", "start", "advice"),
    [
        (2, 900, "(-o detection.start=0 if they count seconds from its first frame)"),
        (902, 0, "(-o detection.start=900 if they are AVA's, detection.rate=25 data.target_f"),
        (50, 0, "(-o detection.rate=25 data.target_fps=25 if they are numbers of frames, 25 a"),
    ],
    ids=["from zero", "ava", "frames"],
)
def test_what_else_times_may_be(tmp_path: Path, time: int, start: int, advice: str) -> None:
    path = boxes_file(tmp_path, f'{{"video": "a", "time": {time}, "boxes": [[0, 0, 1, 1]]}}')
    cfg = Config(detection=DetectionConfig(start=start, valid=()))
    with pytest.raises(VideoError, match=re.escape(advice)):
        FromFile(path, [Sample("a.mp4")], cfg).keys(0, 0, 5)


def test_videos_of_one_name_share_boxes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = boxes_file(tmp_path)
    FromFile(path, [Sample("x/a.mp4"), Sample("x/a.mp4")], FROM_ZERO)
    assert "are called" not in caplog.text
    FromFile(path, [Sample("x/a.mp4"), Sample("y/a.mp4")], FROM_ZERO)
    assert f"{path}: 2 videos are called a, and each gets its boxes: " in caplog.text


def test_no_file_of_boxes() -> None:
    with pytest.raises(ListError, match="--boxes Whole: a file of boxes ends in .csv, .pkl, .json"):
        open_source("Whole", None, None, [Sample("a.mp4")], FROM_ZERO)


@pytest.mark.parametrize("error", [BackendError("it fails"), DetectorError("it fails")], ids=type)
def test_a_detector_that_fails_at_a_picture(error: Exception) -> None:
    class Failing(PersonDetector):
        longest_side, about, digest = 64, "m.onnx", ""

        def __init__(self) -> None:
            pass

        def __call__(self, picture: Picture) -> tuple[Box, ...]:
            raise error

    with pytest.raises(VideoError, match="^at 2.5 s: it fails"):
        Detected(Failing(), FROM_ZERO.detection).boxes(0, 2.5, NOTHING)
