"""mmaction2's pickles of boxes: any protocol, either NumPy, and nothing in them is run."""

import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.data.boxes.pickled_boxes import MOST_BOXES, pickled_boxes
from slowfast.data.lists.read_lists import ListError

BOXES = {
    "a,0902": np.array([[0.1, 0.2, 0.5, 0.75, 0.9], [0, 0, 1, 1, 0.5]]),
    "b,c,0903": np.array([[0.125, 0.25, 0.5, 0.75]], "f4"),
    "a,0904": np.zeros((0, 5)),
}


def written(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def test_numpy_1(tmp_path: Path) -> None:
    """It had other names, which protocol 2 writes without their length."""
    data = pickle.dumps(BOXES, 2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in data
    (tmp_path / "a.pkl").write_bytes(data)
    assert dict(pickled_boxes(tmp_path / "a.pkl"))["a,0902"] == BOXES["a,0902"].tolist()


class Harm:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


ONE = np.zeros((1, 5))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({("a", 902): ONE}, "key ('a', 902) is not 'VIDEO,0902'"),
        ({"a,0902": ONE, 7: ONE}, "key 7 is not 'VIDEO,0902'"),
        ({"a": ONE}, "key 'a' is not 'VIDEO,0902'"),
        ({"a,0902": np.zeros((2, 6))}, "key 'a,0902' has an array of shape [2, 6], not"),
        ({"a,0902": np.zeros(5)}, "key 'a,0902' has an array of shape [5], not"),
        ({"a,0902": np.array([["0.1"] * 5])}, "key 'a,0902' has no array of numbers"),
        ({"a,0902": {"boxes": ONE}}, "key 'a,0902' has no array of numbers"),
        ({"a,0902": Harm()}, "key 'a,0902' has no array of numbers"),
        ([ONE], "not a dict from"),
        ({}, "not a dict from"),
    ],
    ids=["tuple", "number", "no time", "six", "flat", "text", "dict", "harm", "list", "empty"],
)
def test_what_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "a.pkl", content)
    with pytest.raises(ListError) as caught:
        [*pickled_boxes(path)]
    assert str(caught.value).startswith(f"{path}: {fault}")
    assert not Path("harm").exists()


@pytest.mark.parametrize("data", [b"", b"a,0902,0,0,1,1\n", pickle.dumps(BOXES)[:-20]],
                         ids=["empty", "csv", "cut off"])  # fmt: skip
def test_damage_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    with pytest.raises(ListError) as caught:
        [*pickled_boxes(path)]
    assert str(caught.value).startswith(f"{path} is damaged or not a pickle: ")
    assert "\n" not in str(caught.value)


def test_one_array_under_many_keys(tmp_path: Path) -> None:
    """0.1 MB; as lists all of it would be 300 times as large as one array, 90 MB."""
    shared = np.zeros((MOST_BOXES, 5), "f2")
    path = written(tmp_path / "a.pkl", {f"a,{number}": shared for number in range(300)})
    assert path.stat().st_size < 1e5
    tracemalloc.start()
    try:
        assert sum(len(rows) for _, rows in pickled_boxes(path)) == 300 * MOST_BOXES
        assert tracemalloc.get_traced_memory()[1] < 1e7
    finally:
        tracemalloc.stop()
    written(path, {"a,1": np.zeros((MOST_BOXES + 1, 5))})
    with pytest.raises(ListError, match=r"key 'a,1' has 1,001 boxes, more than 1,000$"):
        [*pickled_boxes(path)]


@pytest.mark.parametrize("protocol", [2, 5])
def test_keys_that_are_texts_of_numpy(tmp_path: Path, protocol: int) -> None:
    names = np.unique(["b,0903", "a,0902"])
    path = written(tmp_path / "a.pkl", {name: BOXES["a,0902"] for name in names}, protocol)
    assert [key for key, _ in pickled_boxes(path)] == ["a,0902", "b,0903"]
    written(path, {np.int64(3): BOXES["a,0902"]}, protocol)
    with pytest.raises(ListError, match=r"key (np\.int64\(3\)|3) is not 'VIDEO,0902'"):
        list(pickled_boxes(path))
