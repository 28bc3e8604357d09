"""Other systems' checkpoints load as ours, every tensor accounted for.

golden/foreign_names.json holds the layers of PyTorchVideo's and mmaction2's own networks:
golden/make_foreign_files.py. Their logits after loading: golden/check_foreign_files.py.
"""

import functools
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paddle
import pytest
import safetensors.numpy
from paddle import nn
from support import torch_bytes as tb
from support.foreign_names import (
    caffe2,
    mmaction2,
    older_paddle,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
    pytorchvideo_trained,
)
from support.paths import GOLDEN
from support.small_nets import scrambled, small, tensors_of

import slowfast.models
from slowfast.weights.load import load_weights
from slowfast.weights.names import translate
from slowfast.weights.systems import Tensors

REAL = json.loads((GOLDEN / "foreign_names.json").read_text())


def small_net(lateral_norm: bool = True) -> nn.Layer:
    return small(slow_depth=26, lateral_norm=lateral_norm)


def as_pickle(inside: str | None, protocol: int) -> Callable[[Tensors], bytes]:
    def write(state: Tensors) -> bytes:
        return pickle.dumps({inside: state} if inside else state, protocol=protocol)

    return write


def as_torch(inside: str, legacy: bool) -> Callable[[Tensors], bytes]:
    return lambda state: tb.save(state, legacy=legacy, inside=inside)


System = tuple[Callable[[Tensors], Tensors], Callable[[Tensors], bytes], str]
SYSTEMS: dict[str, System] = {
    "PaddleVideo": (paddlevideo, as_pickle(None, 2), "PaddleVideo's"),
    "older Paddle": (older_paddle, as_pickle(None, 2), "PaddleVideo's"),
    "PySlowFast": (pyslowfast, as_torch("model_state", False), "PySlowFast's; {n} {counters}"),
    "PySlowFast, 2019": (pyslowfast, as_torch("model_state", True), "PySlowFast's; {n} {counters}"),
    "PyTorchVideo": (
        pytorchvideo, as_torch("model_state", False), "PyTorchVideo's; {n} {counters}",
    ),
    "PyTorchVideo, trained on": (
        pytorchvideo_trained, as_torch("model_state", False), "PyTorchVideo's; {n} {counters}",
    ),
    "PyTorchVideo, safetensors": (
        pytorchvideo, safetensors.numpy.save, "PyTorchVideo's; {n} {counters}",
    ),
    "mmaction2": (mmaction2, as_torch("state_dict", False), "mmaction2's; {n} {counters}"),
    "mmaction2, 2020": (mmaction2, as_torch("state_dict", True), "mmaction2's; {n} {counters}"),
    "caffe2": (
        caffe2, as_pickle("blobs", 2),
        "PySlowFast (caffe2)'s; {momenta} momentum, 1 lr, 1 iter left out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("lateral_norm", [True, False])
def test_every_tensor_of_every_system_is_loaded(
    tmp_path: Path, system: str, lateral_norm: bool
) -> None:
    names, write, origin = SYSTEMS[system]
    net, path = small_net(lateral_norm=lateral_norm), tmp_path / "a.weights"
    ours = scrambled(net)
    path.write_bytes(write(names(ours)))
    counted = {
        "n": sum(name.endswith("_mean") for name in ours),
        "counters": "num_batches_tracked left out",
        "momenta": sum(not name.endswith(("_mean", "_variance")) for name in ours),
    }
    count = len(ours)
    assert load_weights(net, path) == (
        f"{count} of {count} tensors loaded from {path} ({origin.format(**counted)})"
    )
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, ours[name], err_msg=name)


NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@functools.lru_cache
def our_shapes(constructor: str, lateral_norm: bool) -> dict[str, list[int]]:
    with paddle.LazyGuard():  # of which the shapes alone are needed
        net = getattr(slowfast.models, constructor)(lateral_norm=lateral_norm)
    return {name: list(tensor.shape) for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize(
    ("system", "constructor"),
    [
        ("PyTorchVideo", "slowfast_r50"),
        ("mmaction2", "slowfast_r50_4x16"),
        ("mmaction2_norm", "slowfast_r50"),
    ],
)
def test_the_real_names_and_shapes_are_those_of_our_network(system: str, constructor: str) -> None:
    theirs: Tensors = {}
    for layer, shape in REAL[system].items():
        kinds = NORM if len(shape) == 1 else ("weight", "bias") if len(shape) == 2 else ("weight",)
        for kind in kinds:
            of_kind = shape[:1] if kind == "bias" else [] if kind == NORM[-1] else shape
            theirs[f"{layer}.{kind}"] = np.broadcast_to(np.float32(1), of_kind)
    found = translate(theirs)
    assert found.system == system.removesuffix("_norm")
    assert len(theirs) == (642 if system == "mmaction2" else 662)
    assert len(theirs) == len(found.tensors) + found.unused["num_batches_tracked"]
    expected = our_shapes(constructor, lateral_norm=system != "mmaction2")
    assert {name: list(value.shape) for name, value in found.tensors.items()} == expected


def test_a_classifier_as_a_convolution_is_turned_too(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pkl"
    ours = scrambled(net)
    blobs = caffe2(ours)
    blobs["pred_w"] = blobs["pred_w"][:, :, None, None, None]
    path.write_bytes(pickle.dumps({"blobs": blobs}, protocol=2))
    load_weights(net, path)
    np.testing.assert_array_equal(tensors_of(net)["head.projection.weight"],
                                  ours["head.projection.weight"])  # fmt: skip
