"""Inference: a table, result.json, and broken files that do not stop the others."""

import json
import os
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.tiny_run import (
    eager,
    fresh_state,
    main_here,
    main_py,
    save_tiny_model,
    tiny_config,
    tiny_data,
)

from slowfast.config import Config
from slowfast.data.clips.datasets import MultiViewVideos
from slowfast.data.lists import Sample
from slowfast.data.video.reader import VideoError
from slowfast.metrics.accuracy import average_views
from slowfast.predict import infer
from slowfast.predict.infer import table
from slowfast.predict.views import rows_of_views

FIELDS = {
    "video_id", "top1_values", "top1_indices", "top5_values", "top5_indices", "top1_label",
    "top5_labels",
}  # fmt: skip


def alone(cfg: Config, path: Path) -> NDArray[np.float64]:
    """The probabilities of one video, of the network of ``save_tiny_model``."""
    model = fresh_state(cfg).model
    model.eval()
    video = MultiViewVideos([Sample(str(path))], cfg.data, cfg.test)(0)
    return average_views(rows_of_views(eager(model, cfg, "prob"), [video], cfg)[0], "prob")


@pytest.mark.parametrize(("processes", "batch_size"), [(1, 6), (2, 2)])
def test_broken_videos_are_reported(own_folder: Path, processes: int, batch_size: int) -> None:
    cfg = tiny_config(own_folder, "test.num_clips=2")
    weights = save_tiny_model(cfg)
    good = own_folder / os.fsdecode("höhe ".encode() + b"\xe9.mp4")  # partly UTF-8
    shutil.copy(tiny_data() / "val" / "000000.mp4", good)
    Path("zero.mp4").touch()
    Path("cut.mp4").write_bytes(good.read_bytes()[:400])
    other = tiny_data() / "val" / "000001.mp4"
    paths: list[str | Path] = ["zero.mp4", good, "cut.mp4", "nowhere.mp4", other, "frames"]
    Path("frames").mkdir()
    for number, width in ((1, 44), (2, 40)):
        picture = np.zeros((32, width, 3), np.uint8)
        cv2.imwrite(f"frames/img_{number:05d}.png", picture)
    overrides = ["data.frame_pattern=img_{:05d}.png", f"test.batch_size={batch_size}"]
    flags: list[str | Path] = ["--infer", *paths, "-w", weights, "-o", *overrides]
    if processes == 1:
        done = main_here(*flags, cwd=own_folder)
    else:
        done = main_py(*flags, cwd=own_folder, processes=processes)
    assert done.returncode == 1
    assert "error: 4 of 6 videos could not be read\n" in done.stderr + done.stdout
    rows = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert [row["video_id"] for row in rows] == [str(path) for path in paths]
    assert ["error" in row for row in rows] == [True, False, True, True, False, True]
    assert rows[0]["error"] == "zero.mp4: the file is empty (0 bytes)"
    assert "frames/img_00002.png: its size differs" in rows[5]["error"]
    labels = (tiny_data() / "labels.txt").read_text().splitlines()
    for row, scores in ((rows[1], alone(cfg, good)), (rows[4], alone(cfg, other))):
        assert set(row) == FIELDS
        np.testing.assert_allclose(row["top5_values"], scores[row["top5_indices"]], rtol=1e-4)
        assert row["top5_labels"] == [labels[i] for i in row["top5_indices"]]
        assert row["top5_values"] == sorted(row["top5_values"], reverse=True)
        best = row["top5_values"][0], row["top5_indices"][0]
        assert (row["top1_values"], row["top1_indices"]) == best
    assert "not read: nowhere.mp4: No such file or directory" in done.stdout
    assert rows[4]["top1_label"] in done.stdout


def test_broken_weights_are_told_before_anything_is_written(own_folder: Path) -> None:
    """Weights too large make inf of every clip; nan in the file is seen as it is loaded."""
    cfg = tiny_config(own_folder)
    weights, video = save_tiny_model(cfg), tiny_data() / "val" / "000000.mp4"
    tensors = pickle.loads(weights.read_bytes())
    name, shift = "head.projection.weight", "s5.pathway0_res0.branch2.c_bn.bias"
    tensors[shift] = np.full_like(tensors[shift], 100)
    reason = "the network's output for it is not finite: its weights are broken"
    for value, fault in ((3e38, reason), (np.nan, f"{name} holds numbers that are not finite")):
        tensors[name] = np.full_like(tensors[name], value)
        weights.write_bytes(pickle.dumps(tensors))
        done = main_here("--infer", video, "-w", weights, cwd=own_folder)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert fault in done.stdout + done.stderr
        done = main_here("--test", "--out", "a.npz", "-w", weights, cwd=own_folder)
        assert done.returncode == 1 and fault in done.stderr
        assert not (own_folder / "a.npz").exists() and not [*own_folder.rglob("test_result.json")]
    rows = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert rows == [{"video_id": str(video), "error": reason}]  # of the first


def test_without_class_names_the_table_shows_numbers() -> None:
    row = {"video_id": "a.mp4", "top5_indices": [3, 0], "top5_values": [0.75, 0.25]}
    assert table([row]).splitlines()[1:] == [
        "a.mp4",
        "  class 3   75.0 %  ######################",
        "  class 0   25.0 %  ########",
    ]


def test_rows_are_saved_before_they_are_printed(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(results: object) -> str:
        raise OSError("the screen is gone")

    monkeypatch.setattr(infer, "table", fails)
    monkeypatch.setattr(infer, "rows_of_videos", lambda *args, **rest: [(0, VideoError("a: b"))])
    cfg = Config()
    with pytest.raises(OSError, match="the screen is gone"):
        infer.infer(fresh_state(tiny_config(own_folder)).model, [Sample("a")], None, cfg)
    assert json.loads(infer.RESULT.read_text()) == [{"video_id": "a", "error": "a: b"}]
