"""A film is looked at once, whatever is read from it and how often."""

import os
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from support.videos import read_numbers, write_numbered_video

from slowfast.config import DataConfig
from slowfast.data.samples import Sample
from slowfast.data.video import films
from slowfast.data.video.films import Films
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Pulse, VideoError

DECODERS = pytest.mark.parametrize("decoder", ["pyav", "opencv"])


@DECODERS
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_a_film_is_read_again_after_it_was_closed(
    tmp_path: Path, decoder: str, container: str
) -> None:
    """Also from its far end backwards, and with B-frames."""
    film = tmp_path / f"film.{container}"
    write_numbered_video(film, 700, codec="h264", b_frames=2, gop=40)
    kept = Films(DataConfig(decoder=decoder))  # type: ignore[arg-type]
    for wanted in ([650, 652, 699], [3, 8], [320, 321, 500], [0], [697, 698]):
        reader = kept.reader(Sample(str(film)))
        assert read_numbers(reader.frames(np.array(wanted))) == wanted
        reader.close()


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_pyav_reads_only_what_is_near(tmp_path: Path, container: str) -> None:
    film = tmp_path / f"film.{container}"
    write_numbered_video(film, 700, codec="h264", b_frames=2, gop=40)
    reader = Films(DataConfig(decoder="pyav")).reader(Sample(str(film)))
    reader.close()
    with mock.patch.object(Pulse, "beat") as beat:
        assert read_numbers(reader.frames(np.array([650, 660]))) == [650, 660]
    assert beat.call_count < 150  # a packet, and its decoding, are one each


def test_films_are_looked_at_once_and_let_go_of_in_their_order(tmp_path: Path) -> None:
    paths = [write_numbered_video(tmp_path / f"{i}.mp4", 60) for i in range(3)]
    a, b, c = (Sample(str(path), 7) for path in paths)
    kept = Films(DataConfig(), most_frames=130)
    with mock.patch.object(films, "open_video", wraps=open_video) as opened:
        for sample in (a, b, a, a, b, a):
            kept.reader(sample)
        assert opened.call_count == 2
        kept.reader(c)  # in place of b
        kept.reader(a)
        assert opened.call_count == 3
        kept.reader(b)
        assert opened.call_count == 4
        alone = Films(DataConfig(), most_frames=1)
        assert alone.reader(a) is alone.reader(a)


def test_a_film_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "film.mp4", 60)
    kept = Films(DataConfig())
    before = kept.reader(Sample(str(path)))
    write_numbered_video(path, 90)
    os.utime(path, (time.time() + 9,) * 2)
    assert (before.num_frames, kept.reader(Sample(str(path))).num_frames) == (60, 90)


def test_each_process_opens_its_own(tmp_path: Path) -> None:
    sample = Sample(str(write_numbered_video(tmp_path / "film.mp4", 60)))
    kept = Films(DataConfig())
    before = kept.reader(sample)
    with mock.patch.object(os, "getpid", return_value=-1):
        assert kept.reader(sample) is not before


def test_a_missing_film_is_an_error_each_time(tmp_path: Path) -> None:
    kept = Films(DataConfig())
    for _ in range(2):
        with pytest.raises(VideoError, match=r"none.mp4: No such file"):
            kept.reader(Sample(str(tmp_path / "none.mp4")))
