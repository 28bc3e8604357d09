"""Who is who over key frames."""

from slowfast.data.samples import Box
from slowfast.predict.persons.tracks import numbered


def box(x: float, width: float = 0.2, person: int = -1) -> Box:
    return Box((x, 0.1, x + width, 0.9), person=person)


def test_people_keep_their_numbers_when_they_move_and_change_places() -> None:
    left, right = [0.1, 0.18, 0.26, 0.34], [0.7, 0.62, 0.54, 0.46]
    frames = [(box(a), box(b)) for a, b in zip(left, right, strict=True)]
    frames[2] = frames[2][::-1]
    assert numbered(frames) == [[1, 2], [1, 2], [2, 1], [1, 2]]


def test_two_key_frames_without_somebody_are_bridged_and_three_are_not() -> None:
    here, gone = (box(0.1),), ()
    assert numbered([here, gone, gone, here]) == [[1], [], [], [1]]
    assert numbered([here, gone, gone, gone, here]) == [[1], [], [], [], [2]]


def test_nobody_far_away_is_the_same_person() -> None:
    assert numbered([(box(0.1),), (box(0.6), box(0.12))]) == [[1], [2, 1]]


def test_the_best_overlap_comes_first() -> None:
    assert numbered([(box(0.1), box(0.2)), (box(0.19),)]) == [[1, 2], [2]]


def test_numbers_that_are_known_are_kept() -> None:
    known = [(box(0.1, person=7),), (box(0.7, person=7), box(0.1, person=3))]
    assert numbered(known) == [[7], [7, 3]]
    assert numbered([*known, (box(0.1),)]) == [[1], [2, 1], [1]]
    assert numbered([]) == []
