"""Constructors of the published networks, and networks from a config."""

import inspect
import pickle
from typing import Any

import paddle
import pytest
from support.small_nets import small, temporal_kernels

import slowfast.models
from slowfast.config import DEPTHS, ModelConfig
from slowfast.models import SinglePathway, SlowFast, build_model, slow_r50, slowfast_r50_4x16
from slowfast.models.head import PROBABILITIES
from slowfast.models.published import VARIANTS
from slowfast.models.variants import CONSTRUCTORS


@pytest.mark.parametrize("name", VARIANTS)
def test_every_published_network_is_a_function_of_the_package(name: str) -> None:
    function = getattr(slowfast.models, name)
    assert inspect.isfunction(function)
    assert (function.__name__, function.__module__) == (name, "slowfast.models")
    assert function.__doc__ == VARIANTS[name].about
    signature = inspect.signature(function)
    assert [*signature.parameters] == ["num_classes", "given"]
    assert signature.parameters["num_classes"].default == VARIANTS[name].num_classes
    assert pickle.loads(pickle.dumps(function)) is function is CONSTRUCTORS[name]
    assert name in slowfast.models.__all__


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="'slowfast.models' has no attribute 'slowfast_r51'"):
        getattr(slowfast.models, "slowfast_r51")  # noqa: B009 - mypy knows the others' names alone


@pytest.mark.parametrize("name", VARIANTS)
def test_a_network_has_what_its_row_says(name: str) -> None:
    variant = VARIANTS[name]
    with paddle.LazyGuard():
        net = CONSTRUCTORS[name](num_classes=11)
    blocks = variant.arguments.get("temporal_blocks")
    for pathway, depth in enumerate(variant.depths):
        kernels = [temporal_kernels(net, n, pathway) for n in (2, 3, 4, 5)]
        assert tuple(map(len, kernels)) == DEPTHS[depth]
        assert [found.count(3) for found in kernels[2:]] == [*(blocks or DEPTHS[depth])[2:]]
    assert net.alpha == variant.alpha
    assert net.probabilities is PROBABILITIES[variant.arguments.get("task", "single")]
    if len(variant.depths) == 1:
        assert isinstance(net, SinglePathway)
        assert net.head.projection.weight.shape == [2048, 11]
        return
    assert net.s1_fuse.conv_f2s._stride[0] == variant.alpha
    assert net.s4_fuse.conv_f2s.weight.shape[2] == variant.arguments["fusion_kernel"]
    assert (net.s1_fuse.bn is None) == ("lateral_norm" in variant.arguments)
    assert net.head.projection.weight.shape == [2304, 11]


def test_constructors_take_other_settings() -> None:
    with paddle.LazyGuard():
        net = slowfast_r50_4x16(slow_frames="strided", pool_size=None, fusion_kernel=7)
    assert (net.slow_frames, net.head.pool_size) == ("strided", None)
    assert net.s4_fuse.conv_f2s.weight.shape[2] == 7
    with paddle.LazyGuard():
        net = slow_r50(task="multi", temporal_blocks=(0, 0, 6, 2))
    assert net.probabilities is PROBABILITIES["multi"]
    assert temporal_kernels(net, 5, 0) == [3, 3, 1]


@pytest.mark.parametrize("given", [{"fusion_kernel": 7}, {"lateral_norm": False}], ids=str)
def test_a_slow_pathway_has_no_lateral_connections(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{[*given][0]}'"):
        slow_r50(**given)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_config_of_each_depth_builds_that_many_blocks(depth: int) -> None:
    net = small(slow_depth=depth, fast_depth=14, width=8)
    found = [len(temporal_kernels(net, n, 0)) for n in (2, 3, 4, 5)]
    assert tuple(found) == DEPTHS[depth]
    assert [len(temporal_kernels(net, n, 1)) for n in (2, 3, 4, 5)] == [1, 1, 1, 1]


def test_the_config_of_the_recipe_is_slowfast_r50_4x16() -> None:
    with paddle.LazyGuard():
        net, r50 = build_model(ModelConfig(), train_crop=224), slowfast_r50_4x16()
    assert isinstance(net, SlowFast)
    mine, published = ({n: x.shape for n, x in each.state_dict().items()} for each in (net, r50))
    assert mine == published
    assert (net.alpha, net.slow_frames) == (r50.alpha, r50.slow_frames) == (8, "linspace")
    assert net.head.pool_size == r50.head.pool_size == 7
    assert net.head.dropout.p == r50.head.dropout.p == 0.5
