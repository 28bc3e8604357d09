"""Average precision of some boxes alone, by hand."""

import math

import numpy as np
from support.matched_rows import matched

from slowfast.metrics.part_precisions import part_precisions


def test_some_boxes_alone() -> None:
    """Box 2 takes the small one, box 3 another; of the wrong ones box 0 is small, box 1 is not."""
    each = matched([-1, -1, 0, 1], [0, 1, 2, 3], 2)
    is_small = np.array([True, False, False, True]), np.array([True, False])
    assert part_precisions([each], *is_small, "official") == [1 / 2]
    others = ~is_small[0], ~is_small[1]
    assert part_precisions([each], *others, "official") == [1 / 2]
    nothing = np.zeros(4, bool), np.zeros(2, bool)
    assert math.isnan(part_precisions([each], *nothing, "official")[0])
    assert math.isnan(part_precisions([matched([], [], 2)], *is_small, "mmaction2")[0])
    assert part_precisions([matched([], [], 2)], *is_small, "official") == [0]
