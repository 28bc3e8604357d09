"""The blocks that both pathways are made of, against their definition."""

import math
from typing import Any

import numpy as np
import paddle.nn.functional as F
import pytest
from support.small_nets import random_clip, small, temporal_kernels, wake_up

from slowfast.models.resnet3d import Bottleneck, set_recompute


def test_a_block_step_by_step() -> None:
    """Against the definition; fresh batch norm only divides by ``sqrt(1 + eps)``."""
    net = small()
    wake_up(net)
    net.eval()
    block = net.s4.pathway1_res0
    channels = block.branch1.weight.shape[1]
    x = random_clip(1, channels, 4, 6, 8)
    layers = block.branch2.a, block.branch2.b, block.branch2.c, block.branch1
    a, b, c, shortcut = weights = [layer.weight for layer in layers]
    assert [w.shape[2:] for w in weights] == [[3, 1, 1], [1, 3, 3], [1, 1, 1], [1, 1, 1]]
    norm = 1 / math.sqrt(1 + 1e-5)
    y = F.relu(norm * F.conv3d(x, a, padding=(1, 0, 0)))
    y = F.relu(norm * F.conv3d(y, b, stride=(1, 2, 2), padding=(0, 1, 1)))
    y = 0.5 * norm * F.conv3d(y, c)
    expected = F.relu(y + norm * F.conv3d(x, shortcut, stride=(1, 2, 2)))
    assert expected.shape == [1, 2 * channels, 4, 3, 4]
    np.testing.assert_allclose(block(x).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_blocks_start_as_the_identity() -> None:
    """At first a block passes its projected input on, whatever the residual branch computes."""
    net = small()
    net.eval()
    block = net.s3.pathway0_res0
    x = F.relu(random_clip(1, net.s3.pathway0_res0.branch1.weight.shape[1], 2, 8, 8))
    expected = F.relu(block.branch1_bn(block.branch1(x)))
    np.testing.assert_array_equal(block(x).numpy(), expected.numpy())


def test_temporal_kernels_of_each_stage() -> None:
    def kernels(net: Any, pathway: int) -> list[list[int]]:
        return [temporal_kernels(net, n, pathway) for n in (2, 3, 4, 5)]

    def stems(net: Any) -> list[list[int]]:
        both = net.s1.pathway0_stem, net.s1.pathway1_stem
        return [stem.conv.weight.shape[2:] for stem in both]

    net = small(slow_depth=26, fast_depth=26)
    assert kernels(net, 0) == [[1, 1], [1, 1], [3, 3], [3, 3]]
    assert kernels(net, 1) == [[3, 3]] * 4
    assert stems(net) == [[1, 7, 7], [5, 7, 7]]
    net = small(slow_depth=26, fast_depth=26, temporal_blocks=(2, 0, 1, 2), stem_kernel=3)
    assert kernels(net, 0) == [[1, 1], [1, 1], [3, 1], [3, 3]]
    assert kernels(net, 1) == [[3, 3], [1, 1], [3, 1], [3, 3]]
    assert stems(net) == [[1, 3, 3], [5, 3, 3]]


def test_set_recompute_reaches_each_stage() -> None:
    net = small()
    stages = [net.s2, net.s3, net.s4, net.s5]
    assert {stage.recompute for stage in stages} == {"none"}
    names = [*net.state_dict()]
    set_recompute(net, "blocks")
    assert {stage.recompute for stage in stages} == {"blocks"}
    assert [*net.state_dict()] == names


@pytest.mark.parametrize(("units", "calls"), [("none", 0), ("stages", 4), ("blocks", 8)])
def test_what_is_recomputed(units: str, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four stages, with a block in each of two pathways."""
    given: list[Any] = []

    def note(function: Any, *inputs: Any) -> Any:
        given.append(function)
        return function(*inputs)

    monkeypatch.setattr("slowfast.models.resnet3d.recomputed", note)
    net = small(train_crop=32)
    set_recompute(net, units)
    net(random_clip(1, 3, 8, 32, 32))
    assert len(given) == calls
    assert units != "blocks" or {type(block) for block in given} == {Bottleneck}
