"""The output for the background: left out where there is one."""

import numpy as np
import pytest

from slowfast.weights.background import BIAS, WEIGHT, drop_background
from slowfast.weights.names import translate

BOX_BIAS = "roi_head.bbox_head.fc_cls.bias"


@pytest.mark.parametrize(("outputs", "config", "classes"), [
    (81, "", 80), (66, "", 66), (17, "", 16),
    (66, "dict(type='BBoxHeadAVA', background_class=True)", 65),
    (66, "dict(type='BBoxHeadAVA')", 65),
    (9, "dict(type='BBoxHeadAVA', background_class=False)", 9),
], ids=str)  # fmt: skip
def test_whether_mmaction2_has_an_output_for_the_background(
    outputs: int, config: str, classes: int
) -> None:
    """Its config tells it, and without one the number of MultiSports' classes."""
    state = {"backbone.slow_path.conv1.conv.weight": np.ones(2, np.float32)}
    state[BOX_BIAS] = np.arange(outputs, dtype=np.float32)
    state[BOX_BIAS.replace("bias", "weight")] = np.ones((outputs, 2), np.float32)
    for key in ("config", "cfg"):
        found = translate({"state_dict": {**state}, "meta": {key: config}})
        assert found.tensors["head.projection.bias"].tolist() == [*range(outputs)][-classes:]
        assert bool(found.notes) == (not config)


@pytest.mark.parametrize("content", [None, 3, {"meta": 3}, {"meta": {"config": 3}}], ids=str)
def test_a_file_without_a_config(content: object) -> None:
    tensors = {WEIGHT: np.arange(6.0).reshape(2, 3), BIAS: np.arange(3.0)}
    note = drop_background(content, tensors)
    assert note == (
        "the first of 3 outputs is left out, the background: no config in the file tells it"
    )
    assert tensors[WEIGHT].tolist() == [[1, 2], [4, 5]] and tensors[BIAS].tolist() == [1, 2]


def test_without_a_config_66_outputs_are_multisports() -> None:
    tensors = {WEIGHT: np.ones((2, 66)), BIAS: np.ones(66)}
    assert drop_background({}, tensors).startswith("it has no output for the background, as Multi")
    assert tensors[BIAS].size == 66
