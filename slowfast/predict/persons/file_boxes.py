"""Which boxes of a file are used, and what is said of the others."""

from collections import Counter
from pathlib import Path

from slowfast.config import DetectionConfig
from slowfast.data.boxes import ava
from slowfast.data.samples import Box
from slowfast.errors import printable
from slowfast.log import logger

BoxesOf = dict[str, dict[float, tuple[Box, ...]]]
"""By video, and time as annotated."""


def usable_boxes(path: Path, found: BoxesOf, detection: DetectionConfig) -> BoxesOf:
    """The boxes that have an area and score enough, with the numbers of their persons if these can
    be right; warns of what is left out."""
    before = below = flat = 0
    usable: BoxesOf = {}
    for video, by_time in found.items():
        usable[video] = {}
        for time, boxes in by_time.items():
            left = ava.kept(boxes, detection)
            own = tuple(filter(_has_area, left))
            before, below = before + len(boxes), below + len(boxes) - len(left)
            flat += len(left) - len(own)
            usable[video][time] = own
    if below:
        logger.warning(
            f"{path}: {below:,} of {before:,} boxes are below detection.box_score="
            f"{detection.box_score:g} and left out (-o detection.box_score=0 takes all)"
        )
    if flat:
        logger.warning(f"{path}: {flat:,} of {before:,} boxes have no area and are left out")
    return {video: _with_persons(path, video, by_time) for video, by_time in usable.items()}


def _has_area(box: Box) -> bool:
    x1, y1, x2, y2 = box.corners
    return x1 < x2 and y1 < y2


def _with_persons(
    path: Path, video: str, by_time: dict[float, tuple[Box, ...]]
) -> dict[float, tuple[Box, ...]]:
    """A video's boxes; without numbers of persons if two of a key frame are said to be of one."""
    for time, boxes in by_time.items():
        counts = Counter(box.person for box in boxes if box.person >= 0)
        for person, count in counts.most_common(1):
            if count > 1:
                logger.warning(
                    f"{path}: {printable(video)} at {time:g} has {count:,} boxes of person "
                    f"{person}: the numbers of its persons are not used"
                )
                return {
                    moment: tuple(box._replace(person=-1) for box in own)
                    for moment, own in by_time.items()
                }
    return by_time
