"""What is computed again in backward gives the same numbers, to the last bit, in less memory."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from numpy.typing import NDArray
from paddle import Tensor, nn
from support.small_nets import random_clip, small, tensors_of, wake_up

from slowfast.models.freeze import freeze
from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.layout import channels_last, is_channels_last
from slowfast.models.layers.norm import BatchNorm3D, set_splits
from slowfast.models.layers.recompute import is_again, may_overwrite, recomputed
from slowfast.models.resnet3d import set_recompute
from slowfast.models.roi_head import joined

Numbers = dict[str, NDArray[np.float32]]

BOXES = [np.array([[4, 9, 30, 31]], np.float32), np.array([[1, 2, 25, 20]], np.float32)]
NETWORKS: dict[str, dict[str, Any]] = {
    "clips": dict(dropout=0.5, nonlocal_blocks=(0,)),
    "boxes": dict(task="detection", lateral_norm=False),
}
CHANGES: dict[str, Callable[[Any], None]] = {
    "plain": lambda net: None,
    "frozen": lambda net: freeze(net, ["stem", "res2"]),
    "splits": lambda net: set_splits(net, 2),
}


def network(kind: str = "clips", units: str = "none", change: str = "plain") -> Any:
    paddle.seed(0)
    net = small(train_crop=32, width=8, **NETWORKS[kind])
    wake_up(net)
    CHANGES[change](net)
    set_recompute(net, units)
    net.train()
    return net


def loss_of(net: Any, number: int = 0) -> Tensor:
    boxes = joined(BOXES) if net.has_boxes else ()
    rows = net(random_clip(2, 3, 8, 32, 32) * (1 + number), *boxes)
    return F.cross_entropy(rows, paddle.to_tensor([1, 4]))


def accumulated(net: Any) -> Numbers:
    """The losses of two batches, the sum of their gradients, and the state they leave."""
    found = tensors_of(net)
    for number in range(2):
        loss = loss_of(net, number)
        found[f"loss {number}"] = loss.numpy()
        loss.backward()
    for name, parameter in net.named_parameters():
        if parameter.grad is not None:
            found[f"gradient of {name}"] = parameter.grad.numpy()
    found |= {f"{name} after": x for name, x in tensors_of(net).items()}
    return found


def assert_same(found: Numbers, wanted: Numbers) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


ONEDNN, PADDLES = "oneDNN", "Paddle's kernels"


@pytest.fixture(params=[ONEDNN, PADDLES])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != ONEDNN:
        monkeypatch.setattr(onednn, "library", lambda: None)
    elif onednn.library() is None:
        pytest.skip("the wheel has no oneDNN 3")


@pytest.mark.parametrize(("kind", "change", "kernels"), [
    ("clips", "plain", ONEDNN), ("clips", "plain", PADDLES), ("boxes", "plain", ONEDNN),
    ("clips", "frozen", ONEDNN), ("clips", "splits", ONEDNN), ("clips", "splits", PADDLES),
], indirect=["kernels"])  # fmt: skip
def test_losses_gradients_and_statistics_are_the_same(
    kind: str, change: str, kernels: None
) -> None:
    wanted = accumulated(network(kind, "none", change))
    for units in ("stages", "blocks"):
        assert_same(accumulated(network(kind, units, change)), wanted)
    moved = [name for name in wanted if name.endswith("_mean after")]
    frozen = ("s1", "s2") if change == "frozen" else ()
    for name in moved:
        is_kept = bool((wanted[name] == wanted[name.removesuffix(" after")]).all())
        assert is_kept == name.startswith(frozen), name


def test_without_gradients_statistics_follow_each_pass(kernels: None) -> None:
    """As precise batch norm has them, between steps."""

    def after(units: str) -> Numbers:
        net = network(units=units)
        loss_of(net).backward()
        with paddle.no_grad():
            for number in range(2):
                loss_of(net, number)
        return tensors_of(net)

    wanted, before = after("none"), network().state_dict()
    assert (wanted["s5.pathway0_res0.branch1_bn._mean"] != 0).any() and len(before) == len(wanted)
    for units in ("stages", "blocks"):
        assert_same(after(units), wanted)


def test_evaluation_computes_nothing_twice() -> None:
    net, calls = network(units="blocks"), list[bool]()
    net.s3.pathway0_res0.register_forward_pre_hook(lambda layer, x: calls.append(is_again()))
    net.eval()
    with paddle.no_grad():
        loss_of(net)
    assert calls == [False]
    net.train()
    loss_of(net).backward()
    assert calls == [False, False, True]


def test_a_recomputed_network_is_traced_as_it_is() -> None:
    """As an exported one is."""
    stage = small(name="fast_only", width=8).s2
    stage.recompute = "stages"
    stage.eval()
    pathways = [random_clip(1, 1, 8, 4, 4)]
    wanted = [x.numpy() for x in stage(pathways)]
    spec = [[paddle.static.InputSpec(x.shape, "float32") for x in pathways]]
    traced = paddle.jit.to_static(stage, input_spec=spec, full_graph=True)
    for a, b in zip(traced(pathways), wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-4, atol=1e-5)


def most_memory(units: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes of the arena that a step has used at once."""
    used, most = [0], [0]

    class Counting(arena.Arena):
        def _claim(self, size: int) -> int | None:
            begin = super()._claim(size)
            assert begin is not None
            used[0] = 2**28 - sum(end - start for start, end in self._gaps)
            most[0] = max(most[0], used[0])
            return begin

    monkeypatch.setattr(arena, "SMALLEST", 1)
    monkeypatch.setattr(arena, "empty", Counting(2**28).empty)
    net = small(train_crop=64, width=16, slow_depth=26, fast_depth=26)
    set_recompute(net, units)
    for _ in range(2):
        net(random_clip(4, 3, 8, 64, 64)).sum().backward()
    return most[0]


@pytest.mark.skipif(onednn.library() is None, reason="the wheel has no oneDNN 3")
def test_activations_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    none, stages, blocks = (most_memory(u, monkeypatch) for u in ("none", "stages", "blocks"))
    assert stages < 0.75 * none and blocks < 0.9 * stages


class Overwriting(nn.Layer):
    """Tells what it is called in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm3D(3)
        self.seen: list[tuple[bool, bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((is_again(), may_overwrite(), is_channels_last()))
        return self.norm(x, relu=True)


def test_a_function_knows_which_time_it_is_called_and_in_which_layout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of which Paddle says nothing."""
    layer, x = Overwriting(), random_clip(2, 2, 3, 4, 3)
    x.stop_gradient = False
    assert may_overwrite() and not is_again()
    with channels_last():
        y = recomputed(layer, x)
    assert layer.seen == [(False, False, True)]
    y.sum().backward()
    assert layer.seen == [(False, False, True), (True, False, True)]
    assert may_overwrite() and not is_again() and not is_channels_last()
    assert caplog.messages == []
    layer.eval()
    with paddle.no_grad():
        recomputed(layer, x.transpose([0, 4, 1, 2, 3]))
    assert layer.seen[2:] == [(False, True, False)]


def test_inputs_end_with_the_backward_pass_of_their_function() -> None:
    """And not with the graph's."""
    x, weight = random_clip(3) * 1, paddle.ones([3])
    weight.stop_gradient = False
    y = recomputed(lambda x: x * weight, x).sum()
    kept = weakref.ref(x)
    del x
    assert kept() is not None
    y.backward()
    assert weight.grad.tolist() == random_clip(3).tolist()
    assert kept() is None and y.ndim == 0


def test_an_error_in_a_function_leaves_no_trace() -> None:
    def fails(x: Tensor) -> Tensor:
        raise KeyError("mine")

    x = random_clip(3)
    x.stop_gradient = False
    with pytest.raises(KeyError, match="mine"):
        recomputed(fails, x)
    assert may_overwrite() and not is_again()
