"""The built-in data set: what each pathway could see in it."""

import numpy as np
import pytest

from slowfast.data.shapes.moving_shapes import (
    CLASS_NAMES,
    HOWS,
    MOTIONS,
    PERIOD,
    WHATS,
    bounce,
    draw_layers,
    draw_poses,
    render_clip,
)
from slowfast.data.video.reader import Pictures

AT_REST = ("shaking", "pulsing")  # what looks so at every fifth frame


def clean_clip(what: str, how: str, seed: int) -> Pictures:
    """A clip without the sensor noise, as integers that can be subtracted."""
    return render_clip(what, [how], np.random.default_rng(seed), num_frames=21, noise=0.0)


def test_classes_are_all_pairs() -> None:
    assert len(WHATS) >= 3
    assert len(HOWS) >= 4
    assert [f"{what} drop, {how}" for what in WHATS for how in HOWS] == CLASS_NAMES


def test_render_is_a_function_of_the_generator() -> None:
    rngs = map(np.random.default_rng, (1, 1, 2))
    first, same, other = (render_clip("striped", ["sliding"], rng, num_frames=4) for rng in rngs)
    assert first.shape == (4, 64, 80, 3) and first.dtype == np.uint8
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_the_layers_say_where_the_drop_is_in_a_clip() -> None:
    """It hides what is behind it, and that stays as it is."""
    layers = draw_layers("ringed", ["sliding"], np.random.default_rng(3), 6, (64, 80))
    clip = render_clip("ringed", ["sliding"], np.random.default_rng(3), 6, noise=0)
    opaque = layers[..., 3] == 255
    assert 0.1 < opaque.mean() < 0.5
    assert np.abs(clip.astype(int) - layers[..., :3])[opaque].max() == 0
    still = (clip == clip[0]).all(axis=(0, 3))
    assert still[(layers[..., 3] == 0).all(axis=0)].all() and not still.all()


@pytest.mark.parametrize("what", WHATS)
def test_vibrations_look_at_rest_at_every_fifth_frame(what: str) -> None:
    still = clean_clip(what, "still", seed=5)
    assert (still == still[0]).all()
    for how in AT_REST:
        clip = clean_clip(what, how, seed=5)
        assert np.array_equal(clip[0], still[0])
        for start in range(PERIOD):
            slow = clip[start::PERIOD].astype(int)
            assert np.abs(slow - slow[0]).max() <= 1  # rounding
        moved = np.abs(np.diff(clip.astype(int), axis=0)).max(axis=(1, 2, 3))
        assert moved.min() > 0
        assert np.median(moved) > 100


def test_spins_alias_to_each_other_at_every_fifth_frame() -> None:
    """Five frames turn by half a turn and a jitter, which is as often positive as negative."""
    jitters = {}
    for way, sign in (("clockwise", 1), ("counter-clockwise", -1)):
        rng = np.random.default_rng(0)
        angles = [draw_poses([MOTIONS[f"spinning {way}"]], rng, 21, 1.25).angle for _ in range(500)]
        steps = np.diff(angles, axis=1)
        assert (np.sign(steps) == sign).all()
        assert 30 < np.abs(np.degrees(steps)).min() <= np.abs(np.degrees(steps)).max() < 42
        slow = np.degrees(np.diff(np.array(angles)[:, ::PERIOD], axis=1)[:, 0])
        jitters[way] = np.sort(slow % 360 - 180)
    mirrored = -jitters["counter-clockwise"][::-1]
    assert np.abs(jitters["clockwise"] - mirrored).max() < 1e-6
    assert abs(jitters["clockwise"].mean()) < 1.5
    assert 10 < jitters["clockwise"].max() < 15


@pytest.mark.parametrize("what", WHATS)
def test_spinning_shows_at_every_frame(what: str) -> None:
    clockwise = clean_clip(what, "spinning clockwise", seed=8).astype(int)
    counter = clean_clip(what, "spinning counter-clockwise", seed=8).astype(int)
    assert np.array_equal(clockwise[0], counter[0])
    assert np.abs(clockwise[1] - counter[1]).max() > 100


def test_sliding_moves_and_stays_in_view() -> None:
    for seed in range(200):
        poses = draw_poses([MOTIONS["sliding"]], np.random.default_rng(seed), 60, 1.25)
        assert np.abs(poses.x - 0.625).max() <= 0.22 + 1e-9
        assert np.abs(poses.y - 0.5).max() <= 0.22 + 1e-9
        assert np.hypot(np.diff(poses.x), np.diff(poses.y)).max() > 0.01
        assert np.ptp(poses.size) == np.ptp(poses.angle) == 0


def test_bounce_reflects_at_both_ends() -> None:
    positions = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0])
    expected = [0.0, 1.0, 2.0, 1.0, 0.0, -1.0, -1.0, -2.0, -1.0]
    assert bounce(positions, -2.0, 2.0).tolist() == expected
