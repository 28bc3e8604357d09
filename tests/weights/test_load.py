"""Weights files: strict loading, and no code of theirs is ever run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn

from slowfast.config import Config, ModelConfig, TrainConfig
from slowfast.models.variants import build_model
from slowfast.train.checkpoint import TrainState, save_checkpoint
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.damage import WeightsError
from slowfast.weights.formats.read import read_pickle
from slowfast.weights.load import load_pretrained, load_weights, read_weights

SMALL = ModelConfig(slow_depth=14, fast_depth=14, width=16, num_classes=5)


def small_net(num_classes: int = 5) -> nn.Layer:
    model = ModelConfig(slow_depth=14, fast_depth=14, width=16, num_classes=num_classes)
    return build_model(model, train_crop=32)


def tensors_of(net: nn.Layer) -> dict[str, np.ndarray[Any, Any]]:
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def write(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def assert_same_weights(net: nn.Layer, expected: dict[str, np.ndarray[Any, Any]]) -> None:
    found = tensors_of(net)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.fixture
def scrambled() -> nn.Layer:
    """A network in which every tensor is random, the running statistics too."""
    net, rng = small_net(), np.random.default_rng(0)
    for tensor in net.state_dict().values():
        tensor.set_value(rng.standard_normal(tensor.shape).astype(np.float32))
    return net


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_tensor_is_loaded_from_every_pickle_protocol(
    tmp_path: Path, scrambled: nn.Layer, protocol: int
) -> None:
    path, net = tmp_path / "a.pdparams", small_net()
    path.write_bytes(pickle.dumps(tensors_of(scrambled), protocol=protocol))
    count = len(net.state_dict())
    assert load_weights(net, path) == f"{count} of {count} tensors loaded from {path}"
    assert_same_weights(net, tensors_of(scrambled))


def test_what_paddle_saves_is_loaded(tmp_path: Path, scrambled: nn.Layer) -> None:
    path, net = tmp_path / "a.pdparams", small_net()
    paddle.save(scrambled.state_dict(), str(path))
    load_weights(net, path)
    assert_same_weights(net, tensors_of(scrambled))


def test_paddle_loads_what_a_checkpoint_holds(tmp_path: Path, scrambled: nn.Layer) -> None:
    cfg = Config(model=SMALL, train=TrainConfig(epochs=1), output_dir=str(tmp_path))
    state = TrainState(scrambled, build_optimizer(scrambled, cfg.optim), epoch=1)
    save_checkpoint(state, cfg, is_best=True)
    for name in ("SlowFast_epoch_000001.pdparams", "SlowFast_best.pdparams"):
        net = small_net()
        missing, unexpected = net.set_state_dict(paddle.load(str(tmp_path / name)))
        assert (missing, unexpected) == ([], [])
        assert_same_weights(net, tensors_of(scrambled))


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


class Payload:
    """An object whose pickle, when loaded, makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def object_array(payload: Payload) -> np.ndarray[Any, Any]:
    array = np.empty(2, dtype=object)
    array[0] = payload
    return array


@pytest.mark.parametrize(
    "hide",
    [
        lambda payload: payload,
        lambda payload: {"s1.weight": np.zeros(3, np.float32), "extra": payload},
        lambda payload: {"s1.weight": object_array(payload)},
        lambda payload: {"s1.weight": [np.zeros(3, np.float32), [{"deep": payload}]]},
    ],
    ids=["bare", "beside a tensor", "in an object array", "nested"],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_file_is_refused_and_never_run(
    tmp_path: Path, hide: Callable[[Payload], object], protocol: int
) -> None:
    mark, path = tmp_path / "ran", tmp_path / "a.pdparams"
    content = pickle.dumps(hide(Payload(mark)), protocol=protocol)
    pickle.loads(content)
    assert mark.is_dir()  # the file is as dangerous as it means to be
    mark.rmdir()
    path.write_bytes(content)
    # The module of mkdir is named as on this system: posix, nt.
    complaint = f"weights {path} refused: it names {os.mkdir.__module__}.mkdir, which is not numpy"
    assert refusal(small_net(), path).startswith(complaint)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("paddle", "load"),
        ("_codecs", "encode.__class__"),
    ],
)
def test_only_makers_of_numpy_data_may_be_named(tmp_path: Path, module: str, name: str) -> None:
    """A protocol 4 pickle that is this one object, ``module.name``."""
    path = tmp_path / "a.pdparams"
    parts = [b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)]
    path.write_bytes(b"\x80\x04" + b"".join(parts) + b"\x93.")
    with pytest.raises(WeightsError) as caught:
        read_pickle(path)
    expected = f"weights {path} refused: it names {module}.{name}, which is not numpy data"
    assert str(caught.value) == expected


def test_the_training_state_is_read_as_strictly(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "a.pdopt"
    write(path, {"epoch": 1, "velocities": {"a": Payload(mark)}})
    with pytest.raises(WeightsError, match="refused"):
        read_pickle(path)
    assert not mark.exists()


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


CLASSIFIER = ("head.projection.weight", "head.projection.bias")


def test_pretrained_weights_of_the_same_classes_are_all_loaded(
    tmp_path: Path, scrambled: nn.Layer
) -> None:
    path, net = write(tmp_path / "a.pdparams", tensors_of(scrambled)), small_net()
    count = len(net.state_dict())
    assert load_pretrained(net, path) == f"{count} of {count} tensors loaded from {path}"
    assert_same_weights(net, tensors_of(scrambled))


def test_pretrained_weights_of_other_classes_leave_the_classifier(
    tmp_path: Path, scrambled: nn.Layer
) -> None:
    path, net = write(tmp_path / "a.pdparams", tensors_of(scrambled)), small_net(num_classes=7)
    classifier = {name: tensors_of(net)[name] for name in CLASSIFIER}
    count = len(net.state_dict())
    assert load_pretrained(net, path) == (
        f"{count - 2} of {count} tensors loaded from {path}; head.projection.weight, "
        "head.projection.bias left as initialised: 5 classes in the file, 7 in the network"
    )
    assert classifier["head.projection.weight"].any()
    assert_same_weights(net, tensors_of(scrambled) | classifier)


@pytest.mark.parametrize("num_classes", [5, 7])
def test_pretrained_weights_of_another_network_are_refused(
    tmp_path: Path, num_classes: int
) -> None:
    model = ModelConfig(slow_depth=26, fast_depth=14, width=16, num_classes=num_classes)
    other = build_model(model, train_crop=32)
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
