"""The class names that come with the project, and where data.labels finds its names."""

from pathlib import Path

import pytest

from slowfast.data.labels import (
    LABELS,
    built_in_labels,
    find_labels,
    flipped_labels,
    label_lines,
    read_labels,
    spelled,
)
from slowfast.data.lists.read_lists import ListError

COUNTS = {
    "ava": 80, "charades": 157, "kinetics400": 400, "kinetics600": 600, "kinetics700": 700,
    "sthv1": 174, "sthv2": 174, "ucf101": 101,
}  # fmt: skip

# Names at some indices: the ends, and where spellings or orders of other systems differ.
SPOTS: dict[str, dict[int, str]] = {
    "ava": {
        0: "bend/bow (at the waist)", 1: "crawl", 11: "stand", 13: "walk", 14: "answer phone",
        62: "write", 63: "fight/hit (a person)", 79: "watch (a person)",
    },
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
    "charades": {
        0: "Holding some clothes", 2: "Taking some clothes from somewhere",
        32: "Watching/Reading/Looking at a book", 92: "Watching/Looking outside of a window",
        147: "Someone is cooking something", 156: "Someone is eating something",
    },
    "ucf101": {0: "ApplyEyeMakeup", 34: "Hammering", 35: "HammerThrow", 46: "JumpingJack",
               47: "JumpRope", 100: "YoYo"},
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_each_class_has_one_name_of_its_own(name: str) -> None:
    names = read_labels(name, COUNTS[name])
    assert len(set(names)) == COUNTS[name]
    assert (LABELS / f"{name}.txt").read_text(encoding="ascii").splitlines() == names
    assert not any(set(label) & set('"_\t') or "  " in label for label in names)
    assert {index: names[index] for index in SPOTS[name]} == SPOTS[name]


def test_the_order_is_alphabetical_where_the_data_set_numbers_so() -> None:
    for name in ("kinetics400", "kinetics600", "kinetics700", "sthv2"):
        names = read_labels(name, 0)
        assert names == sorted(names), name  # by code points
    ucf101 = read_labels("ucf101", 0)
    assert ucf101 == sorted(ucf101, key=str.lower)
    assert sorted(read_labels("sthv1", 0)) == read_labels("sthv2", 0)
    assert built_in_labels() == sorted(COUNTS)


def test_left_and_right_of_something_something() -> None:
    v1, v2 = read_labels("sthv1", 0), read_labels("sthv2", 0)
    swap = {"left": "right", "right": "left"}
    by_hand = flipped_labels([2, 4, 30, 41, 52, 66])
    assert flipped_labels([], v1) == by_hand == {2: 4, 4: 2, 30: 41, 41: 30, 52: 66, 66: 52}
    for one, other in by_hand.items():
        assert " ".join(swap.get(word, word) for word in v1[one].split()) == v1[other] != v1[one]
    assert flipped_labels([], v2) == {86: 87, 87: 86, 93: 94, 94: 93, 166: 167, 167: 166}


def test_a_file_goes_before_a_built_in_name(own_folder: Path) -> None:
    Path("videos").mkdir()
    Path("ucf101").mkdir()  # no file
    assert find_labels("ucf101", "videos") == str(LABELS / "ucf101.txt")
    Path("videos/ucf101").write_text("there\n")
    assert read_labels("ucf101", 1, "videos") == ["there"]
    Path("videos/ucf101").unlink()
    Path("ucf101").rmdir()
    Path("ucf101").write_text("here\n")
    assert read_labels("ucf101", 1, "videos") == ["here"]
    assert find_labels("ucf102", "videos") is None


def test_class_names_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("riding a bike\nabseiling\n zumba é \n\n", encoding="utf-8")
    names = ["riding a bike", "abseiling", "zumba é"]
    assert read_labels(str(path), 3) == read_labels(str(path), 0) == names


NAMES = ["riding a bike", "abseiling", "cooking, fast"]


@pytest.mark.parametrize(("name", "text"), [
    ("numbered.txt", "2 cooking, fast\n0 riding a bike\n1 abseiling\n"),  # PaddleVideo's
    ("from 1.txt", "1 riding a bike\r\n2 abseiling\r\n3 cooking, fast\r\n"),  # classInd.txt
    ("last.txt", "riding a bike,0\nabseiling,1\ncooking, fast,2\n"),  # moments_categories.txt
    ("last.csv", '"riding a bike",0\nabseiling,1\n"cooking, fast",2\n'),
    ("tabs.tsv", "0\triding a bike\n1\tabseiling\n2\tcooking, fast\n"),
    ("spaces.txt", "id name\n0 riding a bike\n1 abseiling\n2 cooking, fast\n"),
    ("header.csv", 'id,name\n0,riding a bike\n2,"cooking, fast"\n1,abseiling\n'),
    ("more.csv", 'Name;group;id\nriding a bike;a;0\ncooking, fast;b;2\nabseiling;a;1\n'),
    ("label.csv", 'label,label_name\n0,riding a bike\n1,abseiling\n2,"cooking, fast"\n'),
    ("order.csv", 'name,group\nriding a bike,a\nabseiling,a\n"cooking, fast",b\n'),
    ("one.csv", 'name\nriding a bike\nabseiling\n"cooking, fast"\n'),
    ("quoted.json", '{"\\"cooking, fast\\"": 2, "abseiling": 1, "\\"riding a bike\\"": 0}'),
    ("text.json", '{"cooking, fast": "2", "abseiling": "1", "riding a bike": "0"}'),  # sthv2's
    ("number.json", '{"2": "cooking, fast", "0": "riding a bike", "1": "abseiling"}'),
    ("list.json", '["riding a bike", "abseiling", "cooking, fast"]'),
    ("parts.json", '[["riding", "a", "bike"], ["abseiling"], ["cooking,", "fast"]]'),  # Diving48's
    ("no ending", ' {"cooking, fast": 2,\n "abseiling": 1, "riding a bike": 0}'),
    ("rows.json", '[{"id": 1, "name": "riding a bike"}, {"id": 2, "name": "abseiling"}, '
                  '{"id": 3, "name": "cooking, fast"}]'),
    ("ava.pbtxt", '# of three\nlabel {\n  name: "abseiling"\n  label_id: 4\n  label_type: MOVE\n}\n'
                  'label{name:"cooking, fast" label_id:7}\nlabel { label_id: 1\n'
                  "  name: 'riding a bike' }"),
    ("label_map.txt", "1: riding a bike\n2: abseiling\n3: cooking, fast\n"),  # mmaction2's
])  # fmt: skip
def test_class_names_in_other_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_labels(str(tmp_path / name), 3) == NAMES


def test_class_names_of_some_actions_of_a_list(tmp_path: Path) -> None:
    """AVA's own list, with a network of the classes that detection.ids names."""
    path = tmp_path / "ava.pbtxt"
    path.write_text("".join(f'item {{ name: "a{i}" id: {i} }}\n' for i in (1, 4, 7, 11)))
    assert read_labels(str(path), 2, ids=(4, 11)) == ["a4", "a11"]
    with pytest.raises(ListError, match=r"ava.pbtxt: no action has the number 5 \(detection.ids\)"):
        read_labels(str(path), 0, ids=(4, 5))
    path.write_text("walk\nrun\n")
    assert read_labels(str(path), 2, ids=(4, 11)) == ["walk", "run"]


@pytest.mark.parametrize(
    "names",
    [["2 hands", "1 hand"], ["1 a", "10 b", "2 c"], ["step 1", "step 2"], ["[a] b", "c"],
     ["step 1", "step 2", "jump 1"], ["90 m", "100 m"], ["name", "a"], ["a, b", "c, d"], ["1", "2"],
     ["{", "}"], ["1 a"], ["id", "walk 1", "run 2"]],
)  # fmt: skip
def test_names_that_look_like_numbered_ones_are_written_so_that_they_stay(
    tmp_path: Path, names: list[str]
) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(label_lines(names)))
    assert read_labels(str(path), len(names)) == names
    assert label_lines(NAMES) == NAMES


@pytest.mark.parametrize(("name", "text", "fault"), [
    ("a.txt", "walk\nrun\nwalk\n", "the class 'walk' is there twice"),
    ("a.txt", "0 walk\n1 run\n2 walk\n", "the class 'walk' is there twice"),
    ("a.txt", "walk 0\nrun 1\nwalk 2\n", "the class 'walk' is there twice"),
    ("a.txt", "0 walk\n2 run\n", "its 2 classes do not have the numbers from 0, or from 1"),
    ("a.txt", "walk 7\nrun 7\n", "its 2 classes do not have the numbers from 0, or from 1"),
    ("a.csv", "id,name\n0,walk\n0,run\n", "its 2 classes do not have the numbers from 0"),
    ("a.csv", "id,name\n0,walk\n1,run,fast\n", "not as many fields in each line as in the first"),
    ("a.csv", "id,label,index\n0,0,1\n1,1,0\n", "no column of names in id,label,index"),
    ("a.json", '{"walk": 0, "run": 0}', "its 2 classes do not have the numbers from 0"),
    ("a.json", '{"walk": 0,\n "run"}', "no JSON (Expecting ':' delimiter at line 2, letter 6)"),
    ("a.json", '{"classes": ["walk", "run"]}', "not a JSON file of class names"),
    pytest.param("a.json", f'{{"walk": {"1" * 5000}}}', "is a number of 5,000 digits", id="digits"),
    pytest.param("a.json", '["walk", ' + "[" * 100_000, "no JSON (too many brackets)", id="deep"),
    ("a.json", '["walk", 3]', "not a JSON file of class names"),
    ("a.pbtxt", 'item { name: "a" }\n', 'a block has no name: "..." and id: N'),
    ("a.pbtxt", 'item { name: "a" id: 1 }\nitem { name: "b" id: 1 }\n', "number 1 is there twice"),
    ("a.json", "[]", "not a JSON file of class names"),
    ("a.json", '["walk", ""]', "'' is no class name"),
    ("a.json", '["walk\\nrun", "jump"]', "'walk\\nrun' is no class name"),
])  # fmt: skip
def test_class_names_that_are_not_understood(
    tmp_path: Path, name: str, text: str, fault: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ListError) as caught:
        read_labels(str(tmp_path / name), 0)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / name)) and message.count("\n") == 0
    assert fault in message
    assert name == "a.pbtxt" or "class names are read from lines 'name', '0 name' or" in message


def test_spellings_of_a_name() -> None:
    for one, other in (
        ("passing American football (in game)", "passing_american_football_-in_game-"),
        ("massaging person's head", "massaging_persons_head"),
        ("HandstandPushups", "HandStandPushups"),
        ("Été", "été"),
    ):  # fmt: skip
        assert spelled(one) == spelled(other)
    assert spelled("跳") != spelled("跑") != spelled("walk")


@pytest.mark.parametrize(
    ("text", "num_classes", "message"),
    [
        ("a\nb\nc\n", 2, "PATH: 3 class names for model.num_classes=2"),
        ("a\nb\nc\n", 4, "PATH: 3 class names for model.num_classes=4"),
        ("\n\n", 0, "PATH: the list is empty"),
        (None, 3, f"data.labels=PATH: there is no PATH, and built in are {', '.join(COUNTS)}"),
    ],
)
def test_class_names_that_are_refused(
    tmp_path: Path, text: str | None, num_classes: int, message: str
) -> None:
    path = tmp_path / "labels.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ListError) as caught:
        read_labels(str(path), num_classes, "/videos")
    assert str(caught.value) == message.replace("PATH", str(path))


def test_a_flip_changes_left_and_right() -> None:
    assert flipped_labels([2, 4, 30, 41]) == {2: 4, 4: 2, 30: 41, 41: 30}
    names = [
        "Pulling something from left to right", "Pulling something from right to left", "Folding",
        "Turning left", "Left alone", "Turning right",
    ]  # fmt: skip
    assert flipped_labels([], names) == {0: 1, 1: 0, 3: 5, 5: 3}
    assert flipped_labels([]) == {}
