"""Windows of films are read right in any order, and in order once; what is outside is an error."""

import dataclasses
import functools
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from support.videos import read_numbers, write_numbered_video

from slowfast import config
from slowfast.config import DataConfig, DetectionConfig
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.data.video import films
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Pulse, VideoError

SIDE = 48
DATA = DataConfig(min_short_side=SIDE, max_short_side=SIDE, crop_size=SIDE, flip=0)
VIEWS = config.TestConfig(short_side=SIDE, crop_size=SIDE)
AVA = DetectionConfig()
DECODERS = pytest.mark.parametrize("decoder", ["pyav", "opencv"])
LEFT = Box((0.1, 0.2, 0.5, 0.9), (3,))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 s of numbered pictures, 30 a second."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_numbered_video(path, 300, size=(SIDE, SIDE))


def sample_at(path: Path, second: float, *boxes: Box) -> Sample:
    key = KeyFrame("film", 900 + second, second, boxes, boxes)
    return Sample(str(path), (), key=key)


@DECODERS
@pytest.mark.parametrize("stride", [2, 8])
def test_views_in_order_decode_what_they_share_once(
    tmp_path: Path, decoder: str, stride: int
) -> None:
    """And are the same in any order, over two films, at a rate of 25."""
    films = [
        write_numbered_video(tmp_path / f"{i}.mp4", 400, 25, "h264", (SIDE, SIDE), gop=100)
        for i in range(2)
    ]
    samples = [sample_at(film, second, LEFT) for film in films for second in range(1, 13)]
    of_clip = DataConfig(decoder=decoder, sampling_stride=stride)  # type: ignore[arg-type]
    data = dataclasses.replace(
        of_clip, num_frames=64 // stride, min_short_side=SIDE, max_short_side=SIDE, crop_size=SIDE,
        flip=0,
    )  # fmt: skip
    alone = TrainKeyClips(samples, data, AVA, "pyslowfast", 0)
    wanted = [read_numbers(alone(TrainKey(0, index)).frames) for index in range(24)]
    for order in (range(24), [5, 4, 20, 11, 0, 1, 1, 2]):
        views = KeyViews(samples, data, VIEWS, AVA)
        assert [read_numbers(views(i).frames) for i in order] == [wanted[i] for i in order]


def test_views_in_order_go_through_the_film_once(film: Path) -> None:
    views = KeyViews([sample_at(film, second, LEFT) for second in range(1, 10)], DATA, VIEWS, AVA)
    views(0)
    with mock.patch.object(Pulse, "beat") as beat:
        for index in range(1, 9):
            views(index)
    assert beat.call_count < 300


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_windows_that_share_no_frame_decode_the_film_once_too(tmp_path: Path, decoder: str) -> None:
    """8 frames 8 apart: those of the next second lie between."""
    path = write_numbered_video(tmp_path / "film.mp4", 300, size=(SIDE, SIDE), codec="h264")
    data = dataclasses.replace(DATA, num_frames=8, sampling_stride=8, decoder=decoder)  # type: ignore[arg-type]
    samples = [sample_at(path, second, *([LEFT] * (second != 4))) for second in range(1, 10)]
    views, alone = KeyViews(samples, data, VIEWS, AVA), KeyViews(samples[::-1], data, VIEWS, AVA)
    views(0)
    with mock.patch.object(Pulse, "beat") as beat:
        found = [read_numbers(views(i).frames) if i != 3 else [] for i in range(1, 9)]
    assert beat.call_count < 330
    assert found[0] == [28, 36, 44, 52, 60, 68, 76, 84]
    assert found == [read_numbers(alone(8 - i).frames) if i != 3 else [] for i in range(1, 9)]


def test_times_in_frames_are_counted_at_the_films_rate(tmp_path: Path) -> None:
    """As MultiSports counts: key frame 7 of a film of 25 frames a second, from 1."""
    keys = ["train.task=detection", "detection.rate=25", "detection.start=1", "data.target_fps=25",
            "data.num_frames=4", "model.alpha=4", "data.sampling_stride=1", "test.short_side=48",
            "test.crop_size=48"]  # fmt: skip
    cfg = config.load_config(None, keys)
    second = (7 - cfg.detection.start) / cfg.detection.rate
    path = write_numbered_video(tmp_path / "film.mp4", 90, 25, size=(SIDE, SIDE))
    sample = Sample(str(path), (), key=KeyFrame("film", 7, second, (LEFT,)))
    views = KeyViews([sample], cfg.data, cfg.test, cfg.detection)
    assert read_numbers(views(0).frames) == [4, 5, 6, 7]


def test_a_film_that_ends_early_shows_its_last_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And key frames behind its end are an error, whatever was read before."""

    def promising(*args: Any) -> Any:
        reader = open_video(*args)
        reader.num_frames += 500
        return reader

    monkeypatch.setattr(films, "open_video", promising)
    film = write_numbered_video(tmp_path / "film.avi", 300, size=(SIDE, SIDE))
    seconds = (8, 9, 10, 14)
    samples = [sample_at(film, second, LEFT) for second in seconds]
    for order in (range(4), [3, 2, 1, 0]):
        views = KeyViews(samples, DATA, VIEWS, AVA)
        clips = TrainKeyClips(samples, DATA, AVA, "pyslowfast", 0)
        for index in order:
            reads = (functools.partial(views, index), functools.partial(clips, TrainKey(0, index)))
            wanted = np.clip(np.arange(-32, 32, 2) + 30 * seconds[index], 0, 299)
            for read in reads:
                if index == 3:
                    with pytest.raises(VideoError, match="outside the video, which has 10.0 s"):
                        read()
                else:
                    assert read_numbers(read().frames) == wanted.tolist()


def test_a_key_frame_outside_its_film_is_an_error(film: Path) -> None:
    second = KeyViews([sample_at(film, s, LEFT) for s in (11, 11.5, -1)], DATA, VIEWS, AVA)
    assert read_numbers(second(0).frames)[16] == 299  # a second is what AVA rounds to
    said = "is outside the video, which has 10.0 s (detection.start, detection.rate)"
    for index, when in ((1, "911.5 (at 11.5 s)"), (2, "899 (at -1 s)")):
        with pytest.raises(VideoError) as error:
            second(index)
        assert str(error.value) == f"{film}: key frame {when} {said}"
    numbers = dataclasses.replace(AVA, rate=30.0)
    with pytest.raises(VideoError, match="outside the video"):
        KeyViews([sample_at(film, 10.1, LEFT)], DATA, VIEWS, numbers)(0)


@DECODERS
def test_a_film_that_cannot_be_read_is_named_with_its_key_frame(
    tmp_path: Path, decoder: str
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no film" * 100)
    data = dataclasses.replace(DATA, decoder=decoder)  # type: ignore[arg-type]
    with pytest.raises(VideoError, match=r"broken.mp4 \(at 902\): not a video"):
        KeyViews([sample_at(path, 2, LEFT)], data, VIEWS, AVA)(0)
