"""Lists, class folders and class names that number the classes alike, and that do not."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from support.videos import touch

from slowfast.data.labels import read_labels
from slowfast.data.lists.agree import (
    ADVICE,
    Classes,
    check_labels,
    check_lists,
    check_same,
    kept_labels,
)
from slowfast.data.lists.read_lists import ANY_CLASS, ListError, read_list
from slowfast.data.samples import Sample
from slowfast.tools import build_list


def folders(root: Path, *names: str) -> tuple[str, list[Sample]]:
    """Class folders, and what a run reads from them."""
    touch(root, *(f"{name}/x.mp4" for name in names))
    return str(root), read_list(root, "", ANY_CLASS)


def listed(path: str, *classes: str, repeat: int = 2) -> tuple[str, list[Sample]]:
    """A list with the folders of videos that stand for these classes."""
    videos = [(i, name) for i, name in enumerate(classes) for _ in range(repeat)]
    return path, [Sample(f"root/{name}/{n}.mp4", i) for n, (i, name) in enumerate(videos)]


def refusal(names: list[str] | None, *read: tuple[str, list[Sample]]) -> str:
    with pytest.raises(ListError) as caught:
        check_lists("names.txt", names, read)
    message = str(caught.value)
    assert message.endswith(f": {ADVICE}")
    return message.removesuffix(f": {ADVICE}")


def test_class_folders_have_the_order_of_the_class_names(tmp_path: Path) -> None:
    read = folders(tmp_path, "HammerThrow", "Hammering", "jump_rope")
    check_lists("names.txt", ["hammer throw", "Hammering", "Jump Rope"], [read])
    check_lists("", None, [read])
    message = refusal(["Hammering", "HammerThrow", "JumpRope"], read)
    folder = f"the folders of {tmp_path}"
    assert message == (
        f"class 0 is 'HammerThrow' in {folder}, 'Hammering' in data.labels=names.txt"
    )


def test_kinetics_folders_as_they_are_fit_the_built_in_names(
    tmp_path: Path, lines: list[str]
) -> None:
    """With underscores; as GluonCV spells them, the order is another one in places."""
    names = read_labels("kinetics400", 400)
    read = listed("k.list", *(name.replace(" ", "_") for name in names))
    check_lists("kinetics400", names, [read])
    assert lines == []
    names[374:376] = names[375:373:-1]
    assert refusal(names, read).startswith("class 374 is 'using_remote_controller_(not_gaming)' in")


def test_other_names_in_the_same_places_are_said(tmp_path: Path, lines: list[str]) -> None:
    check_lists("names.txt", ["Lauf", "Sprung", "walk"], [folders(tmp_path, "jump", "run", "walk")])
    assert lines == [
        f"class 0 is 'jump' in the folders of {tmp_path}, 'Lauf' in data.labels=names.txt (of 2 "
        "such names): taken for the same class"
    ]


@pytest.mark.parametrize(
    "other", [("jump", "run", "swim"), ("jump", "walk", "wave"), ("x", "y", "z")]
)
def test_validation_folders_have_the_classes_of_training(
    tmp_path: Path, other: tuple[str, ...]
) -> None:
    train, val = folders(tmp_path / "t", "jump", "run", "walk"), folders(tmp_path / "v", *other)
    index = next(i for i, name in enumerate(other) if name != ("jump", "run", "walk")[i])
    message = refusal(None, train, val)
    assert message.startswith(f"class {index} is {other[index]!r} in the folders of {tmp_path}/v, ")
    assert message.endswith(f" in the folders of {tmp_path}/t")


@pytest.mark.parametrize("val", [
    ("run", "walk"),  # numbered anew, without "jump"
    ("jump", "walk", "run"),
    ("Run", "jump"),
])  # fmt: skip
def test_the_folders_of_two_lists_say_the_same(val: tuple[str, ...]) -> None:
    train = listed("train.list", "jump", "run", "walk")
    assert "in the folders of val.list, " in refusal(None, train, listed("val.list", *val))
    assert "data.labels=names.txt" in refusal(["jump", "run", "walk"], listed("val.list", *val))


@pytest.mark.parametrize("read", [
    listed("val.list", "run", "walk", repeat=1),  # a video in each: perhaps folders of another kind
    listed("val.list", "videos", "videos"),  # all in one
    ("val.list", [Sample(f"{n % 2}/run/{n}.mp4", n % 3) for n in range(9)]),
    ("val.list", [Sample("x.tar/a.mp4", 0), Sample("x.tar/b.mp4", 1), Sample("x.tar/c.mp4", 1)]),
    listed("val.list", "course", "marche", "saut"),  # the same in another language
])  # fmt: skip
def test_folders_that_do_not_name_classes_say_nothing(
    read: tuple[str, list[Sample]], lines: list[str]
) -> None:
    check_lists("names.txt", ["jump", "run", "walk"], [listed("train.list", "jump", "run"), read])
    assert lines == []


def test_a_validation_csv_with_fewer_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own numbering is another; where the videos lie in one folder, LIST.labels shows."""
    header = "label,youtube_id,time_start,time_end,split\n"
    rows = [f"{label},{label[0] * 11},0,10,x\n" for label in ("jump", "run", "walk")]
    root = touch(tmp_path / "v", *(f"{letter * 11}.mp4" for letter in "jrw"))
    for name, kept in (("train", rows), ("val", rows[1:])):
        (tmp_path / f"{name}.csv").write_text(header + "".join(kept))
        out = str(tmp_path / f"{name}.list")
        assert build_list.main(["kinetics", str(root), f"{tmp_path}/{name}.csv", "--out", out]) == 0
    paths = [str(tmp_path / f"{name}.list") for name in ("train", "val")]
    read = [(path, read_list(path, root, 3)) for path in paths]
    assert (
        refusal(None, *read)
        == f"class 0 is 'run' in {paths[1]}.labels, 'jump' in {paths[0]}.labels"
    )
    assert "in data.labels=names.txt" in refusal(["jump", "run", "walk"], read[1])
    said = f"numbered here; for the other csv give --labels {paths[0]}.labels"
    assert said in capsys.readouterr().out


def test_two_sources_of_names() -> None:
    a, b = Classes("a", {0: "x", 1: "y"}), Classes("b", {1: "Y", 2: "z"}, meant=False)
    check_same(a, b, whole=True)
    with pytest.raises(ListError, match="class 1 is 'y' in a, 'z' in b: "):
        check_same(a, Classes("b", {1: "z"}), whole=True)


def test_a_video_that_is_listed_twice_with_two_labels_is_the_same_list() -> None:
    samples = [Sample("/v/a.mp4", 0), Sample("/v/a.mp4", 1), Sample("/v/b.mp4", 1)]
    check_labels(kept_labels(samples), samples)
    with pytest.raises(ListError, match="/v/a.mp4: 0 so far, 2 in the list now"):
        check_labels(kept_labels(samples), [Sample("/v/a.mp4", 2)])


def test_what_is_kept_of_one_label_a_video_is_what_it_was() -> None:
    """As it was before there were several: old checkpoints go on, and new ones go on there."""
    kept = kept_labels([Sample("/v/a.mp4", 3), Sample("/v/b b.mp4", 0, 12), Sample("/v/c.mp4")])
    assert {*kept} == {"videos", "labels"}
    assert kept["labels"].dtype == np.int64 and kept["labels"].tolist() == [3, 0, -1]
    assert kept["videos"].tolist() == [
        int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "little")
        for path in (b"/v/a.mp4", b"/v/b b.mp4", b"/v/c.mp4")
    ]


def test_several_labels_and_parts_are_compared_too() -> None:
    samples = [
        Sample("/v/a.mp4", (3, 17)), Sample("/v/b.mp4", ()),
        Sample("/v/c.mp4", (1,), start=0, end=5), Sample("/v/c.mp4", (2,), start=5, end=9),
    ]  # fmt: skip
    kept = kept_labels(samples)
    check_labels(kept, samples[::-1])
    for other, message in (
        (Sample("/v/a.mp4", (3,)), "1 of 1 videos .* /v/a.mp4: 3,17 so far, 3 in the list now"),
        (Sample("/v/b.mp4", (0,)), "/v/b.mp4: none so far, 0 in the list now"),
        (Sample("/v/a.mp4", ()), "/v/a.mp4: 3,17 so far, none in the list now"),
        (samples[2]._replace(label=(2,)), r"/v/c.mp4 \(from 0 to 5 s\): 1 so far, 2 in the list"),
    ):
        with pytest.raises(ListError, match=message):
            check_labels(kept, [other])
    single = [Sample("/v/a.mp4", 3), Sample("/v/b.mp4", 4)]
    check_labels(kept_labels(single), [Sample("/v/a.mp4", (3,))])  # the same label
    with pytest.raises(ListError, match="/v/a.mp4: 3 so far, 3,4 in the list now"):
        check_labels(kept_labels(single), [Sample("/v/a.mp4", (3, 4))])


def test_class_folders_of_several_labels(tmp_path: Path) -> None:
    touch(tmp_path, "jump/x.mp4", "run/y.mp4")
    samples = read_list(str(tmp_path), "", 2, "multi")
    assert [sample.label for sample in samples] == [(0,), (1,)]
    check_lists("names.txt", ["jump", "run"], [(str(tmp_path), samples)])
    assert "class 0 is 'jump'" in refusal(["run", "jump"], (str(tmp_path), samples))
    mixed = [Sample("v/jump/1.mp4", (0, 1)), Sample("v/run/2.mp4", (1,)), Sample("v/run/3.mp4", ())]
    check_lists("names.txt", ["a", "b"], [("x.list", mixed)])  # these folders name no classes
