"""The network: its names, its first weights, and what leaves it. Its answers: whole/test_golden."""

import math
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn
from support.small_nets import (
    channels_first,
    numbered_clip,
    random_clip,
    small,
    tensors_of,
    wake_up,
)

from slowfast.models import SinglePathway, SlowFast, slowfast_r50_4x16
from slowfast.models.slowfast import initialize


@pytest.fixture(scope="module")
def r50() -> SlowFast:
    paddle.seed(0)
    net = slowfast_r50_4x16()
    net.eval()
    return net


ENTRIES = ("weight", "bias", "_mean", "_variance")


def canonical_names(depths: tuple[int, ...]) -> set[str]:
    """Every entry of the state dict of a SlowFast, by PaddleVideo's naming scheme."""
    # Convolutions, each with the batch norm behind it.
    layers = {f"s{n}_fuse.conv_f2s": f"s{n}_fuse.bn" for n in range(1, 5)}
    for p in (0, 1):
        layers[f"s1.pathway{p}_stem.conv"] = f"s1.pathway{p}_stem.bn"
        for n, depth in enumerate(depths, 2):
            for i in range(depth):
                for part in ("branch2.a", "branch2.b", "branch2.c", *["branch1"] * (i == 0)):
                    name = f"s{n}.pathway{p}_res{i}.{part}"
                    layers[name] = f"{name}_bn"
    names = {f"{norm}.{entry}" for norm in layers.values() for entry in ENTRIES}
    names |= {f"{convolution}.weight" for convolution in layers}
    return names | {"head.projection.weight", "head.projection.bias"}


def test_names_are_paddlevideos(r50: SlowFast) -> None:
    names = list(r50.state_dict())
    assert len(names) == 552
    assert set(names) == canonical_names((3, 4, 6, 3))
    assert r50.state_dict()["head.projection.weight"].shape == [2304, 400]


def test_without_lateral_norm_the_laterals_are_bare() -> None:
    with_norm, without = small(), small(lateral_norm=False)
    norms = {f"s{n}_fuse.bn.{entry}" for n in range(1, 5) for entry in ENTRIES}
    assert with_norm.state_dict().keys() - norms == without.state_dict().keys()


def test_initial_weights(r50: SlowFast) -> None:
    convolutions = [layer for layer in r50.sublayers() if isinstance(layer, nn.Conv3D)]
    # 2 stems, 2 x (16 blocks x 3 + 4 projections), 4 laterals.
    assert len(convolutions) == 110
    for layer in convolutions:
        assert layer.bias is None
        outputs, _, t, height, width = layer.weight.shape
        expected = math.sqrt(2 / (outputs * t * height * width))
        values = layer.weight.numpy().astype(np.float64)
        # Five standard errors: 2 % for a convolution of 30,000 weights.
        assert abs(values.std() / expected - 1) < 5 / math.sqrt(2 * values.size)
        assert abs(values.mean()) < 5 * expected / math.sqrt(values.size)
    zeros = 0
    for name, layer in r50.named_sublayers():
        if isinstance(layer, nn.BatchNorm3D):
            is_last = name.endswith("branch2.c_bn")
            zeros += is_last
            tensors = layer.weight, layer.bias, layer._mean, layer._variance
            for tensor, value in zip(tensors, (1 - is_last, 0, 0, 1), strict=True):
                assert (tensor.numpy() == value).all()
            assert (layer._epsilon, layer._momentum) == (1e-5, 0.9)
    assert zeros == 32
    linear = r50.head.projection
    assert linear.weight.numpy().std() == pytest.approx(0.01, rel=0.01)
    assert abs(linear.weight.numpy().mean()) < 1e-4
    assert (linear.bias.numpy() == 0.0).all()


def test_initial_weights_are_a_function_of_the_seed_and_all_are_drawn() -> None:
    def weights(seed: int) -> dict[str, Any]:
        paddle.seed(seed)
        return tensors_of(small())

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    convolutions = [name for name, value in first.items() if value.ndim == 5]
    begins = [float(state[name].flat[0]) for state in (first, other) for name in convolutions]
    assert len(set(begins)) == len(begins)


def test_initialize_fills_a_network_anew() -> None:
    net = small()
    for parameter in net.parameters():
        parameter.set_value(paddle.full_like(parameter, 7.0))
    initialize(net)
    for name, parameter in net.named_parameters():
        if not parameter.stop_gradient:
            assert not (parameter.numpy() == 7.0).any(), name


@pytest.mark.parametrize(
    "changes",
    [{}, dict(lateral_norm=False), dict(name="slow_only"), dict(name="fast_only"),
     dict(slow_depth=26, temporal_blocks=(1, 1, 1, 1), stem_kernel=3)],
    ids=str,
)  # fmt: skip
def test_a_gradient_reaches_every_parameter(changes: dict[str, Any]) -> None:
    paddle.seed(0)
    net = small(**changes)
    wake_up(net)
    net.train()
    loss = F.cross_entropy(net(random_clip(2, 3, 8, 64, 64)), paddle.to_tensor([1, 4]))
    loss.backward()
    trainable = {n: p for n, p in net.named_parameters() if not p.stop_gradient}
    assert len(trainable) > 20
    for name, parameter in trainable.items():
        assert parameter.grad is not None, name
        assert 0 < np.abs(parameter.grad.numpy()).max() < np.inf, name


@pytest.mark.parametrize("norm", [True, False])
def test_a_lateral_follows_the_slow_features(norm: bool) -> None:
    fuse = small(lateral_norm=norm, fusion_kernel=5).s1_fuse
    fuse.eval()
    slow, fast = random_clip(1, 16, 2, 3, 3), random_clip(1, 2, 8, 3, 3)
    lateral = F.conv3d(fast, fuse.conv_f2s.weight, stride=(4, 1, 1), padding=(2, 0, 0))
    if norm:
        lateral = F.relu(lateral / math.sqrt(1 + 1e-5))
    joined = fuse(slow, fast).numpy()
    np.testing.assert_array_equal(joined[:, :16], slow.numpy())
    np.testing.assert_allclose(joined[:, 16:], lateral.numpy(), rtol=1e-4, atol=1e-6)
    assert joined.shape == (1, 20, 2, 3, 3)
    assert (joined[:, 16:] < 0).any() != norm


@pytest.mark.parametrize(
    ("height", "width", "positions"), [(64, 64, 1), (64, 128, 3), (128, 96, 6), (32, 32, 1)]
)
@pytest.mark.parametrize("name", ["slowfast", "slow_only", "fast_only"])
def test_outputs_at_sizes_that_are_not_square(
    name: str, height: int, width: int, positions: int
) -> None:
    net = small(name=name)
    net.eval()
    clip = random_clip(2, 3, 8, height, width)
    with paddle.no_grad():
        assert net.head(net.features(clip)).shape == [2, positions, 6]
        assert net(clip).shape == [2, 6]
        assert net.predict(clip).shape == [2, 6]


def test_predict_is_softmax_at_each_position_and_then_the_mean() -> None:
    paddle.seed(0)
    net = small()
    wake_up(net)
    net.eval()
    clip = random_clip(2, 3, 8, 96, 128)
    with paddle.no_grad():
        at_each = net.head(net.features(clip)).numpy().astype(np.float64)
        logits, probabilities = net(clip).numpy(), net.predict(clip).numpy()
    assert at_each.shape == (2, 6, 6)

    def softmax(x: Any) -> Any:
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    np.testing.assert_allclose(probabilities, softmax(at_each).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(logits, at_each.mean(axis=1), rtol=1e-4, atol=1e-5)
    assert np.abs(probabilities - softmax(logits)).max() > 1e-3
    assert probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_dense_and_global_pooling_agree_at_the_training_crop_only() -> None:
    paddle.seed(0)
    dense, whole = small(), small(head_pooling="global")
    wake_up(dense)
    whole.set_state_dict(dense.state_dict())
    dense.eval()
    whole.eval()
    with paddle.no_grad():
        at_crop, larger = random_clip(1, 3, 8, 64, 64), random_clip(1, 3, 8, 128, 128)
        np.testing.assert_allclose(dense(at_crop), whole(at_crop), rtol=1e-5, atol=1e-5)
        assert whole.head(whole.features(larger)).shape == [1, 1, 6]
        assert dense.head(dense.features(larger)).shape == [1, 9, 6]
        assert np.abs(dense(larger).numpy() - whole(larger).numpy()).max() > 1e-3


ALL = list(range(32))


@pytest.mark.parametrize(("changes", "seen"), [
    (dict(alpha=8), [[0, 10, 20, 31], ALL]),
    (dict(alpha=8, slow_frames="strided"), [[0, 8, 16, 24], ALL]),
    (dict(alpha=8, name="slow_only", slow_frames="strided"), [[0, 8, 16, 24]]),
    (dict(alpha=8, name="fast_only"), [ALL]),
])  # fmt: skip
def test_each_pathway_sees_its_frames(changes: dict[str, Any], seen: list[list[int]]) -> None:
    net = small(**changes)
    net.eval()
    entered: list[list[int]] = []

    def note(layer: nn.Layer, inputs: Any) -> None:
        for x in inputs[0]:
            entered.append(channels_first(x)[0, 0, :, 0, 0].astype("int64").tolist())

    net.s1.register_forward_pre_hook(note)
    with paddle.no_grad():
        net(numbered_clip(32, 32))
    assert entered == seen


def test_single_pathways_are_the_pathways_of_slowfast_without_laterals() -> None:
    both, slow, fast = small(), small(name="slow_only"), small(name="fast_only")
    assert [type(net) for net in (both, slow, fast)] == [SlowFast, SinglePathway, SinglePathway]

    def shapes(net: nn.Layer, pathway: int) -> dict[str, list[int]]:
        """Shapes of a pathway's tensors under the name they have as the only pathway."""
        return {
            name.replace(f"pathway{pathway}_", "pathway0_"): x.shape
            for name, x in net.state_dict().items()
            if f"pathway{pathway}_" in name
        }

    assert shapes(fast, 0) == shapes(both, 1)
    joined, alone = shapes(both, 0), shapes(slow, 0)
    assert alone.keys() == joined.keys()
    wider = {name for name in alone if alone[name] != joined[name]}
    # Where a lateral is joined, the next stage's first block has more inputs; nowhere else.
    firsts = [f"s{n}.pathway0_res0" for n in (2, 3, 4, 5)]
    assert wider == {f"{x}.{part}.weight" for x in firsts for part in ("branch1", "branch2.a")}
    assert not any("fuse" in name for name in [*slow.state_dict(), *fast.state_dict()])


@pytest.mark.parametrize(
    ("alpha", "width", "beta_inv", "kernel", "slow_inputs"),
    [(4, 16, 8, 5, [20, 80, 160, 320]), (8, 32, 4, 7, [48, 192, 384, 768])],
)
def test_the_shape_of_the_laterals_follows_the_config(
    alpha: int, width: int, beta_inv: int, kernel: int, slow_inputs: list[int]
) -> None:
    net = small(alpha=alpha, width=width, beta_inv=beta_inv, fusion_kernel=kernel)
    for n, inputs in enumerate(slow_inputs, 1):
        conv = getattr(net, f"s{n}_fuse").conv_f2s
        fast = (width if n == 1 else width * 2**n) // beta_inv
        assert conv.weight.shape == [2 * fast, fast, kernel, 1, 1]
        assert list(conv._stride) == [alpha, 1, 1]
        stage = getattr(net, f"s{n + 1}")
        assert stage.pathway0_res0.branch2.a.weight.shape[1] == inputs


def test_a_non_local_block_starts_as_the_identity() -> None:
    with_block, without = small(nonlocal_blocks=(0,)), small()
    own = {name for name in with_block.state_dict() if "nonlocal" in name}
    assert len(own) == 12 and all(name.startswith("s4.pathway0_nonlocal0.") for name in own)
    with_block.set_state_dict(without.state_dict() | {
        name: x for name, x in with_block.state_dict().items() if name in own
    })  # fmt: skip
    assert all((x == 0).all() for name, x in tensors_of(with_block).items()
               if name in own and name.endswith(("conv_g.bias", "bn.weight")))  # fmt: skip
    clip = random_clip(1, 3, 8, 64, 64)
    for net in (with_block, without):
        net.eval()
    np.testing.assert_array_equal(with_block(clip).numpy(), without(clip).numpy())
