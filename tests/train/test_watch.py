"""What is shown of the first step of an epoch, and when."""

from pathlib import Path

import paddle
from support.tiny_run import fresh_state, tiny_config
from visualdl import LogReader

from slowfast.train.curves import RECORDS, MetricWriter
from slowfast.train.cut import Place
from slowfast.train.watch import first_step, stage_of


def test_stages_and_pathways() -> None:
    assert stage_of("s2.pathway1_res0.branch1.weight") == "s2.fast"
    assert stage_of("_layers.s1.pathway0_stem.conv.weight") == "s1.slow"
    assert stage_of("s2_fuse.conv_f2s.weight") == "s2_fuse"
    assert stage_of("head.projection.weight") == "head"


def test_weights_and_gradients_are_counted_when_asked_for(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.histogram_interval=2", "train.show_interval=0")
    model = fresh_state(cfg).model
    (model(paddle.ones([1, 3, 8, 32, 32])).sum() * 0.1).backward()
    with MetricWriter(str(tmp_path), 0, Place(0, 0)) as writer:
        assert first_step(writer, cfg, 1, 7, None) is None
        watch = first_step(writer, cfg, 2, 13, None)
        assert watch is not None
        watch.gradients(model)
    log = LogReader(file_path=str(tmp_path / "vdl" / RECORDS))
    tags = log.get_tags()["histogram"]
    for stage in ("s1.slow", "s1.fast", "s5.fast", "s3_fuse", "head"):
        for kind in ("weights", "gradients"):
            assert f"{kind}/{stage}" in tags
            (found,) = log.get_data("histogram", f"{kind}/{stage}")
            assert found.id == 13 and sum(found.histogram.hist) > 0
