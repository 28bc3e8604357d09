"""The file of scores: written in little memory, read without any, and never trusted."""

import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.scores import MULTI, members, truth_of, write_several

from slowfast.data.samples import Sample
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import facts_in, is_finished, partial_of, read_scores, write_scores

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


def test_what_a_test_recorded_about_itself(tmp_path: Path) -> None:
    run = {"seconds": 1.5, "folder": "/h\u00f6he\udcff", "devices": ["a"]}
    scores = np.zeros((4, 6, 5), np.float32)
    write_scores(tmp_path / "a.npz", scores, scores.shape, run=run, **members())
    assert read_scores(tmp_path / "a.npz").run == run
    assert facts_in(tmp_path / "a.npz") == (members()["config"], run)
    assert read_scores(write(tmp_path / "b.npz")).run == {}  # as in files of earlier versions
    assert facts_in(tmp_path / "b.npz")[1] == {}
    write_scores(tmp_path / "c.npz", scores, scores.shape, run=[1], **members())  # type: ignore[arg-type]
    with pytest.raises(ResultsError, match=r"c\.npz: its run is not a JSON object"):
        read_scores(tmp_path / "c.npz")


def test_parts_of_videos(tmp_path: Path) -> None:
    """Also of a video whose own name ends as a part's does; files of earlier versions, where that
    cannot be told, have neither starts nor ends."""
    parts = [
        Sample("a.mp4"), Sample("a.mp4", start=1.23456), Sample("b (from 1 s on)", end=2.0),
        Sample("b (from 1 s on)"),
    ]  # fmt: skip
    paths = [part.shown for part in parts]
    results = read_scores(write(tmp_path / "a.npz", paths=paths, spans=parts))
    found = [results.sample(row) for row in range(4)]
    assert found[:2] == parts[:2] and found[3] == parts[3]
    assert found[2].path == parts[2].path and found[2].end == 2
    with np.load(tmp_path / "a.npz") as archive:
        old = {name: archive[name] for name in archive.files if name not in ("starts", "ends")}
    np.savez(tmp_path / "b.npz", **old)
    older = read_scores(tmp_path / "b.npz")
    assert older.starts is older.ends is None
    assert older.sample(1) == Sample("a.mp4", start=1.235)
    assert older.sample(3) == Sample("b", start=1.0)


def test_a_test_is_finished_once_nothing_is_left_to_be_computed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert not is_finished(path)
    path.touch()
    assert is_finished(path)
    partial_of(path).mkdir()
    assert partial_of(path).name == "a.npz.partial" and not is_finished(path)


def test_several_labels_a_video(tmp_path: Path) -> None:
    scores = write_several(tmp_path / "a.npz", average_clips="max")
    results = read_scores(tmp_path / "a.npz")
    np.testing.assert_array_equal(results.labels, truth_of())
    assert (results.task, results.average_clips) == ("multi", "max")
    assert (results.setting("test", "threshold", 0.5), results.setting("a", "b", 1)) == (0.4, 1)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["scores"], scores)
        assert (archive["labels"].dtype, archive["labels"].shape) == (np.uint8, (60, 5))


@pytest.mark.parametrize("config", ["", "test:\n", "seed: 0\n", "train: {epochs: 1}\n"])
def test_a_file_of_old_has_one_label_a_video(tmp_path: Path, config: str) -> None:
    results = read_scores(write(tmp_path / "a.npz", config=config))
    assert (results.task, results.labels.tolist()) == ("single", [2] * 4)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"config": "seed: 0\n"}, "its labels are [60, 5], not as train.task=single in its config"),
        ({"labels": [0] * 60}, "its labels are [60], not as train.task=multi in its config has th"),
        ({"labels": np.zeros((60, 4))}, "its members do not fit each other"),
        ({"labels": np.zeros((59, 5))}, "its members do not fit each other"),
        ({"labels": np.full((60, 5), 2)}, "its members do not fit each other"),
        ({"labels": np.zeros((60, 5, 1))}, "its labels are int64 [60, 5, 1]"),
        ({"config": "train: 3"}, "its config is not one of sections with settings"),
        ({"config": "a: ["}, "is damaged: while parsing a flow node"),
    ],
    ids=["config", "one label", "classes", "videos", "two", "three axes", "no section", "no yaml"],
)  # fmt: skip
def test_labels_that_do_not_fit(tmp_path: Path, facts: dict[str, Any], complaint: str) -> None:
    write_several(tmp_path / "a.npz", **facts)
    with pytest.raises(ResultsError) as caught:
        read_scores(tmp_path / "a.npz")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "a.npz")) and complaint in message
    assert "\n" not in message


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
    write_scores(tmp_path / "a.npz", (row * (i / 799) for i in range(800)), (800, 30, 400), **many)
    results = read_scores(tmp_path / "a.npz")
    assert results.scores[799, 29, 399] == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(results.scores, np.memmap)
    assert peak < 4e6


class Payload:
    """What a pickle would do when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def with_member(path: Path, name: str, value: Any, save: Any = np.savez) -> None:
    """The same file with another member."""
    with np.load(path) as archive:
        arrays = dict(archive)
    save(path, **arrays | {name: value})


PAYLOAD = Payload(Path("run"))
NONE = "is cut off or damaged, or not an .npz file"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", NONE), (b"these are no scores", NONE), (pickle.dumps(PAYLOAD), NONE),
        (np.save, NONE), (np.savez, "has no scores, so --test --out did not write it"),
        (("scores", ROWS, np.savez_compressed), "its scores are compressed"),
        (("scores", ROWS.astype(np.float64)),
         "its scores are float64 [4, 6, 5], not float32 [N, V, K]"),
        (("scores", np.array([[[PAYLOAD]]], dtype=object)),
         "its scores are object [1, 1, 1], not float32"),
        (("paths", np.array([PAYLOAD], dtype=object)),
         "is damaged: Object arrays cannot be loaded when allow_pickle=False"),
        (("labels", np.array([1, 2])), "its members do not fit each other"),
        (("labels", np.array([0, 1, 2, 5])), "its members do not fit each other"),
        (("num_clips", np.array(10)), "its members do not fit each other"),
        (("config", np.array("test: [2]\n")), "its config is not one of sections with settings"),
        (("config", np.array("[1]\n")), "its config is not one of sections with settings"),
        (("config", np.array("train: {task: detection}\n")), "train.task=detection"),
        (("scores", ROWS - 5), "are no probabilities: not from 0 to 1"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.npz")
    if isinstance(content, tuple):
        with_member(path, *content)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with path.open("wb") as file:
            content(file, ROWS)
    with pytest.raises(ResultsError) as caught:
        read_scores(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and complaint in message and "\n" not in message
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_gone_or_damaged_within(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("labels.npy").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 100] ^= 255
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"a\.npz is "):
        read_scores(path)
    path.unlink()
    with pytest.raises(ResultsError, match=r"a\.npz: No such file or directory$"):
        read_scores(path)


@pytest.mark.parametrize(
    "facts", [{}, {"labels": np.eye(4, 5), "config": MULTI}], ids=["one label", "several"]
)
def test_a_file_that_is_cut_off_anywhere(tmp_path: Path, facts: dict[str, Any]) -> None:
    path = write(tmp_path / "a.npz", **facts)
    content = path.read_bytes()
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        with pytest.raises(ResultsError, match="cut off"):
            read_scores(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    rows = ROWS.copy()
    rows[2, 3, 1] = value
    path = write(tmp_path / "a.npz", rows)
    with pytest.raises(ResultsError) as caught:
        read_scores(path)
    video = members()["paths"][2]
    fault = f"the scores of {video} are not finite: the weights were broken"
    assert str(caught.value) == f"{path}: {fault}"
