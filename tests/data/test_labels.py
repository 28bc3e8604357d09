"""The class names that come with the project, and where data.labels finds its names."""

from pathlib import Path

import pytest

from slowfast.data.find import find_listed, listed_places
from slowfast.data.labels import LABELS, built_in_labels, find_labels, flipped_labels, read_labels
from slowfast.data.lists import ListError

COUNTS = {
    "kinetics400": 400, "kinetics600": 600, "kinetics700": 700,
    "sthv1": 174, "sthv2": 174, "ucf101": 101,
}  # fmt: skip

# Names at some indices: the ends, and where spellings or orders of other systems differ.
SPOTS: dict[str, dict[int, str]] = {
    "kinetics400": {
        0: "abseiling", 1: "air drumming", 2: "answering questions", 43: "capoeira",
        108: "dying hair", 161: "hurling (sport)", 196: "massaging person's head",
        208: "passing American football (in game)", 374: "using remote controller (not gaming)",
        399: "zumba",
    },
    "kinetics600": {
        0: "abseiling", 1: "acting in play", 287: "massaging person's head",
        308: "passing American football (in game)",
        309: "passing american football (not in game)", 599: "zumba",
    },
    "kinetics700": {
        0: "abseiling", 1: "acting in play", 19: "backflip (human)",
        48: "bouncing ball (not juggling)", 327: "massaging person's head", 699: "zumba",
    },
    "sthv1": {0: "Holding something", 1: "Turning something upside down",
              173: "Poking a hole into some substance"},
    "sthv2": {0: "Approaching something with your camera", 16: "Holding something",
              173: "Wiping something off of something"},
    "ucf101": {0: "ApplyEyeMakeup", 34: "Hammering", 35: "HammerThrow", 46: "JumpingJack",
               47: "JumpRope", 100: "YoYo"},
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_each_class_has_one_name_of_its_own(name: str) -> None:
    names = read_labels(name, COUNTS[name])
    assert len(set(names)) == COUNTS[name]
    assert (LABELS / f"{name}.txt").read_text(encoding="ascii").splitlines() == names
    assert not any(set(label) & set('"_\t') or "  " in label for label in names)
    for index, label in SPOTS[name].items():
        assert names[index] == label


def test_the_order_is_alphabetical_where_the_data_set_numbers_so() -> None:
    for name in ("kinetics400", "kinetics600", "kinetics700", "sthv2"):
        names = read_labels(name, 0)
        assert names == sorted(names), name  # by code points
    ucf101 = read_labels("ucf101", 0)
    assert ucf101 == sorted(ucf101, key=str.lower)
    assert sorted(read_labels("sthv1", 0)) == read_labels("sthv2", 0)


def test_all_files_are_tested_here() -> None:
    assert built_in_labels() == sorted(COUNTS)


def test_left_and_right_of_something_something() -> None:
    v1, v2 = read_labels("sthv1", 0), read_labels("sthv2", 0)
    pairs = [(2, 4), (30, 41), (52, 66)]
    for one, other in pairs:
        assert {"left", "right"} & set(v1[one].split())
        assert (
            v1[one].replace("left", "*").replace("right", "left").replace("*", "right")
            == (v1[other])
        )
    by_hand = flipped_labels([label for pair in pairs for label in pair])
    assert flipped_labels([], v1) == by_hand == {2: 4, 4: 2, 30: 41, 41: 30, 52: 66, 66: 52}
    assert flipped_labels([], v2) == {86: 87, 87: 86, 93: 94, 94: 93, 166: 167, 167: 166}


def test_a_file_goes_before_a_built_in_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "videos"
    root.mkdir()
    (tmp_path / "ucf101").mkdir()  # no file
    assert find_labels("ucf101", str(root)) == str(LABELS / "ucf101.txt")
    (root / "ucf101").write_text("there\n", encoding="utf-8")
    assert read_labels("ucf101", 1, str(root)) == ["there"]
    (root / "ucf101").unlink()
    (tmp_path / "ucf101").rmdir()
    (tmp_path / "ucf101").write_text("here\n", encoding="utf-8")
    assert read_labels("ucf101", 1, str(root)) == ["here"]
    assert find_labels("ucf102", str(root)) is None


def test_two_files_that_differ_are_not_chosen_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("videos").mkdir()
    Path("labels.txt").write_text("of another run\n", encoding="utf-8")
    assert find_labels("labels.txt", "videos") == "labels.txt"
    Path("videos/labels.txt").write_text("mine\n", encoding="utf-8")
    for find in (find_labels, find_listed):
        with pytest.raises(ListError) as caught:
            find("labels.txt", "videos")
        assert str(caught.value) == (
            "labels.txt and videos/labels.txt are both there, and differ: name the one that you "
            "mean by its whole path"
        )
        for path in ("labels.txt", "videos/labels.txt"):
            assert find(str(tmp_path / path), "videos") == str(tmp_path / path)
    Path("videos/train").mkdir()
    Path("train").mkdir()
    with pytest.raises(ListError, match="train and videos/train are both there"):
        find_listed("train", "videos")


def test_lists_are_looked_for_here_and_then_below_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("videos/sub").mkdir(parents=True)
    assert find_listed("sub/a.list", "videos") is None
    Path("videos/sub/a.list").touch()
    assert find_listed("sub/a.list", "videos") == "videos/sub/a.list"
    Path("sub").mkdir()
    Path("sub/a.list").touch()
    assert find_listed("sub/a.list", "videos") == "sub/a.list"
    assert find_listed("sub", "videos/../.") == "sub"  # one and the same
    assert listed_places("/a.list", "videos") == ["/a.list"]
