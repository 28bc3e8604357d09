"""The demo's parts: how far it is, what it counts, and a step that fails."""

from pathlib import Path

import pytest
from support.paths import REPOSITORY

from slowfast.data.moving_shapes import HOWS
from slowfast.tools import demo


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("epoch:[  3/24 ] train step:15   loss: 1.0 lr: 0.1 top1: 0.5", 2.25 / 24),
        ("test: 30/120, 0:00:09 left", 0.25),
        ("END epoch:3 train loss: 1.0", None),
        ("192 of 192 tensors loaded from x", None),
    ],
)
def test_how_far_a_step_is_shows_in_its_lines(line: str, share: float | None) -> None:
    assert demo._share_done(line) == pytest.approx(share)


def test_the_halves_of_a_class() -> None:
    motions = len(HOWS)
    pairs = [(0, 0), (1, 0), (motions, 0), (motions + 1, motions + 1)]
    rows = [{"label": label, "top5_indices": [predicted]} for label, predicted in pairs]
    assert demo.halves(rows) == (0.75, 0.75)


def test_a_step_that_fails_shows_its_error_and_keeps_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with pytest.raises(demo.StepFailedError, match="error: config no.yaml cannot be read"):
        demo.launch("train", ["single", "log", "--validate", "-c", "no.yaml"])
    assert "error: config no.yaml" in (tmp_path / "output" / "demo_train.txt").read_text()
