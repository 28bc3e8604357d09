"""Other systems' checkpoints load as ours, every tensor accounted for.

golden/foreign_names.json holds the layers of PyTorchVideo's and mmaction2's own networks:
golden/make_foreign_files.py. Their logits after loading: golden/check_foreign_files.py.
"""

import functools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch_bytes as tb
from paddle import nn
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

import slowfast.models
from slowfast.config import ModelConfig
from slowfast.models.variants import build_model
from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.load import load_pretrained, load_weights
from slowfast.weights.names import find_tensors, translate
from slowfast.weights.systems import Tensors

REAL = json.loads((GOLDEN / "foreign_names.json").read_text())


def small_net(num_classes: int = 5, lateral_norm: bool = True) -> nn.Layer:
    model = ModelConfig(
        slow_depth=26, fast_depth=14, width=16, num_classes=num_classes, lateral_norm=lateral_norm
    )
    return build_model(model, train_crop=32)


def tensors_of(net: nn.Layer) -> Tensors:
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def scrambled(net: nn.Layer) -> Tensors:
    rng = np.random.default_rng(0)
    return {
        name: np.asarray(rng.standard_normal(x.shape), np.float32)
        for name, x in tensors_of(net).items()
    }


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


def refused(net: nn.Layer, path: Path, state: Tensors) -> str:
    path.write_bytes(tb.save(state, legacy=False, inside="model_state"))
    before = tensors_of(net)
    with pytest.raises(WeightsError) as caught:
        load_weights(net, path)
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    return str(caught.value).removeprefix(f"weights {path} ")


def test_what_is_missing_unexpected_or_misshapen_is_listed(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pyth"
    state = pytorchvideo(scrambled(net))
    del state["blocks.1.multipathway_fusion.norm.running_var"]
    state["blocks.1.extra\n.weight"] = np.zeros(1, np.float32)
    state["blocks.6.proj.bias"] = np.zeros(6, np.float32)
    assert refused(net, path, state) == (
        "do not fit the network: s2_fuse.bn._variance is missing; "
        "blocks.1.extra .weight is not in this network; "
        "head.projection.bias is [6] in the file, [5] in the network"
    )


def test_a_network_of_another_depth_is_listed(tmp_path: Path) -> None:
    model = ModelConfig(slow_depth=14, fast_depth=14, width=16, num_classes=5)
    other = build_model(model, train_crop=32)
    message = refused(other, tmp_path / "a.pth", mmaction2(scrambled(small_net())))
    assert "s2.pathway0_res1.branch2.a.weight is not in this network; " in message


def test_two_tensors_for_one_are_refused(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pyth"
    ours = scrambled(net)
    state = pytorchvideo(ours) | pytorchvideo_trained(ours)
    assert refused(net, path, state) == (
        "is damaged or not a weights file: blocks.0.multipathway_blocks.0.conv.weight and "
        "model.blocks.0.multipathway_blocks.0.conv.weight are both s1.pathway0_stem.conv.weight"
    )


@pytest.mark.parametrize("place", ["state_dict", "model_state_dict", "model", "model_state"])
@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("names", [pyslowfast, pytorchvideo, pytorchvideo_trained, mmaction2])
def test_wrapped_networks_are_known(tmp_path: Path, names: Any, wrapper: str, place: str) -> None:
    """DataParallel, DistributedDataParallel and torch.compile put a name in front of all others."""
    net, path = small_net(), tmp_path / "a.pth"
    ours = scrambled(net)
    state = {f"{wrapper}{name}": value for name, value in names(ours).items()}
    path.write_bytes(pickle.dumps({place: state, "epoch": 3, "optimizer": {"state": {}}}))
    load_weights(net, path)
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, ours[name], err_msg=name)


def test_what_is_wrapped_in_part_is_not_unwrapped(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pth"
    state = pyslowfast(scrambled(net)) | {"module.head.projection.bias": np.zeros(5, np.float32)}
    assert "module.head.projection.bias is not in this network" in refused(net, path, state)


def test_a_double_beyond_a_singles_range(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pdparams"
    state: dict[str, Any] = tensors_of(net)
    state["head.projection.bias"] = np.full(5, 1e300)
    path.write_bytes(pickle.dumps(state))
    with pytest.raises(WeightsError, match="head.projection.bias holds numbers that are not finit"):
        load_weights(net, path)


def test_pretrained_weights_of_another_system_leave_the_classifier(tmp_path: Path) -> None:
    net, path = small_net(num_classes=7), tmp_path / "a.pth"
    ours, before = scrambled(small_net()), tensors_of(net)
    path.write_bytes(tb.save(mmaction2(ours), legacy=False, inside="state_dict"))
    count, norms = len(ours), sum(name.endswith("_mean") for name in ours)
    assert load_pretrained(net, path) == (
        f"{count - 2} of {count} tensors loaded from {path} (mmaction2's; {norms} "
        "num_batches_tracked left out); head.projection.weight, head.projection.bias left as "
        "initialised: 5 classes in the file, 7 in the network"
    )
    for name, value in tensors_of(net).items():
        expected = before if name.startswith("head.") else ours
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_torch_file_of_something_else(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "a.pth"
    message = refused(net, path, {"layer1.0.conv1.weight": np.zeros((4, 4), np.float32)})
    assert message.startswith("do not fit the network: s1.pathway0_stem.conv.weight is missing; ")
    path.write_bytes(tb.save({}, legacy=False, inside="model_state"))
    with pytest.raises(WeightsError, match="holds no tensors by name") as caught:
        load_weights(net, path)
    assert not isinstance(caught.value, DamagedError)


def test_arrays_of_text_are_no_tensors() -> None:
    content = {"a": np.array(["x"]), "b": np.ones(2, complex), "c": np.ones(2, np.float16), "d": 1}
    assert list(find_tensors(content)) == ["c"]
