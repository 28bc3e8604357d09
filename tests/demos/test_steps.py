"""A demo's steps: how far one is, and one that fails."""

from pathlib import Path

import pytest
from support.paths import REPOSITORY

from slowfast.demos import steps


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        (
            "epoch:[  3/24 ] train step:15   loss: 1.0 lr: 0.1 top1: 0.5 top5: 0.75",
            (9.375, "epoch 3/24, loss: 1.0, top1: 0.5"),
        ),
        (
            "epoch:[  3/24 ] train step:15   loss: 1.0 lr: 0.1 f1: 0.5 batch_cost: 0.1 sec",
            (9.375, "epoch 3/24, loss: 1.0, f1: 0.5"),
        ),
        ("test: 30/120, 0:00:09 left", (25.0, "")),
        ("END epoch:3 train loss: 1.0", None),
        ("192 of 192 tensors loaded from x", None),
    ],
)
def test_how_far_a_step_is_shows_in_its_lines(
    line: str, progress: tuple[float, str] | None
) -> None:
    assert steps.progress_of(line) == progress


def test_a_step_that_fails_shows_its_error_and_keeps_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with pytest.raises(steps.StepFailedError, match="error: config no.yaml cannot be read"):
        steps.launch("train", ["single", "log", "--validate", "-c", "no.yaml"])
    assert "error: config no.yaml" in (tmp_path / "output" / "demo_train.txt").read_text()
