"""Stages, and batch norm's statistics, that training leaves as they are."""

from typing import Any

import numpy as np
import paddle
import pytest
from support.small_nets import small

from slowfast.models.freeze import LAYERS, freeze, freeze_batch_norm
from slowfast.models.layers.norm import batch_norms


def changed(net: Any) -> set[str]:
    """The tensors that a step of training changes."""
    for norm in batch_norms(net):  # the last of a block is 0, and stops gradients
        norm.weight.set_value(paddle.ones_like(norm.weight))
    before = {name: value.numpy() for name, value in net.state_dict().items()}
    net.train()
    (net(paddle.randn([2, 3, 8, 32, 32])) * paddle.linspace(-1.0, 1.0, 6)).sum().backward()
    paddle.optimizer.SGD(0.1, net.parameters()).step()
    return {name for name, x in net.state_dict().items() if not np.array_equal(x, before[name])}


@pytest.mark.parametrize("stages", [["stem", "res2"], ["res5"], []])
def test_a_frozen_stage_stays_as_it_is(stages: list[str]) -> None:
    net = small(train_crop=32, dropout=0.0)
    freeze(net, stages)
    frozen = [layer for stage in stages for layer in LAYERS[stage]]
    assert changed(net) == {name for name in net.state_dict() if name.split(".")[0] not in frozen}


def test_every_layer_but_the_head_can_be_frozen_of_a_single_pathway_too() -> None:
    layers = {layer for stage in LAYERS.values() for layer in stage}
    assert layers == {name for name, _ in small().named_children()} - {"head"}
    net = small(name="slow_only")
    freeze(net, LAYERS)
    trained = [name for name, p in net.named_parameters() if not p.stop_gradient]
    assert trained == ["head.projection.weight", "head.projection.bias"]


def test_freezing_batch_norm_leaves_it_to_be_trained() -> None:
    net = small(train_crop=32, dropout=0.0)
    freeze_batch_norm(net)
    stays = ("._mean", "._variance")
    assert changed(net) == {name for name in net.state_dict() if not name.endswith(stays)}


def test_a_detectors_non_local_blocks_are_frozen_with_their_stage() -> None:
    net = small(task="detection", nonlocal_blocks=(0,))
    freeze(net, ["res4"])
    assert all(p.stop_gradient for name, p in net.named_parameters() if name.startswith("s4."))
    net = small(task="detection", nonlocal_blocks=(0,))
    freeze(net, LAYERS)
    trained = [name for name, p in net.named_parameters() if not p.stop_gradient]
    assert trained == ["head.projection.weight", "head.projection.bias"]
