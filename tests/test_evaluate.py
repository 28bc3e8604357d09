"""The multi-view test: each video once, whatever the number of processes; bounded memory."""

import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import paddle
import pytest
from tiny_run import main_py, tiny_config

from slowfast.config import Config
from slowfast.data.annotations import Sample, read_list
from slowfast.data.dataset import MultiViewVideos
from slowfast.engine import evaluate, state
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.optim import build_optimizer


def save_tiny_model(cfg: Config) -> Path:
    """An untrained network as a checkpoint with its config; returns its weights file."""
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size)
    state.write_config(cfg)
    run = state.TrainState(model, build_optimizer(model, cfg.optim), epoch=1)
    state.save_checkpoint(run, cfg)
    return state.checkpoints(cfg.output_dir)[0]


def test_one_two_and_three_processes_give_the_same_numbers(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path, "data.num_workers=1"))
    results = []
    for processes in (1, 2, 3):
        done = main_py("--test", "-w", weights, cwd=tmp_path, processes=processes)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "over 7 videos, 10 x 3 views each" in done.stdout
        results.append(json.loads((tmp_path / "out" / "test_result.json").read_text()))
    for result in results:
        assert result["num_videos"] == 7 and result["num_views"] == 30
        assert [row["index"] for row in result["predictions"]] == list(range(7))
        assert (result["top1"], result["top5"]) == (results[0]["top1"], results[0]["top5"])
        for row, own in zip(result["predictions"], results[0]["predictions"], strict=True):
            assert row["top5_indices"] == own["top5_indices"]
            np.testing.assert_allclose(row["top5_values"], own["top5_values"], rtol=1e-5)
    rows = results[0]["predictions"]
    top1 = np.mean([row["label"] == row["top5_indices"][0] for row in rows])
    top5 = np.mean([row["label"] in row["top5_indices"] for row in rows])
    assert (results[0]["top1"], results[0]["top5"]) == pytest.approx((top1, top5))


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_view_scores_are_those_of_each_view_cut_out_by_hand(
    tmp_path: Path, average_clips: str
) -> None:
    cfg = tiny_config(
        tmp_path, "test.num_clips=2", "test.views_per_chunk=4", "data.mean=[0.5,0.25,0.125]",
        f"test.average_clips={average_clips}",
    )  # fmt: skip
    model = build_model(cfg.model, cfg.data.crop_size)
    model.eval()
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    video = MultiViewVideos(samples, cfg.data, cfg.test)(3)
    scores = evaluate.view_scores(model, video, cfg)
    wanted = []
    for clip in video.clips:
        for y, x in video.crops:
            frames = video.frames[clip][:, y : y + 32, x : x + 32].astype(np.float64) / 255
            pixels = (frames - np.array(cfg.data.mean)) / np.array(cfg.data.std)
            tensor = paddle.to_tensor(pixels.transpose(3, 0, 1, 2)[None].astype("float32"))
            score = model.predict(tensor) if average_clips == "prob" else model(tensor)
            wanted.append(score.numpy()[0])
    assert scores.shape == (6, 24)
    np.testing.assert_allclose(scores, np.stack(wanted), rtol=1e-4, atol=1e-6)


def test_no_more_views_at_once_than_a_chunk_has(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "test.views_per_chunk=4")
    sizes = []

    class Counting(VideoClassifier):
        def predict(self, clip_NCTHW: paddle.Tensor) -> paddle.Tensor:
            sizes.append(clip_NCTHW.shape[0])
            return paddle.zeros([clip_NCTHW.shape[0], 24])

    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    video = MultiViewVideos(samples, cfg.data, cfg.test)(0)
    assert evaluate.view_scores(Counting(), video, cfg).shape == (30, 24)
    assert sizes == [4, 4, 4, 4, 4, 4, 4, 2]


def test_a_large_video_is_resized_frame_by_frame(tmp_path: Path) -> None:
    """Never are more than a few frames there at their full size."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 41):
        cv2.imwrite(str(folder / f"img_{number:05d}.jpg"), np.zeros((1080, 1920, 3), np.uint8))
    cfg = tiny_config(tmp_path)
    tracemalloc.start()
    video = MultiViewVideos([Sample(str(folder), 0, 40)], cfg.data, cfg.test)(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(video.frames) > 30
    assert peak < 5 * 1080 * 1920 * 3


def test_averages_of_probabilities_and_of_logits_differ() -> None:
    logits = np.array([[4.0, 0.0, 0.0], [0.0, 1.0, 0.5]], dtype=np.float32)
    powers = np.exp(logits.mean(axis=0))
    np.testing.assert_allclose(
        evaluate.average_views(logits, "score"), powers / powers.sum(), rtol=1e-6
    )
    np.testing.assert_allclose(evaluate.average_views(logits, "prob"), logits.mean(axis=0))


def test_a_checkpoint_with_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path))
    done = main_py("--test", "-w", weights, "-o", "model.num_classes=25", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert (
        "head.projection.weight is [288, 24] in the file, [288, 25] in the network" in done.stderr
    )


def test_a_video_that_cannot_be_read_ends_the_test_by_name(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path))
    (tmp_path / "val.list").write_text("/no/such/video.mp4 0\n")
    done = main_py("--test", "-w", weights, "-o", "data.val_list=val.list", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: /no/such/video.mp4: No such file or directory\n"
