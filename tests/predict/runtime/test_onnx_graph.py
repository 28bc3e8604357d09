from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor
from support.tiny_run import fresh_state, tiny_config

from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.runtime.graph import FromFrames, trace
from slowfast.predict.runtime.onnx_graph import to_onnx

NETWORKS = {
    "slow_only": ["model.name=slow_only"],
    "fast_only": ["model.name=fast_only"],
    "strided": ["model.slow_frames=strided"],
    "one window": ["model.head_pooling=global"],
    "logits averaged": ["model.average_positions=score"],
    "several labels": ["train.task=multi"],
    "bare laterals": ["model.lateral_norm=false"],
    "few temporal": ["model.temporal_blocks=[1,0,1,0]"],
    "dense": ["test.crop_size=40", "test.short_side=40"],
    "colours": ["data.mean=[0.5,0.25,0.125]", "data.std=[0.5,0.25,0.2]"],
}


def lively(model: VideoClassifier) -> VideoClassifier:
    """The network with batch norms that change what they get, as after training."""
    for name, tensor in model.state_dict().items():
        rng = np.random.default_rng(len(name))
        if "_bn." in name or ".bn." in name:
            low, high = (-0.2, 0.2) if name.endswith((".bias", "._mean")) else (0.6, 1.4)
            tensor.set_value(rng.uniform(low, high, tensor.shape).astype(np.float32))
    return model


def session(layer: FromFrames, num_frames: int, least_side: int) -> onnxruntime.InferenceSession:
    model = to_onnx(trace(layer, num_frames, least_side))
    return onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "prob") for name in NETWORKS), ("dense", "score"), ("dense", "features")],
)
def test_rows_are_those_of_eager_mode(tmp_path: Path, name: str, kind: str) -> None:
    """In any number, and of pictures of any size that the window fits into."""
    cfg = tiny_config(tmp_path, *NETWORKS[name])
    layer = FromFrames(lively(fresh_state(cfg).model), cfg, kind)
    side = cfg.test.crop_size
    graph_of_it = session(layer, cfg.data.num_frames, side)
    rng = np.random.default_rng(0)
    for number, height, width in ((1, side, side), (3, side, 2 * side), (2, side + 31, side + 1)):
        clips = rng.integers(0, 256, (number, 8, height, width, 3), np.uint8)
        with paddle.no_grad():
            wanted = layer(paddle.to_tensor(clips)).numpy()
        (found,) = graph_of_it.run(None, {"clips": clips})
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_a_window_is_as_large_as_the_picture_at_the_most(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.crop_size=96", "data.max_short_side=96",
                      "data.min_short_side=96")  # fmt: skip
    model = fresh_state(cfg).model
    layer = FromFrames(model, cfg, "features")
    assert model.head.pool_size == 3
    clips = np.random.default_rng(0).integers(0, 256, (1, 8, 33, 60, 3), np.uint8)
    with paddle.no_grad():
        wanted = layer(paddle.to_tensor(clips)).numpy()
    (found,) = session(layer, 8, 33).run(None, {"clips": clips})
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert model.head.pool_size == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "what"),
    [
        (lambda x: paddle.cumsum(x, axis=1), "cumsum"),
        (lambda x: F.max_pool1d(x.unsqueeze(0), 2, ceil_mode=True), "an adaptive pool"),
    ],
    ids=["an operator", "a form of one"],
)
def test_what_has_no_form_is_named(tmp_path: Path, more: Any, what: str) -> None:
    class Odd(FromFrames):
        def forward(self, clips: Tensor, *boxes: Any) -> Tensor:
            return more(super().forward(clips, *boxes))

    cfg = tiny_config(tmp_path)
    traced = trace(Odd(fresh_state(cfg).model, cfg, "prob"), 8, 32)
    with pytest.raises(NotImplementedError, match=f"{what}.* has no form in ONNX"):
        to_onnx(traced)


def test_several_labels_keep_their_order_where_all_are_unlikely(tmp_path: Path) -> None:
    """ONNX Runtime's own sigmoid is 0 below -18. And what is not finite stays so."""
    cfg = tiny_config(tmp_path, "train.task=multi")
    layer = FromFrames(fresh_state(cfg).model, cfg, "prob")
    bias = layer.model.head.projection.bias
    clips = np.zeros((1, 8, 32, 32, 3), np.uint8)
    bias.set_value(np.linspace(-80, 80, 24, dtype=np.float32))
    (rows,) = session(layer, 8, 32).run(None, {"clips": clips})
    logits = layer.model(paddle.zeros([1, 3, 8, 32, 32])).numpy().astype(np.float64)
    assert np.ptp(logits) > 150
    expected = layer(paddle.to_tensor(clips)).numpy()
    np.testing.assert_allclose(rows, expected, rtol=1e-4)
    assert rows[0, :10].tolist() == sorted(set(rows[0, :10].tolist())) and rows[0, 0] > 0
    bias.set_value(np.array([np.nan, np.inf, -np.inf] + [0] * 21, np.float32))
    (rows,) = session(layer, 8, 32).run(None, {"clips": clips})
    assert np.isfinite(rows[0]).tolist() == [False] * 3 + [True] * 21
