"""Batch norm over parts of a batch, over all processes, and not at all: against the definitions."""

from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from paddle import Tensor, nn
from support.small_nets import small

from slowfast import distributed
from slowfast.models.freeze import freeze_batch_norm
from slowfast.models.layers.layout import channels_last, to_first, to_last
from slowfast.models.layers.norm import BatchNorm3D, batch_norms, set_splits, sync_batch_norm


def tiny() -> Any:
    return small(train_crop=32, width=8, stem_kernel=3, num_classes=3, dropout=0.0)


def batch(*shape: int, seed: int = 0) -> Tensor:
    """Clips that differ in mean and spread, and their channels, too."""
    rng = np.random.default_rng(seed)
    spread, shift = rng.uniform(0.2, 3.0, (2, *shape[:2], 1, 1, 1))
    values = rng.standard_normal(shape) * spread + 4 * shift
    return paddle.to_tensor(values.astype(np.float32))


def layer(splits: int = 1) -> Any:
    """A batch norm of 3 channels in training, whose scale and shift are not 1 and 0."""
    norm = BatchNorm3D(3)
    norm.weight.set_value(paddle.linspace(0.5, 2.0, 3))
    norm.bias.set_value(paddle.linspace(-1.0, 1.0, 3))
    if splits > 1:
        set_splits(norm, splits)
    return norm


def outcome(norm: nn.Layer, x: Tensor, slope: Tensor) -> dict[str, NDArray[np.float32]]:
    """The output and all gradients, under ``slope`` from above."""
    x = x.clone().detach()
    x.stop_gradient = False
    y = norm(x)
    (y * slope).sum().backward()
    found = {"y": y, "dx": x.grad, "dweight": norm.weight.grad, "dbias": norm.bias.grad}
    return {name: value.numpy() for name, value in found.items()}


def assert_close(found: Any, expected: Any, rtol: float, atol: float = 0.0) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol, atol)


def per_channel(x: Tensor) -> NDArray[np.float64]:
    """``[C, N * T * H * W]``."""
    return x.numpy().astype(np.float64).swapaxes(0, 1).reshape(x.shape[1], -1)


def test_what_paddle_tracks_on_a_cpu() -> None:
    """0.9 of the old, 0.1 of the batch's; the biased variance. 16 elements: 1/15 is not 1/16."""
    norm, x = layer(), batch(2, 3, 2, 2, 2)
    norm(x)
    values = per_channel(x)
    assert_close(norm._mean, 0.1 * values.mean(axis=1), rtol=1e-5)
    assert_close(norm._variance, 0.9 + 0.1 * values.var(axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("num_clips", "splits", "parts"), [(6, 2, 2), (6, 3, 3), (8, 8, 8), (6, 4, 2), (5, 4, 1)]
)
def test_parts_are_normalised_each_by_itself(num_clips: int, splits: int, parts: int) -> None:
    """Like plain batch norms, one a part; parameters have the sum of the parts' gradients."""
    x, slope = batch(num_clips, 3, 2, 4, 5), batch(num_clips, 3, 2, 4, 5, seed=1)
    found = outcome(layer(splits=splits), x, slope)
    singly = [outcome(layer(), x[p::parts], slope[p::parts]) for p in range(parts)]
    for name in ("y", "dx"):
        expected = np.empty_like(found[name])
        for p, part in enumerate(singly):
            expected[p::parts] = part[name]
        assert_close(found[name], expected, rtol=1e-4, atol=1e-5)
    for name in ("dweight", "dbias"):
        expected = np.sum([part[name] for part in singly], axis=0)
        assert_close(found[name], expected, rtol=1e-4)
    if parts > 1:
        assert np.abs(found["y"] - outcome(layer(), x, slope)["y"]).max() > 0.1


@pytest.mark.parametrize("splits", [2, 3, 4, 6])
def test_parts_track_what_the_whole_batch_would(splits: int) -> None:
    plain, parted = layer(), layer(splits=splits)
    for number in range(5):
        x = batch(6, 3, 2, 3, 3, seed=number)
        plain(x)
        parted(x)
    assert_close(parted._mean, plain._mean, rtol=2e-6)
    assert_close(parted._variance, plain._variance, rtol=2e-6)


def test_parts_track_the_unbiased_variance_as_gpus_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a kernel in cuDNN's place that tracks what cuDNN does: 1/11 of the whole batch."""
    plain_kernel = paddle.nn.functional.batch_norm

    def unbiased_kernel(x: Any, mean: Tensor, variance: Tensor, *others: Any, **more: Any) -> Any:
        y = plain_kernel(x, mean, variance, *others, **more)
        count = int(x.size) // x.shape[1]
        variance.set_value(variance * (count / (count - 1)))
        return y

    monkeypatch.setattr("paddle.nn.functional.batch_norm", unbiased_kernel)
    monkeypatch.setattr("slowfast.models.layers.norm.tracked_per_biased", lambda x, n: n / (n - 1))
    norm, x = layer(splits=3), batch(6, 3, 1, 2, 1)
    norm(x)
    expected = 0.9 + 0.1 * per_channel(x).var(axis=1, ddof=1)
    assert_close(norm._variance.numpy(), expected, rtol=1e-5)


def test_a_part_of_one_element_is_no_part() -> None:
    """Paddle leaves a single element as it is: with 2 elements a channel there is the batch."""
    plain, parted, x = layer(), layer(splits=2), batch(2, 3, 1, 1, 1)
    np.testing.assert_array_equal(parted(x), plain(x))
    np.testing.assert_array_equal(parted._mean, plain._mean)


@pytest.mark.parametrize(
    ("shape", "splits"), [((4, 3, 2, 4, 4), 2), ((1, 3, 1, 1, 1), 1), ((2, 3, 1, 1, 1), 2)], ids=str
)
@pytest.mark.parametrize("relu", [True, False])
def test_parts_and_single_elements_with_the_channels_last(
    relu: bool, shape: tuple[int, ...], splits: int
) -> None:
    """Which oneDNN has no form of, or another: they are as with the channels first."""
    norms = [layer(splits=splits) for _ in range(2)]
    x, slope = batch(*shape), batch(*shape, seed=1)

    def last(x: Tensor) -> Tensor:
        with channels_last():
            return to_first(norms[0](to_last(x), relu=relu))

    def first(x: Tensor) -> Tensor:
        return norms[1](x, relu=relu)

    found = []
    for norm, call in zip(norms, (last, first), strict=True):
        own = x.clone().detach()
        own.stop_gradient = False
        y = call(own)
        gradients = paddle.grad(y, [own, norm.weight, norm.bias], slope)
        found.append([y, *gradients, norm._mean, norm._variance])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_parts_are_of_training_alone() -> None:
    norm, x = layer(splits=2), batch(4, 3, 2, 4, 4)
    norm.eval()
    fresh = norm(x).numpy()  # mean 0 and variance 1, but for epsilon
    scale, shift = (v.numpy().reshape(1, 3, 1, 1, 1) for v in (norm.weight, norm.bias))
    assert_close(fresh, x.numpy() * scale + shift, rtol=1e-4, atol=1e-4)


def test_a_network_is_trained_in_parts() -> None:
    """Nothing crosses the border of a part: its logits are those of the part alone."""
    paddle.seed(0)
    net = tiny()
    clips = batch(4, 3, 8, 32, 32)
    names = {name: value.shape for name, value in net.state_dict().items()}
    net.train()
    parts = [net(clips[p::2]).numpy() for p in range(2)]
    set_splits(net, 2)
    logits = net(clips).numpy()
    for p in range(2):
        assert_close(logits[p::2], parts[p], rtol=1e-4, atol=1e-6)
    assert {name: value.shape for name, value in net.state_dict().items()} == names


def test_batch_norms_finds_all() -> None:
    net = tiny()
    count = sum(name.endswith("_mean") for name in net.state_dict())
    assert len(batch_norms(net)) == count == 2 + 2 * 4 * 4 + 4
    assert batch_norms(net.s1.pathway0_stem.bn) == [net.s1.pathway0_stem.bn]


def test_frozen_statistics_are_used_and_kept() -> None:
    """``y = w (x - mean) / sqrt(variance + eps) + b``, with mean and variance constants."""
    norm, x, slope = layer(splits=2), batch(4, 3, 2, 4, 4), batch(4, 3, 2, 4, 4, seed=1)
    norm._mean.set_value(paddle.to_tensor([1.0, -2.0, 3.0]))
    norm._variance.set_value(paddle.to_tensor([4.0, 0.25, 9.0]))
    freeze_batch_norm(norm)
    found = outcome(norm, x, slope)
    shape = (1, 3, 1, 1, 1)
    mean, weight = norm._mean.numpy().reshape(shape), norm.weight.numpy().reshape(shape)
    deviation = np.sqrt(norm._variance.numpy() + 1e-5).reshape(shape)
    normalised = (x.numpy() - mean) / deviation
    above, axes = slope.numpy(), (0, 2, 3, 4)
    expected = {
        "y": normalised * weight + norm.bias.numpy().reshape(shape),
        "dx": above * weight / deviation,
        "dweight": (above * normalised).sum(axes),
        "dbias": above.sum(axes),
    }
    for name, value in expected.items():
        assert_close(found[name], value, rtol=1e-4, atol=1e-4)
    assert norm._mean.tolist() == [1.0, -2.0, 3.0]
    assert norm._variance.tolist() == [4.0, 0.25, 9.0]


def gpus(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Makes it look as if this were one of so many processes with a GPU."""
    monkeypatch.setattr("paddle.device.get_device", lambda: "gpu:0")
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", str(number))


def test_synchronised_batch_norm_goes_to_paddles_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which no CPU has: the error says that all arguments were right so far."""
    gpus(monkeypatch, 2)
    norm, x = layer(splits=2), batch(4, 3, 2, 4, 4)
    sync_batch_norm(norm)
    with pytest.raises(RuntimeError, match=r"`sync_batch_norm` is not registered"):
        norm(x)
    with pytest.raises(RuntimeError, match=r"`sync_batch_norm` is not registered"):
        nn.SyncBatchNorm(3)(x)
    norm.eval()
    assert np.isfinite(norm(x).numpy()).all()
    norm.train()
    freeze_batch_norm(norm)
    assert np.isfinite(norm(x).numpy()).all()


def test_the_synchronised_one_is_called_as_paddle_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """With plain batch norm in the kernel's place: one process's share of the work."""
    gpus(monkeypatch, 2)
    norm, plain, x = layer(), layer(), batch(4, 3, 2, 4, 4)
    ours, theirs = tiny(), tiny()
    sync_batch_norm(norm)
    sync_batch_norm(ours)
    monkeypatch.setattr("paddle._C_ops.sync_batch_norm_", paddle._C_ops.batch_norm)
    np.testing.assert_array_equal(norm(x), plain(x))
    np.testing.assert_array_equal(norm._mean, plain._mean)
    np.testing.assert_array_equal(norm._variance, plain._variance)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    # By their class the optimizer knows them, whose weight decay is their own.
    assert len(batch_norms(ours)) == len(batch_norms(theirs))


def test_only_several_processes_with_gpus_synchronise(monkeypatch: pytest.MonkeyPatch) -> None:
    norm = layer()
    with pytest.raises(distributed.DeviceError, match=r"^train\.sync_bn needs GPUs: "):
        sync_batch_norm(norm)
    gpus(monkeypatch, 1)
    sync_batch_norm(norm)
    assert not norm.synchronised
