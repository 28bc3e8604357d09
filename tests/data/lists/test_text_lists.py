"""Lines of text lists with several labels, or none; which lists of old mean what they meant."""

from pathlib import Path

import pytest
from support.videos import touch

from slowfast.data.lists.read_lists import ListError, read_list
from slowfast.data.lists.text_lists import FORM, line_of
from slowfast.data.samples import Sample, classes_of

THERE = "take 12", "v.mp4", "clip 3,17", "odd,4", "frames/v1/1.jpg", "my frames/1.jpg"


def write(folder: Path, *lines: str, csv: bool = False) -> Path:
    """A list beside what is there."""
    touch(folder, *THERE)
    path = folder / ("x.csv" if csv else "x.list")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ("v.mp4 3,17,42", Sample("v.mp4", (3, 17, 42))),
        ("v.mp4 42,3,17", Sample("v.mp4", (3, 17, 42))),
        ("v.mp4 3", Sample("v.mp4", (3,))),
        ("v.mp4", Sample("v.mp4", ())),
        ("my clip v2.mp4", Sample("my clip v2.mp4", ())),
        ("my clip v2.mp4  0,1", Sample("my clip v2.mp4", (0, 1))),
        ("a,b.mp4 0,1", Sample("a,b.mp4", (0, 1))),
        ("frames/v1 120 3,17", Sample("frames/v1", (3, 17), 120)),
        ("frames/v1 120 3", Sample("frames/v1", (3,), 120)),
        ("frames/v1 120", Sample("frames/v1", (), 120)),
        ("gone/v1 120 3,17", Sample("gone/v1", (3, 17), 120)),
        ("my frames 9", Sample("my frames", (), 9)),
        ("take 12", Sample("take", (12,))),  # `path label` of old, also where a file has this name
        ("take 12 3,4", Sample("take 12", (3, 4))),
        ("clip 3,17", Sample("clip 3,17", ())),
        ("x.tar/a/take 12 3,4", Sample("x.tar/a/take", (3, 4), 12)),
        ('csv: v.mp4,"3,17"', Sample("v.mp4", (3, 17))),
        ('csv: v.mp4, "17,3"', Sample("v.mp4", (3, 17))),
        ('csv: a,b.mp4,"3,17"', Sample("a,b.mp4", (3, 17))),
        ('csv: v.mp4,"3"', Sample("v.mp4", (3,))),
        ("csv: v.mp4,3", Sample("v.mp4", (3,))),
        ("csv: v.mp4,", Sample("v.mp4", ())),
        ('csv: v.mp4,""', Sample("v.mp4", ())),
        ('csv: frames/v1,120,"3,17"', Sample("frames/v1", (3, 17), 120)),
        ("csv: frames/v1,120,", Sample("frames/v1", (), 120)),
    ],
)
def test_a_line_with_several_labels(tmp_path: Path, line: str, sample: Sample) -> None:
    path = write(tmp_path, line.removeprefix("csv: "), csv=line.startswith("csv: "))
    found = read_list(path, tmp_path, 50, "multi")
    assert found == [sample._replace(path=f"{tmp_path}/{sample.path}")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("v.mp4 3,", f"'3,' are no labels ({FORM})"),
        ("v.mp4 ,3", f"',3' are no labels ({FORM})"),
        ("v.mp4 1;2", f"'1;2' are no labels ({FORM})"),
        ("v.mp4 1.5", f"'1.5' are no labels ({FORM})"),
        ("v.mp4 1,-2", f"'1,-2' are no labels ({FORM})"),
        ("v.mp4 3, 17", f"'3, 17' are no labels ({FORM})"),
        ("v.mp4 3,3", "label 3 is there twice"),
        ("v.mp4 -1", "label -1 is not in 0..49"),
        ("v.mp4 50", "label 50 is not in 0..49"),
        ("v.mp4 3,50", "label 50 is not in 0..49"),
        ("frames/v1 0 3,4", "the folder frames/v1 has 0 frames"),
        ("v.mp4 9 3,4", "'v.mp4 9 3,4' is of the form 'folder num_frames label', and v.mp4 is a "
         "file (a video's line is 'path label')"),
        ("3,17", "no label in '3,17' (a line is 'path label')"),
        ("17", "no label in '17' (a line is 'path label')"),
        ("csv: v.mp4", "no label in 'v.mp4' (a line is 'path,label')"),
        ("csv: a,v.mp4", "no label in 'a,v.mp4' (a line is 'path,label')"),
        ('csv: ,"3,4"', "no label in ',\"3,4\"' (a line is 'path,label')"),
        ('csv: v.mp4,"3;4"', f"'3;4' are no labels ({FORM})"),
        ('csv: v.mp4,"3,3"', "label 3 is there twice"),
        ('csv: v.mp4,"3, 17"', f"'3, 17' are no labels ({FORM})"),
        ("v.mp4 1_0", f"'1_0' are no labels ({FORM})"),
        ("v.mp4 +3", f"'+3' are no labels ({FORM})"),
        pytest.param("v.mp4 ３", f"'３' are no labels ({FORM})", id="fullwidth"),
        pytest.param("v.mp4 1,٣", f"'1,٣' are no labels ({FORM})", id="Arabic"),
        *(
            pytest.param(line.format("1" * 5000), f"{'1' * 20}... is a number of 5,000 digits",
                         id=line)
            for line in ("v.mp4 {}", "v.mp4 3,{}", "frames/v1 {} 3,4")
        ),
        ("csv: v.mp4,1;2", f"'1;2' are no labels ({FORM})"),
        ("csv: v.mp4,3,4", "'v.mp4,3,4' is of the form 'folder,num_frames,label', and v.mp4 is a "
         "file (a video's line is 'path,label')"),
    ],
)  # fmt: skip
def test_what_only_looks_like_labels_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    is_csv = line.startswith("csv: ")
    good = "good.mp4,1" if is_csv else "good.mp4 1"
    path = write(tmp_path, good, "", line.removeprefix("csv: "), csv=is_csv)
    with pytest.raises(ListError) as caught:
        read_list(path, tmp_path, 50, "multi")
    assert str(caught.value) == f"{path}:3: {complaint}"


@pytest.mark.parametrize("label", ["1_0", "+3", "３", "٣"], ids=["_", "+", "fullwidth", "Arabic"])
def test_what_only_python_takes_for_a_number(tmp_path: Path, label: str) -> None:
    path = write(tmp_path, f"v.mp4 {label}")
    with pytest.raises(ListError) as caught:
        read_list(path, tmp_path, 50)
    assert str(caught.value) == (f"{path}:1: no label in 'v.mp4 {label}' (a line is 'path label')")


@pytest.mark.parametrize("line", ["v.mp4 3,17", "frames/v1 120 3,17", 'csv: v.mp4,"3,17"'])
def test_several_labels_are_for_several(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, line.removeprefix("csv: "), csv=line.startswith("csv: "))
    with pytest.raises(ListError) as caught:
        read_list(path, tmp_path, 50)
    form = "path,label" if "csv" in line else "path label"
    assert str(caught.value) == (
        f"{path}:1: '3,17' are several labels, which are for train.task=multi (a line is '{form}')"
    )


def test_a_list_of_old_means_one_label_in_both_tasks(tmp_path: Path) -> None:
    lines = [
        "v.mp4 3", "sub/a.mp4   4", "riding a bike/my clip.mp4 5", "a,b.mp4 6", "clip v2 7",
        "gone/v1 120 8", "take 13 3", "take 12 3", "my frames 9 3",
    ]  # fmt: skip
    path = write(tmp_path, *lines)
    single, multi = (read_list(path, tmp_path, 50, task) for task in ("single", "multi"))
    assert multi == [s._replace(label=classes_of(s.label)) for s in single]


@pytest.mark.parametrize(
    ("label", "count", "separator", "line"),
    [
        (3, None, " ", "v.mp4 3"), (-1, None, " ", "v.mp4"), (3, 9, ",", "v.mp4,9,3"),
        ((), None, " ", "v.mp4"), ((3, 17), None, " ", "v.mp4 3,17"), ((3,), 9, " ", "v.mp4 9 3"),
        ((), None, ",", "v.mp4,"), ((3, 17), None, ",", 'v.mp4,"3,17"'),
        ((3,), 9, ",", "v.mp4,9,3"),
    ],
)  # fmt: skip
def test_the_line_of_a_video(
    tmp_path: Path, label: int | tuple[int, ...], count: int | None, separator: str, line: str
) -> None:
    assert line_of("v.mp4", count, label, separator) == line
    if label != -1 and count is None:
        task = "multi" if isinstance(label, tuple) else "single"
        path = write(tmp_path, line, csv=separator == ",")
        assert read_list(path, tmp_path, 50, task) == [Sample(f"{tmp_path}/v.mp4", label)]
