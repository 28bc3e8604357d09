"""The pass along videos with boxes: the rows are those of the network on the same windows."""

from pathlib import Path

import numpy as np
import pytest
from support.detecting import detection_config, detector_of
from support.videos import write_numbered_video

from slowfast.data.clips.key_clips import KeyViews
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.data.video.reader import Picture, VideoError
from slowfast.predict.persons.box_sources import BoxSource
from slowfast.predict.persons.key_rows import KeyPart, key_rows
from slowfast.predict.runtime.built import Graph, weighted
from slowfast.predict.runtime.runtimes import Eager

BOXES = (Box((0.1, 0.1, 0.6, 0.9)), Box((0.5, 0.2, 1.0, 1.0), score=0.7))


class Given(BoxSource):
    """Two boxes, but none at second 2."""

    longest = 64

    def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
        assert picture.shape == (48, 64, 3)
        return BOXES if key != 2 else ()


@pytest.fixture
def films(tmp_path: Path) -> list[Sample]:
    (tmp_path / "b.mp4").write_text("no video")
    video = write_numbered_video(tmp_path / "a.mp4", 200)
    return [Sample(str(video)), Sample(str(tmp_path / "b.mp4"))]


def test_rows_are_those_of_the_test(tmp_path: Path, films: list[Sample]) -> None:
    cfg = detection_config(tmp_path)
    backend = Eager(Graph(weighted(detector_of(cfg)), cfg, "prob"))
    reports: list[float] = []

    def along(first: int) -> tuple[list[KeyPart], list[VideoError]]:
        found = key_rows(
            backend, films, cfg, Given(cfg.detection), places=[0, 1], first=lambda place: first,
            report=lambda done, keys: reports.append(done),
        )  # fmt: skip
        parts, faults = [], []
        for place, part in found:
            assert place == isinstance(part, VideoError)
            if isinstance(part, VideoError):
                faults.append(part)
            else:
                parts.append(part)
        return parts, faults

    parts, faults = along(0)
    assert len(faults) == 1 and "b.mp4" in str(faults[0])
    assert [part.is_last for part in parts] == [False, True] and reports[-1] == 2
    keys = [key for part in parts for key in part.keys]
    assert [key.time for key in keys] == [1, 2, 3, 4, 5, 6]
    assert parts[0].size == (48, 64)
    assert [len(key.boxes) for key in keys] == [2, 0, 2, 2, 2, 2] and len(keys[1].rows) == 0

    sample = films[0]._replace(key=KeyFrame("a", 3, 3, BOXES))
    clip = KeyViews([sample], cfg.data, cfg.test, cfg.detection)(0)
    assert clip.boxes is not None
    (expected,) = backend.of_boxes([clip.frames], [clip.boxes])
    np.testing.assert_allclose(keys[2].rows, expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3  # the box tells

    again, _ = along(4)
    assert [key.time for part in again for key in part.keys] == [5, 6]
    np.testing.assert_allclose(again[0].keys[0].rows, keys[4].rows, atol=1e-6)


def test_boxes_that_cannot_be_found(tmp_path: Path) -> None:
    """The video's error comes once, nothing behind it is computed, and the next one is read."""
    cfg = detection_config(tmp_path)
    backend = Eager(Graph(weighted(detector_of(cfg)), cfg, "prob"))
    films = [
        Sample(str(write_numbered_video(tmp_path / f"{name}.mp4", count)))
        for name, count in (("a", 400), ("b", 70))
    ]
    asked = []

    class Failing(Given):
        def boxes(self, place: int, key: float, picture: Picture) -> tuple[Box, ...]:
            asked.append((place, key))
            if (place, key) == (0, 6):
                raise VideoError("the detector fails")
            return super().boxes(place, key, picture)

    found = [
        (place, part if isinstance(part, VideoError) else len(part.keys))
        for place, part in key_rows(
            backend, films, cfg, Failing(cfg.detection), places=[0, 1], first=lambda place: 0
        )
    ]
    assert [(place, str(what)) for place, what in found] == [
        (0, "4"), (0, "the detector fails"), (1, "1")
    ]  # fmt: skip
    assert max(key for place, key in asked if place == 0) == 6
