"""A real clip as H.264, MPEG-4 and JPEG frames: the same frames, pictures, and predictions."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.filled import fill
from support.paths import REPOSITORY
from support.tiny_run import main_here
from support.videos import write_frames, write_mpeg4

from slowfast import config
from slowfast.config import DataConfig, load_config
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.models import build_model
from slowfast.train.checkpoint import TrainState, save_checkpoint
from slowfast.train.folder import checkpoints
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights import save

CLIP = REPOSITORY.parent / "shared" / "videos" / "kinetics_like_10s_h264.mp4"
NUM_FRAMES = 300

pytestmark = pytest.mark.skipif(not CLIP.exists(), reason=f"there is no {CLIP}")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """The clip as it is, as MPEG-4, and as a folder of JPEG frames of quality 97."""
    folder = tmp_path_factory.mktemp("forms")
    pictures = open_video(Sample(str(CLIP)), "", 0).frames(np.arange(NUM_FRAMES))
    write_mpeg4(folder / "mpeg4.mp4", pictures)
    count = write_frames(folder / "frames", pictures)
    return {
        "h264": Sample(str(CLIP), 0),
        "mpeg4": Sample(str(folder / "mpeg4.mp4"), 0),
        "frames": Sample(str(folder / "frames"), 0, count),
    }


@pytest.fixture(scope="module")
def views(forms: dict[str, Sample]) -> dict[str, VideoViews]:
    """The views of each form by the default protocol: 10 x 3 of 256 x 256."""
    read = MultiViewVideos([*forms.values()], DataConfig(), config.TestConfig())
    return {name: read(index) for index, name in enumerate(forms)}


def test_every_form_gives_the_same_views(views: dict[str, VideoViews]) -> None:
    h264 = views["h264"]
    assert h264.frames.shape == (246, 256, 340, 3)
    assert h264.crops == [(0, 0), (0, 42), (0, 84)]
    for form in ("mpeg4", "frames"):
        np.testing.assert_array_equal(views[form].clips, h264.clips)
        assert views[form].crops == h264.crops
        assert views[form].frames.shape == h264.frames.shape


# Measured, the worst frame and the mean: MPEG-4 36.0 and 36.8 dB, JPEG 41.2 and 43.2 dB. A frame
# and the one after it are at most 30.3 dB alike: one frame off anywhere, and this fails.
@pytest.mark.parametrize(("form", "floor"), [("mpeg4", 35.0), ("frames", 40.0)])
def test_pictures_are_equal_up_to_the_loss_of_the_codec(
    views: dict[str, VideoViews], form: str, floor: float
) -> None:
    h264 = views["h264"].frames
    assert psnr(h264, views[form].frames).min() > floor
    assert psnr(h264[1:], h264[:-1]).max() < 31


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each pair of pictures, dB."""
    return np.array([cv2.PSNR(*pair) for pair in zip(first, second, strict=True)])


SMALL = """
model: {num_classes: 5, slow_depth: 14, fast_depth: 14, width: 16}
data: {num_frames: 16, sampling_stride: 4, crop_size: 48, num_workers: 2}
test: {short_side: 64, crop_size: 48}
"""
"""A network of ours, far smaller than any published one."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with its config of a network whose weights follow from their names."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.yaml").write_text(SMALL)
    cfg = load_config(folder / "small.yaml", [f"output_dir={folder / 'out'}"])
    model = build_model(cfg.model, cfg.data.crop_size)
    fill(model)
    model.head.projection.weight.set_value(10 * model.head.projection.weight)
    save.write_config(cfg)
    save_checkpoint(TrainState(model, build_optimizer(model, cfg.optim), epoch=1), cfg)
    return checkpoints(cfg.output_dir)[0]


def check_predictions(rows: list[dict[str, Any]]) -> None:
    """The predictions of the three forms agree, class by class.

    Measured: MPEG-4 is 0.007 from H.264 and JPEG 0.0003. Frames that are one late are 0.0035 from
    it, and pictures with red and blue exchanged 0.165.
    """
    h264, mpeg4, frames = map(probabilities, rows)
    assert [row["top5_indices"] for row in rows] == [rows[0]["top5_indices"]] * 3
    assert sum(h264) == pytest.approx(1)
    assert max(h264) < 0.9
    np.testing.assert_allclose(mpeg4, h264, rtol=0, atol=0.02)
    np.testing.assert_allclose(frames, h264, rtol=0, atol=0.002)


def probabilities(row: dict[str, Any]) -> list[float]:
    """The five classes' probabilities in the order of the classes."""
    return [value for _, value in sorted(zip(row["top5_indices"], row["top5_values"], strict=True))]


def test_all_forms_are_tested_alike(
    tmp_path: Path, forms: dict[str, Sample], weights: Path
) -> None:
    lines = [
        f"{sample.path} {sample.label}"
        if sample.num_frames is None
        else f"{sample.path} {sample.num_frames} {sample.label}"
        for sample in forms.values()
    ]
    (tmp_path / "test.list").write_text("\n".join(lines))
    overrides = ("data.test_list=test.list", "output_dir=tested")
    done = main_here("--test", "-w", weights, "-o", *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "tested" / "test_result.json").read_text())
    assert (result["num_videos"], result["num_views"], result["top5"]) == (3, 30, 1)
    rows = result["predictions"]
    assert [row["path"] for row in rows] == [sample.path for sample in forms.values()]
    check_predictions(rows)


def test_all_forms_are_predicted(tmp_path: Path, forms: dict[str, Sample], weights: Path) -> None:
    paths = [sample.path for sample in forms.values()]
    whole = ["--views", "10x3", "--precision", "fp32"]
    done = main_here("--infer", *paths, *whole, "-w", weights, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "data" / "results" / "result.json").read_text())
    assert [row["video_id"] for row in rows] == paths
    check_predictions(rows)
