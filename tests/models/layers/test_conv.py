"""The convolution of all layers: in every form, on the CPU, it is Paddle's conv3d."""

from typing import Any
from unittest import mock

import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor, nn
from support.convolutions import DILATED, OTHERS, STEMS
from support.small_nets import assert_equal_sums, outcome, random_clip, small

from slowfast.models.layers.conv import SMALL_FRAME, Conv3D
from slowfast.models.layers.cpu import onednn


def ours_and_paddles(
    inputs: int, outputs: int, kernel: tuple[int, ...], stride: Any
) -> tuple[nn.Conv3D, nn.Conv3D]:
    """The same convolution with the same weight, twice."""
    padding = tuple(k // 2 for k in kernel)
    ours = Conv3D(inputs, outputs, kernel, stride, padding, bias_attr=False)
    paddles = nn.Conv3D(inputs, outputs, kernel, stride, padding, bias_attr=False)
    paddles.set_state_dict(ours.state_dict())
    return ours, paddles


TRAINED: list[tuple[str, Any]] = [("weight", case) for case in STEMS]
TRAINED += [(trains, case) for case in OTHERS for trains in ("both", "weight", "input")]
TRAINED += [("both", (3, 8, (5, 7, 7), (1, 2, 2), (1, 3, 4, 20, 20)))]


@pytest.mark.parametrize(("trains", "case"), TRAINED)
def test_it_is_conv3d_and_so_are_the_gradients_of_what_is_trained(trains: str, case: Any) -> None:
    *given, shape = case
    ours, paddles = ours_and_paddles(*given)
    ours.weight.stop_gradient = paddles.weight.stop_gradient = trains == "input"
    x = random_clip(*shape)
    x.stop_gradient = trains == "weight"
    mine, theirs = (outcome(conv(x), conv.weight, x) for conv in (ours, paddles))
    assert_equal_sums(mine, theirs)


@pytest.mark.parametrize("case", DILATED, ids=str)
@pytest.mark.parametrize("trains", ["both", "weight", "input"])
def test_a_dilated_one_is_conv3d(trains: str, case: Any) -> None:
    inputs, outputs, spread, stride, shape = case
    given: Any = (inputs, outputs, (1, 3, 3), stride, (0, *spread), (1, *spread))
    ours, paddles = (kind(*given, bias_attr=False) for kind in (Conv3D, nn.Conv3D))
    paddles.set_state_dict(ours.state_dict())
    ours.weight.stop_gradient = paddles.weight.stop_gradient = trains == "input"
    x = random_clip(*shape)
    x.stop_gradient = trains == "weight"
    with mock.patch.object(nn.Conv3D, "forward", side_effect=AssertionError("conv3d")):
        mine = outcome(ours(x), ours.weight, x)
    assert_equal_sums(mine, outcome(paddles(x), paddles.weight, x))


def test_a_bias_is_added_to_a_faster_form() -> None:
    """As in a non-local block."""
    ours, paddles = Conv3D(6, 3, 1), nn.Conv3D(6, 3, 1)
    ours.bias.set_value(paddle.to_tensor([1.0, 2.0, -3.0]))
    paddles.set_state_dict(ours.state_dict())
    x = random_clip(2, 6, 3, 5, 7)
    x.stop_gradient = False
    with mock.patch.object(nn.Conv3D, "forward", side_effect=AssertionError("conv3d")):
        mine = outcome(ours(x), ours.weight, ours.bias, x)
    assert_equal_sums(mine, outcome(paddles(x), paddles.weight, paddles.bias, x))


def test_what_slowfast_does_not_use_is_conv3d() -> None:
    x = random_clip(1, 4, 6, 16, 17)
    for given in (dict(dilation=(2, 1, 1)), dict(groups=2), dict(dilation=2), dict(padding="same")):
        ours = Conv3D(4, 4, (1, 3, 3), **given)
        paddles = nn.Conv3D(4, 4, (1, 3, 3), **given)
        paddles.set_state_dict(ours.state_dict())
        assert_equal_sums([ours(x)], [paddles(x)])


@pytest.mark.parametrize("stem_kernel", [3, 7])
def test_gradients_of_a_network_are_those_with_conv3d(
    stem_kernel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    paddle.seed(0)
    net = small(stem_kernel=stem_kernel, dropout=0.0)
    clip, labels = random_clip(2, 3, 16, 64, 64), paddle.to_tensor([1, 4])
    for name, parameter in net.named_parameters():
        if name.endswith("c_bn.weight"):  # starts at 0, which cuts its branch off
            parameter.set_value(paddle.full_like(parameter, 0.5))
    names = [name for name, p in net.named_parameters() if not p.stop_gradient]

    monkeypatch.setattr(onednn, "library", lambda: None)
    # Without kinks: what is all but zero in front of a ReLU falls to either side.
    monkeypatch.setattr(F, "relu_", F.softplus)
    monkeypatch.setattr(F, "max_pool3d", F.avg_pool3d)

    def gradients() -> list[Tensor]:
        F.cross_entropy(net(clip), labels).backward()
        found = [p.grad.clone() for p in net.parameters() if not p.stop_gradient]
        net.clear_gradients()
        return found

    ours = gradients()
    with mock.patch.object(Conv3D, "forward", nn.Conv3D.forward):
        paddles = gradients()
    for name, mine, theirs in zip(names, ours, paddles, strict=True):
        assert float((mine - theirs).norm()) <= 1e-4 * float(theirs.norm()), name


def test_the_faster_forms_are_taken() -> None:
    """Else the tests above compare conv3d with itself."""
    side = int(SMALL_FRAME**0.5) + 1
    with mock.patch.object(nn.Conv3D, "forward", side_effect=AssertionError("conv3d")):
        for inputs, outputs, kernel, stride, _ in STEMS:
            ours_and_paddles(inputs, outputs, kernel, stride)[0](random_clip(1, 3, 2, side, side))
        Conv3D(4, 4, (3, 1, 1), 1, (1, 0, 0), bias_attr=False)(random_clip(1, 4, 2, 2, 2))
        Conv3D(4, 4, (1, 3, 3), 1, (0, 1, 1), bias_attr=False)(random_clip(1, 4, 2, side, side))


def test_a_traced_network_keeps_conv3d() -> None:
    conv = paddle.jit.to_static(
        Conv3D(4, 4, (3, 1, 1), 1, (1, 0, 0), bias_attr=False),
        input_spec=[paddle.static.InputSpec([1, 4, 4, 2, 2], "float32")],
        full_graph=True,
    )
    program = str(conv.forward.concrete_program.main_program)
    assert "conv3d" in program
    assert "matmul" not in program
