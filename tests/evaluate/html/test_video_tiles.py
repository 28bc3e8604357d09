"""What is said of single videos, and what is in the place of pictures that cannot be there."""

from pathlib import Path

import numpy as np
from support.scores import truth_of, write_file, write_several
from support.tiny_run import tiny_data

from slowfast.evaluate.html.video_tiles import tiles
from slowfast.evaluate.mistakes import Mistake
from slowfast.evaluate.scores import read_scores

SHARES = np.full((60, 5), 0.25)


def test_a_video_with_one_label(tmp_path: Path) -> None:
    """One that is there, and one that is gone."""
    path = str(tiny_data() / "val" / "000001.mp4")
    write_file(tmp_path / "a.npz", paths=[path, *["x/gone.mp4"] * 59])
    results = read_scores(tmp_path / "a.npz")
    wrong = [Mistake(0, 0.25, (1,), (0,)), Mistake(1, 0.25, (3,), (1,))]
    first, second = tiles(results, SHARES, wrong)
    percent = "25\N{NO-BREAK SPACE}%"
    assert first["lines"] == [
        ("found", "predicted", f"run {percent}"), ("true", "true", f"walk {percent}"),
        ("", "", "000001.mp4"),
    ]  # fmt: skip
    assert first["moving"].startswith("data:image/webp;base64,")
    assert first["alt"] == "Two seconds from the middle of 000001.mp4"
    assert (second["still"], second["alt"]) == (None, "No picture: No such file or directory")


def test_a_video_with_several_labels(tmp_path: Path) -> None:
    write_several(tmp_path / "a.npz")
    results, truth = read_scores(tmp_path / "a.npz"), truth_of()
    row = int(np.flatnonzero(truth.sum(axis=1) == 2)[0])
    missed, right = np.flatnonzero(truth[row]).tolist()
    (found,) = tiles(results, SHARES, [Mistake(row, 0.5, (3,), (missed,))])
    kinds = [line[:2] for line in found["lines"]]
    assert kinds == [
        ("found", "found wrongly"), ("missed", "missed"), ("true", "found rightly"), ("", "")
    ]  # fmt: skip
    assert found["lines"][2][2] == results.class_names[right]
