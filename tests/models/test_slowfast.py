"""The networks: counted, measured and taken apart. Their answers are pinned in test_golden."""

import math
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor, nn

import slowfast.models
from slowfast.config import DEPTHS, ModelConfig
from slowfast.models import SinglePathway, SlowFast, build_model, slowfast_r50_4x16
from slowfast.models.cost import Row, count_parameters, summarize
from slowfast.models.head import Head
from slowfast.models.pathways import linspace_frames, slow_clip, strided_frames
from slowfast.models.slowfast import initialize

SMALL = dict(slow_depth=14, fast_depth=14, width=16, alpha=4, num_classes=6)
# Constructor, its arguments, frames of a clip, trainable parameters, 1e9 multiply-adds at 224.
VARIANTS: list[tuple[str, dict[str, Any], int, int, float | None]] = [
    ("slowfast_r50_4x16", {}, 32, 34_480_216, 27.639),
    ("slowfast_r50_4x16", dict(lateral_norm=False), 32, 34_479_288, 27.639),
    ("slowfast_r50", {}, 32, 34_566_488, 50.309),
    ("slowfast_r50", dict(lateral_norm=False), 32, 34_565_560, None),
    ("slowfast_r101", {}, 32, 62_826_968, 96.397),
    ("slowfast_r101", dict(fusion_kernel=7, lateral_norm=False), 32, 62_912_312, 96.711),
    ("slowfast_16x8_r101_50_50", {}, 64, 53_774_808, 163.095),
    ("slowfast_r101_r50_4x16", {}, 32, 62_384_312, 49.475),
    ("slowfast_r152_r50_4x16", {}, 32, 84_843_704, 69.668),
    ("slowfast_r50_16x8_sthv1", {}, 64, 34_044_630, 100.616),
]


def small(train_crop: int = 64, **changes: Any) -> Any:
    return build_model(ModelConfig(**(SMALL | changes)), train_crop)


def wake_up(net: nn.Layer) -> None:
    """Gives the last batch norm of each block a scale, which starts at 0, and the logits size."""
    for name, parameter in net.named_parameters():
        if name.endswith("branch2.c_bn.weight"):
            parameter.set_value(paddle.full_like(parameter, 0.5))
    weight = net.head.projection.weight
    weight.set_value(paddle.randn(weight.shape))


def random_clip(*shape: int) -> Tensor:
    return paddle.to_tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def giga(rows: list[Row]) -> float:
    return sum(row.macs for row in rows) / 1e9


@pytest.mark.parametrize(("name", "given", "frames", "params", "gmacs"), VARIANTS)
def test_parameters_and_multiply_adds_of_every_variant(
    name: str, given: dict[str, Any], frames: int, params: int, gmacs: float | None
) -> None:
    net = getattr(slowfast.models, name)(**given)
    assert count_parameters(net) == params
    if gmacs is not None:
        rows = summarize(net, (1, 3, frames, 224, 224))
        assert sum(row.params for row in rows) == params
        assert giga(rows) == pytest.approx(gmacs, rel=1e-3)
        assert rows[-1].shapes == [[1, 1, net.head.projection.weight.shape[1]]]


@pytest.mark.parametrize(
    ("name", "gmacs"), [("slowfast_r50_4x16", 36.099), ("slowfast_r50", 65.709)]
)
def test_multiply_adds_at_256(name: str, gmacs: float) -> None:
    net = getattr(slowfast.models, name)()
    rows = summarize(net, (1, 3, 32, 256, 256))
    assert giga(rows) == pytest.approx(gmacs, rel=1e-3)
    assert rows[-1].shapes == [[1, 4, 400]]  # 2 x 2 positions


def test_the_slow_pathway_alone_has_the_papers_cost() -> None:
    """Table 5a of the paper: 27.3 GFLOPs at 256."""
    rows = summarize(build_model(ModelConfig(name="slow_only"), 224), (1, 3, 32, 256, 256))
    assert giga(rows) == pytest.approx(27.3, abs=0.05)


def test_shapes_are_those_of_the_papers_table() -> None:
    """Table 1 of the paper, for 4x16: slow first, with the laterals where they are joined."""
    rows = summarize(slowfast_r50_4x16(), (2, 3, 32, 224, 224))
    assert {row.name: row.shapes for row in rows} == {
        "s1": [[2, 64, 4, 56, 56], [2, 8, 32, 56, 56]],
        "s1_fuse": [[2, 80, 4, 56, 56]],
        "s2": [[2, 256, 4, 56, 56], [2, 32, 32, 56, 56]],
        "s2_fuse": [[2, 320, 4, 56, 56]],
        "s3": [[2, 512, 4, 28, 28], [2, 64, 32, 28, 28]],
        "s3_fuse": [[2, 640, 4, 28, 28]],
        "s4": [[2, 1024, 4, 14, 14], [2, 128, 32, 14, 14]],
        "s4_fuse": [[2, 1280, 4, 14, 14]],
        "s5": [[2, 2048, 4, 7, 7], [2, 256, 32, 7, 7]],
        "head": [[2, 1, 400]],
    }
    assert [row.name for row in rows] == [
        "s1", "s1_fuse", "s2", "s2_fuse", "s3", "s3_fuse", "s4", "s4_fuse", "s5", "head"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def r50() -> SlowFast:
    paddle.seed(0)
    net = slowfast_r50_4x16()
    net.eval()
    return net


def test_r50_predicts_at_the_test_crop(r50: SlowFast) -> None:
    with paddle.no_grad():
        probabilities = r50.predict(random_clip(1, 3, 32, 256, 256)).numpy()
    assert probabilities.shape == (1, 400)
    assert probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(), 1.0, rtol=1e-5)


def canonical_names(depths: tuple[int, ...]) -> set[str]:
    """Every entry of the state dict of a SlowFast, by PaddleVideo's naming scheme."""
    # Convolutions, each with the batch norm behind it.
    layers = {f"s{n}_fuse.conv_f2s": f"s{n}_fuse.bn" for n in range(1, 5)}
    for p in (0, 1):
        layers[f"s1.pathway{p}_stem.conv"] = f"s1.pathway{p}_stem.bn"
        for n, depth in enumerate(depths, 2):
            for i in range(depth):
                parts = ["branch2.a", "branch2.b", "branch2.c", *(["branch1"] if i == 0 else [])]
                block = f"s{n}.pathway{p}_res{i}"
                layers |= {f"{block}.{part}": f"{block}.{part}_bn" for part in parts}
    entries = ("weight", "bias", "_mean", "_variance")
    return (
        {f"{convolution}.weight" for convolution in layers}
        | {f"{norm}.{entry}" for norm in layers.values() for entry in entries}
        | {"head.projection.weight", "head.projection.bias"}
    )


def test_names_are_paddlevideos(r50: SlowFast) -> None:
    names = list(r50.state_dict())
    assert len(names) == 552
    assert set(names) == canonical_names((3, 4, 6, 3))
    assert {
        "s1.pathway1_stem.bn._variance",
        "s3_fuse.conv_f2s.weight",
        "s2.pathway0_res0.branch1_bn._mean",
        "s5.pathway1_res2.branch2.c_bn.bias",
        "head.projection.weight",
    } <= set(names)
    assert r50.state_dict()["head.projection.weight"].shape == [2304, 400]


def test_without_lateral_norm_the_laterals_are_bare() -> None:
    with_norm, without = small(), small(lateral_norm=False)
    missing = set(with_norm.state_dict()) - set(without.state_dict())
    entries = ("weight", "bias", "_mean", "_variance")
    assert missing == {f"s{n}_fuse.bn.{entry}" for n in range(1, 5) for entry in entries}
    assert set(without.state_dict()) <= set(with_norm.state_dict())


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
            assert (layer.weight.numpy() == (0.0 if is_last else 1.0)).all()
            assert (layer.bias.numpy() == 0.0).all()
            assert (layer._mean.numpy() == 0.0).all()
            assert (layer._variance.numpy() == 1.0).all()
            assert (layer._epsilon, layer._momentum) == (1e-5, 0.9)
    assert zeros == 32
    linear = r50.head.projection
    assert linear.weight.numpy().std() == pytest.approx(0.01, rel=0.01)
    assert abs(linear.weight.numpy().mean()) < 1e-4
    assert (linear.bias.numpy() == 0.0).all()


def test_every_convolution_draws_its_own_weights() -> None:
    paddle.seed(3)
    net = small()
    firsts = [float(p.flatten()[0]) for p in net.parameters() if len(p.shape) == 5]
    assert len(set(firsts)) == len(firsts)


def test_initial_weights_are_a_function_of_the_seed() -> None:
    def weights(seed: int) -> dict[str, Any]:
        paddle.seed(seed)
        return {name: x.numpy() for name, x in small().state_dict().items()}

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["s1.pathway0_stem.conv.weight"],
                              other["s1.pathway0_stem.conv.weight"])  # fmt: skip


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
    [
        {},
        dict(lateral_norm=False),
        dict(name="slow_only"),
        dict(name="fast_only"),
        dict(slow_depth=26, temporal_blocks=(1, 1, 1, 1), stem_kernel=3),
    ],
    ids=["slowfast", "no lateral norm", "slow only", "fast only", "two blocks"],
)
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
        gradient = parameter.grad.numpy()
        assert np.isfinite(gradient).all(), name
        assert np.abs(gradient).max() > 0, name


def test_a_block_step_by_step() -> None:
    """Against the definition; fresh batch norm only divides by ``sqrt(1 + eps)``."""
    net = small()
    wake_up(net)
    net.eval()
    block = net.s4.pathway1_res0
    channels = block.branch1.weight.shape[1]
    x = random_clip(1, channels, 4, 6, 8)
    a, b, c, shortcut = (
        layer.weight for layer in (block.branch2.a, block.branch2.b, block.branch2.c, block.branch1)
    )
    assert [w.shape[2:] for w in (a, b, c, shortcut)] == [
        [3, 1, 1],
        [1, 3, 3],
        [1, 1, 1],
        [1, 1, 1],
    ]
    norm = 1 / math.sqrt(1 + 1e-5)
    y = F.relu(norm * F.conv3d(x, a, padding=(1, 0, 0)))
    y = F.relu(norm * F.conv3d(y, b, stride=(1, 2, 2), padding=(0, 1, 1)))
    y = 0.5 * norm * F.conv3d(y, c)
    expected = F.relu(y + norm * F.conv3d(x, shortcut, stride=(1, 2, 2)))
    assert expected.shape == [1, 2 * channels, 4, 3, 4]
    np.testing.assert_allclose(block(x).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


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


def test_blocks_start_as_the_identity() -> None:
    """At first a block passes its projected input on, whatever the residual branch computes."""
    net = small()
    net.eval()
    block = net.s3.pathway0_res0
    x = F.relu(random_clip(1, net.s3.pathway0_res0.branch1.weight.shape[1], 2, 8, 8))
    expected = F.relu(block.branch1_bn(block.branch1(x)))
    np.testing.assert_array_equal(block(x).numpy(), expected.numpy())


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


def test_dense_and_global_pooling_agree_at_the_training_crop_only() -> None:
    paddle.seed(0)
    dense, whole = small(), small(head_pooling="global")
    wake_up(dense)
    whole.set_state_dict(dense.state_dict())
    dense.eval()
    whole.eval()
    with paddle.no_grad():
        at_crop, larger = random_clip(1, 3, 8, 64, 64), random_clip(1, 3, 8, 128, 128)
        np.testing.assert_allclose(
            dense(at_crop).numpy(), whole(at_crop).numpy(), rtol=1e-5, atol=1e-5
        )
        assert whole.head(whole.features(larger)).shape == [1, 1, 6]
        assert dense.head(dense.features(larger)).shape == [1, 9, 6]
        assert np.abs(dense(larger).numpy() - whole(larger).numpy()).max() > 1e-3


def test_the_head_averages_windows_and_joins_slow_before_fast() -> None:
    head = Head(3, 3, pool_size=2, dropout=0.5)
    head.eval()
    head.projection.weight.set_value(paddle.eye(3))
    head.projection.bias.set_value(paddle.to_tensor([0.0, 0.0, 100.0]))
    slow = random_clip(1, 2, 2, 2, 3)
    fast = random_clip(1, 1, 8, 2, 3)
    for position in (0, 1):
        window = np.s_[0, :, :, :, position : position + 2]
        means = [x.numpy()[window].mean(axis=(1, 2, 3)) for x in (slow, fast)]
        expected = np.concatenate(means) + [0, 0, 100]
        found = head([slow, fast]).numpy()[0, position]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_dropout_is_on_in_training_only() -> None:
    paddle.seed(0)
    head = Head(200, 2, pool_size=None, dropout=0.5)
    pathways = [paddle.ones([1, 200, 2, 2, 2])]
    head.projection.weight.set_value(paddle.ones([200, 2]))
    head.train()
    kept = {float(head(pathways)[0, 0, 0]) for _ in range(20)}
    assert len(kept) > 5
    assert all(100 < total < 300 for total in kept)  # 200 +- 14 where the kept count twice
    head.eval()
    assert float(head(pathways)[0, 0, 0]) == pytest.approx(200)


@pytest.mark.parametrize(
    ("rule", "num_frames", "alpha", "frames"),
    [
        (linspace_frames, 32, 8, [0, 10, 20, 31]),
        (linspace_frames, 32, 4, [0, 4, 8, 13, 17, 22, 26, 31]),
        (linspace_frames, 16, 16, [0]),
        (linspace_frames, 4, 1, [0, 1, 2, 3]),
        (strided_frames, 32, 8, [0, 8, 16, 24]),
        (strided_frames, 32, 4, [0, 4, 8, 12, 16, 20, 24, 28]),
        (strided_frames, 16, 16, [0]),
    ],
)
def test_the_slow_pathways_frames(
    rule: Any, num_frames: int, alpha: int, frames: list[int]
) -> None:
    assert rule(num_frames, alpha) == frames


def numbered_clip(num_frames: int, size: int = 1) -> Tensor:
    """A clip ``[1, 3, T, size, size]`` whose frame i has the value i."""
    frames = paddle.arange(num_frames, dtype="float32").reshape([1, 1, num_frames, 1, 1])
    return frames.expand([1, 3, num_frames, size, size])


def test_a_slow_clip_is_those_frames() -> None:
    clip = slow_clip(numbered_clip(32, 2), 8, "linspace")
    assert clip.shape == [1, 3, 4, 2, 2]
    for place, frame in enumerate([0, 10, 20, 31]):
        assert (clip[:, :, place].numpy() == frame).all()


def test_a_clip_that_alpha_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="a clip of 30 frames is not divisible by alpha=8"):
        slow_clip(numbered_clip(30), 8, "linspace")


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        (dict(alpha=8), [[0, 10, 20, 31], list(range(32))]),
        (dict(alpha=8, slow_frames="strided"), [[0, 8, 16, 24], list(range(32))]),
        (dict(alpha=8, name="slow_only"), [[0, 10, 20, 31]]),
        (dict(alpha=8, name="slow_only", slow_frames="strided"), [[0, 8, 16, 24]]),
        (dict(alpha=4, name="slow_only"), [[0, 4, 8, 13, 17, 22, 26, 31]]),
        (dict(alpha=8, name="fast_only"), [list(range(32))]),
    ],
)
def test_each_pathway_sees_its_frames(changes: dict[str, Any], seen: list[list[int]]) -> None:
    net = small(**changes)
    net.eval()
    entered: list[list[int]] = []

    def note(layer: nn.Layer, inputs: Any) -> None:
        entered.extend(x[0, 0, :, 0, 0].astype("int64").tolist() for x in inputs[0])

    net.s1.register_forward_pre_hook(note)
    with paddle.no_grad():
        net(numbered_clip(32, 32))
    assert entered == seen


def test_single_pathways_are_the_pathways_of_slowfast_without_laterals() -> None:
    both, slow, fast = small(), small(name="slow_only"), small(name="fast_only")
    assert isinstance(both, SlowFast)
    assert isinstance(slow, SinglePathway)
    assert isinstance(fast, SinglePathway)

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


def temporal_kernels(net: nn.Layer, stage: int, pathway: int) -> list[int]:
    layers = getattr(net, f"s{stage}").named_children()
    blocks = [block for name, block in layers if name.startswith(f"pathway{pathway}_")]
    return [block.branch2.a.weight.shape[2] for block in blocks]


def test_temporal_kernels_of_each_stage() -> None:
    net = small(slow_depth=26, fast_depth=26)
    assert [temporal_kernels(net, n, 0) for n in (2, 3, 4, 5)] == [[1, 1], [1, 1], [3, 3], [3, 3]]
    assert [temporal_kernels(net, n, 1) for n in (2, 3, 4, 5)] == [[3, 3]] * 4
    assert net.s1.pathway0_stem.conv.weight.shape[2:] == [1, 7, 7]
    assert net.s1.pathway1_stem.conv.weight.shape[2:] == [5, 7, 7]
    limited = small(slow_depth=26, fast_depth=26, temporal_blocks=(2, 0, 1, 2), stem_kernel=3)
    assert [temporal_kernels(limited, n, 0) for n in (2, 3, 4, 5)] == [
        [1, 1], [1, 1], [3, 1], [3, 3]
    ]  # fmt: skip
    assert [temporal_kernels(limited, n, 1) for n in (2, 3, 4, 5)] == [
        [3, 3], [1, 1], [3, 1], [3, 3]
    ]  # fmt: skip
    assert limited.s1.pathway1_stem.conv.weight.shape[2:] == [5, 3, 3]


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_config_of_each_depth_builds_that_many_blocks(depth: int) -> None:
    net = small(slow_depth=depth, fast_depth=14, width=8)
    found = [len(temporal_kernels(net, n, 0)) for n in (2, 3, 4, 5)]
    assert tuple(found) == DEPTHS[depth]
    assert [len(temporal_kernels(net, n, 1)) for n in (2, 3, 4, 5)] == [1, 1, 1, 1]


def test_the_config_of_the_recipe_is_slowfast_r50_4x16(r50: SlowFast) -> None:
    net = build_model(ModelConfig(), train_crop=224)
    assert isinstance(net, SlowFast)
    assert {n: x.shape for n, x in net.state_dict().items()} == {
        n: x.shape for n, x in r50.state_dict().items()
    }
    assert (net.alpha, net.slow_frames) == (r50.alpha, r50.slow_frames) == (8, "linspace")
    assert net.head.pool_size == r50.head.pool_size == 7
    assert net.head.dropout.p == r50.head.dropout.p == 0.5


def test_constructors_take_other_class_counts_and_settings() -> None:
    net = slowfast.models.slowfast_r50_4x16(num_classes=11, slow_frames="strided", pool_size=None)
    assert net.head.projection.weight.shape == [2304, 11]
    assert (net.slow_frames, net.head.pool_size) == ("strided", None)
