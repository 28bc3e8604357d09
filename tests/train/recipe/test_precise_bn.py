"""Batch norm's statistics over many batches, against one pass over everything in float64."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from paddle import Tensor
from support.small_nets import channels_first, small
from support.small_nets import tensors_of as state
from support.tiny_run import run_script

from slowfast.models.freeze import freeze, freeze_batch_norm
from slowfast.models.layers.norm import batch_norms, set_splits
from slowfast.models.slowfast import VideoClassifier
from slowfast.train.recipe.precise_bn import precise_bn

SIZES = (2, 3, 2)
"""Clips of each batch."""

State = dict[str, NDArray[np.float32]]


def network() -> VideoClassifier:
    """A small network whose blocks do something, and whose statistics are none of its clips'."""
    paddle.seed(0)
    net: VideoClassifier = small(32, width=8, stem_kernel=3, num_classes=3)
    for norm in batch_norms(net):
        norm.weight.set_value(paddle.full_like(norm.weight, 0.5))
        norm._mean.set_value(paddle.full_like(norm._mean, 0.1))
    return net


def batches() -> list[Tensor]:
    """Batches that differ in brightness, so that the variance between them counts."""
    rng = np.random.default_rng(0)
    return [
        paddle.to_tensor(rng.standard_normal((size, 3, 8, 32, 32), np.float32) * (i + 1) + 3 * i)
        for i, size in enumerate(SIZES)
    ]


def one_pass(net: VideoClassifier) -> State:
    """Mean and variance of all that enters each norm in training, all batches put together."""
    seen: dict[str, list[NDArray[np.float64]]] = {}
    hooks = []
    for name, norm in net.named_sublayers():
        if norm in batch_norms(net):
            rows = seen.setdefault(name, [])

            def keep(
                _: object, inputs: tuple[Tensor], rows: list[NDArray[np.float64]] = rows
            ) -> None:
                x = channels_first(inputs[0]).numpy().astype(np.float64)
                rows.append(x.swapaxes(0, 1).reshape(x.shape[1], -1))

            hooks.append(norm.register_forward_pre_hook(keep))
    net.train()
    with paddle.no_grad():
        for clip in batches():
            net(clip)
    for hook in hooks:
        hook.remove()
    together = {name: np.concatenate(rows, axis=1) for name, rows in seen.items()}
    return {f"{name}._mean": x.mean(axis=1) for name, x in together.items()} | {
        f"{name}._variance": x.var(axis=1) for name, x in together.items()
    }


def assert_close(found: State, expected: State) -> None:
    """To 1e-5 of a variance; of a mean or, as that may be near 0, of a deviation."""
    for name, value in expected.items():
        scale = abs(value)
        if name.endswith("._mean"):
            deviation = np.sqrt(expected[name.replace("._mean", "._variance")])
            scale = np.maximum(scale, deviation)
        assert (scale > 0).all(), name
        assert (np.abs(found[name] - value) < 1e-5 * scale).all(), name


@pytest.mark.parametrize("splits", [1, 2])
def test_as_in_one_pass_over_everything(splits: int) -> None:
    """With two parts, the batch of 3 has one, and the others two."""
    net = network()
    set_splits(net, splits)
    expected = one_pass(net)
    assert len(expected) == 2 * len(batch_norms(net))
    before = state(net)
    precise_bn(net, batches())
    after = state(net)
    assert_close(after, expected)
    for name in set(before) - set(expected):
        assert np.array_equal(before[name], after[name]), name
    mean_of_variances = [clip.numpy().var() for clip in batches()]
    total = np.concatenate([clip.numpy().ravel() for clip in batches()]).var()
    assert total > 1.5 * np.mean(mean_of_variances)  # there is a variance between the batches


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_otherwise_as_it_was(training: bool) -> None:
    net = network()
    net.train() if training else net.eval()
    net.s2.eval()  # a mode of its own
    modes = [layer.training for layer in net.sublayers(include_self=True)]
    paddle.seed(5)
    expected = paddle.rand([3]).numpy()
    paddle.seed(5)
    precise_bn(net, batches())
    assert np.array_equal(paddle.rand([3]).numpy(), expected)  # no dropout was drawn
    assert [layer.training for layer in net.sublayers(include_self=True)] == modes
    for norm in batch_norms(net):
        assert (norm._momentum, norm.synchronised) == (0.9, False)
        assert norm.weight.grad is None
    net.train()
    means = [norm._mean.numpy() for norm in batch_norms(net)]
    net(batches()[2])  # statistics are tracked as ever, and no hook is left
    for norm, mean in zip(batch_norms(net), means, strict=True):
        assert not np.array_equal(norm._mean.numpy(), mean)
        assert not norm._forward_post_hooks


def test_no_batch_or_an_error_on_the_way_leaves_everything() -> None:
    def broken() -> Iterator[Tensor]:
        yield batches()[0]
        raise OSError("the disk is gone")

    net = network()
    before = state(net)
    precise_bn(net, [])
    with pytest.raises(OSError, match="the disk is gone"):
        precise_bn(net, broken())
    after = state(net)
    assert all(np.array_equal(after[name], before[name]) for name in before)
    assert {norm._momentum for norm in batch_norms(net)} == {0.9}


def test_frozen_statistics_stay() -> None:
    net = network()
    freeze(net, ["stem", "res2"])
    expected = one_pass(net)
    before = state(net)
    precise_bn(net, batches())
    after = state(net)
    frozen = {name for name in expected if name.split(".")[0] in ("s1", "s1_fuse", "s2", "s2_fuse")}
    assert 0 < len(frozen) < len(expected)
    assert all(np.array_equal(after[name], before[name]) for name in frozen)
    assert_close(after, {name: expected[name] for name in set(expected) - frozen})


def test_all_frozen_reads_nothing() -> None:
    def unwanted() -> Iterator[Tensor]:
        raise AssertionError("read")
        yield

    net = network()
    freeze_batch_norm(net)
    precise_bn(net, unwanted())


SCRIPT = """
import sys
import numpy as np
from slowfast import distributed
from slowfast.train.recipe.precise_bn import precise_bn
from train.recipe.test_precise_bn import batches, network, state
distributed.start("cpu", seed=0)
rank = distributed.rank()
net = network()
precise_bn(net, batches()[rank::2])
np.savez(f"shared{rank}.npz", **state(net))
precise_bn(net, batches() if rank == 0 else [])
np.savez(f"first{rank}.npz", **state(net))
before = state(net)
precise_bn(net, [])
assert all(np.array_equal(value, before[name]) for name, value in state(net).items())
"""


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    """With two batches and one, and with three and none."""
    run_script(SCRIPT, cwd=tmp_path, processes=2)
    net = network()
    precise_bn(net, batches())
    expected = state(net)
    for case in ("shared", "first"):
        found = [dict(np.load(tmp_path / f"{case}{rank}.npz")) for rank in range(2)]
        for name, value in expected.items():
            assert np.array_equal(found[0][name], found[1][name]), name
            np.testing.assert_allclose(found[0][name], value, rtol=1e-6, err_msg=name)
