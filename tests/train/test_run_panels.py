"""The curves of runs: which panels there are, and a picture of one run."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from support.pixels import pixels

from slowfast.pictures.run_curves import COLOURS
from slowfast.train.past_runs import read_run
from slowfast.train.run_panels import draw_run, panels


@pytest.mark.parametrize(("own", "metric", "titles"), [
    ("top1", "top1", ["loss", "top-1 accuracy", "learning rate"]),
    ("f1", "mAP", ["loss", "F1", "mAP", "learning rate"]),
])  # fmt: skip
def test_a_run_has_all_of_its_curves(
    own: str, metric: str, titles: list[str], tmp_path: Path
) -> None:
    rows = [
        {"kind": "train", "step": s, "epoch": (s + 4) // 5, "of": 20, "loss": 3 / s, "lr": 0.1,
         own: s / 20, "seconds": 1.0, "clips": 4, "processes": 1}
        for s in range(1, 21)
    ]  # fmt: skip
    rows += [{"kind": "val", "step": e, "loss": 2 / e, metric: e / 4} for e in (1, 2, 3, 4)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    epochs, minutes = panels([read_run(tmp_path)])
    assert [panel.title for panel in epochs] == [panel.title for panel in minutes] == titles
    assert all(panel.curves for panel in epochs)
    draw_run(tmp_path, tmp_path / "new" / "curve.png")
    picture = pixels(tmp_path / "new" / "curve.png") / 255
    for part in np.array_split(picture, len(titles), axis=1):
        pale = 0.55 * np.array(to_rgb(COLOURS[0])) + 0.45  # of training
        found = [np.abs(part - colour).max(axis=2) < 0.02 for colour in (to_rgb(COLOURS[0]), pale)]
        assert sum(map(np.count_nonzero, found)) > 100
