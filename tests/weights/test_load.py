"""Weights of a file in a network: every tensor, or none and a line that says why."""

import os
import pickle
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import nn
from support import torch_bytes as tb
from support.foreign_names import (
    mmaction2,
    mmaction2_boxes,
    pytorchvideo,
    pytorchvideo_boxes,
)
from support.small_nets import scrambled, small, tensors_of

from slowfast.weights.damage import DamagedError, WeightsError
from slowfast.weights.load import CLASSIFIER, load_pretrained, load_weights, read_weights
from slowfast.weights.systems import Tensors

HEAD_WEIGHT, HEAD_BIAS = "head.projection.weight", "head.projection.bias"


def small_net(num_classes: int = 5, **changes: Any) -> nn.Layer:
    return small(train_crop=32, num_classes=num_classes, **changes)


FULL = scrambled(small_net())
"""The tensors of a network, all of random numbers, the running statistics too."""
OF_SEVEN = scrambled(small_net(num_classes=7))


def write(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def assert_same(found: Tensors, expected: Tensors) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def refusal(
    path: Path, net: nn.Layer | None = None, load: Callable[[Any, Path], str] = load_weights
) -> str:
    """Why a file is not loaded into a network, of which no tensor changes."""
    net = net or small_net()
    before = tensors_of(net)
    with pytest.raises(WeightsError) as caught:
        load(net, path)
    assert_same(tensors_of(net), before)
    begin, message = f"weights {path} ", str(caught.value)
    assert message.startswith(begin)
    assert "\n" not in message
    return message.removeprefix(begin)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_tensor_is_loaded_from_every_pickle_protocol(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(FULL, protocol=protocol))
    net, count = small_net(), len(FULL)
    assert load_weights(net, path) == f"{count} of {count} tensors loaded from {path}"
    assert_same(tensors_of(net), FULL)


def test_what_paddle_saves_is_loaded(path: Path) -> None:
    full, net = small_net(), small_net()
    full.set_state_dict(FULL)
    paddle.save(full.state_dict(), str(path))
    load_weights(net, path)
    assert_same(tensors_of(net), FULL)


def test_half_precision_is_loaded_as_single(path: Path) -> None:
    net = small_net()
    halves = {name: value.astype(np.float16) for name, value in FULL.items()}
    load_weights(net, write(path, halves))
    assert_same(tensors_of(net), {name: x.astype(np.float32) for name, x in halves.items()})
    assert all(tensor.dtype == paddle.float32 for tensor in net.state_dict().values())


def test_bfloat16_of_paddle_is_loaded(path: Path) -> None:
    """Paddle saves it as uint16, within a mapping as ``(name, array)``."""
    net, full = small_net(), small_net()
    full.set_state_dict(FULL)
    full.to(dtype="bfloat16")
    expected = {name: x.astype("float32").numpy() for name, x in full.state_dict().items()}
    for content in (full.state_dict(), {"model": full.state_dict(), "epoch": 3}):
        paddle.save(content, str(path))
        assert load_weights(net, path).startswith(f"{len(FULL)} of {len(FULL)} tensors loaded ")
        assert_same(tensors_of(net), expected)


class Payload:
    """An object whose pickle, when loaded, makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_what_is_beside_the_weights_is_never_run_and_no_obstacle(
    path: Path, tmp_path: Path
) -> None:
    beside = {"milestones": Counter({30: 1}), "args": Namespace(lr=1, own=Payload(tmp_path / "a"))}
    load_weights(net := small_net(), write(path, {"model": FULL, **beside}))
    assert_same(tensors_of(net), FULL)
    load_weights(net, write(path, FULL | {"_extra_state": Payload(tmp_path / "a")}))
    message = refusal(write(path, FULL | {HEAD_BIAS: Payload(tmp_path / "a")}))
    assert message == f"refused: {HEAD_BIAS} is made by {os.mkdir.__module__}.mkdir"
    assert not (tmp_path / "a").exists()


def test_other_networks_of_a_file_are_told(path: Path) -> None:
    content = {"ema": {f"module.{name}": -x for name, x in FULL.items()}, "model": FULL}
    said = load_weights(small_net(), write(path, content))
    assert said.endswith(f" tensors loaded from {path} (the network at ema/module left out)")


def test_only_what_is_a_tensor_is_read(path: Path) -> None:
    content = {"a": np.ones(2, np.float32), "StructuredToParameterName@@": {"a": "conv_0.w_0"}}
    assert_same(read_weights(write(path, content)), {"a": np.ones(2, np.float32)})


def without(name: str, tensors: Tensors = FULL) -> Tensors:
    return {key: value for key, value in tensors.items() if key != name}


MISFITS: list[tuple[Tensors, str]] = [
    (OF_SEVEN, f"{HEAD_WEIGHT} is [576, 7] in the file, [576, 5] in the network; "
               f"{HEAD_BIAS} is [7] in the file, [5] in the network"),
    (without("s1_fuse.bn._mean"), "s1_fuse.bn._mean is missing"),
    (FULL | {"s6.weight": np.zeros(3, np.float32)}, "s6.weight is not in this network"),
]  # fmt: skip


@pytest.mark.parametrize(("tensors", "faults"), MISFITS)
def test_what_does_not_fit_is_named(path: Path, tensors: Tensors, faults: str) -> None:
    assert refusal(write(path, tensors)) == f"do not fit the network: {faults}"


def test_only_the_first_faults_are_named(path: Path) -> None:
    message = refusal(write(path, {f"my{name}": x for name, x in FULL.items()}))
    assert "s1.pathway0_stem.conv.weight is missing; " in message
    assert message.endswith(f"; and {2 * len(FULL) - 3} more")


@pytest.mark.parametrize(
    "content", [{}, [1, 2], "weights", None, {"epoch": 3}, {1: np.zeros(2)}, np.zeros(3)], ids=repr
)
def test_a_pickle_without_tensors(path: Path, content: object) -> None:
    assert refusal(write(path, content)) == "holds no tensors by name"


def test_a_file_of_one_object(path: Path) -> None:
    message = refusal(write(path, Path("a")))
    assert message == "holds no tensors by name: it is made by pathlib.PosixPath"


@pytest.mark.parametrize("value", [np.float32("nan"), np.float32("inf"), np.float64(1e300)])
def test_numbers_that_are_not_finite_as_single_are_refused_by_name(path: Path, value: Any) -> None:
    state = FULL | {HEAD_BIAS: np.array([0, value, 2, 3, 4], value.dtype)}
    expected = f"do not fit the network: {HEAD_BIAS} holds numbers that are not finite"
    assert refusal(write(path, state)) == expected


def test_variances_below_0_are_refused(path: Path) -> None:
    """The network would make nan of them, and ReLU 0 of that."""
    name = "s1.pathway0_stem.bn._variance"
    message = refusal(write(path, FULL | {name: -FULL[name]}))
    assert message == f"do not fit the network: {name} holds variances below 0"


def test_pretrained_weights_of_the_same_classes_are_all_loaded(path: Path) -> None:
    net, count = small_net(), len(FULL)
    said = load_pretrained(net, write(path, FULL))
    assert said == f"{count} of {count} tensors loaded from {path}"
    assert_same(tensors_of(net), FULL)


@pytest.mark.parametrize("is_ours", [True, False])
def test_weights_of_other_classes_leave_the_classifier(path: Path, is_ours: bool) -> None:
    net = small_net(num_classes=7)
    classifier = {name: tensors_of(net)[name] for name in CLASSIFIER}
    assert classifier[HEAD_WEIGHT].any()
    theirs = tb.save(mmaction2(FULL), legacy=False, inside="state_dict")
    path.write_bytes(pickle.dumps(FULL) if is_ours else theirs)
    count, norms = len(FULL), sum(name.endswith("_mean") for name in FULL)
    origin = "" if is_ours else f" (mmaction2's; {norms} num_batches_tracked left out)"
    assert load_pretrained(net, path) == (
        f"{count - 2} of {count} tensors loaded from {path}{origin}; {HEAD_WEIGHT}, {HEAD_BIAS} "
        "left as initialised: 5 classes in the file, 7 in the network"
    )
    assert_same(tensors_of(net), FULL | classifier)


def changed(name: str, *shape: int) -> Tensors:
    return OF_SEVEN | {name: np.zeros(shape, np.float32)}


UNLIKE: list[tuple[Tensors, str]] = [
    (scrambled(small_net(5, slow_depth=26)), "s2.pathway0_res1.branch2.a.weight is not in"),
    (scrambled(small_net(7, slow_depth=26)), "s2.pathway0_res1.branch2.a.weight is not in"),
    (without(HEAD_WEIGHT, OF_SEVEN), f"{HEAD_WEIGHT} is missing"),
    (without(HEAD_BIAS, OF_SEVEN), f"{HEAD_BIAS} is missing"),
    # Another number of features, or of classes in one of the two alone, is no other data set.
    (changed(HEAD_WEIGHT, 570, 7), f"{HEAD_WEIGHT} is [570, 7] in the file, "),
    (changed(HEAD_BIAS, 5), f"{HEAD_WEIGHT} is [576, 7] in the file, "),
    (changed(HEAD_BIAS, 8), f"{HEAD_WEIGHT} is [576, 7] in the file, "),
]


@pytest.mark.parametrize(("tensors", "fault"), UNLIKE)
def test_pretrained_weights_must_fit_otherwise(path: Path, tensors: Tensors, fault: str) -> None:
    message = refusal(write(path, tensors), load=load_pretrained)
    assert message.startswith("do not fit the network: ") and fault in message


def save_torch(path: Path, state: Tensors) -> Path:
    path.write_bytes(tb.save(state, legacy=False, inside="model_state"))
    return path


def test_what_does_not_fit_of_another_systems_file_is_named(path: Path) -> None:
    """By our names, and by its own where we have none."""
    state = pytorchvideo(FULL)
    del state["blocks.1.multipathway_fusion.norm.running_var"]
    state["blocks.1.extra\n.weight"] = np.zeros(1, np.float32)
    state["blocks.6.proj.bias"] = np.zeros(6, np.float32)
    assert refusal(save_torch(path, state)) == (
        "do not fit the network: s2_fuse.bn._variance is missing; "
        "blocks.1.extra .weight is not in this network; "
        "head.projection.bias is [6] in the file, [5] in the network"
    )
    deeper = mmaction2(scrambled(small_net(slow_depth=26)))
    assert "s2.pathway0_res1.branch2.a.weight is not in " in refusal(save_torch(path, deeper))
    something_else = {"layer1.0.conv1.weight": np.zeros((4, 4), np.float32)}
    message = refusal(save_torch(path, something_else))
    assert message.startswith("do not fit the network: s1.pathway0_stem.conv.weight is missing; ")


def test_a_torch_file_without_tensors_is_not_damaged(path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no tensors by name") as caught:
        load_weights(small_net(), save_torch(path, {}))
    assert not isinstance(caught.value, DamagedError)


DETECTS = (
    "do not fit the network: they are a detector's, which classifies boxes (train.task=detection), "
    "and this network classifies clips"
)
CLASSIFIES = (
    "do not fit the network: they classify clips, and this network boxes: to train a detector from "
    "them, say -o model.pretrained=FILE in place of -w"
)


def test_boxes_and_clips_are_told_apart_by_the_names(path: Path) -> None:
    """As many classes as there may be."""
    write(path, {"state_dict": mmaction2_boxes(scrambled(small_net(lateral_norm=False)))})
    assert refusal(path, small_net(lateral_norm=False)) == DETECTS
    write(path, pytorchvideo(FULL))
    assert refusal(path, small_net(task="detection")) == CLASSIFIES


def test_boxes_and_clips_are_told_apart_by_the_config_beside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pdparams", FULL)
    for task, other in (("single", "detection"), ("detection", "multi")):
        path.with_suffix(".yaml").write_text(f"train: {{task: {task}}}\n", encoding="utf-8")
        load_weights(small_net(task=task), path)
        fault = DETECTS if task == "detection" else CLASSIFIES
        assert refusal(path, small_net(task=other)) == fault
    path.with_suffix(".yaml").write_text("train: 3\n", encoding="utf-8")
    for task in ("single", "detection"):
        load_weights(small_net(task=task), path)


@pytest.mark.parametrize("classes", [5, 7])
def test_a_file_of_clips_starts_a_detector(path: Path, classes: int) -> None:
    """All but the classifier, of as many classes as here or not, and non-local blocks."""
    write(path, pytorchvideo(FULL))
    net = small_net(classes, task="detection", roi_context=True, nonlocal_blocks=(0,))
    before = tensors_of(net)
    assert load_pretrained(net, path) == (
        f"{len(FULL) - 2} of {len(before)} tensors loaded from {path} (PyTorchVideo's; "
        f"{sum(name.endswith('_mean') for name in FULL)} num_batches_tracked left out); "
        "head.projection.weight, head.projection.bias and non-local blocks left as initialised: "
        "the network classifies boxes, and the file does not"
    )
    rest = {name: x for name, x in FULL.items() if name not in CLASSIFIER}
    assert_same(tensors_of(net), before | rest)
    net = small_net(classes)
    write(path, pytorchvideo_boxes(FULL))
    assert load_pretrained(net, path).endswith("network classifies clips, and the file does not")


def test_names_that_do_not_tell_start_a_detector_too(path: Path) -> None:
    """PySlowFast's; the classifier has half as many inputs, and there are no non-local blocks."""
    write(path, FULL)
    net = small_net(task="detection", roi_context=True)
    assert load_pretrained(net, path).endswith("classifies boxes, and the file does not")
    net = small_net(7, task="detection", nonlocal_blocks=(0,))
    said = "and non-local blocks left as initialised: 5 classes in the file, 7 in the network"
    assert load_pretrained(net, path).endswith(said)
    write(path, pytorchvideo_boxes(FULL))
    net = small_net(task="detection", roi_context=True)
    assert load_pretrained(net, path).endswith("boxes with the picture, and the file does not")
