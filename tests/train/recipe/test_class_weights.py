"""The weights of classes of unequal size, from the list or from a file."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import compute_class_weight

from slowfast.config import Config, load_config
from slowfast.data.lists import ListError
from slowfast.train.recipe.class_weights import class_weights

LABELS = [0] * 12 + [1] * 3 + [3]
SEVERAL = [(0, 3), (0, 1), (0, 1), (0,)]


def config(weights: str | Path, task: str = "single") -> Config:
    own = ["model.num_classes=4", "data.labels=", f"train.task={task}"]
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


def test_those_of_a_file_are_scaled_to_a_mean_of_1_over_the_videos(tmp_path: Path) -> None:
    found = of_file(tmp_path, "1\n2\n\n 5e0 \n10\n")
    np.testing.assert_allclose(found, np.array([1, 2, 5, 10]) / ((12 + 6 + 10) / 16), rtol=1e-6)
    assert of_file(tmp_path, "1\n2\n5\n10", "multi") == [1, 2, 5, 10]  # as they are


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1\n2\nnan\n4\n", "w.txt:3: 'nan' is no class weight: a number above 0"),
        ("1\n-2\n3\n4\n", "w.txt:2: '-2' is no class weight: a number above 0"),
        ("1\n2\n3\n0\n", "w.txt:4: '0' is no class weight: a number above 0"),
        ("inf\n2\n3\n4\n", "w.txt:1: 'inf' is no class weight: a number above 0"),
        ("1e39\n2\n3\n4\n", "w.txt:1: '1e39' is no class weight: a number above 0"),
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


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in ("ballanced", tmp_path, ""):
        with pytest.raises(ListError) as caught:
            class_weights(LABELS, config(path))
        assert (
            str(caught.value) == f"train.class_weights={path} is neither none, balanced nor a file"
        )


def test_a_file_is_looked_for_in_the_datas_folder_too(tmp_path: Path) -> None:
    (tmp_path / "weights.txt").write_text("1\n" * 4)
    cfg = load_config(None, [
        "model.num_classes=4", "data.labels=", f"data.root={tmp_path}",
        "train.class_weights=weights.txt",
    ])  # fmt: skip
    found = class_weights(LABELS, cfg)
    assert found is not None and found.tolist() == [1, 1, 1, 1]
