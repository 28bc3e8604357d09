"""The networks for boxes. Their answers: whole/test_golden."""

from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from support.small_nets import random_clip, small, wake_up

from slowfast.models.head import sigmoid
from slowfast.models.roi_head import joined
from slowfast.models.slowfast import SinglePathway
from slowfast.models.variants import slow_pathway

BOXES = [np.array(own, np.float32).reshape(-1, 4) for own in (
    [[4, 9, 60, 63], [30, 2, 79, 40]], [], [[10, 20, 25, 50]]
)]  # fmt: skip
"""Of three clips of 64 x 80 pixels."""


def detector(**changes: Any) -> Any:
    paddle.seed(0)
    net = small(task="detection", **changes)
    wake_up(net)
    net.eval()
    return net


@pytest.mark.parametrize(("name", "dilations"), [
    ("slowfast", (2, 1)), ("slow_only", (3, 2)), ("fast_only", (1, 2)),
])  # fmt: skip
def test_the_last_stage_of_a_detector_has_stride_1_and_is_dilated(
    name: str, dilations: Any
) -> None:
    net, classifier = detector(name=name, dilations=dilations, slow_depth=26), small(name=name)
    own = {"slow_only": dilations[:1], "fast_only": dilations[1:]}.get(name, dilations)
    for pathway, dilation in enumerate(own):
        blocks = [layer for at, layer in net.s5.named_children() if f"pathway{pathway}_" in at]
        for block in blocks:
            found = block.branch2.b._dilation, block.branch2.b._updated_padding
            assert found == ([1, dilation, dilation], [0, dilation, dilation])
            assert [*block.branch2.b._stride] == [1, 1, 1]
        assert [*blocks[0].branch1._stride] == [1, 1, 1]
    assert [*classifier.s5.pathway0_res0.branch2.b._stride] == [1, 2, 2]
    clip = random_clip(1, 3, 8, 70, 83)
    assert all(x.shape[3:] == [5, 6] for x in net.features(clip))
    for layer in (net.s4, classifier.s5):
        for _, block in layer.named_children():
            assert block.branch2.b._dilation == [1, 1, 1]


def test_predict_gives_probabilities_of_the_boxes_of_each_clip() -> None:
    net = detector()
    clip = random_clip(3, 3, 8, 64, 80)
    with paddle.no_grad():
        found = net.predict(clip, BOXES)
        assert [row.shape for row in found] == [[2, 6], [0, 6], [1, 6]]
        alone = net.predict(clip[2:], [paddle.to_tensor(BOXES[2])])[0].numpy()
        np.testing.assert_allclose(found[2].numpy(), alone, atol=1e-5)
        rows = np.concatenate([row.numpy() for row in found])
        boxes, counts = joined(BOXES)
        np.testing.assert_allclose(rows, 1 / (1 + np.exp(-net(clip, boxes, counts).numpy())), 1e-5)
        features = net.embed(clip, boxes, counts)
        logits = net.head.projection(features).numpy()
        np.testing.assert_allclose(net(clip, boxes, counts).numpy(), logits, rtol=1e-5)
        none = net.predict(clip[:2], [[], np.zeros((0, 4))])
        assert [row.shape for row in none] == [[0, 6], [0, 6]]
    with pytest.raises(ValueError, match="boxes of 2 clips for 3 clips"):
        net.predict(clip, BOXES[:2])


CLIP = paddle.zeros([1, 3, 8, 32, 32])


@pytest.mark.parametrize(("clips", "boxes", "fault"), [
    (CLIP.numpy(), [[]], "the clips are ndarray: a Tensor .* is wanted"),
    (CLIP.astype("uint8"), [[]], r"the clips are paddle.uint8 \[1, 3, 8, 32, 32\]"),
    (CLIP[0], [[]], r"the clips are paddle.float32 \[3, 8, 32, 32\]"),
    (CLIP[:0], [], r"the clips are paddle.float32 \[0, 3"),
    (CLIP, None, "boxes in a NoneType for 1 clips: a list is wanted"),
    (CLIP, np.zeros((1, 4)), "boxes in a ndarray for 1 clips: a list is wanted"),
    (CLIP, [np.zeros((4, 5))], r"boxes of clip 0 are of shape \[4, 5\], not \[K, 4\]"),
    (CLIP, [np.zeros(4)], r"boxes of clip 0 are of shape \[4\]"),
    (CLIP, [None], r"boxes of clip 0 are of shape \[\]"),
    (CLIP, ["all"], "could not convert string to float: 'all'"),
    (CLIP, [[[0, 0, 9, 9], [0, 0, np.nan, 5]]], "box 1 of clip 0 is not finite: .*nan"),
    (CLIP, [[[0, 0, np.inf, 5]]], "box 0 of clip 0 is not finite"),
], ids=["array", "bytes", "no batch", "none", "no boxes", "not a list", "5 columns", "flat",
        "no box", "text", "nan", "infinite"])  # fmt: skip
def test_predict_tells_what_it_cannot_take(clips: Any, boxes: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        detector().predict(clips, boxes)


def test_classes_of_a_box_may_exclude_each_other() -> None:
    """mmaction2's multilabel=False: ``cls_score.softmax(dim=-1)``."""
    clip = random_clip(3, 3, 8, 64, 80)
    several, one = detector(), detector(labels_per_box="one")
    with paddle.no_grad():
        logits = several(clip, *joined(BOXES)).numpy().astype(np.float64)
        powers = np.exp(logits)
        found = np.concatenate([row.numpy() for row in one.predict(clip, BOXES)])
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    assert small(labels_per_box="one", task="multi").probabilities is sigmoid  # no boxes


@pytest.mark.parametrize("changes", [
    {}, dict(name="slow_only", nonlocal_blocks=(0,)), dict(name="fast_only"),
    dict(roi_context=True, roi_time="max", roi_aligned=False, roi_dropout_first=True),
], ids=str)  # fmt: skip
def test_a_gradient_reaches_every_parameter_of_a_detector(changes: dict[str, Any]) -> None:
    net = detector(**changes)
    for name, parameter in net.named_parameters():
        if name.endswith("nonlocal0.bn.weight"):
            parameter.set_value(paddle.ones_like(parameter))
    net.train()
    rows = net(random_clip(3, 3, 8, 64, 80), *joined(BOXES))
    F.binary_cross_entropy_with_logits(rows, paddle.zeros_like(rows)).backward()
    for name, parameter in net.named_parameters():
        if not parameter.stop_gradient:
            assert parameter.grad is not None, name
            assert 0 < np.abs(parameter.grad.numpy()).max() < np.inf, name


def test_a_network_of_clips_has_no_task_of_boxes() -> None:
    with pytest.raises(AssertionError, match="detector.py"):
        SinglePathway(slow_pathway(14, width=8), alpha=1, num_classes=3, task="detection")
