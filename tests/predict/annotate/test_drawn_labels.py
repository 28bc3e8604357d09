"""Labels in pictures: readable on any background and at any size; videos written again."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.odd_videos import CASES, Case
from support.videos import (
    numbered_picture,
    read_numbers,
    turn_clockwise,
    write_frames,
    write_h264,
    write_numbered_video,
    write_tar,
)

from slowfast.config import DataConfig
from slowfast.data.samples import Sample
from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import Picture, VideoError
from slowfast.predict.annotate import drawn_labels as annotate
from slowfast.predict.annotate.drawn_labels import annotate_video, with_labels

BEST = [("playing basketball", 0.874), ("dribbling basketball", 0.06), ("a", 0.004)]
LONG = "pretending to put something underneath something and then taking it out again"


def plain(width: int, height: int, shade: int = 255) -> Picture:
    return np.full((height, width, 3), shade, np.uint8)


def changed(picture: Picture, best: list[tuple[str, float]] = BEST) -> tuple[int, int, int, int]:
    """The rectangle that labels have changed: top, bottom, left, right."""
    drawn = with_labels(picture, best)
    rows, columns = np.nonzero((drawn != with_labels(picture, [])).any(axis=2))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_letters_stand_out_from_any_background(shade: int) -> None:
    """White letters on what is dark, whatever lies below it."""
    drawn = with_labels(plain(640, 480, shade), BEST)
    top, bottom, left, right = changed(plain(640, 480, shade))
    panel = drawn[top + 12 : bottom - 12, left + 12 : right - 12].mean(axis=2)
    assert (panel > 250).mean() > 0.02  # the letters
    assert np.median(panel) < 95


@pytest.mark.parametrize(("size", "shown"), [
    ((1, 1), (240, 240)), ((32, 44), (240, 330)), ((320, 240), (320, 240)),
    ((1920, 1080), (1920, 1080)), ((7680, 4320), (1920, 1080)), ((4000, 10), (1920, 240)),
    ((2, 3000), (240, 1920)),
])  # fmt: skip
def test_pictures_get_a_size_in_which_labels_can_be_read(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    drawn = with_labels(plain(*size), BEST)
    assert drawn.shape == (shown[1], shown[0], 3)


def test_the_panel_grows_with_the_picture_and_stays_within_it() -> None:
    shares = []
    for width, height in ((240, 240), (640, 360), (1920, 1080), (406, 720)):
        for name in ("run", LONG, LONG.replace(" ", "_")):
            _, bottom, _, right = changed(plain(width, height), best=[(name, 0.5), (LONG, 0.2)])
            assert right < width - 3 and bottom < 0.6 * height
        shares.append(changed(plain(width, height))[1] / min(width, height))
    assert max(shares) < 0.3


def test_what_rounds_to_nothing_is_left_out_but_not_the_first() -> None:
    picture = plain(640, 480)
    (_, two, *_), (_, three, *_) = changed(picture), changed(picture, best=[*BEST, ("b", 0.02)])
    assert two < three
    assert changed(picture, best=[("a", 0.001)])[1] < two
    assert with_labels(picture, []) is picture


def test_letters_of_other_scripts(caplog: pytest.LogCaptureFixture) -> None:
    """Cyrillic is in the font that comes with matplotlib; what no font has is a square."""
    annotate.drawable.cache_clear()
    annotate._tell_of_missing.cache_clear()
    with caplog.at_level(logging.WARNING, "slowfast"):
        assert annotate.drawable("поднимать\n тяжести") == "поднимать тяжести"
        assert not caplog.records
        for _ in range(2):
            assert annotate.drawable("a \U000e0101b") == "a □b"
        assert annotate.drawable("\U000e0102") == "□"
    (record,) = caplog.records
    assert "letters that no font here has are drawn as □" in record.getMessage()


def test_the_panel_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    annotate._panel.cache_clear()
    for _ in range(5):
        with_labels(plain(320, 240), BEST)
    assert annotate._panel.cache_info().misses == 1


def test_a_video_with_labels_that_change(tmp_path: Path) -> None:
    source = write_numbered_video(tmp_path / "a.mp4", 20, fps=10, size=(320, 240))
    seen: list[float] = []
    shares: list[float] = []

    def best_at(seconds: float) -> list[tuple[str, float]]:
        seen.append(seconds)
        return [("first", 0.9)] if seconds < 1 else []

    annotate_video(
        Sample(str(source)), tmp_path / "new" / "b.mp4", best_at, DataConfig(), shares.append
    )
    np.testing.assert_allclose(seen, np.arange(20) / 10)
    assert shares[-1] == 1 and shares == sorted(shares)
    new, old = PyAVReader(str(tmp_path / "new" / "b.mp4")), PyAVReader(str(source))
    difference = np.abs(new.frames(np.arange(20)).astype(int) - old.frames(np.arange(20)))
    corner, rest = difference[:, 10:30, 20:80], difference[:, 100:]
    assert corner[:10].mean() > 30 and corner[10:].mean() < 5 and rest.mean() < 5


@pytest.mark.parametrize("kind", ["frames", "shard"])
def test_frame_folders_and_videos_in_shards(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    if kind == "frames":
        write_frames(path, map(numbered_picture, range(8)))
    else:
        video = write_numbered_video(tmp_path / "a.mp4", 8)
        path = Path(write_tar(tmp_path / "s.tar", {"a.mp4": video.read_bytes()}), "a.mp4")
    data = DataConfig(frame_fps=5.0)
    annotate_video(Sample(str(path)), tmp_path / "b.mp4", lambda seconds: [], data)
    reader = PyAVReader(str(tmp_path / "b.mp4"))
    assert read_numbers(reader.frames(np.arange(8))) == [*range(8)]
    assert reader.fps == pytest.approx(5 if kind == "frames" else 30)


TURNED = {case.name: case for case in CASES if case.group in ("orientation", "count and rate")}


@pytest.mark.parametrize(
    "name", ["turned by 90", "mirrored", "cut without encoding, an edit list",
             "the second half slower", "a cut-off download"],
)  # fmt: skip
def test_what_is_shown_is_kept(name: str, tmp_path: Path) -> None:
    case = TURNED[name]
    source = tmp_path / f"a{case.ending}"
    case.make(source)
    annotate_video(Sample(str(source)), tmp_path / "b.mp4", lambda seconds: [], DataConfig())
    old, new = PyAVReader(str(source)), PyAVReader(str(tmp_path / "b.mp4"))
    numbers = np.arange(new.num_frames)
    assert read_numbers(new.frames(numbers)) == list(case.shown or [])
    np.testing.assert_allclose(new.seconds(numbers), old.seconds(numbers), atol=1.1e-3)


@pytest.mark.parametrize(("aspect", "degrees", "size"), [
    (Fraction(4, 3), 0, (320, 240)), (Fraction(4, 3), 90, (240, 320)),
    (Fraction(2, 3), 0, (240, 360)), (Fraction(40), 0, (240, 240)),
])  # fmt: skip
def test_pixels_become_square(
    aspect: Fraction, degrees: int, size: tuple[int, int], tmp_path: Path
) -> None:
    """As of DV and DVD; nobody means pixels that are 40 times as wide as high."""
    pictures = [numbered_picture(number, (240, 240)) for number in range(3)]
    source = write_h264(tmp_path / "a.mp4", pictures, pixel_aspect=aspect)
    if degrees:
        turn_clockwise(source, degrees)
    annotate_video(Sample(str(source)), tmp_path / "b.mp4", lambda _: [], DataConfig())
    found = PyAVReader(str(tmp_path / "b.mp4")).frames(np.arange(3))
    assert found.shape[1:3] == size[::-1]


NO_FILMS = [case for case in CASES if case.shown is None]


@pytest.mark.parametrize("case", NO_FILMS, ids=lambda case: f"{case.name}{case.ending}")
def test_no_file_is_made_up_of_what_is_no_film(case: Case, tmp_path: Path) -> None:
    source = tmp_path / f"a{case.ending}"
    case.make(source)
    with pytest.raises(VideoError, match=str(source)):
        annotate_video(Sample(str(source)), tmp_path / "new.mp4", lambda _: BEST, DataConfig())
    assert not (tmp_path / "new.mp4").exists()
