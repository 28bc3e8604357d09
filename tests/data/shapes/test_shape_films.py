"""The built-in films of two moving shapes: only a box tells which is meant."""

import numpy as np
import pytest

from slowfast.data.samples import Box
from slowfast.data.shapes.moving_shapes import FPS, HOWS
from slowfast.data.shapes.shape_films import (
    ACTIONS,
    COLOURS,
    SIZE,
    SURE,
    Moment,
    apart,
    corners_of,
    draw_figure,
    render_film,
)
from slowfast.data.video.reader import Pictures

LAST = 8


@pytest.fixture(scope="module")
def film() -> tuple[Pictures, list[Moment]]:
    return render_film(np.random.default_rng(0), LAST)


@pytest.fixture(scope="module")
def many() -> list[Moment]:
    """The key seconds of several films."""
    films = [render_film(np.random.default_rng(seed), 6)[1] for seed in range(4)]
    return [moment for moments in films for moment in moments]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    (x1, y1, x2, y2), (u1, v1, u2, v2) = one.corners, other.corners
    both = max(min(x2, u2) - max(x1, u1), 0) * max(min(y2, v2) - max(y1, v1), 0)
    return both / ((x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - both)


def test_a_film_has_key_seconds_from_its_first_frame_to_its_last(
    film: tuple[Pictures, list[Moment]],
) -> None:
    pictures, moments = film
    assert pictures.shape == (LAST * FPS + 1, *SIZE, 3) and pictures.dtype == np.uint8
    assert [moment.second for moment in moments] == list(range(LAST + 1))
    again, same = render_film(np.random.default_rng(0), LAST)
    assert np.array_equal(again, pictures) and same == moments


def test_it_is_cut_half_a_second_after_each_key_second(
    film: tuple[Pictures, list[Moment]],
) -> None:
    pictures, _ = film
    changed = np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    cuts = np.sort(np.argsort(-changed)[:LAST]) + 1
    assert cuts.tolist() == [15 + 30 * i for i in range(LAST)]


def test_two_drops_have_no_action_and_no_place_in_common(many: list[Moment]) -> None:
    """So whatever a box is said to show is wrong of the other one."""
    both = [moment.truth for moment in many if moment.truth]
    for one, other in both:
        assert not {*one.labels} & {*other.labels}
        assert apart(np.array(one.corners), other.corners)
        for box in (one, other):
            colour, how = (ACTIONS[label] for label in box.labels)
            assert colour in COLOURS and how in HOWS
        assert (one.person, other.person) == (0, 1)
    seen = {label for pair in both for box in pair for label in box.labels}
    assert seen == {*range(len(ACTIONS))}


def test_corners_are_those_of_the_pixels_that_are_seen() -> None:
    layer: Pictures = np.zeros((*SIZE, 4), np.uint8)
    layer[..., 3] = 100  # what shines through more than it shows
    layer[16:48, 34:68, 3] = 255
    assert corners_of(layer) == (0.25, 0.25, 0.5, 0.75)


def test_boxes_are_around_the_drops(film: tuple[Pictures, list[Moment]]) -> None:
    """Which have a dark rim, and no background is as dark."""
    pictures, moments = film
    for moment in moments:
        brightness = pictures[moment.second * int(FPS)].max(axis=2).astype(int)
        darkest = []
        for box in moment.truth:
            x1, y1, x2, y2 = np.rint(np.array(box.corners) * [*SIZE[::-1], *SIZE[::-1]]).astype(int)
            darkest.append(np.percentile(brightness[y1:y2, x1:x2], 5))
            brightness[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1] = 255
        assert brightness.min() > max(darkest, default=0)


def test_one_second_shows_nobody_and_one_is_excluded(many: list[Moment]) -> None:
    by_film = [many[i : i + 7] for i in range(0, len(many), 7)]
    for moments in by_film:
        inside = moments[1:-1]
        assert sum(not moment.truth for moment in inside) == 1
        assert sum(moment.is_excluded for moment in inside) == 1
        assert not any(own.is_excluded or not own.truth for own in (moments[0], moments[-1]))
        assert all(moment.truth for moment in moments if moment.is_excluded)


def test_the_detector_finds_every_drop_and_other_things(many: list[Moment]) -> None:
    others: list[Box] = []
    for moment in many:
        drops = moment.detected[: len(moment.truth)]
        for found, box in zip(drops, moment.truth, strict=True):
            assert found.labels == box.labels and found.score >= 0.9
            assert 0.9 <= overlap(found, box) < 1 + 1e-9
        others += moment.detected[len(moment.truth) :]
        for other in moment.detected[len(moment.truth) :]:
            assert not other.labels
            assert all(apart(np.array(other.corners), box.corners) for box in moment.truth)
    assert 0 < sum(box.score >= SURE for box in others) < len(others) < len(many)


def test_a_drop_has_its_colour() -> None:
    for index, colour in enumerate(COLOURS.values()):
        layer = draw_figure((index, 0), 1, np.random.default_rng(index), 1)[0]
        seen = layer[..., 3] == 255
        shares = layer[seen][:, :3].mean(axis=0) / 255
        assert not layer[:, : SIZE[1] // 2, 3].any()
        assert (shares > 0.2).tolist() == [tint == 1 for tint in colour]
