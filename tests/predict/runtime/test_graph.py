from pathlib import Path

import numpy as np
import paddle
import pytest
from support.tiny_run import fresh_state, tiny_config

from slowfast.models.pathways import normalize
from slowfast.models.roi_head import joined
from slowfast.predict.runtime.graph import KINDS, FromFrames, save_program, trace


@pytest.mark.parametrize("kind", KINDS)
def test_rows_from_frames(tmp_path: Path, kind: str) -> None:
    cfg = tiny_config(tmp_path)
    model = fresh_state(cfg).model
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 32, 32, 3), np.uint8)
    with paddle.no_grad():
        found = FromFrames(model, cfg, kind)(paddle.to_tensor(frames))
        clip = normalize(paddle.to_tensor(frames), cfg.data.mean, cfg.data.std)
        logits = model(clip)
        wanted = {"score": logits, "prob": model.predict(clip), "features": model.embed(clip)}[kind]
        if kind == "features":
            np.testing.assert_allclose(model.head.projection(found), logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert not model.training


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_boxes(tmp_path: Path, kind: str) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection")
    model = fresh_state(cfg).model
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 32, 48, 3), np.uint8)
    boxes = [np.array([[0, 0, 20, 30], [5, 5, 40, 20]], np.float32), np.array([[9, 2, 30, 31]])]
    with paddle.no_grad():
        found = FromFrames(model, cfg, kind)(paddle.to_tensor(frames), *joined(boxes))
        clip = normalize(paddle.to_tensor(frames), cfg.data.mean, cfg.data.std)
        logits = model(clip, *joined(boxes))
        if kind == "features":
            found = model.head.projection(found)
        wanted = paddle.concat(model.predict(clip, boxes)) if kind == "prob" else logits
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
    assert found.shape == [3, 24]


def test_a_program_is_saved_for_any_clip(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    layer = FromFrames(fresh_state(cfg).model, cfg, "prob")
    save_program(trace(layer, 8, 32), tmp_path / "program")
    program = paddle.jit.load(str(tmp_path / "program"))
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 48, 64, 3), np.uint8)
    with paddle.no_grad():
        found, wanted = (f(paddle.to_tensor(frames)).numpy() for f in (program, layer))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
