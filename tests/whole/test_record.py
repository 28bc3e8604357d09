"""The run on the record: the motions between the recorded frames, the sets, and the videos."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.record_motions import JOINTS, PLACE, TURN, read_motion
from benchmarks.record_sets import SOURCE, TARGET, splits

PACKAGES = ("mujoco", "skimage")
NUMBERS = 7 + sum(JOINTS.values())


def write_motion(path: Path, *, loop: str, turn: float = 0.0) -> Path:
    """Somebody who goes 1 m along x in 1 s, and turns by so many radians."""
    frames = []
    for share in (0.0, 0.5, 1.0):
        half = share * turn / 2
        rotations = [[1.0, 0.0, 0.0, 0.0] if size == 4 else [0.3] for size in JOINTS.values()]
        root = [share, 0.9, 0.0, np.cos(half), 0.0, np.sin(half), 0.0]
        frames.append([0.5, *root, *(number for row in rotations for number in row)])
    path.write_text(json.dumps({"Loop": loop, "Frames": frames}))
    return path


def heading(pose: NDArray[np.float64]) -> float:
    w, _, y, _ = pose[TURN]
    return float(2 * np.arctan2(y, w))


def test_a_motion_is_read_with_its_times(tmp_path: Path) -> None:
    motion = read_motion(write_motion(tmp_path / "m.txt", loop="none"))
    assert motion.seconds == 1.0
    assert motion.poses.shape == (3, NUMBERS)
    assert NUMBERS == 43  # as the files have it, beside the time


def test_between_two_frames_and_outside_of_them(tmp_path: Path) -> None:
    motion = read_motion(write_motion(tmp_path / "m.txt", loop="none", turn=1.0))
    assert motion.pose(0.25)[0] == pytest.approx(0.25)
    assert heading(motion.pose(0.25)) == pytest.approx(0.25, abs=1e-3)
    np.testing.assert_array_equal(motion.pose(9.0), motion.poses[-1])
    np.testing.assert_array_equal(motion.pose(-1.0), motion.poses[0])


def test_a_repeated_motion_goes_on_from_where_it_ended(tmp_path: Path) -> None:
    motion = read_motion(write_motion(tmp_path / "m.txt", loop="wrap"))
    places = [motion.pose(seconds)[0] for seconds in (-1.5, -0.25, 0.75, 1.25, 3.5)]
    assert places == pytest.approx([-1.5, -0.25, 0.75, 1.25, 3.5])


def test_a_repeated_turn_goes_round_a_curve(tmp_path: Path) -> None:
    motion = read_motion(write_motion(tmp_path / "m.txt", loop="wrap", turn=np.pi / 2))
    pose = motion.pose(1.5)
    assert heading(pose) == pytest.approx(0.75 * np.pi, abs=1e-6)
    # Turned a quarter about the vertical y, the way along x is one along -z.
    np.testing.assert_allclose(pose[PLACE], [1.0, 0.9, -0.5], atol=1e-9)
    back = motion.pose(-0.5)
    np.testing.assert_allclose(back[PLACE], [0.0, 0.9, -0.5], atol=1e-9)
    assert heading(back) == pytest.approx(-np.pi / 4, abs=1e-6)


def test_the_sets_share_what_they_say() -> None:
    source, target = ({a.recording for a in actions} for actions in (SOURCE, TARGET))
    assert source.isdisjoint(target)
    train, test = (
        next(s for s in splits(1.0) if (s.folder, s.name) == ("target", name))
        for name in ("train", "test")
    )
    assert set(train.pictures).isdisjoint(test.pictures)
    mirrored = {-angle % 360 for angle in train.directions}
    assert {*train.directions, *mirrored}.isdisjoint(test.directions)
    assert (len(TARGET), train.num_videos, test.num_videos) == (18, 432, 180)


@pytest.mark.slow
@pytest.mark.skipif(not all(map(importlib.util.find_spec, PACKAGES)), reason="needs mujoco")
def test_videos_are_drawn_once_and_can_be_read(tmp_path: Path) -> None:
    from benchmarks import record
    from slowfast.data.samples import Sample
    from slowfast.data.video.open import open_video

    motions = tmp_path / "recorded"
    motions.mkdir()
    for recording in {action.recording for action in SOURCE + TARGET}:
        write_motion(motions / f"humanoid3d_{recording}.txt", loop="wrap")
    command = ["--work", str(tmp_path), "--motions", str(motions), "--scale", "0.02"]
    assert record.main([*command, "--only-videos"]) == 0
    rows = (tmp_path / "target" / "test.list").read_text().splitlines()
    assert [row.split()[1] for row in rows] == [str(label) for label in range(len(TARGET))]
    path = tmp_path / "target" / rows[0].split()[0]
    reader = open_video(Sample(str(path)), "", 30.0, "pyav", -1)
    assert reader.num_frames == 64
    first, last = reader.frames(np.array([0, 63]))
    assert first.shape == (132, 176, 3)
    assert np.abs(first.astype(float) - last).mean() > 1  # it moves
    before = path.stat().st_mtime_ns
    (tmp_path / "target" / rows[1].split()[0]).unlink()
    assert record.main([*command, "--only-videos"]) == 0
    assert path.stat().st_mtime_ns == before
    assert (tmp_path / "target" / rows[1].split()[0]).is_file()
