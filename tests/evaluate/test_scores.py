"""The file of scores: written in little memory, read without any, and never trusted."""

import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.scores import members

from slowfast.evaluate.scores import ResultsError, read_scores, write_scores

ROWS = np.random.default_rng(0).random((4, 6, 5)).astype(np.float32)


def write(path: Path, rows: NDArray[np.float32] = ROWS, **other: Any) -> Path:
    write_scores(path, rows, rows.shape, **members(len(rows), **other))
    return path


def test_what_is_written_is_read_by_us_and_by_numpy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    results = read_scores(path)
    np.testing.assert_array_equal(results.scores, ROWS)
    for name, value in members().items():
        found = getattr(results, name)
        assert (found.tolist() if isinstance(found, np.ndarray) else found) == value
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["scores"], ROWS)
        assert archive["scores"].dtype == np.float32
        assert archive["paths"].tolist() == members()["paths"]
        assert str(archive["average_clips"]) == "prob"


def test_lists_may_be_empty(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        "unreadable_indices": [], "unreadable_paths": [], "unreadable_errors": [],
        "class_names": [], "num_listed": 4,
    }  # fmt: skip
    results = read_scores(write(tmp_path / "a.npz", **nothing))
    assert results.unreadable_paths == results.class_names == []


def test_scores_take_no_memory(tmp_path: Path) -> None:
    """40 MB of rows, one at a time; then mapped."""
    row = np.ones((30, 400), np.float32)
    many = members(800, num_clips=10, class_names=[])
    tracemalloc.start()
    write_scores(tmp_path / "a.npz", (row * i for i in range(800)), (800, 30, 400), **many)
    results = read_scores(tmp_path / "a.npz")
    assert results.scores[799, 29, 399] == 799
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(results.scores, np.memmap)
    assert peak < 4e6


def test_an_error_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    def rows() -> Any:
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_scores(tmp_path / "a.npz", rows(), ROWS.shape, **members())
    assert caught.value.filename == str(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


class Payload:
    """What a pickle would do when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def replace_member(path: Path, name: str, value: Any, compression: int = 0) -> None:
    """The same file with another member."""
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays[name] = value
    save = np.savez_compressed if compression else np.savez
    save(path, **arrays)


def make_missing(path: Path) -> None:
    path.unlink()


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_text(path: Path) -> None:
    path.write_text("these are no scores", encoding="utf-8")


def make_npy(path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, ROWS)


def make_other(path: Path) -> None:
    np.savez(path, weights=ROWS)


def make_compressed(path: Path) -> None:
    replace_member(path, "scores", ROWS, compression=1)


def make_doubles(path: Path) -> None:
    replace_member(path, "scores", ROWS.astype(np.float64))


def make_objects(path: Path) -> None:
    objects = np.array([Payload(path.with_name("run"))], dtype=object)
    replace_member(path, "paths", objects)


def make_object_scores(path: Path) -> None:
    objects = np.array([[[Payload(path.with_name("run"))]]], dtype=object)
    replace_member(path, "scores", objects)


def make_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(path.with_name("run"))))


def make_another_count(path: Path) -> None:
    replace_member(path, "labels", np.array([1, 2]))


def make_another_label(path: Path) -> None:
    replace_member(path, "labels", np.array([0, 1, 2, 5]))


def make_another_layout(path: Path) -> None:
    replace_member(path, "num_clips", np.array(10))


def make_damaged(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("labels.npy").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 100] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (make_missing, "a.npz: No such file or directory"),
        (make_empty, "a.npz is cut off or damaged, or not an .npz file"),
        (make_text, "a.npz is cut off or damaged, or not an .npz file"),
        (make_npy, "a.npz is cut off or damaged, or not an .npz file"),
        (make_pickle, "a.npz is cut off or damaged, or not an .npz file"),
        (make_other, "a.npz: it has no scores, so main.py --test --out did not write it"),
        (make_compressed, "a.npz: its scores are compressed"),
        (make_doubles, "a.npz: its scores are float64 [4, 6, 5], not float32 [N, V, K]"),
        (make_objects, "a.npz is damaged: Object arrays cannot be loaded when allow_pickle=False"),
        (make_object_scores, "a.npz: its scores are object [1, 1, 1], not float32"),
        (make_another_count, "a.npz: its members do not fit each other"),
        (make_another_label, "a.npz: its members do not fit each other"),
        (make_another_layout, "a.npz: its members do not fit each other"),
        (make_damaged, "a.npz is "),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, make: Callable[[Path], None], complaint: str) -> None:
    path = write(tmp_path / "a.npz")
    make(path)
    with pytest.raises(ResultsError) as caught:
        read_scores(path)
    assert str(caught.value).startswith(f"{tmp_path}/{complaint}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_cut_off_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    content = path.read_bytes()
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        with pytest.raises(ResultsError, match="cut off"):
            read_scores(path)
