"""Motions of a person from the files of DeepMimic, which PyBullet's source package holds.

A file has frames of 44 numbers: seconds to the next frame; the root's place (y points up, metres)
and rotation (w, x, y, z); then 12 joints, of which knees and elbows are angles about z and the rest
rotations. Source: Peng et al., DeepMimic (2018), ``data/motions/humanoid3d_*.txt``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

JOINTS = {
    "chest": 4, "neck": 4, "right_hip": 4, "right_knee": 1, "right_ankle": 4, "right_shoulder": 4,
    "right_elbow": 1, "left_hip": 4, "left_knee": 1, "left_ankle": 4, "left_shoulder": 4,
    "left_elbow": 1,
}  # fmt: skip
"""A frame's joints in its order, with how many numbers each has."""
PLACE, TURN = slice(0, 3), slice(3, 7)
SEAM = 0.12
"""Share of a repeated motion in which its end is blended into its beginning."""


@dataclass(frozen=True)
class Motion:
    """One recorded motion."""

    times: Array
    """Seconds of each frame, from 0."""
    poses: Array
    """Frames x 43: place, rotation, joints."""
    repeats: bool
    """Whether the end leads into the beginning, like a step of walking."""

    @property
    def seconds(self) -> float:
        """How long it is, once."""
        return float(self.times[-1])

    def pose(self, seconds: float) -> Array:
        """The 43 numbers of a moment; before and after it the person stands still or repeats it."""
        rounds = np.floor(seconds / self.seconds) if self.repeats else 0.0
        pose = self._within(float(np.clip(seconds - rounds * self.seconds, 0, self.seconds)))
        for _ in range(abs(int(rounds))):
            pose = self._moved_on(pose, forward=rounds > 0)
        return pose

    def _within(self, seconds: float) -> Array:
        last = int(np.clip(np.searchsorted(self.times, seconds, "right"), 1, len(self.times) - 1))
        begin, end = self.times[last - 1], self.times[last]
        share = (seconds - begin) / (end - begin)
        return _blend(self.poses[last - 1], self.poses[last], share)

    def _moved_on(self, pose: Array, *, forward: bool) -> Array:
        """The pose one repetition later (or earlier): about the vertical, and along the ground."""
        first, last = self.poses[0], self.poses[-1]
        angle = _heading(last[TURN]) - _heading(first[TURN])
        old, new = (first, last) if forward else (last, first)
        angle = angle if forward else -angle
        moved = pose.copy()
        moved[PLACE] = _about_y(pose[PLACE] - old[PLACE], angle) + new[PLACE]
        moved[1] = pose[1]
        half = np.array([np.cos(angle / 2), 0.0, np.sin(angle / 2), 0.0])
        moved[TURN] = multiply(half, pose[TURN])
        return moved


def read_motion(path: Path) -> Motion:
    """The motion in a file.

    Raises:
        OSError, ValueError, KeyError: the file is not there, or not of this form.
    """
    content: dict[str, Any] = json.loads(path.read_text())
    frames = np.array(content["Frames"], float)
    repeats = content["Loop"] == "wrap"
    poses = frames[:, 1:]
    if repeats:
        poses = _closed(poses)
    return Motion(np.concatenate([[0.0], np.cumsum(frames[:-1, 0])]), poses, repeats)


def multiply(left: Array, right: Array) -> Array:
    """The product of two quaternions (w, x, y, z)."""
    w, x, y, z = left
    rows = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
    return np.array(rows) @ right


def _closed(poses: Array) -> Array:
    """The poses with the joints of the last ones blended into those of the first."""
    closed, count = poses.copy(), max(2, round(SEAM * len(poses)))
    for back in range(count):
        share = 1 - back / count
        joints = _blend(poses[-1 - back], poses[0], share)[TURN.stop :]
        closed[-1 - back, TURN.stop :] = joints
    return closed


def _blend(one: Array, other: Array, share: float) -> Array:
    """Between two poses: rotations along the shorter way, and of length 1."""
    mixed = (1 - share) * one + share * other
    begin = PLACE.stop
    for size in (4, *JOINTS.values()):
        part = slice(begin, begin + size)
        begin += size
        if size == 4:
            sign = 1.0 if one[part] @ other[part] >= 0 else -1.0
            mixed[part] = (1 - share) * one[part] + share * sign * other[part]
            mixed[part] /= np.linalg.norm(mixed[part])
    return mixed


def _heading(turn: Array) -> float:
    """The direction of the rotated x axis about the vertical y, radians."""
    w, x, y, z = turn
    return float(np.arctan2(2 * (w * y - x * z), 1 - 2 * (y * y + z * z)))


def _about_y(place: Array, angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([c * place[0] + s * place[2], place[1], c * place[2] - s * place[0]])
