"""Mixed precision on a machine without a GPU: the loss scale is run for real, what would be cast is
read from Paddle, and float16 is played by rounding activations to it.
"""

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle import Tensor, nn
from paddle.base import core
from paddle.base.framework import _dygraph_tracer
from support.small_nets import random_clip, small, tensors_of
from support.tiny_run import environment, run_script

from slowfast.config import OptimConfig
from slowfast.train.recipe import precision
from slowfast.train.recipe.loss import cross_entropy
from slowfast.train.recipe.optim import build_optimizer, take_step
from slowfast.train.recipe.precision import LossScale, LossScaleError, Precision
from slowfast.weights.formats.read import read_pickle

LABELS = np.array([0, 2])


class OnGpu:
    """Paddle's tracer, which says that it is on a GPU, so that Paddle sets autocast up here too."""

    def __getattr__(self, name: str) -> Any:
        return self if name == "_expected_place" else getattr(_dygraph_tracer(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_dygraph_tracer(), name, value)

    def is_gpu_place(self) -> bool:
        return True

    def is_xpu_place(self) -> bool:
        return False

    def is_custom_place(self) -> bool:
        return False


def pretend_gpu(set_attribute: Callable[[Any, str, Any], None]) -> None:
    """Passes the checks for a GPU, ours and Paddle's. Its C++ part still computes in float32."""
    set_attribute(precision, "why_not", lambda dtype: "")
    for name in ("paddle.amp.auto_cast", "paddle.amp.grad_scaler"):
        set_attribute(sys.modules[name], "_dygraph_tracer", OnGpu)
    for dtype in ("float16", "bfloat16"):
        supported = f"_is_gpu_{dtype}_supported"
        set_attribute(sys.modules["paddle.amp.auto_cast"], supported, lambda: True)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpu(monkeypatch.setattr)


def network() -> nn.Layer:
    """A SlowFast of width 8, the same at each call, whose residual branches pass gradients."""
    paddle.seed(0)
    net: nn.Layer = small(32, width=8, num_classes=3, dropout=0.0)
    for name, parameter in net.named_parameters():
        if name.endswith("c_bn.weight"):  # which starts at 0
            parameter.set_value(paddle.ones_like(parameter))
    return net


def clip() -> Tensor:
    return random_clip(2, 3, 8, 32, 32)


def equal(a: nn.Layer, b: nn.Layer) -> bool:
    both = zip(tensors_of(a).values(), tensors_of(b).values(), strict=True)
    return all(np.array_equal(x, y) for x, y in both)


def stepped(how: Precision, net: nn.Layer, optimizer: Any, lr: float, clip_to: float = 0.0) -> bool:
    """Whether a step could be taken from the gradients."""
    if is_taken := how.unscale(net):
        take_step(net, optimizer, lr, clip_to, is_told=False)
    optimizer.clear_grad()
    return is_taken


def trained(how: Precision, steps: int, clip_to: float = 0.0, parts: int = 1) -> nn.Layer:
    """The network after steps on one batch, whose gradients are summed over ``parts`` passes."""
    net = network()
    optimizer = build_optimizer(net, OptimConfig())
    for _ in range(steps):
        for _ in range(parts):
            with how.autocast():
                logits = net(clip())
            loss = cross_entropy(logits.astype("float32"), paddle.to_tensor(LABELS))
            how.backward(loss / parts)
        assert stepped(how, net, optimizer, 0.01, clip_to)
    return net


def test_a_step_in_float32_is_the_plain_step() -> None:
    plain = network()
    optimizer = build_optimizer(plain, OptimConfig())
    for _ in range(2):
        cross_entropy(plain(clip()), paddle.to_tensor(LABELS)).backward()
        optimizer.set_lr(0.01)
        optimizer.step()
        optimizer.clear_grad()
    how = Precision("off", "float16")
    assert equal(trained(how, steps=2), plain)
    assert not equal(plain, network())
    assert how.state() == {}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_device_without_it_says_so_and_computes_in_float32(dtype: str, lines: list[str]) -> None:
    how = Precision("O1", dtype)
    net = trained(how, steps=2)  # without Paddle's own warning at every step, which would fail
    assert lines == ["train.amp=O1: computing in float32, since mixed precision needs a GPU"]
    assert equal(net, trained(Precision("off", dtype), steps=2))
    assert how.state() == {}


@pytest.mark.parametrize(
    ("capability", "dtype", "obstacle"),
    [
        ((7, 0), "float16", ""),
        ((8, 0), "bfloat16", ""),
        ((7, 5), "bfloat16", "7.5, has no bfloat16; train.amp_dtype=float16 would do"),
        ((6, 1), "float16", "6.1, has no float16"),
    ],
)
def test_what_a_gpu_can_do(
    capability: tuple[int, int], dtype: str, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paddle, "get_device", lambda: "gpu:0")
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda: capability)
    found = precision.why_not(dtype)
    assert found == (obstacle and f"this GPU, of compute capability {obstacle}")


@pytest.mark.parametrize(("clip_to", "parts"), [(0.0, 1), (0.5, 1), (0.5, 2)])
def test_scaling_by_a_power_of_two_changes_no_digit(gpu: None, clip_to: float, parts: int) -> None:
    """Also of clipping, which comes after unscaling: before, 0.5 would be 65536 times less."""
    scaled = trained(Precision("O1", "float16"), 2, clip_to, parts)
    plain = trained(Precision("off", "float16"), 2, clip_to, parts)
    assert equal(scaled, plain)
    assert equal(plain, trained(Precision("off", "float16"), 2)) == (clip_to == 0.0 and parts == 1)


def test_bfloat16_is_not_scaled(gpu: None) -> None:
    how = Precision("O2", "bfloat16")
    assert how.state() == {}
    assert equal(trained(how, steps=1), trained(Precision("off", "bfloat16"), steps=1))


def step_with(how: Precision, net: nn.Layer, optimizer: Any, gradient: float) -> bool:
    """A step in which the first weight's gradient is ``gradient``, the others' 1."""
    slopes = paddle.to_tensor([[gradient], [1.0]])
    how.backward((net.weight * slopes).sum() + net.bias.sum())
    return stepped(how, net, optimizer, 0.25)


def test_an_overflow_leaves_the_step_out_and_halves_the_scale(gpu: None, lines: list[str]) -> None:
    net = nn.Linear(2, 1)
    how, optimizer = Precision("O1", "float16"), build_optimizer(net, OptimConfig())
    assert step_with(how, net, optimizer, 1.0)
    before = tensors_of(net)
    for bad in (float("inf"), float("nan"), 3e38):  # the last one is finite until it is scaled
        assert not step_with(how, net, optimizer, bad)
        assert net.weight.grad is None or not net.weight.grad.numpy().any()
    for name, value in tensors_of(net).items():
        np.testing.assert_array_equal(value, before[name])
    assert how.state() == {"loss_scale": 2.0**13, "good_steps": 0}
    assert lines[-1].endswith("the loss scale is now 8192") and len(lines) == 3
    assert step_with(how, net, optimizer, 1.0)
    assert not np.array_equal(net.weight.numpy(), before["weight"])


def test_the_scale_does_what_paddles_scaler_does(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LossScale, "GROW_AFTER", 3)
    module = sys.modules["paddle.amp.grad_scaler"]  # its float() fails with NumPy 2.4
    monkeypatch.setattr(module, "float", lambda x: np.asarray(x).item(), raising=False)
    paddle.seed(0)
    ours, theirs = nn.Linear(2, 1), nn.Linear(2, 1)
    theirs.set_state_dict(ours.state_dict())
    optimizers = [build_optimizer(net, OptimConfig()) for net in (ours, theirs)]
    how = Precision("O1", "float16")
    scaler = paddle.amp.GradScaler(init_loss_scaling=LossScale.FIRST, incr_every_n_steps=3)
    assert scaler.is_enable()
    scales = []
    for bad in (0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0):
        gradient = float("inf") if bad else 0.3
        assert step_with(how, ours, optimizers[0], gradient) == (not bad)
        with paddle.amp.auto_cast(dtype="float16"):  # which tells the scaler the type
            pass
        slopes = paddle.to_tensor([[gradient], [1.0]])
        scaler.scale((theirs.weight * slopes).sum() + theirs.bias.sum()).backward()
        optimizers[1].set_lr(0.25)
        scaler.step(optimizers[1])
        scaler.update()
        optimizers[1].clear_grad()
        state = scaler.state_dict()
        assert how.state() == {"loss_scale": state["scale"], "good_steps": state["incr_count"]}
        assert equal(ours, theirs)
        scales.append(int(np.log2(state["scale"].item())))
    assert scales == [16, 16, 15, 15, 15, 16, 16, 16, 15, 14, 14, 14, 15, 15, 15, 16, 16]


def test_gradients_that_are_never_finite_end_training(gpu: None) -> None:
    net = nn.Linear(2, 1)
    how, optimizer = Precision("O1", "float16"), build_optimizer(net, OptimConfig())
    for _ in range(16):
        assert not step_with(how, net, optimizer, float("nan"))
    assert how.state()["loss_scale"] == 1.0
    with pytest.raises(LossScaleError, match=r"not finite.*use train\.amp_dtype=bfloat16"):
        step_with(how, net, optimizer, float("nan"))


def test_a_run_goes_on_with_its_scale_or_in_another_precision(
    gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(LossScale, "GROW_AFTER", 7)
    scaled, plain = Precision("O1", "float16"), Precision("off", "float16")
    for state in (scaled.state(), {"loss_scale": 8.0, "good_steps": 5}):
        scaled.set_state(state)
        (tmp_path / "state").write_bytes(pickle.dumps(scaled.state()))
        assert read_pickle(tmp_path / "state") == scaled.state() == state
    plain.set_state(scaled.state())
    assert plain.state() == {}
    scaled.set_state(plain.state())
    assert scaled.state() == state
    net = nn.Linear(2, 1)
    optimizer = build_optimizer(net, OptimConfig())
    assert step_with(scaled, net, optimizer, 1.0) and step_with(scaled, net, optimizer, 1.0)
    assert scaled.state() == {"loss_scale": 16.0, "good_steps": 0}


@pytest.mark.parametrize(
    "state",
    [{"loss_scale": 8.0}, {"loss_scale": float("inf"), "good_steps": 0},
     {"loss_scale": 0.5, "good_steps": 0}, {"loss_scale": 8.0, "good_steps": 2000}],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(gpu: None, state: dict[str, float]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Precision("O1", "float16").set_state(state)


@pytest.mark.parametrize("level", ["O1", "O2"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_autocast_is_set_up_and_put_away(gpu: None, level: str, dtype: str) -> None:
    tracer = _dygraph_tracer()
    with Precision(level, dtype).autocast():
        white, black = tracer._get_amp_op_list()
        assert tracer._amp_level == getattr(core.AmpLevel, level)
        assert tracer._amp_dtype == dtype
        assert {"conv3d", "conv2d", "matmul_v2"} <= set(white)
        assert "batch_norm" not in {*white, *black}
        assert ("reduce_mean" in black) == (level == "O1")
    assert tracer._amp_level == core.AmpLevel.O0


def test_parameters_and_gradients_stay_float32(gpu: None) -> None:
    how, net = Precision("O2", "float16"), network()
    with how.autocast():
        how.backward(net(clip()).sum())
    assert {p.dtype for p in net.state_dict().values()} == {paddle.float32}
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {paddle.float32}


DECISIONS = """
import sys
from paddle import nn
from slowfast.models.layers.cpu import onednn
from slowfast.models.layers.conv import Conv3D
from slowfast.train.recipe import precision
from train.recipe import test_precision
Conv3D.forward, onednn.library = nn.Conv3D.forward, lambda: None  # as on a GPU
test_precision.pretend_gpu(setattr)
net, clip = test_precision.network(), test_precision.clip()
for level in ("O1", "O2"):
    for dtype in ("bfloat16", "float16"):
        for precision.LOW_PRECISION_OPS in (("conv3d",), ()):
            print(f"RUN {level} {dtype} {len(precision.LOW_PRECISION_OPS)}", file=sys.stderr)
            with precision.Precision(level, dtype).autocast():
                net(clip)
"""


def test_the_convolutions_and_the_classifier_would_be_cast() -> None:
    """Paddle's C++ part logs where it would cast if the tensors were on a GPU.

    The activations are float32 here, so of what follows a convolution nothing shows.
    """
    run = subprocess.run(
        [sys.executable, "-c", DECISIONS],
        capture_output=True,
        text=True,
        env=environment() | {"GLOG_vmodule": "amp_utils=6", "GLOG_minloglevel": "0"},
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    convolutions = sum(isinstance(layer, nn.Conv3D) for layer in network().sublayers())
    _, *parts = run.stderr.split("RUN ")
    assert len(parts) == 8
    for part in parts:
        level, dtype, is_listed = part.split()[:3]
        cast = re.findall(rf"Change (\w+)'s AMP type from {dtype} to FP32", part)
        assert cast.count("conv3d") == (convolutions if is_listed == "1" else 0), part[:20]
        assert cast.count("matmul_v2") == 1
        assert len(cast) == cast.count("conv3d") + 1
        exempt = re.findall(r"op_name\(batch_norm\)input\((\w+)\)", part)
        assert {"x", "scale", "bias", "mean", "variance"} == set(exempt), level


PROCESSES = """
import numpy as np, paddle
from slowfast import distributed
from train.recipe import test_precision as here
distributed.start("cpu", seed=0)
here.pretend_gpu(setattr)
net = here.network()
parallel = paddle.DataParallel(net)
how, optimizer = here.Precision("O1", "float16"), here.build_optimizer(net, here.OptimConfig())
steps = []
for step in range(3):
    with parallel.no_sync():
        how.backward(parallel(here.clip()).sum() / 2)
    overflow = step == 1 and distributed.rank() == 1
    how.backward(parallel(here.clip()).sum() * (float("inf") if overflow else 0.5))
    steps.append(here.stepped(how, parallel, optimizer, 1e-4, 40.0))
assert steps == [True, False, True], steps
assert how.state() == {"loss_scale": 2.0**15, "good_steps": 1}, how.state()
ours = paddle.concat([p.flatten() for p in net.parameters() if not p.stop_gradient]).numpy()
first, second = distributed.gather(ours)
assert np.isfinite(first).all() and np.array_equal(first, second)
print(f"rank {distributed.rank()} is content")
"""


def test_an_overflow_in_one_process_leaves_the_step_out_in_all(tmp_path: Path) -> None:
    said = run_script(PROCESSES, cwd=tmp_path, processes=2)
    for rank, text in enumerate(said):
        assert f"rank {rank} is content" in text


def test_training_in_float16_finds_its_scale(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Activations and their gradients are rounded to float16, and overflow as they do on a GPU."""
    net = network()

    def rounded(x: Tensor) -> Tensor:
        return x.astype("float16").astype("float32")

    for layer in net.sublayers():
        if isinstance(layer, nn.Conv3D | nn.BatchNorm3D | nn.Linear):
            layer.register_forward_pre_hook(lambda layer, inputs: tuple(map(rounded, inputs)))
            layer.register_forward_post_hook(lambda layer, inputs, output: rounded(output))
    monkeypatch.setattr(LossScale, "FIRST", 2.0**21)
    how, optimizer = Precision("O1", "float16"), build_optimizer(net, OptimConfig())
    losses, steps = [], []
    for _ in range(12):
        with how.autocast():
            logits = net(clip())
        losses.append(cross_entropy(logits, paddle.to_tensor(LABELS)))
        how.backward(losses[-1])
        steps.append(stepped(how, net, optimizer, 0.01))
    skipped = steps.count(False)
    assert 0 < skipped < 8 and steps == [False] * skipped + [True] * (12 - skipped)
    assert how.state() == {"loss_scale": 2.0 ** (21 - skipped), "good_steps": 12 - skipped}
    assert float(losses[-1]) < 0.5 * float(losses[0])
    assert float(losses[0]) == pytest.approx(
        float(cross_entropy(network()(clip()), paddle.to_tensor(LABELS))), rel=1e-2
    )
