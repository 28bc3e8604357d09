"""Parameters, multiply-adds and shapes, against the paper. Of each network: test_published."""

import paddle
import pytest
from support.small_nets import small

from slowfast.config import ModelConfig
from slowfast.models import build_model, slowfast_r50_4x16
from slowfast.models.cost import Row, count_parameters, summarize


def giga(rows: list[Row]) -> float:
    return sum(row.macs for row in rows) / 1e9


def test_the_slow_pathway_alone_has_the_papers_cost() -> None:
    """Table 5a of the paper: 27.3 GFLOPs at 256."""
    with paddle.LazyGuard():
        net = build_model(ModelConfig(name="slow_only"), 224)
    assert giga(summarize(net, (1, 3, 32, 256, 256))) == pytest.approx(27.3, abs=0.05)


def test_shapes_are_those_of_the_papers_table() -> None:
    """Table 1 of the paper, for 4x16: slow first, with the laterals where they are joined."""
    with paddle.LazyGuard():
        net = slowfast_r50_4x16()
    rows = summarize(net, (2, 3, 32, 224, 224))
    assert [(row.name, row.shapes) for row in rows] == [
        ("s1", [[2, 64, 4, 56, 56], [2, 8, 32, 56, 56]]),
        ("s1_fuse", [[2, 80, 4, 56, 56]]),
        ("s2", [[2, 256, 4, 56, 56], [2, 32, 32, 56, 56]]),
        ("s2_fuse", [[2, 320, 4, 56, 56]]),
        ("s3", [[2, 512, 4, 28, 28], [2, 64, 32, 28, 28]]),
        ("s3_fuse", [[2, 640, 4, 28, 28]]),
        ("s4", [[2, 1024, 4, 14, 14], [2, 128, 32, 14, 14]]),
        ("s4_fuse", [[2, 1280, 4, 14, 14]]),
        ("s5", [[2, 2048, 4, 7, 7], [2, 256, 32, 7, 7]]),
        ("head", [[2, 1, 400]]),
    ]
    assert giga(rows) == pytest.approx(2 * 27.639, rel=1e-3)


def test_trained_parameters_alone_are_counted() -> None:
    net = small()
    everything = sum(int(x.size) for x in net.state_dict().values())
    norms = sum(int(x.size) for name, x in net.state_dict().items() if name.endswith("_mean"))
    assert count_parameters(net) == everything - 2 * norms
    net.head.projection.bias.stop_gradient = True
    assert count_parameters(net) == everything - 2 * norms - 6


def test_a_detector_is_told_for_some_boxes_of_a_picture() -> None:
    rows = [summarize(small(task="detection"), (2, 3, 8, 64, 96), boxes) for boxes in (3, 5)]
    assert [found[-1].shapes for found in rows] == [[[3, 6]], [[5, 6]]]
    assert rows[0][-2].shapes == [[2, 512, 2, 4, 6], [2, 64, 8, 4, 6]]
    assert rows[0][-1].macs == 3 * 576 * 6 and rows[0][-1].params == 577 * 6
    assert rows[0][:-1] == rows[1][:-1]


def test_the_products_of_a_non_local_block_are_counted() -> None:
    """2 products of each position with each of 8 times fewer, by half of the channels."""
    nets = [small(task="detection", nonlocal_blocks=blocks) for blocks in ((), (0,))]
    plain, with_block = (summarize(net, (1, 3, 8, 64, 96), 2) for net in nets)
    (channels, frames, height, width), _ = (shape[1:] for shape in plain[6].shapes)
    assert (plain[6].name, frames * height * width) == ("s4", 2 * 4 * 6)
    positions, pooled = 2 * 4 * 6, 1 * 2 * 3
    convolutions = (2 * positions + 2 * pooled) * channels * channels // 2
    products = 2 * positions * pooled * channels // 2
    assert with_block[6].macs - plain[6].macs == convolutions + products
    assert [row.macs for row in with_block[7:]] == [row.macs for row in plain[7:]]
