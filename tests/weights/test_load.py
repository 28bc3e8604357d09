"""Weights of a file in a network: every tensor, or none and a line that says why."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from support import torch_bytes as tb
from support.foreign_names import mmaction2, pytorchvideo
from support.small_nets import scrambled, small, tensors_of

from slowfast.config import Config, TrainConfig
from slowfast.train.checkpoint import TrainState, save_checkpoint
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.load import CLASSIFIER, load_pretrained, load_weights, read_weights
from slowfast.weights.systems import Tensors


def small_net(num_classes: int = 5, **changes: Any) -> nn.Layer:
    return small(train_crop=32, num_classes=num_classes, **changes)


def write(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def assert_same_weights(net: nn.Layer, expected: dict[str, np.ndarray[Any, Any]]) -> None:
    found = tensors_of(net)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.fixture
def full() -> nn.Layer:
    """A network in which every tensor is random, the running statistics too."""
    net = small_net()
    net.set_state_dict(scrambled(net))
    return net


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_tensor_is_loaded_from_every_pickle_protocol(
    tmp_path: Path, full: nn.Layer, protocol: int
) -> None:
    path, net = tmp_path / "a.pdparams", small_net()
    path.write_bytes(pickle.dumps(tensors_of(full), protocol=protocol))
    count = len(net.state_dict())
    assert load_weights(net, path) == f"{count} of {count} tensors loaded from {path}"
    assert_same_weights(net, tensors_of(full))


def test_what_paddle_saves_is_loaded(tmp_path: Path, full: nn.Layer) -> None:
    path, net = tmp_path / "a.pdparams", small_net()
    paddle.save(full.state_dict(), str(path))
    load_weights(net, path)
    assert_same_weights(net, tensors_of(full))


def test_paddle_loads_what_a_checkpoint_holds(tmp_path: Path, full: nn.Layer) -> None:
    cfg = Config(train=TrainConfig(epochs=1), output_dir=str(tmp_path))
    state = TrainState(full, build_optimizer(full, cfg.optim), epoch=1)
    save_checkpoint(state, cfg, is_best=True)
    for name in ("SlowFast_epoch_000001.pdparams", "SlowFast_best.pdparams"):
        net = small_net()
        missing, unexpected = net.set_state_dict(paddle.load(str(tmp_path / name)))
        assert (missing, unexpected) == ([], [])
        assert_same_weights(net, tensors_of(full))


def test_half_precision_is_loaded_as_single(tmp_path: Path) -> None:
    net = small_net()
    halves = {name: value.astype(np.float16) for name, value in tensors_of(net).items()}
    load_weights(net, write(tmp_path / "a.pdparams", halves))
    assert_same_weights(net, {name: value.astype(np.float32) for name, value in halves.items()})
    assert all(tensor.dtype == paddle.float32 for tensor in net.state_dict().values())


def refusal(net: nn.Layer, path: Path, load: Callable[[Any, Path], str] = load_weights) -> str:
    before = tensors_of(net)
    with pytest.raises(WeightsError) as caught:
        load(net, path)
    assert_same_weights(net, before)  # every tensor or none
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_with_another_number_of_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdparams", tensors_of(small_net(num_classes=7)))
    assert refusal(small_net(), path) == (
        f"weights {path} do not fit the network: "
        "head.projection.weight is [576, 7] in the file, [576, 5] in the network; "
        "head.projection.bias is [7] in the file, [5] in the network"
    )


def test_a_missing_tensor(tmp_path: Path) -> None:
    tensors = tensors_of(small_net())
    del tensors["s1_fuse.bn._mean"]
    path = write(tmp_path / "a.pdparams", tensors)
    expected = f"weights {path} do not fit the network: s1_fuse.bn._mean is missing"
    assert refusal(small_net(), path) == expected


def test_an_unexpected_tensor(tmp_path: Path) -> None:
    tensors = tensors_of(small_net()) | {"s6.weight": np.zeros(3, np.float32)}
    path = write(tmp_path / "a.pdparams", tensors)
    expected = f"weights {path} do not fit the network: s6.weight is not in this network"
    assert refusal(small_net(), path) == expected


def test_only_the_first_faults_are_named(tmp_path: Path) -> None:
    tensors = tensors_of(small_net())
    count = len(tensors)
    path = write(tmp_path / "a.pdparams", {f"model.{name}": x for name, x in tensors.items()})
    message = refusal(small_net(), path)
    assert "s1.pathway0_stem.conv.weight is missing; " in message
    assert message.endswith(f"; and {2 * count - 3} more")


@pytest.mark.parametrize(
    "content",
    [{}, [1, 2], "weights", None, {"epoch": 3}, {1: np.zeros(2, np.float32)}, np.zeros(3)],
    ids=["empty", "list", "text", "none", "no tensor", "no name", "array"],
)
def test_a_pickle_without_tensors(tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "a.pdparams", content)
    assert refusal(small_net(), path) == f"weights {path} holds no tensors by name"


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pdparams"
    expected = f"weights {path} cannot be read: No such file or directory"
    assert refusal(small_net(), path) == expected


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(small_net(), tmp_path) == f"weights {tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(100),
        lambda whole: b"not a pickle at all",
        lambda whole: bytes(1000),
    ],
    ids=["empty", "half", "all but the last byte", "picture", "text", "zeros"],
)
def test_a_damaged_file(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    net, path = small_net(), tmp_path / "a.pdparams"
    path.write_bytes(damage(pickle.dumps(tensors_of(net), protocol=4)))
    assert refusal(net, path).startswith(f"weights {path} ")


def test_what_is_no_tensor_is_left_out(tmp_path: Path) -> None:
    content = {"a": np.ones(2, np.float32), "StructuredToParameterName@@": {"a": "conv_0.w_0"}}
    tensors = read_weights(write(tmp_path / "a.pdparams", content))
    assert list(tensors) == ["a"]
    assert tensors["a"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    model = paddle.nn.Linear(2, 3)
    path = write(tmp_path / "a.pdparams", {
        "weight": np.array([[0, 1, 2], [3, value, 5]], np.float32), "bias": np.zeros(3, np.float32)
    })  # fmt: skip
    with pytest.raises(WeightsError, match="weight holds numbers that are not finite"):
        load_weights(model, path)


def test_pretrained_weights_of_the_same_classes_are_all_loaded(
    tmp_path: Path, full: nn.Layer
) -> None:
    path, net = write(tmp_path / "a.pdparams", tensors_of(full)), small_net()
    count = len(net.state_dict())
    assert load_pretrained(net, path) == f"{count} of {count} tensors loaded from {path}"
    assert_same_weights(net, tensors_of(full))


def test_pretrained_weights_of_other_classes_leave_the_classifier(
    tmp_path: Path, full: nn.Layer
) -> None:
    path, net = write(tmp_path / "a.pdparams", tensors_of(full)), small_net(num_classes=7)
    classifier = {name: tensors_of(net)[name] for name in CLASSIFIER}
    count = len(net.state_dict())
    assert load_pretrained(net, path) == (
        f"{count - 2} of {count} tensors loaded from {path}; head.projection.weight, "
        "head.projection.bias left as initialised: 5 classes in the file, 7 in the network"
    )
    assert classifier["head.projection.weight"].any()
    assert_same_weights(net, tensors_of(full) | classifier)


@pytest.mark.parametrize("num_classes", [5, 7])
def test_pretrained_weights_of_another_network_are_refused(
    tmp_path: Path, num_classes: int
) -> None:
    other = small_net(num_classes, slow_depth=26)
    path = write(tmp_path / "a.pdparams", tensors_of(other))
    message = refusal(small_net(), path, load_pretrained)
    assert message.startswith(
        f"weights {path} do not fit the network: "
        "s2.pathway0_res1.branch2.a.weight is not in this network; "
    )


@pytest.mark.parametrize(
    ("name", "shape", "fault"),
    [
        ("head.projection.weight", None, "head.projection.weight is missing"),
        ("head.projection.bias", None, "head.projection.bias is missing"),
        # Another number of features, or of classes in one of the two alone, is no other data set.
        ("head.projection.weight", (570, 7), "head.projection.weight is [570, 7] in the file, "),
        ("head.projection.bias", (5,), "head.projection.weight is [576, 7] in the file, "),
        ("head.projection.bias", (8,), "head.projection.weight is [576, 7] in the file, "),
    ],
)
def test_a_classifier_that_is_none_is_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...] | None, fault: str
) -> None:
    tensors = tensors_of(small_net(num_classes=7))
    del tensors[name]
    if shape:
        tensors[name] = np.zeros(shape, np.float32)
    path = write(tmp_path / "a.pdparams", tensors)
    assert fault in refusal(small_net(), path, load_pretrained)


def test_a_missing_file_of_pretrained_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.pdparams"
    expected = f"weights {path} cannot be read: No such file or directory"
    assert refusal(small_net(), path, load_pretrained) == expected


def refused(net: nn.Layer, path: Path, state: Tensors) -> str:
    """Of a file of torch's."""
    path.write_bytes(tb.save(state, legacy=False, inside="model_state"))
    return refusal(net, path).removeprefix(f"weights {path} ")


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
    state = mmaction2(scrambled(small_net(slow_depth=26)))
    message = refused(small_net(), tmp_path / "a.pth", state)
    assert "s2.pathway0_res1.branch2.a.weight is not in this network; " in message


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
