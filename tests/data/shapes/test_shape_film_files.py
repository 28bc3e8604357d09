"""The built-in data set of detection on disk: films, and the files of AVA, PySlowFast and
mmaction2."""

import csv
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from slowfast.data.shapes import shape_film_files
from slowfast.data.shapes.shape_film_files import write_dataset
from slowfast.data.shapes.shape_films import ACTIONS, Moment, render_film
from slowfast.errors import UserError

LAST = 5


def write(root: Path, num_train: int = 2, num_val: int = 1, **options: Any) -> None:
    options = {"last": LAST, "seed": 3, "num_processes": 1, **options}
    write_dataset(root, num_train=num_train, num_val=num_val, **options)


def moments_of(split: int, index: int) -> list[Moment]:
    return render_film(np.random.default_rng([3, split, index]), LAST)[1]


def rows_of(path: Path) -> list[list[str]]:
    with open(path, newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films")
    write(root, num_processes=2)
    return root


def test_films_are_those_that_are_drawn(dataset: Path) -> None:
    pictures, _ = render_film(np.random.default_rng([3, 0, 1]), LAST)
    reader = cv2.VideoCapture(str(dataset / "train_001.mp4"))
    frames = []
    while (answer := reader.read())[0]:
        frames.append(answer[1][..., ::-1])
    assert reader.get(cv2.CAP_PROP_FPS) == 30.0
    assert np.shape(frames) == pictures.shape
    assert 10 * np.log10(255**2 / np.mean((np.array(frames, float) - pictures) ** 2)) > 25
    assert sorted(path.name for path in dataset.glob("*.mp4")) == [
        "train_000.mp4", "train_001.mp4", "val_000.mp4",
    ]  # fmt: skip


def test_annotations_are_rows_of_ava(dataset: Path) -> None:
    """Film, second in 4 digits, corners with 3 decimals, an action from 1 on, person."""
    found = rows_of(dataset / "train.csv")
    expected = [
        [f"train_{index:03d}", f"{moment.second:04d}", *(f"{corner:.3f}" for corner in box.corners)]
        + [str(label + 1), str(box.person)]
        for index in range(2)
        for moment in moments_of(0, index)
        for box in moment.truth
        for label in box.labels
    ]
    assert found == expected and len(found) == 2 * LAST * 2 * 2
    excluded = [
        [f"train_{index:03d}", f"{moment.second:04d}"]
        for index in range(2)
        for moment in moments_of(0, index)
        if moment.is_excluded
    ]
    assert rows_of(dataset / "train_excluded.csv") == excluded and len(excluded) == 2


def test_detected_boxes_are_in_the_forms_of_pyslowfast_and_mmaction2(dataset: Path) -> None:
    found = rows_of(dataset / "val_boxes.csv")
    detected = {f"{own.second:04d}": own.detected for own in moments_of(1, 0)}
    assert len(found) == sum(max(len(box.labels), 1) for own in detected.values() for box in own)
    for video, second, *corners, action, score in found:
        assert video == "val_000"
        values = tuple(map(float, corners))
        (box,) = [own for own in detected[second] if own.corners == values]
        assert float(score) == box.score
        assert action == "" if not box.labels else int(action) - 1 in box.labels
    pickled = pickle.loads((dataset / "val_boxes.pkl").read_bytes())
    assert {*pickled} == {f"val_000,{second}" for second, own in detected.items() if own}
    for second, own in detected.items():
        if own:
            expected = np.array([(*box.corners, box.score) for box in own], np.float32)
            assert np.array_equal(pickled[f"val_000,{second}"], expected)


def test_exchanged_annotations_have_each_drops_actions_at_the_other_one(dataset: Path) -> None:
    rows, exchanged = (rows_of(dataset / f"{name}.csv") for name in ("val", "val_exchanged"))
    for i in range(0, len(rows), 4):  # a second's rows: two of each drop
        before, after = rows[i : i + 4], exchanged[i : i + 4]
        assert [row[:6] for row in after] == [row[:6] for row in before]
        assert [row[6] for row in after] == [row[6] for row in before[2:] + before[:2]]


def test_the_action_list_is_avas(dataset: Path) -> None:
    lines = (dataset / "actions.pbtxt").read_text().splitlines()
    assert lines[:4] == ["item {", f'  name: "{ACTIONS[0]}"', "  id: 1", "}"]
    assert len(lines) == 4 * len(ACTIONS)


def test_frame_folders_have_the_same_pictures(tmp_path: Path) -> None:
    write(tmp_path, num_train=1, num_val=0, as_frames=True)
    pictures, _ = render_film(np.random.default_rng([3, 0, 0]), LAST)
    folder = tmp_path / "train_000"
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "img_00001.jpg" and len(names) == len(pictures)
    last = np.array(cv2.imread(str(folder / names[-1])), float)[..., ::-1]
    assert 10 * np.log10(255**2 / np.mean((last - pictures[-1]) ** 2)) > 25
    assert not list(tmp_path.glob("*.mp4"))


def test_second_call_reuses_files_and_other_parameters_replace_them(tmp_path: Path) -> None:
    def reports(last: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        write(tmp_path, 1, 1, last=last, report=lambda *done: found.append(done))
        return found

    assert reports(3) == [(1, 2), (2, 2)]
    assert reports(3) == []
    assert len(reports(4)) == 2
    (tmp_path / "val_000.mp4").unlink()
    assert len(reports(4)) == 2


def test_a_film_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, film: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(shape_film_files, "write_video", fail)
    with pytest.raises(UserError, match="val_000.mp4: .*No space left on device"):
        write(tmp_path, num_train=0)
    assert not (tmp_path / "val.csv").exists()
    taken = tmp_path / "frames" / "img_00002.jpg"
    taken.mkdir(parents=True)
    with pytest.raises(UserError, match=f"cannot write {taken}"):
        shape_film_files.write_frames(taken.parent, np.zeros((2, 4, 4, 3), np.uint8))
