"""Pictures: what is drawn where, looked at through the pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.locks import locked_when_renamed
from support.pixels import pixels, share_of

from slowfast import pictures


def test_the_learning_curve_has_both_curves_and_takes_repeated_rows(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "train", "step": s, "of": 20, "loss": 3 / s, "top1": s / 20} for s in range(1, 21)
    ]
    rows += [{"kind": "val", "step": e, "loss": 2 / e, "top1": e / 4} for e in (1, 2, 3, 4)]
    rows += rows[5:9]  # of a resumed run
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pictures.learning_curve(tmp_path / "metrics.jsonl", tmp_path / "sub" / "curve.png")
    picture = pixels(tmp_path / "sub" / "curve.png")
    assert all(share_of(picture, colour) > 0.001 for colour in (pictures.SLOW, pictures.FAST))


def test_the_learning_curve_of_several_labels_has_f1_and_map(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "train", "step": s, "of": 20, "loss": 3 / s, "f1": s / 20} for s in range(1, 21)
    ]
    rows += [{"kind": "val", "step": e, "loss": 2 / e, "mAP": e / 4, "f1": 0.5} for e in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pictures.learning_curve(tmp_path / "metrics.jsonl", tmp_path / "curve.png")
    picture = pixels(tmp_path / "curve.png")
    right = picture[:, picture.shape[1] // 2 :]
    assert all(share_of(right, colour) > 0.001 for colour in (pictures.SLOW, pictures.FAST))


def test_the_confusion_matrix_is_dark_where_the_counts_are(tmp_path: Path) -> None:
    labels, names = np.repeat([0, 1, 2], 10), ["a", "b", "c"]
    darks = []
    for predicted in (labels, (labels + 1) % 3, np.zeros_like(labels)):
        pictures.confusion_matrix(labels, predicted, names, tmp_path / "m.png")
        picture = pixels(tmp_path / "m.png")
        dark = picture.sum(axis=-1) < 200  # the full shade, and text
        rows, columns = np.nonzero(dark & (picture[:, :, 2] > picture[:, :, 0] + 40))
        darks.append((rows.mean(), columns.mean(), len(rows)))
    diagonal, shifted, first = darks
    assert diagonal[2] == pytest.approx(shifted[2], rel=0.1)
    assert first[1] < diagonal[1] - 20  # all in the first column, on the left


def test_the_strip_frames_slow_and_fast_and_scales_the_bars(tmp_path: Path) -> None:
    frames = np.full((8, 32, 44, 3), 255, np.uint8)
    areas = []
    for share in (0.2, 0.9):
        best = [("a class", share), ("another", 0.1)]
        pictures.frame_strip(frames, [0, 7], best, tmp_path / "s.png", truth="a class")
        areas.append(share_of(pixels(tmp_path / "s.png"), pictures.FAST))
        assert share_of(pixels(tmp_path / "s.png"), pictures.SLOW) > 0.003
    assert areas[1] > 1.5 * areas[0]


@pytest.mark.parametrize(("count", "slow", "colours"), [
    (8, [0, 7], ["SLOW", "FAST"]), (8, [*range(8)], ["SLOW"]), (64, [], ["FAST"]),
], ids=["both pathways", "slow alone", "fast alone"])  # fmt: skip
def test_a_strip_has_the_frames_of_the_pathways_that_there_are(
    count: int, slow: list[int], colours: list[str], tmp_path: Path
) -> None:
    frames = np.full((count, 32, 44, 3), 255, np.uint8)
    pictures.frame_strip(frames, slow, [("бег " * 30, 0.0)], tmp_path / "s.png")
    picture = pixels(tmp_path / "s.png")
    left = picture[:, : picture.shape[1] * 2 // 3]
    found = [c for c in ("SLOW", "FAST") if share_of(left, getattr(pictures, c)) > 0.003]
    assert found == colours
    assert (picture[:, -5:] == 255).all()  # nothing is cut off


def test_a_font_for_a_text() -> None:
    latin = pictures.font_file("run, бег")
    assert latin.endswith("DejaVuSans.ttf") and ord("я") in pictures.letters_of(latin)
    assert pictures.font_file("\U000e0101") == latin  # none has it


def test_the_learning_rate_is_drawn_twice_and_zero_is_not_on_the_logarithmic_side(
    tmp_path: Path,
) -> None:
    epochs = np.linspace(0, 10, 100)
    pictures.learning_rate_curve(epochs, np.ones(100), "constant", tmp_path / "sub" / "a.png")
    pictures.learning_rate_curve(epochs, np.zeros(100), "nothing", tmp_path / "b.png")
    for name, is_drawn in (("sub/a.png", True), ("b.png", False)):
        for side in np.array_split(pixels(tmp_path / name), 2, axis=1):
            assert (share_of(side, pictures.SLOW) > 0.001) == is_drawn


def test_the_contact_sheet_has_a_tile_for_each_picture_and_a_grey_one_for_none(
    tmp_path: Path,
) -> None:
    green, blue = (np.full((30, 40, 3), colour, np.uint8) for colour in ((0, 255, 0), (0, 0, 255)))
    tiles = [(green, "$x_1$ looked for"), (blue, "1: 0.9"), (None, "2: 0.8"), (green, "\u3042")]
    pictures.contact_sheet([*tiles, (blue, "4")], tmp_path / "sub" / "sheet.png")
    sheet = pixels(tmp_path / "sub" / "sheet.png")
    above, below = np.array_split(sheet, 2)
    quarters = np.array_split(above, 4, axis=1)
    shown = ["#00ff00", "#0000ff", "#c8c8c8", "#00ff00"]
    assert all(share_of(part, c) > 0.3 for part, c in zip(quarters, shown, strict=True))
    assert share_of(np.array_split(below, 4, axis=1)[0], "#0000ff") > 0.3
    assert share_of(np.array_split(below, 4, axis=1)[1], "#ffffff") == 1
    assert share_of(quarters[0], pictures.SLOW) > 0.005
    assert share_of(quarters[1], pictures.FAST) > 0.005


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a" * 50, "a" * 9 + "\u2026"), ("eats a pear", "eats a pe\u2026"), ("four", "four")],
)
def test_a_long_text_keeps_its_beginning(text: str, shown: str) -> None:
    """Also where it is a single word, as in Chinese."""
    assert pictures.shortened(text, 10) == shown


def test_classes_are_bars_of_their_precision_the_best_first(tmp_path: Path) -> None:
    """A wider bar for the better class; another colour for the worst."""
    picture = tmp_path / "classes.png"
    pictures.class_bars([("sit", 1.0, 1200), ("run", 0.5, 3)], [], "title", picture)
    rgb = np.array(Image.open(picture).convert("RGB")).astype(int)
    slow = (np.abs(rgb - np.array([0x2B, 0x5C, 0x8A])).max(axis=2) < 3).sum(axis=1)
    lengths = slow[slow > 50]
    assert lengths[0] == pytest.approx(2 * lengths[-1], abs=4)
    pictures.class_bars([("sit", 1.0, 1200)], [("$x", 0.0, 3), ("y", 0.5, 3)], "t", picture)
    rgb = np.array(Image.open(picture).convert("RGB")).astype(int)
    assert (np.abs(rgb - np.array([0xE0, 0x7B, 0x39])).max(axis=2) < 3).any()


def test_a_second_run_is_refused_until_a_picture_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locked_when_renamed(monkeypatch)
    pictures.class_bars([("sit", 1.0, 1200)], [], "title", tmp_path / "bars.png")
    pictures.learning_rate_curve(np.arange(9.0), np.ones(9), "constant", tmp_path / "curve.png")
    assert found == {"bars.png": True, "curve.png": True}
