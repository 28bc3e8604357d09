"""Which frames the slow pathway sees."""

from typing import Any

import pytest

from slowfast.models.slow_frames import linspace_frames, strided_frames


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
