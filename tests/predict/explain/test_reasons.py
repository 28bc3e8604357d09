"""Reasons: parts that add up to the logits, and heat that is what it is said to be."""

from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from paddle import nn
from support.small_nets import small, wake_up

from slowfast.config import Config, DataConfig, ModelConfig
from slowfast.data.clips.view_videos import VideoViews
from slowfast.models.layers.layout import is_channels_last
from slowfast.models.pathways import normalize
from slowfast.predict.explain.reasons import Reasons, reasons_of, stage_to_show, why_of

DATA = DataConfig(mean=(128 / 255,) * 3)


def network(crop: int = 64, **changes: Any) -> Any:
    """One that answers in evaluation mode, with a bias."""
    paddle.seed(0)
    net = small(crop, **changes)
    wake_up(net)
    bias = net.head.projection.bias
    bias.set_value(paddle.randn(bias.shape))
    net.eval()
    return net


def noise(height: int, width: int, frames: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), np.uint8)


def entering(clip: NDArray[np.uint8]) -> paddle.Tensor:
    return normalize(paddle.to_tensor(clip[None]), DATA.mean, DATA.std)


@pytest.mark.parametrize(("size", "changes"), [
    ((64, 64), {}),
    ((96, 128), {}),
    ((96, 128), {"head_pooling": "global"}),
    ((64, 64), {"name": "slow_only"}),
    ((64, 96), {"name": "fast_only"}),
    ((32, 32), {"slow_frames": "strided", "lateral_norm": False, "stem_kernel": 3}),
], ids=["dense", "six positions", "global", "slow only", "fast only", "strided"])  # fmt: skip
def test_the_parts_add_up_to_the_logits(size: tuple[int, int], changes: dict[str, Any]) -> None:
    net = network(**changes)
    clip = noise(*size)
    parts = reasons_of(net, clip, 3, DATA).parts
    logits = net(entering(clip)).numpy()[0]
    pathways = 2 if net.head.projection.weight.shape[0] == 512 + 64 else 1
    assert parts.shape == (pathways + 1, 6)
    assert np.ptp(logits) > 0.1
    np.testing.assert_allclose(parts.sum(axis=0), logits, rtol=0, atol=1e-5 * abs(parts).max())


def test_at_the_last_stage_the_heat_is_grad_cam() -> None:
    net, clip = network(head_pooling="global"), noise(224, 224)
    label = 2
    last = net.features(entering(clip))
    slopes = paddle.grad(net.head(last).mean(axis=1)[0, label], last, retain_graph=True)
    found = reasons_of(net, clip, label, DATA)
    assert found.stage == 5
    for a, slope, heat in zip(last, slopes, found.heat, strict=True):
        weights = slope.mean(axis=[2, 3, 4], keepdim=True)  # as Selvaraju et al. take them
        cam = nn.functional.relu((weights * a).sum(axis=1))[0].numpy()
        assert heat.shape == cam.shape == (a.shape[2], 7, 7) and cam.max() > 0
        np.testing.assert_allclose(heat, cam, rtol=0, atol=1e-5 * cam.max())


def test_of_several_positions_each_place_counts_as_often_as_it_is_seen() -> None:
    """Windows of 7 x 7 in a map of 7 x 9: the middle columns are in all three."""
    net, clip, label = network(224), noise(224, 288), 1
    seen = np.minimum(np.minimum(np.arange(1, 10), np.arange(9, 0, -1)), 3) / 3
    weights = net.head.projection.weight.numpy()[:, label]
    slow, fast = (x.numpy()[0] for x in net.features(entering(clip)))
    found = reasons_of(net, clip, label, DATA)
    for x, own, heat, part in zip(
        (slow, fast),
        (weights[:512], weights[512:]),
        found.heat,
        found.parts[:, label],
        strict=False,
    ):
        places = np.einsum("c,cthw->thw", own, x) * seen / (x.shape[1] * 49)
        assert places.sum() == pytest.approx(part, rel=1e-3, abs=1e-5)
        np.testing.assert_allclose(heat, np.maximum(places, 0), rtol=0, atol=1e-5 * heat.max())


def test_heat_of_an_earlier_stage_is_what_a_little_more_there_adds_to_the_logit() -> None:
    net, clip, label = network(32), noise(32, 32), 4
    found = reasons_of(net, clip, label, DATA)
    assert found.stage == 2 and [x.shape for x in found.heat] == [(2, 8, 8), (8, 8, 8)]
    for pathway, heat in enumerate(found.heat):
        t, y, x = place = np.unravel_index(heat.argmax(), heat.shape)

        def logit(more: float, pathway: int = pathway, place: Any = place) -> float:
            def change(layer: object, inputs: object, outputs: list[paddle.Tensor]) -> Any:
                factor = paddle.ones_like(outputs[pathway])
                t, y, x = place
                if is_channels_last():
                    factor[:, t, y, x] = 1 + more
                else:
                    factor[:, :, t, y, x] = 1 + more
                changed = list(outputs)
                changed[pathway] = outputs[pathway] * factor
                return changed

            hook = net.s2.register_forward_post_hook(change)
            value = float(net(entering(clip))[0, label])
            hook.remove()
            return value

        assert heat[t, y, x] == pytest.approx((logit(0.002) - logit(-0.002)) / 0.004, rel=0.02)


def test_heat_is_where_and_when_something_is_to_be_seen() -> None:
    """A grey picture is 0 for a new network, which has no shifts: all else is of the patch."""
    net = network(32)
    net.head.projection.bias.set_value(paddle.zeros([6]))
    clip = np.full((8, 64, 96, 3), 128, np.uint8)
    clip[:3, 40:60, 60:90] = noise(20, 30, 3)
    label = int(net(entering(clip))[0].argmax())
    for heat, frames in zip(reasons_of(net, clip, label, DATA).heat, (1, 5), strict=True):
        assert heat.shape[1:] == (8, 12)
        inside = heat[:frames, 4:8, 6:12].sum()  # a place is 8 pixels
        assert inside > 0.8 * heat.sum() > 0


@pytest.mark.parametrize(("size", "stage"), [
    ((224, 224), 5), ((256, 340), 5), ((192, 400), 4), ((112, 112), 4), ((64, 64), 3),
    ((32, 32), 2), ((8, 8), 2),
])  # fmt: skip
def test_the_stage_has_enough_places(size: tuple[int, int], stage: int) -> None:
    assert stage_to_show(*size) == stage


def test_shares_are_of_the_lead_over_another_class() -> None:
    parts = np.array([[3, 9, 1], [2, 4, 7], [0.5, 0, 0]], np.float32)
    reasons = Reasons(parts, [], 5)
    assert reasons.leads(1, 0).tolist() == [6, 2, -0.5]
    assert reasons.shares(1, 0).tolist() == [0.75, 0.25]
    assert reasons.shares(0, 2).tolist() == pytest.approx([2 / 7, 5 / 7])
    assert reasons.shares(0, 0).tolist() == [0, 0]
    assert reasons.leads(1, None).tolist() == [9, 4, 0]  # several labels: its own logit
    assert reasons.shares(1, None).tolist() == pytest.approx([9 / 13, 4 / 13])


@pytest.mark.parametrize("kind", ["prob", "score"])
def test_the_clearest_view_is_explained(kind: str) -> None:
    net = network(32)
    cfg = Config(model=ModelConfig(num_classes=6), data=DATA).with_test(average_clips=kind)
    frames = noise(32, 48, 12)
    clips = np.array([np.arange(8), np.arange(4, 12)])
    video = VideoViews(frames, clips, [(0, 8), (0, 0), (0, 16)], (32, 32), -1, 0)
    row = np.log(np.ones((3, 6), np.float32))
    row[0, 0], row[1, 0], row[2, 1] = np.log([5, 9, 8])
    if kind == "prob":
        row = np.exp(row) / np.exp(row).sum(axis=1, keepdims=True)
    why = why_of(net, video, [1, 5, 0], row, cfg, 3)
    assert (why.classes[0], why.num_views, why.place) == (0, 3, (1, 2))
    np.testing.assert_array_equal(why.clip, frames[4:12, :, 16:48])
    assert len(why.classes) == len(why.probabilities) == 3
