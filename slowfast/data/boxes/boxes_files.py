"""Files of boxes: those that people drew, and those that a person detector found.

A ``.csv`` has a line for each box, or for each action of it; several lines of one box become one,
but not those of two persons::

    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1     AVA: time, corners, action, person or nothing
    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,,0.998   PySlowFast: action or nothing, score
    -5KQ66BBWC4,0902                                  AVA-Kinetics: looked at, nothing seen

A ``.pkl`` is mmaction2's: a dict with keys ``VIDEO,0902`` and arrays ``[K, 5]`` (corners, score) or
``[K, 4]``. A ``.jsonl`` has an object a line; all but the first three keys may be left out::

    {"video": "v", "time": 902, "boxes": [[0.1, 0.2, 0.5, 0.9]], "scores": [0.9], "labels": [[3]],
     "persons": [1], "pixels": false, "size": [640, 360]}

Corners are x1, y1, x2, y2, shares of the picture's width and height.
"""

from pathlib import Path

from slowfast.data.boxes.boxes_csv import boxes_of_csv
from slowfast.data.boxes.boxes_fields import BoxesAt, ClassOf, SizeOf, checked, moment_of, score_of
from slowfast.data.boxes.boxes_jsonl import boxes_of_jsonl
from slowfast.data.boxes.pickled_boxes import pickled_boxes
from slowfast.data.find import find_listed, listed_places
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box

ENDINGS = (".csv", ".pkl", ".jsonl")


def read_boxes(
    path: str | Path, class_of: ClassOf | None = None, size_of: SizeOf | None = None,
    has_scores: bool | None = None,
) -> BoxesAt:  # fmt: skip
    """The boxes of a file, by video and time.

    Args:
        class_of: from the numbers of actions to class indices; None: labels are left out.
        size_of: gives the size of a video whose boxes are pixels, if the file does not.
        has_scores: whether the last column of a csv is a detector's score, not a person's number;
            None: as ``ends_in_scores`` tells.

    Raises:
        ListError: the file is missing or empty, or something in it is not understood; the message
            has the file and the line, or the key.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ListError(f"{path}: a file of boxes ends in {', '.join(ENDINGS)}")
    try:
        if ending == ".csv":
            return boxes_of_csv(path, class_of, has_scores)
        if ending == ".jsonl":
            return boxes_of_jsonl(path, class_of, size_of)
        return _boxes_of_pickle(path)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error


def located(path: str, root: str, what: str) -> str:
    """Where a file is, from here or from data.root; empty if none is named. Raises a ListError if
    it is missing."""
    if not path:
        return ""
    found = find_listed(path, root)
    if found is None:
        raise ListError(f"{what}: there is no {' or '.join(listed_places(path, root))}")
    return found


def _boxes_of_pickle(path: str | Path) -> BoxesAt:
    found: BoxesAt = {}
    for key, boxes in pickled_boxes(path):
        try:
            video, _, time = key.rpartition(",")
            moment = moment_of(video, time)
            scored = [(box[:4], box[4] if len(box) == 5 else 1.0) for box in boxes]
            own = tuple(Box(checked(corners), (), score_of(score)) for corners, score in scored)
        except ValueError as error:
            raise ListError(f"{path}: key {key!r}: {error}") from error
        found[moment] = found.get(moment, ()) + own
    return found
