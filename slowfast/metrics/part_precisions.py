"""Average precision of some of the boxes alone: of one size, or of some frames. numpy only.

Legend: R rows that were found, G annotated ones, B boxes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.frame_map import RULES, Matched, ranked_precision


def part_precisions(
    matches: Sequence[Matched], keeps_found_B: NDArray[np.bool_], keeps_own_B: NDArray[np.bool_],
    rule: str,
) -> list[float]:  # fmt: skip
    """The average precision of each class over some of the annotated boxes, as COCO reports it by
    size. A found box that matches a left-out annotated box is ignored. A found box without a match
    is wrong if ``keeps_found_B`` keeps it, and ignored otherwise. nan: the class has no such boxes.

    Args:
        keeps_found_B: of the boxes that were found.
        keeps_own_B: of the annotated boxes.
    """
    found = []
    for each in matches:
        is_right_R, keeps_G = each.taken >= 0, keeps_own_B[each.own]
        keeps_R = keeps_found_B[each.boxes]
        keeps_R[is_right_R] = keeps_G[each.taken[is_right_R]]
        if RULES[rule].needs_found and not keeps_R.any():
            found.append(np.nan)
            continue
        kept = each.scores[keeps_R], is_right_R[keeps_R], int(keeps_G.sum())
        found.append(ranked_precision(*kept))
    return found
