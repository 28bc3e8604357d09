"""The demo of one class a video: what it counts, says and joins."""

import json
from pathlib import Path

import pytest
from support.videos import numbers_of, shown_at, write_numbered_video

from slowfast.config import DataConfig
from slowfast.data.samples import Sample
from slowfast.data.shapes.moving_shapes import HOWS
from slowfast.demos import one_label


def test_the_halves_of_a_class() -> None:
    motions = len(HOWS)
    pairs = [(0, 0), (1, 0), (motions, 0), (motions + 1, motions + 1)]
    rows = [{"label": label, "top5_indices": [predicted]} for label, predicted in pairs]
    assert one_label.halves(rows) == (0.75, 0.75)


@pytest.mark.parametrize("curves", [True, False])
def test_the_summary_has_curves_only_where_visualdl_has_drawn_some(
    tmp_path: Path, curves: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if curves:
        (tmp_path / "vdl").mkdir()
    pictures = {name: f"{name}.png" for name in ("learning_curve", "confusion_matrix", "frames")}
    rows = [{"label": 0, "top5_indices": [label]} for label in (0, 1)]
    result = {"top1": 0.5, "top5": 1.0, "num_videos": 2, "num_views": 30, "predictions": rows}
    one_label.tell(tmp_path / "a.pdparams", result, pictures, seconds=61.26)
    said = capsys.readouterr().out
    assert "top-1 50.0 %, top-5 100.0 % on 2 unseen videos, 30 views each (what it is: 1" in said
    assert f"checkpoint        {tmp_path}/a.pdparams\n" in said
    assert "frames            frames.png\n" in said
    assert f" -m slowfast.tools.web -w {tmp_path}/SlowFast_best.pdparams\n" in said
    assert (
        f"visualdl --disable-telemetry --logdir {tmp_path} --port 8040, then " in said
    ) == curves
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary.get("vdl") == (f"{tmp_path}/vdl" if curves else None)
    assert (summary["seconds"], summary["frames"]) == (61.3, "frames.png")


def test_clips_are_joined_frame_by_frame(tmp_path: Path) -> None:
    paths = [write_numbered_video(tmp_path / f"{count}.mp4", count) for count in (5, 8)]
    joined = tmp_path / "joined.mp4"
    one_label.join([Sample(str(path)) for path in paths], joined, DataConfig())
    assert numbers_of(joined) == [*range(5), *range(8)]
    assert shown_at(joined) == pytest.approx([i / 30 for i in range(13)], abs=1e-3)
