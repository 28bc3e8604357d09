"""A network computes the same with the channels last, by oneDNN, as with them in Paddle's place."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor
from support.small_nets import random_clip, small, wake_up

from slowfast.models.freeze import freeze, freeze_batch_norm
from slowfast.models.layers import norm
from slowfast.models.layers.cpu import onednn, onednn_norm, onednn_pool, onednn_relu
from slowfast.models.layers.layout import (
    channel_axis,
    channels_last,
    is_channels_last,
    suits,
    to_first,
    to_last,
)
from slowfast.models.layers.norm import batch_norms, set_splits
from slowfast.models.roi_head import joined

with_library = pytest.mark.skipif(onednn.library() is None, reason="the wheel has no oneDNN 3")

BOXES = [np.array([[4, 9, 60, 63], [30, 2, 63, 40]], np.float32), np.zeros((0, 4), np.float32),
         np.array([[10, 20, 25, 50]], np.float32)]  # fmt: skip
NETWORKS: dict[str, dict[str, Any]] = {
    "two pathways": dict(stem_kernel=3),
    "stems of 7": dict(stem_kernel=7, temporal_blocks=(1, 0, 1, 0), fusion_kernel=7),
    "non-local blocks": dict(nonlocal_blocks=(0,)),
    "laterals without a norm": dict(lateral_norm=False),
    "slow only": dict(name="slow_only"),
    "fast only": dict(name="fast_only", alpha=1),
    "boxes": dict(task="detection"),
    "boxes, dilated": dict(task="detection", dilations=(3, 2), name="slow_only", roi_time="max"),
}
MODES = ["training", "one clip", "splits", "frozen stages", "frozen statistics", "evaluation"]
CASES = [(kind, "training") for kind in NETWORKS]
CASES += [("two pathways", mode) for mode in MODES[1:]] + [("boxes", "splits")]


def network(mode: str, **changes: Any) -> Any:
    """Of random numbers everywhere, the same each time."""
    paddle.seed(0)
    net = small(dropout=0.0, **(dict(beta_inv=4) | changes))
    wake_up(net)
    for name, parameter in net.named_parameters():
        if name.endswith("nonlocal0.bn.weight"):
            parameter.set_value(paddle.ones_like(parameter))
    for layer in batch_norms(net):
        layer.bias.set_value(0.3 * paddle.randn(layer.bias.shape))
        layer._momentum = 0.0  # statistics are those of a batch
    with paddle.no_grad():
        logits(net, 3)
    for layer in batch_norms(net):
        layer._momentum = 0.9
    if mode == "splits":
        set_splits(net, 3)
    elif mode == "frozen stages":
        freeze(net, ["stem", "res2"])
    elif mode == "frozen statistics":
        freeze_batch_norm(net)
    net.train() if mode != "evaluation" else net.eval()
    return net


def logits(net: Any, clips: int) -> Tensor:
    boxes = joined(BOXES[:clips]) if net.has_boxes else ()
    return net(random_clip(clips, 3, 8, 48, 48), *boxes)


def gradients(net: Any, clips: int) -> list[Tensor]:
    """Of what is trained."""
    y, trained = logits(net, clips), [p for p in net.parameters() if not p.stop_gradient]
    return paddle.grad(y, trained, random_clip(*y.shape))


@contextmanager
def without_kinks() -> Iterator[None]:
    """What is all but zero in front of a ReLU falls to either side, and so does its gradient."""
    normalize = onednn_norm.normalize

    def normalize_smoothly(layer: Any, x: Tensor, is_given: bool, has_relu: bool) -> Tensor:
        y = normalize(layer, x, is_given, False)
        return F.softplus(y) if has_relu else y

    def pool(x: Tensor) -> Tensor:
        return to_last(F.max_pool3d(to_first(x), (1, 3, 3), (1, 2, 2), (0, 1, 1)))

    smooth: dict[Any, dict[str, Any]] = {
        F: dict(relu=F.softplus, relu_=F.softplus, max_pool3d=mean_pool3d, max_pool2d=F.avg_pool2d),
        norm: dict(normalize=normalize_smoothly),
        onednn_pool: dict(max_pool=pool),
        onednn_relu: dict(add_relu=lambda x, y: F.softplus(x + y)),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for module, members in smooth.items():
            for name, value in members.items():
                patch.setattr(module, name, value)
        yield


def mean_pool3d(x: Tensor, kernel: Any, stride: Any = None, padding: Any = 0) -> Tensor:
    return F.avg_pool3d(x, kernel, stride, padding)


@with_library
@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_a_network_gives_the_same_logits_and_gradients(kind: str, mode: str) -> None:
    clips = 1 if mode == "one clip" else 3
    net, other = (network(mode, **NETWORKS[kind]) for _ in range(2))
    names = [name for name, p in net.named_parameters() if not p.stop_gradient]
    mine = logits(net, clips)
    with without_kinks():
        ours = gradients(net, clips)
        with mock.patch.object(onednn, "library", lambda: None):
            paddles = gradients(net, clips)
    with mock.patch.object(onednn, "library", lambda: None):
        theirs = logits(other, clips)
    assert [*net.state_dict()] == [*other.state_dict()]
    assert float((mine - theirs).norm()) <= 1e-4 * float(theirs.norm())
    total = math.hypot(*(float(b.norm()) for b in paddles))
    assert len(names) > 20 and 1 < total < math.inf
    for name, a, b in zip(names, ours, paddles, strict=True):
        assert float((a - b).norm()) <= 1e-4 * float(b.norm()) + 1e-5 * total, name


@with_library
@pytest.mark.parametrize("mode", ["training", "splits", "frozen stages"])
def test_the_running_statistics_of_a_network_are_the_same(mode: str) -> None:
    net, other = (network(mode) for _ in range(2))
    before = {name: x.clone() for name, x in net.state_dict().items()}
    logits(net, 3)
    with mock.patch.object(onednn, "library", lambda: None):
        logits(other, 3)
    theirs, moved = other.state_dict(), set()
    for name, mine in net.state_dict().items():
        np.testing.assert_allclose(mine.numpy(), theirs[name].numpy(), 1e-4, 1e-5, err_msg=name)
        if not (mine == before[name]).all():
            moved.add(name.rpartition(".")[2])
    assert moved == {"_mean", "_variance"}


@with_library
def test_a_network_is_computed_with_the_channels_last() -> None:
    """Else the tests above compare a network with itself."""
    seen: list[bool] = []
    net = small(train_crop=32, width=8)
    net.s3.register_forward_pre_hook(lambda layer, inputs: seen.append(is_channels_last()))
    net(random_clip(1, 3, 8, 32, 32))
    with mock.patch.object(onednn, "library", lambda: None):
        net(random_clip(1, 3, 8, 32, 32))
    assert seen == [True, False] and not is_channels_last()


@with_library
def test_a_second_backward_pass_through_the_same_forward_is_an_error() -> None:
    loss = small(train_crop=32, width=8)(random_clip(1, 3, 8, 32, 32)).sum()
    loss.backward()
    with pytest.raises(SystemError, match="backward twice for the same subgraph"):
        loss.backward()


def test_the_channels_go_last_and_back() -> None:
    x = random_clip(2, 3, 4, 5, 6)
    moved = to_last(x)
    assert moved.shape == [2, 4, 5, 6, 3] and moved.is_contiguous()
    np.testing.assert_array_equal(moved.numpy(), np.moveaxis(x.numpy(), 1, -1))
    back = to_first(moved)
    assert back.is_contiguous()
    np.testing.assert_array_equal(back.numpy(), x.numpy())


def test_a_context_has_its_layout_and_each_thread_its_own() -> None:
    seen: list[bool] = []
    with channels_last():
        assert (is_channels_last(), channel_axis()) == (True, 4)
        thread = threading.Thread(target=lambda: seen.append(is_channels_last()))
        thread.start()
        thread.join()
        with pytest.raises(KeyError), channels_last(False):
            assert (is_channels_last(), channel_axis()) == (False, 1)
            raise KeyError
        assert is_channels_last()
    assert not is_channels_last() and seen == [False]


@with_library
def test_only_float32_on_a_cpu_and_no_trace_suits(monkeypatch: pytest.MonkeyPatch) -> None:
    clip, weight = random_clip(1, 3, 2, 4, 4), paddle.zeros([2])
    assert suits(clip, weight)
    assert not suits(clip.astype("float64"), weight) and not suits(clip.astype("bfloat16"), weight)
    assert not suits(clip, weight.astype("bfloat16"))
    with mock.patch("paddle.get_device", lambda: "gpu:0"):
        assert not suits(clip, weight)
    with mock.patch.object(onednn, "library", lambda: None):
        assert not suits(clip, weight)
    paddle.enable_static()
    try:
        assert not suits(clip, weight)
    finally:
        paddle.disable_static()
