"""The built-in data set: what it writes, and what each pathway could see in it."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from slowfast.data import moving_shapes
from slowfast.data.moving_shapes import (
    CLASS_NAMES,
    HOWS,
    MOTIONS,
    PERIOD,
    WHATS,
    draw_layers,
    draw_poses,
    is_complete,
    render_clip,
    write_dataset,
    write_video,
)
from slowfast.data.video.reader import Pictures
from slowfast.errors import UserError

NUM_TRAIN = 2 * len(CLASS_NAMES)
NUM_VAL = len(CLASS_NAMES)
AT_REST = ("shaking", "pulsing")  # what looks so at every fifth frame


def clean_clip(what: str, how: str, seed: int) -> Pictures:
    """A clip without the sensor noise, as integers that can be subtracted."""
    return render_clip(what, how, np.random.default_rng(seed), num_frames=21, noise=0.0)


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


def test_classes_are_all_pairs() -> None:
    assert len(WHATS) >= 3
    assert len(HOWS) >= 4
    assert [f"{what} drop, {how}" for what in WHATS for how in HOWS] == CLASS_NAMES


def test_render_is_a_function_of_the_generator() -> None:
    rngs = map(np.random.default_rng, (1, 1, 2))
    first, same, other = (render_clip("striped", "sliding", rng, num_frames=4) for rng in rngs)
    assert first.shape == (4, 64, 80, 3) and first.dtype == np.uint8
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_the_layers_say_where_the_drop_is_in_a_clip() -> None:
    """It hides what is behind it, and that stays as it is."""
    layers = draw_layers("ringed", "sliding", np.random.default_rng(3), 6, (64, 80))
    clip = render_clip("ringed", "sliding", np.random.default_rng(3), 6, noise=0)
    opaque = layers[..., 3] == 255
    assert 0.1 < opaque.mean() < 0.5
    assert np.abs(clip.astype(int) - layers[..., :3])[opaque].max() == 0
    still = (clip == clip[0]).all(axis=(0, 3))
    assert still[(layers[..., 3] == 0).all(axis=0)].all() and not still.all()


@pytest.mark.parametrize("what", WHATS)
def test_vibrations_look_at_rest_at_every_fifth_frame(what: str) -> None:
    still = clean_clip(what, "still", seed=5)
    assert (still == still[0]).all()
    for how in AT_REST:
        clip = clean_clip(what, how, seed=5)
        assert np.array_equal(clip[0], still[0])
        for start in range(PERIOD):
            slow = clip[start::PERIOD].astype(int)
            assert np.abs(slow - slow[0]).max() <= 1  # rounding
        moved = np.abs(np.diff(clip.astype(int), axis=0)).max(axis=(1, 2, 3))
        assert moved.min() > 0
        assert np.median(moved) > 100


def test_spins_alias_to_each_other_at_every_fifth_frame() -> None:
    """Five frames turn by half a turn and a jitter, which is as often positive as negative."""
    jitters = {}
    for way, sign in (("clockwise", 1), ("counter-clockwise", -1)):
        rng = np.random.default_rng(0)
        angles = [draw_poses(MOTIONS[f"spinning {way}"], rng, 21, 1.25).angle for _ in range(500)]
        steps = np.diff(angles, axis=1)
        assert (np.sign(steps) == sign).all()
        assert 30 < np.abs(np.degrees(steps)).min() <= np.abs(np.degrees(steps)).max() < 42
        slow = np.degrees(np.diff(np.array(angles)[:, ::PERIOD], axis=1)[:, 0])
        jitters[way] = np.sort(slow % 360 - 180)
    mirrored = -jitters["counter-clockwise"][::-1]
    assert np.abs(jitters["clockwise"] - mirrored).max() < 1e-6
    assert abs(jitters["clockwise"].mean()) < 1.5
    assert 10 < jitters["clockwise"].max() < 15


@pytest.mark.parametrize("what", WHATS)
def test_spinning_shows_at_every_frame(what: str) -> None:
    clockwise = clean_clip(what, "spinning clockwise", seed=8).astype(int)
    counter = clean_clip(what, "spinning counter-clockwise", seed=8).astype(int)
    assert np.array_equal(clockwise[0], counter[0])
    assert np.abs(clockwise[1] - counter[1]).max() > 100


def test_sliding_moves_and_stays_in_view() -> None:
    for seed in range(200):
        poses = draw_poses(MOTIONS["sliding"], np.random.default_rng(seed), 60, 1.25)
        assert np.abs(poses.x - 0.625).max() <= 0.22 + 1e-9
        assert np.abs(poses.y - 0.5).max() <= 0.22 + 1e-9
        assert np.hypot(np.diff(poses.x), np.diff(poses.y)).max() > 0.01
        assert np.ptp(poses.size) == np.ptp(poses.angle) == 0


def test_bounce_reflects_at_both_ends() -> None:
    positions = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0])
    expected = [0.0, 1.0, 2.0, 1.0, 0.0, -1.0, -1.0, -2.0, -1.0]
    assert moving_shapes.bounce(positions, -2.0, 2.0).tolist() == expected


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
    rendered = render_clip(what, how, np.random.default_rng([3, 0, label]))
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

    params = {"version": moving_shapes.VERSION, "num_train": 1, "num_val": 1, "seed": 0}
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, report=interrupt)
    assert not is_complete(tmp_path, params)
    write(tmp_path)
    assert is_complete(tmp_path, params)
    (tmp_path / moving_shapes.MARKER).write_text(json.dumps({**params, "version": 0}))
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

    monkeypatch.setattr(moving_shapes, "write_video", fail)
    with pytest.raises(UserError, match=f"train/000001.mp4: .*{message}"):
        write(tmp_path, num_train=9, num_val=0, num_processes=2)
    assert not (tmp_path / moving_shapes.MARKER).exists()


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
