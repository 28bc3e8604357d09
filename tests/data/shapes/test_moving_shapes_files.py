"""The built-in data set on disk: videos, lists, and what happens to an interrupted run."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from slowfast.data.shapes import moving_shapes_files
from slowfast.data.shapes.moving_shapes import CLASS_NAMES, HOWS, WHATS, render_clip
from slowfast.data.shapes.moving_shapes_files import is_complete, write_dataset, write_video
from slowfast.data.video.reader import Pictures
from slowfast.errors import UserError

NUM_TRAIN = 2 * len(CLASS_NAMES)
NUM_VAL = len(CLASS_NAMES)


def decode(path: Path) -> Pictures:
    reader = cv2.VideoCapture(str(path))
    frames = []
    while (answer := reader.read())[0]:
        frames.append(answer[1][..., ::-1])
    return np.stack(frames)


def write(root: Path, num_train: int = 1, num_val: int = 1, seed: int = 0, **options: Any) -> None:
    options = {"num_processes": 1, **options}
    write_dataset(root, num_train=num_train, num_val=num_val, seed=seed, **options)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, written by two processes."""
    root = tmp_path_factory.mktemp("moving_shapes")
    write(root, NUM_TRAIN, NUM_VAL, seed=3, num_processes=2)
    return root


def test_lists_are_balanced_and_name_every_file(dataset: Path) -> None:
    assert (dataset / "labels.txt").read_text().splitlines() == CLASS_NAMES
    for split, number in (("train", NUM_TRAIN), ("val", NUM_VAL)):
        lines = [line.split() for line in (dataset / f"{split}.list").read_text().splitlines()]
        files = sorted(path.relative_to(dataset).as_posix() for path in dataset.glob(f"{split}/*"))
        assert [path for path, _ in lines] == files
        counts = Counter(int(label) for _, label in lines)
        assert counts == dict.fromkeys(range(len(CLASS_NAMES)), number // len(CLASS_NAMES))


def test_files_are_videos_of_their_class(dataset: Path) -> None:
    what, how = WHATS[-1], HOWS[1]
    label = CLASS_NAMES.index(f"{what} drop, {how}")
    path = dataset / "train" / f"{label:06d}.mp4"
    rendered = render_clip(what, [how], np.random.default_rng([3, 0, label]))
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 30.0
    decoded = decode(path)
    assert decoded.shape == (60, 64, 80, 3)
    error = np.mean((decoded.astype(float) - rendered) ** 2)
    assert 10 * np.log10(255**2 / error) > 25
    of_val = decode(dataset / "val" / f"{label:06d}.mp4")
    assert not np.array_equal(decoded, of_val)


def test_number_of_processes_and_of_clips_change_nothing(dataset: Path, tmp_path: Path) -> None:
    write(tmp_path, num_train=3, seed=3)
    for name in ("train/000000.mp4", "train/000002.mp4", "val/000000.mp4"):
        assert np.array_equal(decode(dataset / name), decode(tmp_path / name))


def test_second_call_reuses_files_and_other_parameters_replace_them(tmp_path: Path) -> None:
    def reports(seed: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        write(tmp_path, num_train=2, seed=seed, report=lambda *done: found.append(done))
        return found

    clip = tmp_path / "train/000000.mp4"
    assert reports(0) == [(1, 3), (2, 3), (3, 3)]
    first, written = decode(clip), clip.stat().st_mtime_ns
    assert reports(0) == []
    assert clip.stat().st_mtime_ns == written
    assert len(reports(1)) == 3
    assert not np.array_equal(decode(clip), first)
    clip.unlink()
    assert len(reports(1)) == 3
    assert clip.is_file()


def test_interrupted_run_is_not_complete(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    params = {"version": moving_shapes_files.VERSION, "num_train": 1, "num_val": 1, "seed": 0}
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, report=interrupt)
    assert not is_complete(tmp_path, params)
    write(tmp_path)
    assert is_complete(tmp_path, params)
    (tmp_path / moving_shapes_files.MARKER).write_text(json.dumps({**params, "version": 0}))
    assert not is_complete(tmp_path, params)


@pytest.mark.parametrize(
    ("is_killed", "message"), [(False, "No space left on device"), (True, "killed by SIGKILL")]
)
def test_what_happens_to_a_writer_is_raised_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hang: None, is_killed: bool, message: str
) -> None:
    def fail(path: Path, clip: Pictures) -> None:
        if path.stem == "000001":
            os.kill(os.getpid(), signal.SIGKILL if is_killed else 0)
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(moving_shapes_files, "write_video", fail)
    with pytest.raises(UserError, match=f"train/000001.mp4: .*{message}"):
        write(tmp_path, num_train=9, num_val=0, num_processes=2)
    assert not (tmp_path / moving_shapes_files.MARKER).exists()


def test_unwritable_files_and_folders_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing/a.mp4"
    with pytest.raises(UserError, match=f"cannot write {missing}: 0 of 3 frames"):
        write_video(missing, np.zeros((3, 64, 80, 3), np.uint8))
    (tmp_path / "train").write_text("a file where a folder should be")
    with pytest.raises(OSError, match=str(tmp_path / "train")):
        write(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.with_suffix(".part.mp4").symlink_to("/dev/full")
    with pytest.raises(UserError, match=f"cannot write {path}"):
        write_video(path, np.zeros((3, 64, 80, 3), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_motions_one_after_the_other_and_the_list_says_when(tmp_path: Path) -> None:
    write(tmp_path, num_train=120, num_val=1, num_motions=2)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    counts = Counter(label for row in rows for label in row["labels"])
    assert counts == dict.fromkeys(range(len(CLASS_NAMES)), 10)
    for row in rows:
        (first, *begin), (second, *then) = row["actions"]
        assert sorted([first, second]) == row["labels"]
        assert first // len(HOWS) == second // len(HOWS)  # one thing
        assert [*begin, *then] == [0, 44 / 30, 45 / 30, 89 / 30]
    still, sliding = (HOWS.index(how) for how in ("still", "sliding"))
    ordered = [[label for label, *_ in row["actions"]] for row in rows]
    clip = decode(tmp_path / f"train/{ordered.index([still, sliding]):06d}.mp4").astype(float)
    assert len(clip) == 90
    moved = np.abs(np.diff(clip, axis=0)).mean(axis=(1, 2, 3))
    assert moved[:44].max() < moved[46:].min()
