"""Networks for boxes in ONNX: rows are those of eager mode, in both runtimes that read it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import paddle
import pytest
from support.small_nets import wake_up
from support.tiny_run import fresh_state, tiny_config

from slowfast.predict.runtime.built import ONNX, eager_rows
from slowfast.predict.runtime.checks import difference
from slowfast.predict.runtime.graph import FromFrames, trace
from slowfast.predict.runtime.noise import boxes_on_noise, inputs_of_noise
from slowfast.predict.runtime.onnx_graph import to_onnx
from slowfast.predict.runtime.runtimes import OpenVino

NETWORKS = {
    "as published": ["model.roi_aligned=false", "model.name=slow_only"],
    "context": ["model.roi_context=true", "model.roi_size=8", "model.roi_time=max"],
    "non-local": ["model.nonlocal_blocks=[0]", "model.roi_sampling=2"],
}


def layer_of(folder: Path, *overrides: str, kind: str = "score") -> Any:
    cfg = tiny_config(folder, "train.task=detection", *overrides)
    model = fresh_state(cfg).model
    wake_up(model)
    for name, tensor in model.state_dict().items():
        if "_nonlocal" in name and name.endswith(("bn.weight", ".bias")):
            tensor.set_value(paddle.rand(tensor.shape))
    return FromFrames(model, cfg, kind), cfg


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_are_those_of_eager_mode(tmp_path: Path, name: str) -> None:
    """Of boxes inside, outside and without area, one of them and many, on pictures of any size;
    a clip may have none."""
    layer, cfg = layer_of(tmp_path, *NETWORKS[name])
    graph = to_onnx(trace(layer, 8, 32))
    (tmp_path / ONNX).write_bytes(graph.SerializeToString())
    session = onnxruntime.InferenceSession(tmp_path / ONNX)
    openvino, rng = OpenVino(tmp_path), np.random.default_rng(0)
    odd, counts = boxes_on_noise(cfg, 3)
    odd[7] = -1e5, 1e9, np.inf, 1e9 + 64  # the kernels' work would have no end
    for high, wide in ((64, 80), (61, 90)):
        clips = rng.integers(0, 256, (3, 8, high, wide, 3), np.uint8)
        boxes = odd * (high / 32)
        for inputs in (
            (clips, boxes, counts),
            (clips, boxes[:9], np.array([2, 0, 7], np.int32)),
            (clips[:1], boxes[:1], np.array([1], np.int32)),
        ):
            wanted = eager_rows(layer, *inputs)
            (found,) = session.run(
                None, dict(zip(("clips", "boxes", "counts"), inputs, strict=True))
            )
            assert found.shape == (len(inputs[1]), 24)
            assert difference(found, wanted) < 2e-5
            assert difference(openvino.run(*inputs), wanted) < 2e-5


def test_probabilities_of_boxes_with_one_label_each(tmp_path: Path) -> None:
    layer, cfg = layer_of(tmp_path, "model.labels_per_box=one", kind="prob")
    graph = to_onnx(trace(layer, 8, 32))
    inputs = inputs_of_noise(cfg)
    feeds = dict(zip(("clips", "boxes", "counts"), inputs, strict=True))
    (found,) = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, feeds)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert difference(found, eager_rows(layer, *inputs)) < 2e-5


def test_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    layer, _ = layer_of(tmp_path)
    graph = to_onnx(trace(layer, 8, 32)).graph
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert shapes == {
        "clips": ["N", 8, "H", "W", 3], "boxes": ["K", 4], "counts": ["N"], "rows": ["K", 24]
    }  # fmt: skip
