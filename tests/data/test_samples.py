"""What a sample says of its part and its labels."""

import pytest

from slowfast.data.samples import Label, Sample, classes_of


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (None, None, "a.mp4"),
        (0.0, None, "a.mp4 (from 0 s on)"),
        (1.5, None, "a.mp4 (from 1.5 s on)"),
        (None, 10.0, "a.mp4 (from 0 to 10 s)"),
        (1.2344, 1200.0, "a.mp4 (from 1.234 to 1200 s)"),
    ],
)
def test_the_part_of_a_sample(start: float | None, end: float | None, shown: str) -> None:
    sample, is_part = Sample("a.mp4", 3, None, start, end), shown != "a.mp4"
    assert sample.shown == shown
    assert sample.span == ((start, end) if is_part else ())
    assert sample.times == ({"start": start, "end": end} if is_part else {})
    assert sample.place == ("a.mp4", *sample.span)
    assert sample.whole() == Sample("a.mp4")
    again = Sample.called(shown)
    assert again.shown == shown and (again.path, again.label) == ("a.mp4", -1)
    assert (again.start is None, again.end is None) == (not is_part, end is None)
    assert Sample.called(f"b (1).mp4{shown[5:]}").path == "b (1).mp4"


@pytest.mark.parametrize(("label", "classes"), [(-1, ()), (0, (0,)), ((), ()), ((1, 3), (1, 3))])
def test_the_classes_of_a_label(label: Label, classes: tuple[int, ...]) -> None:
    assert classes_of(label) == classes
