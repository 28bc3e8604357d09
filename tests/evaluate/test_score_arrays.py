"""Scores and smaller arrays in an .npz: whole or not at all, by row, and mapped."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.evaluate.score_arrays import (
    ResultsError,
    mapped,
    members,
    opened,
    run_in,
    run_member,
    write_arrays,
)

ROWS = np.random.default_rng(0).random((4, 6, 5)).astype(np.float32)


def write(path: Path, **others: NDArray[np.generic]) -> Path:
    write_arrays(path, ROWS, ROWS.shape, others)
    return path


def test_scores_are_mapped_and_what_is_beside_them_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", paths=np.array(["a", "b"]), counts=np.arange(3, dtype="<i4"))
    with opened(path) as archive:
        found = members(archive, {"paths": ("U", 1), "counts": ("i", 1)})
        scores = mapped(path, archive.getinfo("scores.npy"))
    assert isinstance(scores, np.memmap)
    np.testing.assert_array_equal(scores, ROWS)
    assert found["paths"] == ["a", "b"] and found["counts"].dtype == np.int64


def test_members_that_lack_or_are_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", counts=np.zeros((2, 2), np.float32))
    for kinds, complaint in (
        ({"labels": ("i", 1)}, r"a\.npz: it has no labels, so --test --out did not write it"),
        ({"counts": ("i", 1)}, r"a\.npz: its counts are float32 \[2, 2\]"),
        ({"counts": ("f", 1)}, r"a\.npz: its counts are float32 \[2, 2\]"),
    ):
        with pytest.raises(ResultsError, match=complaint), opened(path) as archive:
            members(archive, kinds)


@pytest.mark.parametrize("run", [None, {}, {"seconds": 1.5, "folder": "/h\u00f6he\udcff"}])
def test_what_a_test_recorded(run: dict[str, object] | None, tmp_path: Path) -> None:
    with opened(write(tmp_path / "a.npz", **run_member(run))) as archive:
        assert run_in(archive) == (run or {})


def test_a_record_that_is_no_json(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", run=np.array("{"))
    with pytest.raises(ResultsError, match=r"a\.npz: its run is not JSON"), opened(path) as archive:
        run_in(archive)


def test_scores_that_cannot_be_mapped(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", scores=ROWS)
    np.savez(tmp_path / "b.npz", scores=ROWS[0])
    for name, complaint in (
        ("a", "compressed"),
        ("b", r"float32 \[6, 5\], not float32 \[N, V, K\]"),
    ):
        path = tmp_path / f"{name}.npz"
        with zipfile.ZipFile(path) as archive, pytest.raises(ResultsError, match=complaint):
            mapped(path, archive.getinfo("scores.npy"))


def test_an_error_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    def rows() -> Iterator[NDArray[np.float32]]:
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_arrays(tmp_path / "a.npz", rows(), ROWS.shape, {})
    assert caught.value.filename == str(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []
