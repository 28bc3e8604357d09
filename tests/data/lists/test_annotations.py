"""Where a data set's videos may be, and other spellings of its classes."""

from pathlib import Path

import pytest

from slowfast.data.lists import annotations
from slowfast.data.lists.annotations import Listed
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import classes_of

HEADER = "label,youtube_id,time_start,time_end,split\n"


def test_the_places_of_a_kinetics_video(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(f"{HEADER}riding a bike,-a,10,20,val\n")
    stems = ("-a_000010_000020", "-a")
    places = [f"{folder}/{stem}" for folder in ("riding a bike", "riding_a_bike") for stem in stems]
    expected = (["riding a bike"], [Listed((*places, *stems), 0)])
    assert annotations.kinetics(tmp_path / "v.csv", []) == expected


@pytest.mark.parametrize("spelling", ["dying_hair", "Dying Hair", "dying-hair"])
def test_class_names_may_be_spelled_in_other_ways(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "v.csv").write_text(f"{HEADER}dying hair,a,10,20,val\n")
    names, (video,) = annotations.kinetics(tmp_path / "v.csv", ["abseiling", spelling])
    assert (names[1], video.label) == (spelling, 1)
    (tmp_path / "v.csv").write_text(f"{HEADER}dyeing hair,a,10,20,val\n")
    with pytest.raises(ListError, match="v.csv:2: unknown class 'dyeing hair'"):
        annotations.kinetics(tmp_path / "v.csv", ["abseiling", spelling])


def test_a_class_has_its_own_number_even_if_others_are_spelled_alike(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("path,label\na,C++\nb,C\nc,C#\n")
    names, videos = annotations.table(tmp_path / "my.csv", [], ("path", "label"))
    assert [names[label] for video in videos for label in classes_of(video.label)] == [
        "C++", "C", "C#",
    ]  # fmt: skip


def test_no_split_files(tmp_path: Path) -> None:
    (tmp_path / "climb_test_split2.txt").write_text("a.avi 1\n")
    with pytest.raises(ListError, match="no file CLASS_test_split1.txt"):
        annotations.hmdb51(tmp_path, 1)


def test_progress_comes_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my.csv").write_text("path,label\na,b\n")
    annotations.table(tmp_path / "my.csv", [], ("path", "label"))
    assert capsys.readouterr().out == "read my.csv: done in 0:00:00\n"


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("1" * 5000, f"{'1' * 20}... is a number of 5,000 digits"),
        ("３", "label '３' is not a class's number"),
    ],
    ids=["digits", "fullwidth"],
)
def test_what_is_no_class_number_of_a_table(tmp_path: Path, label: str, complaint: str) -> None:
    (source := tmp_path / "x.csv").write_text(f"path,label\na.mp4,{label}\n", encoding="utf-8")
    with pytest.raises(ListError) as caught:
        annotations.table(source, [], ("path", "label"))
    assert str(caught.value) == f"{source}:2: {complaint}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[" * 100_000, "no JSON (too many brackets)"),
        ('[{"id": "1", "id": "2"}]', "the key 'id' is there twice"),
    ],
    ids=["deep", "twice"],
)
def test_json_of_a_data_set_that_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "labels.json").write_text('{"a": 0}')
    (source := tmp_path / "train.json").write_text(text)
    with pytest.raises(ListError) as caught:
        annotations.sthv(tmp_path / "labels.json", source)
    assert str(caught.value) == f"{source}: {complaint}"
