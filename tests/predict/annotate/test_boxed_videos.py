"""Where somebody is between key frames, and what is written of a video."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.detecting import detection_config
from support.videos import write_h264

from slowfast.data.find import Named
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.predict.annotate.boxed_videos import DrawnKeyFrames, Moving, best_moment, show_persons
from slowfast.predict.annotate.drawn_boxes import colour_of

HERE, THERE = (0.0, 0.0, 0.2, 0.5), (0.8, 0.0, 1.0, 0.5)
WALK, STAND = [("walk", 0.9)], [("stand", 0.7), ("talk", 0.6)]
STORY: DrawnKeyFrames = [
    (1.0, [(1, HERE, WALK)]), (2.0, [(1, THERE, STAND), (2, HERE, [])]), (3.0, []),
    (4.0, [(1, THERE, WALK)]), (5.0, []), (6.0, []), (7.0, []), (8.0, [(1, HERE, WALK)]),
]  # fmt: skip


def test_a_box_moves_between_key_frames() -> None:
    (person,) = Moving(STORY).at(1.25)
    assert person.corners == pytest.approx((0.2, 0.0, 0.4, 0.5)) and person.actions == WALK
    one, two = Moving(STORY).at(1.75)
    assert one.corners[0] == pytest.approx(0.6) and one.actions == STAND
    assert two.corners == HERE and two.number == 2  # half a second before it is found
    assert [person.number for person in Moving(STORY).at(3.0)] == [1]  # bridged


@pytest.mark.parametrize(
    ("seconds", "numbers"),
    [(0.0, [1]), (2.4, [1, 2]), (2.6, [1]), (4.4, [1]), (4.6, []), (7.4, []), (7.6, [1]), (9, [1])],
    ids=["begin", "held", "gone", "held before a gap", "gap", "in the gap", "found", "end"],
)
def test_a_box_stays_for_half_the_time_to_the_next(seconds: float, numbers: list[int]) -> None:
    assert [person.number for person in Moving(STORY).at(seconds)] == numbers


def test_the_best_moment_shows_most() -> None:
    assert best_moment(STORY) == 2.0
    assert best_moment([(1.0, []), (2.0, [(1, HERE, []), (2, THERE, [])])]) == 2.0
    assert best_moment([]) == 0.0 and Moving([]).at(1.0) == []
    assert [person.number for person in Moving([(3.0, [(1, HERE, WALK)])]).at(0.0)] == [1]


def test_both_files(tmp_path: Path) -> None:
    grey = (np.full((240, 320, 3), 60, np.uint8) for _ in range(60))
    video = Named(Sample(str(write_h264(tmp_path / "a.mp4", grey))), "a.mp4")
    shares: list[float] = []
    story: DrawnKeyFrames = [(1.0, [(1, HERE, WALK)])]
    show_persons(tmp_path / "new", video, story, detection_config(tmp_path), shares.append)
    picture = cv2.imread(str(tmp_path / "new" / "a.png"))
    assert picture is not None
    picture = picture[..., ::-1]
    assert np.abs(picture[119, 30].astype(int) - colour_of(1)).max() <= 1
    reader = open_video(Sample(str(tmp_path / "new" / "a.mp4")), "", 0)
    assert reader.num_frames == 60 and shares[-1] == 1
    first = reader.frames(np.array([0]))[0]
    assert np.abs(first[119, 30].astype(int) - colour_of(1)).max() < 60
    assert np.abs(first[200, 200].astype(int) - 60).max() < 6
