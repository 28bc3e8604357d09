"""Curves of several runs: drawn in colours of their own, thinned and smoothed."""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from slowfast.pictures.run_curves import (
    COLOURS,
    MOST_POINTS,
    Curve,
    Panel,
    draw_runs,
    smoothed,
    thinned,
)


def test_each_run_has_its_colour_in_each_panel(tmp_path: Path) -> None:
    x = np.arange(100.0)
    curves = [Curve(i, "val", x, x * 0 + 0.2 + 0.3 * i) for i in range(2)]
    rows = [[Panel("loss", "epoch", curves), Panel("top-1", "epoch", curves, is_share=True)]] * 2
    draw_runs(["a", "\u6f22\u5b57"], rows, tmp_path / "new" / "a.png")
    picture = imread(tmp_path / "new" / "a.png")[..., :3]
    for half in np.array_split(picture, 2):
        for quarter in np.array_split(half, 2, axis=1):
            for colour in COLOURS[:2]:
                assert (np.abs(quarter - to_rgb(colour)).max(axis=2) < 0.02).sum() > 100
    assert not (np.abs(picture - to_rgb(COLOURS[2])).max(axis=2) < 0.02).any()


def test_a_long_curve_has_its_ends_and_no_more_points_than_there_is_room() -> None:
    x, y = thinned(np.arange(300_000.0), np.arange(300_000.0) * 2)
    assert (len(x), x[0], x[-1]) == (MOST_POINTS, 0, 299_999)
    np.testing.assert_array_equal(y, 2 * x)
    assert len(thinned(np.arange(5.0), np.arange(5.0))[0]) == 5


def test_a_mean_over_what_is_known() -> None:
    values = np.array([1.0, np.nan, 3.0, *[5.0] * 117])
    found = smoothed(values)
    np.testing.assert_allclose(found[:5], [1, 1, 2, 3, 3.5])
    assert np.isnan(smoothed(np.array([np.nan, 1.0]))[0])
