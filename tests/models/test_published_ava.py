"""The detectors in the table of published networks."""

import pytest

from slowfast.models.published import VARIANTS
from slowfast.models.published_ava import AVA_VARIANTS

FILES = {file.name: file for row in AVA_VARIANTS.values() for file in row.weights}


def test_all_detectors_are_here_and_in_the_table() -> None:
    detectors = {name for name, row in VARIANTS.items() if row.arguments.get("task") == "detection"}
    assert detectors == {*AVA_VARIANTS}


@pytest.mark.parametrize(("name", "settings"), [
    ("pyslowfast/ava/C2D_8x8_R50", {"detection.box_score": 0.9}),
    ("pytorchvideo/ava/SLOW_4x16_R50_DETECTION", {}),
    ("mmaction2/slowfast_kinetics_pretrained_r50_8x8x1_20e_ava_rgb", {}),
    ("mmaction2/slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb",
     {"test.protocol": "mmaction2-1.2"}),
    ("mmaction2/slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-8e_multisports-rgb",
     {"data.labels": "", "data.target_fps": 25, "detection.first_id": 0, "detection.rate": 25,
      "detection.start": 1, "detection.valid": [], "test.protocol": "mmaction2",
      "model.labels_per_box": "one"}),
])  # fmt: skip
def test_what_a_file_needs_besides(name: str, settings: dict[str, object]) -> None:
    assert FILES[name].settings == settings
