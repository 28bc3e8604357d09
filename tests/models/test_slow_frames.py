"""Which frames the slow pathway sees."""

from typing import Any

import pytest

from slowfast.config import ModelConfig
from slowfast.models.slow_frames import linspace_frames, slow_frames_of, strided_frames


@pytest.mark.parametrize(("rule", "num_frames", "alpha", "frames"), [
    (linspace_frames, 32, 8, [0, 10, 20, 31]),
    (linspace_frames, 32, 4, [0, 4, 8, 13, 17, 22, 26, 31]),
    (linspace_frames, 16, 16, [0]),
    (linspace_frames, 4, 1, [0, 1, 2, 3]),
    (strided_frames, 32, 8, [0, 8, 16, 24]),
    (strided_frames, 32, 4, [0, 4, 8, 12, 16, 20, 24, 28]),
    (strided_frames, 16, 16, [0]),
])  # fmt: skip
def test_slow_frames(rule: Any, num_frames: int, alpha: int, frames: list[int]) -> None:
    assert rule(num_frames, alpha) == frames


def test_of_a_network() -> None:
    assert slow_frames_of(ModelConfig(alpha=4), 8) == [0, 7]
    assert slow_frames_of(ModelConfig(alpha=4, slow_frames="strided"), 8) == [0, 4]
    assert slow_frames_of(ModelConfig(name="slow_only", alpha=4), 8) == [0, 7]
    assert slow_frames_of(ModelConfig(name="fast_only"), 8) == []
