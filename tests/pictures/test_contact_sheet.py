"""Pictures side by side, looked at through the pixels."""

from pathlib import Path

import numpy as np
from support.pixels import pixels, share_of

from slowfast.pictures.contact_sheet import contact_sheet
from slowfast.pictures.figures import FAST, SLOW


def test_the_contact_sheet_has_a_tile_for_each_picture_and_a_grey_one_for_none(
    tmp_path: Path,
) -> None:
    green, blue = (np.full((30, 40, 3), colour, np.uint8) for colour in ((0, 255, 0), (0, 0, 255)))
    tiles = [(green, "$x_1$ looked for"), (blue, "1: 0.9"), (None, "2: 0.8"), (green, "\u3042")]
    contact_sheet([*tiles, (blue, "4")], tmp_path / "sub" / "sheet.png")
    sheet = pixels(tmp_path / "sub" / "sheet.png")
    above, below = np.array_split(sheet, 2)
    quarters = np.array_split(above, 4, axis=1)
    shown = ["#00ff00", "#0000ff", "#c8c8c8", "#00ff00"]
    assert all(share_of(part, c) > 0.3 for part, c in zip(quarters, shown, strict=True))
    assert share_of(np.array_split(below, 4, axis=1)[0], "#0000ff") > 0.3
    assert share_of(np.array_split(below, 4, axis=1)[1], "#ffffff") == 1
    assert share_of(quarters[0], SLOW) > 0.005
    assert share_of(quarters[1], FAST) > 0.005
