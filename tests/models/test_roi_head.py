"""The head for boxes: RoIAlign, which boxes there may be, and what comes before and after."""

from typing import Any

import numpy as np
import paddle
import pytest
from paddle import Tensor
from paddle.vision.ops import roi_align
from support.small_nets import random_clip

from slowfast.models.roi_head import RoiHead, joined, roi_features
from slowfast.models.roi_pooling import RoiPooling

BOXES = [[16, 16, 112, 80], [4.8, 9.6, 60.8, 70.4], [40, 24, 42, 26], [-24, -8, 40, 56],
         [100, 60, 143, 95]]  # fmt: skip
GOLDEN: dict[tuple[int, bool, str], list[tuple[float, float]]] = {
    (7, False, "max"): [(53.7143, 6.0), (44.8357, 5.6007), (27.7143, 5.0), (34.3571, 5.5714),
                        (58.0, 5.1232)],
    (7, False, "mean"): [(34.0, 2.9504), (27.05, 2.9295), (23.0, 3.6006), (13.895, 2.4985),
                         (53.8642, 2.2065)],
    (7, True, "max"): [(48.2143, 5.4643), (39.3357, 5.8), (13.2768, 3.947), (28.8571, 5.1429),
                       (58.0, 5.5625)],
    (7, True, "mean"): [(28.5, 2.9286), (21.55, 2.9327), (12.6875, 3.6523), (8.5073, 2.0321),
                        (50.0944, 2.8354)],
    (8, True, "max"): [(48.625, 5.125), (39.7062, 5.2062), (13.2891, 3.9536), (29.25, 5.25),
                       (58.0, 5.4798)],
}  # fmt: skip
"""Of the map below, by torchvision 0.29.1, compiled: size of the grid, aligned, over the cells."""


def features_of(boxes: Any, size: int, aligned: bool, sampling: int = 0) -> Tensor:
    """Of a map of 6 rows and 9 columns with the channels x + 10 y and (3 x + 5 y) mod 7."""
    y, x = np.mgrid[:6, :9]
    feature = paddle.to_tensor(np.stack([x + 10 * y, (3 * x + 5 * y) % 7])[None], dtype="float32")
    return roi_features(feature, *joined([np.array(boxes, np.float32)]), size, aligned, sampling)


@pytest.mark.parametrize("case", GOLDEN, ids=str)
def test_roi_align_is_torchvisions_also_outside_the_picture(case: tuple[int, bool, str]) -> None:
    size, aligned, over = case
    cells = features_of(BOXES, size, aligned)
    assert cells.shape == [5, 2, size, size]
    found = getattr(cells.numpy(), over)(axis=(2, 3))
    np.testing.assert_allclose(found, GOLDEN[case], atol=1e-4)


FLAT = [[40, 24, 40, 60], [40, 24, 80, 24], [60, 50, 40, 24], [50, 50, 50, 50],
        [float("nan")] * 4]  # fmt: skip


def test_a_box_without_area_has_zeros_where_paddle_has_nan() -> None:
    cells = features_of([*FLAT, BOXES[0]], 7, True).numpy()
    assert (cells[:-1] == 0).all()
    np.testing.assert_array_equal(cells[-1], features_of(BOXES[:1], 7, True).numpy()[0])
    # What is not aligned is at least a cell large, which begins at the corner.
    cells = features_of([[40, 24, 40, 24], [40, 24, 56, 40]], 7, False).numpy()
    np.testing.assert_array_equal(cells[0], cells[1])


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling", [0, 2])
def test_boxes_end_one_picture_beyond_the_picture(aligned: bool, sampling: int) -> None:
    """Of 144 x 96 pixels: those within are taken to the bit, those beyond cost no more."""
    within = [*BOXES, [-144, -96, 288, 192], [-144, 190, -143, 192]]
    beyond = [[-1e9, -97, 1e38, float("inf")], [float("nan"), 4e4, -5e4, 1e5]]
    cut = [[-144, -96, 288, 192], [-144, 192, -144, 192]]
    found = features_of(within + beyond, 7, aligned, sampling).numpy()
    wanted = features_of(within + cut, 7, aligned, sampling).numpy()
    np.testing.assert_array_equal(found, wanted)
    y, x = np.mgrid[:6, :9]
    feature = paddle.to_tensor(np.stack([x + 10 * y, (3 * x + 5 * y) % 7])[None], dtype="float32")
    own = roi_align(feature, *joined([np.array(within)]), 7, 1 / 16, sampling or -1, aligned)
    np.testing.assert_array_equal(found[: len(within)], own.numpy())


CLIP = (2, 1)
"""Channels of the pathways."""


def head_of(pooling: RoiPooling = RoiPooling(), classes: int = 3, **given: Any) -> RoiHead:  # noqa: B008
    paddle.seed(0)
    return RoiHead(sum(CLIP), classes, pooling, given.get("dropout", 0.0))


def pathways(clips: int = 2) -> list[Tensor]:
    return [random_clip(clips, channels, 4 * i + 2, 5, 6) for i, channels in enumerate(CLIP)]


PER_CLIP = [[[0, 0, 95, 79], [8, 8, 40, 30]], [], [[33, 3, 60, 70.5]]]
WAYS = [RoiPooling(), RoiPooling(8, False, 2, "max"), RoiPooling(4, context=True)]


def arrays(boxes: Any) -> list[Any]:
    return [np.array(own, np.float32).reshape(-1, 4) for own in boxes]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_boxes_are_looked_at_apart(way: RoiPooling) -> None:
    """One at a time, in any order, of clips with unequal numbers of them."""
    head, clips, boxes = head_of(way), pathways(3), arrays(PER_CLIP)
    rows = head(clips, *joined(boxes)).numpy()
    assert rows.shape == (3, 3)
    turned = head(clips, *joined([boxes[0][::-1], *boxes[1:]])).numpy()
    np.testing.assert_allclose(turned[[1, 0, 2]], rows, atol=1e-5)
    alone = [
        head([x[i : i + 1] for x in clips], *joined([own[k : k + 1]])).numpy()[0]
        for i, own in enumerate(boxes)
        for k in range(len(own))
    ]
    np.testing.assert_allclose(alone, rows, atol=1e-5)
    assert np.abs(rows[0] - rows[1]).max() > 1e-3


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_no_box_at_all(way: RoiPooling) -> None:
    """Gradients are there and 0, so that a process without boxes can take part in a step."""
    head, clips = head_of(way), pathways()
    clips[0].stop_gradient = False
    rows = head(clips, *joined(arrays([[], []])))
    assert rows.shape == [0, 3]
    rows.sum().backward()
    assert (head.projection.weight.grad.numpy() == 0).all()
    assert (clips[0].grad.numpy() == 0).all()


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("boxes", [FLAT[:4], BOXES, [[500, 500, 600, 600], [-90, -90, -20, -20]]],
                         ids=["without area", "partly outside", "outside"])  # fmt: skip
def test_whatever_boxes_give_finite_numbers_and_gradients(boxes: Any, aligned: bool) -> None:
    head, clips = head_of(RoiPooling(aligned=aligned)), pathways(1)
    for x in clips:
        x.stop_gradient = False
    logits = head(clips, *joined(arrays([boxes])))
    logits.sum().backward()
    for x in (logits, *(x.grad for x in clips), head.projection.weight.grad):
        assert np.isfinite(x.numpy()).all()


def test_the_mean_or_the_largest_over_time() -> None:
    box = joined(arrays([[[0, 0, 95, 79]]]))
    steps = [paddle.concat([x, x + 1, x + 5], axis=2) for x in (pathways(1)[0][:, :, :1],)]
    steps.append(paddle.zeros([1, 1, 3, 5, 6]))
    once = [x[:, :, :1] for x in steps]
    expected = head_of().pool(once, *box).numpy()
    for way, more in (("mean", 2), ("max", 5)):
        found = head_of(RoiPooling(time=way)).pool(steps, *box).numpy()
        np.testing.assert_allclose(found - expected, [[more, more, 0]], atol=1e-5)


def test_the_columns_are_of_the_box_then_of_the_picture() -> None:
    head = head_of(RoiPooling(3, context=True))
    clips = pathways(2)
    found = head.pool(clips, *joined(arrays([[], [[0, 0, 40, 40]]]))).numpy()
    assert found.shape == (1, 6) and head.projection.weight.shape == [6, 3]
    own = head_of(RoiPooling(3)).pool(clips, *joined(arrays([[], [[0, 0, 40, 40]]])))
    np.testing.assert_array_equal(found[:, :3], own.numpy())
    whole = [paddle.nn.functional.adaptive_avg_pool2d(x.mean(axis=2), 3) for x in clips]
    largest = np.concatenate([x.numpy().max(axis=(2, 3)) for x in whole], axis=1)
    np.testing.assert_allclose(found[:, 3:], largest[1:], atol=1e-6)


def test_the_gradient_of_equal_cells_is_that_of_one() -> None:
    clips = [paddle.ones([1, channels, 2, 5, 6]) for channels in CLIP]
    clips[0].stop_gradient = False
    head_of(RoiPooling(4, time="max")).pool(
        clips, *joined(arrays([[[8, 8, 72, 72]]]))
    ).sum().backward()
    assert float(clips[0].grad.sum()) == pytest.approx(CLIP[0])


@pytest.mark.parametrize("first", [True, False])
def test_dropout_before_or_after_the_largest_cell(first: bool) -> None:
    """Before it, hardly ever all of a feature's cells are dropped; after it, half of them are."""
    head = RoiHead(200, 1, RoiPooling(dropout_first=first), 0.5)
    head.projection.weight.set_value(paddle.ones([200, 1]))
    clip, boxes = [paddle.ones([1, 200, 1, 5, 6])], joined(arrays([[[8, 8, 72, 72]]]))
    dropped = float(head(clip, *boxes)[0, 0])
    assert dropped == pytest.approx(400) if first else 100 < dropped < 300
    head.eval()
    assert float(head(clip, *boxes)[0, 0]) == pytest.approx(200)
