"""What each system's detectors have in common."""

import pytest

from slowfast.config import config_of
from slowfast.zoo.source_settings import OF_BOXES, OF_CLIPS


@pytest.mark.parametrize("system", OF_BOXES)
def test_the_habits_are_settings_and_as_the_system_publishes(system: str) -> None:
    cfg = config_of(OF_BOXES[system])
    of_mmaction2 = system in ("mmaction2", "PaddleVideo")
    assert cfg.train.task == "detection"
    assert cfg.model.dilations == ((1, 1) if of_mmaction2 else (2, 2))
    assert (cfg.model.roi_size, cfg.model.roi_aligned) == (
        (8, True) if of_mmaction2 else (7, False)
    )
    assert cfg.model.slow_frames == ("strided" if system == "mmaction2" else "linspace")
    rule = "mmaction2" if of_mmaction2 else "pyslowfast"
    assert (cfg.detection.rule, cfg.test.protocol) == (rule, rule)
    assert cfg.detection.box_score == (0.9 if of_mmaction2 else 0.8)
    assert cfg.data.mean[0] == (0.485 if of_mmaction2 else 0.45)
    assert cfg.detection.keeps_best == of_mmaction2 != cfg.detection.learns_negatives
    assert cfg.detection.jitter == of_mmaction2


def test_the_habits_of_clips_are_settings() -> None:
    for habits in OF_CLIPS.values():
        assert config_of(habits) != config_of({})
