"""The weights of classes of unequal size, from the list or from a file."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import compute_class_weight

from slowfast.config import Config, load_config
from slowfast.data.lists.read_lists import ListError
from slowfast.train.recipe.class_weights import class_weights

LABELS = [0] * 12 + [1] * 3 + [3]
SEVERAL = [(0, 3), (0, 1), (0, 1), (0,)]


def config(weights: str | Path, task: str = "single", *more: str) -> Config:
    own = ["model.num_classes=4", "data.labels=", f"train.task={task}", *more]
    return load_config(None, [*own, f"train.class_weights={weights}"])


def of_file(folder: Path, text: str, task: str = "single") -> list[float]:
    (folder / "w.txt").write_text(text)
    found = class_weights(LABELS if task == "single" else SEVERAL, config(folder / "w.txt", task))
    assert found is not None and found.dtype == np.float32
    return found.tolist()


def test_there_are_none_by_default() -> None:
    assert class_weights(LABELS, config("none")) is None


def test_balanced_ones_are_scikit_learns_and_1_for_a_class_that_does_not_occur() -> None:
    found = class_weights(LABELS, config("balanced"))
    assert found is not None
    wanted = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=np.array(LABELS))
    np.testing.assert_allclose(found, [wanted[0], wanted[1], 1, wanted[2]], rtol=1e-6)
    assert np.mean([found[label] for label in LABELS]) == pytest.approx(1)


def test_of_several_labels_they_are_negatives_over_positives() -> None:
    found = class_weights(SEVERAL, config("balanced", "multi"))
    assert found is not None
    assert found.tolist() == [1, 1, 1, 3]  # all videos have class 0, none has class 2
    found = class_weights([(1,), (), (), (1, 2), ()], config("balanced", "multi"))
    assert found is not None
    assert found.tolist() == [1, 1.5, 4, 1]


def test_of_boxes_they_are_as_of_several_labels() -> None:
    found = class_weights([(1,), (), (), (1, 2), ()], config("balanced", "detection"))
    assert found is not None
    assert found.tolist() == [1, 1.5, 4, 1]


def test_those_of_a_file_are_scaled_to_a_mean_of_1_over_the_videos(tmp_path: Path) -> None:
    found = of_file(tmp_path, "1.\n2\n\n 5e0 \n1.0E+1\n")
    np.testing.assert_allclose(found, np.array([1, 2, 5, 10]) / ((12 + 6 + 10) / 16), rtol=1e-6)
    assert of_file(tmp_path, "1\n2\n5\n10", "multi") == [1, 2, 5, 10]  # as they are


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1\n2\nnan\n4\n", "w.txt:3: 'nan' is no class weight: a number above 0"),
        ("1\n-2\n3\n4\n", "w.txt:2: '-2' is no class weight: a number above 0"),
        ("1\n2\n3\n0\n", "w.txt:4: '0' is no class weight: a number above 0"),
        ("inf\n2\n3\n4\n", "w.txt:1: 'inf' is no class weight: a number above 0"),
        ("1e400\n2\n3\n4\n", "w.txt:1: '1e400' is no class weight: a number above 0"),
        ("1_0\n2\n3\n4\n", "w.txt:1: '1_0' is no class weight: a number above 0"),
        ("1\n\na 2\n3\n4\n", "w.txt:3: 'a 2' is no class weight: a number above 0"),
        ("1\n2\n3\n", "w.txt:3: 3 class weights for model.num_classes=4 (a number a line, in "),
        ("1\n2\n3\n4\n\n5\n", "w.txt:6: 5 class weights for model.num_classes=4 (a number a"),
        ("", "w.txt: the list is empty"),
    ],
    ids=[
        "nan",
        "negative",
        "zero",
        "infinite",
        "too large",
        "underscore",
        "text",
        "too few",
        "too many",
        "empty",
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ListError) as caught:
        of_file(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/{line}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "kind"), [
    ("gone", "neither none, balanced nor a file"),
    ("folder", "a folder, not a file with a number a line"),
    ("pipe", "a pipe or a device"),
    ("link", "a link to a file that is gone"),
])  # fmt: skip
def test_what_is_no_file(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ListError) as caught:
        class_weights(LABELS, config(tmp_path / name))
    assert str(caught.value) == f"train.class_weights={tmp_path / name} is {kind}"


def test_no_name_of_a_file() -> None:
    with pytest.raises(ListError, match="^train.class_weights= is neither none, balanced nor a"):
        class_weights(LABELS, config(""))


@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1\n1e-50\n2\n1\n",
         "w.txt:3: the class weight 2 is more than 1,000,000 times that of line 2, 1e-50"),
        ("1e-5\n1e-5\n1e38\n1e-5\n",
         "w.txt:3: the class weight 1e38 is more than 1,000,000 times that of line 1, 1e-5"),
    ],
    ids=["nearly 0", "of no video"],
)  # fmt: skip
def test_weights_that_would_be_0_or_infinite(
    tmp_path: Path, text: str, line: str, task: str
) -> None:
    with pytest.raises(ListError) as caught:
        of_file(tmp_path, text, task)
    multi = ("w.txt:2: the class weight 1e-50 is not", "w.txt:3: the class weight 1e38 is not")
    start = f"{tmp_path}/{line}"
    if task == "multi":
        start = f"{tmp_path}/{multi[text.startswith('1e-5')]} from 1e-06 to 1,000,000: "
    assert str(caught.value).startswith(start)


def test_weights_as_far_apart_as_they_may_be_stay_as_far_apart(tmp_path: Path) -> None:
    found = of_file(tmp_path, "1e-300\n1e-300\n1e-294\n1e-300")  # one label: they are scaled
    np.testing.assert_allclose(found, [1, 1, 1e6, 1], rtol=1e-6)
    assert of_file(tmp_path, "1\n1e6\n1\n2", "multi") == [1, 1e6, 1, 2]
    with pytest.raises(ListError, match="w.txt:1: the class weight 3e38 is not from 1e-06 to"):
        of_file(tmp_path, "3e38\n3e38\n3e38\n3e38", "multi")


def test_those_of_a_file_have_a_mean_of_1_over_balanced_draws(tmp_path: Path) -> None:
    """Of the classes that occur: 0, 1 and 3."""
    (tmp_path / "w.txt").write_text("1\n2\n5\n6\n")
    found = class_weights(LABELS, config(tmp_path / "w.txt", "single", "train.sampling=balanced"))
    assert found is not None
    np.testing.assert_allclose(found, np.array([1, 2, 5, 6]) / 3, rtol=1e-6)


def test_a_file_is_looked_for_in_the_datas_folder_too(tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_text("1\n" * 4)
    cfg = load_config(None, [
        "model.num_classes=4", "data.labels=", f"data.root={tmp_path}",
        "train.class_weights=weights.txt",
    ])  # fmt: skip
    found = class_weights(LABELS, cfg)
    assert found is not None and found.tolist() == [1, 1, 1, 1]
