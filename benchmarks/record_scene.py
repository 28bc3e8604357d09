"""A person made of capsules in a room with pictures on its floor and walls, as a MuJoCo model.

The skeleton is DeepMimic's ``humanoid3d``: bones and joints stand where its motions expect them.
"""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # no screen; without a GPU, Mesa's software renderer

import colorsys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from benchmarks.record_motions import JOINTS, Array, multiply

UPRIGHT = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])
"""Turns y up into MuJoCo's z up."""
ORDER = (
    "chest", "neck", "right_shoulder", "right_elbow", "left_shoulder", "left_elbow",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
"""The joints in the order of the model's bodies: each limb down to its end."""
ROOM = 14.0
"""From the middle to each wall, metres."""


@dataclass(frozen=True)
class Body:
    """How somebody looks; lengths are shares of the recorded person's."""

    legs: float
    arms: float
    girth: float
    head: float
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shoes: tuple[float, float, float]
    sleeves: bool
    shorts: bool


@dataclass(frozen=True)
class Surroundings:
    """Pictures, and where the light comes from."""

    floor: Path
    walls: Path
    floor_repeats: float
    wall_repeats: float
    floor_tint: tuple[float, float, float]
    wall_tint: tuple[float, float, float]
    turn: float
    """Of the room about the vertical, degrees."""
    light: tuple[float, float, float]
    """The direction in which it shines."""
    brightness: float


@dataclass(frozen=True)
class View:
    """A camera: degrees, metres, and the place it looks at in each frame."""

    azimuth: float
    elevation: float
    distance: float
    looks: NDArray[np.float64]


def draw_body(rng: np.random.Generator) -> Body:
    """Somebody."""

    def colour(low: float, high: float, grey: float = 1.0) -> tuple[float, float, float]:
        value = rng.uniform(low, high)
        return colorsys.hsv_to_rgb(rng.random(), grey * rng.uniform(0.2, 1.0), value)

    tone = rng.random()
    skin = colorsys.hsv_to_rgb(0.06 + 0.02 * rng.random(), 0.3 + 0.35 * tone, 0.95 - 0.6 * tone)
    hair = colorsys.hsv_to_rgb(0.07 + 0.05 * rng.random(), 0.6, rng.uniform(0.05, 0.7))
    return Body(
        legs=rng.uniform(0.85, 1.15), arms=rng.uniform(0.85, 1.15), girth=rng.uniform(0.8, 1.35),
        head=rng.uniform(0.9, 1.2), shirt=colour(0.3, 1.0), trousers=colour(0.1, 0.9, 0.7),
        skin=skin, hair=hair, shoes=colour(0.05, 0.9), sleeves=rng.random() < 0.5,
        shorts=rng.random() < 0.3,
    )  # fmt: skip


def build_model(body: Body, around: Surroundings, size: tuple[int, int]) -> mujoco.MjModel:
    """The model of a person in a room, for pictures of that width and height."""
    colours = "".join(
        f'<material name="{name}" rgba="{_text(getattr(body, name))} 1" specular="0.15"/>'
        for name in ("shirt", "trousers", "skin", "hair", "shoes")
    )
    light = around.brightness
    return mujoco.MjModel.from_xml_string(f"""
<mujoco>
  <compiler texturedir="/"/>
  <visual>
    <global offwidth="{size[0]}" offheight="{size[1]}"/>
    <quality offsamples="0" numslices="12" numstacks="8"/>
    <map znear="0.05" zfar="60"/>
    <headlight ambient="{_text([0.45 * light] * 3)}" diffuse="{_text([0.25 * light] * 3)}"/>
  </visual>
  <asset>
    {_picture("floor", around.floor, around.floor_repeats, around.floor_tint)}
    {_picture("walls", around.walls, around.wall_repeats, around.wall_tint)}
    {colours}
  </asset>
  <worldbody>
    <light name="sun" directional="true" castshadow="false" dir="{_text(around.light)}"
           diffuse="{_text([0.7 * light] * 3)}"/>
    <body euler="0 0 {around.turn}">
      <geom type="plane" size="{ROOM} {ROOM} 1" material="floor"/>
      {"".join(_wall(quarter) for quarter in range(4))}
    </body>
    {_person(body)}
  </worldbody>
</mujoco>""")


def model_pose(pose: Array, body: Body) -> NDArray[np.float64]:
    """A frame of a motion as the model's ``qpos``; longer legs take the person higher."""
    x, y, z = pose[:3] * body.legs
    begin, parts = 7, {}
    for name, size in JOINTS.items():
        parts[name] = pose[begin : begin + size]
        begin += size
    joints = [parts[name] for name in ORDER]
    return np.concatenate([[x, -z, y], multiply(UPRIGHT, pose[3:7]), *joints])


def film(
    model: mujoco.MjModel, poses: Iterable[Array], view: View, size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """The pictures, RGB ``[H, W, 3]``, of a model's poses (``qpos``). Without shadows and
    reflections, which take a software renderer ten times as long."""
    data, camera = mujoco.MjData(model), mujoco.MjvCamera()
    camera.azimuth, camera.elevation = view.azimuth, view.elevation
    camera.distance = view.distance
    with mujoco.Renderer(model, size[1], size[0]) as renderer:
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        for pose, look in zip(poses, view.looks, strict=True):
            data.qpos[:] = pose
            mujoco.mj_kinematics(model, data)
            mujoco.mj_camlight(model, data)
            camera.lookat[:] = look
            renderer.update_scene(data, camera)
            yield renderer.render()


def _picture(name: str, path: Path, repeats: float, tint: Sequence[float]) -> str:
    return (
        f'<texture name="{name}" type="2d" file="{path.resolve()}"/>'
        f'<material name="{name}" texture="{name}" texrepeat="{repeats} {repeats}" specular="0" '
        f'rgba="{_text(tint)} 1"/>'
    )


def _wall(quarter: int) -> str:
    angle = quarter * np.pi / 2
    x, y = ROOM * np.cos(angle), ROOM * np.sin(angle)
    axes = [-np.sin(angle), np.cos(angle), 0, 0, 0, 1]
    return (
        f'<geom type="plane" size="{ROOM} {ROOM} 1" pos="{_text((-x, -y, 0))}" '
        f'xyaxes="{_text(axes)}" material="walls"/>'
    )


def _person(body: Body) -> str:
    girth, joint = body.girth, '<joint type="ball"/>'
    torso = (
        f'<geom type="ellipsoid" size="{0.12 * girth} 0.17 {0.15 * girth}" pos="0 0.11 0" '
        'material="shirt"/>'
    )
    head = (
        f'<body pos="0 0.22 0">{joint}'
        f'<geom type="capsule" size="0.05" fromto="0 -0.02 0 0 0.1 0" material="skin"/>'
        f'<geom type="ellipsoid" size="{_text(body.head * np.array([0.095, 0.12, 0.085]))}" '
        f'pos="0.01 0.18 0" material="skin"/>'
        f'<geom type="ellipsoid" size="{_text(body.head * np.array([0.1, 0.11, 0.095]))}" '
        f'pos="-0.025 0.21 0" material="hair"/></body>'
    )
    arms = "".join(_arm(body, side) for side in (1, -1))
    legs = "".join(_leg(body, side) for side in (1, -1))
    return (
        f"<body><freejoint/>"
        f'<geom type="ellipsoid" size="{0.11 * girth} 0.12 {0.145 * girth}" pos="0 0.03 0" '
        f'material="trousers"/>'
        f'<body pos="0 0.236 0">{joint}{torso}{head}{arms}</body>{legs}</body>'
    )


def _arm(body: Body, side: int) -> str:
    upper, lower = 0.275 * body.arms, 0.259 * body.arms
    sleeve = "shirt" if body.sleeves else "skin"
    out = side * 0.183 * (0.6 + 0.4 * body.girth)
    return (
        f'<body pos="-0.024 0.243 {out}"><joint type="ball"/>'
        f"{_bone(upper, 0.048 * body.girth, 'shirt')}"
        f'<body pos="0 {-upper} 0"><joint type="hinge" axis="0 0 1"/>'
        f"{_bone(lower, 0.04 * body.girth, sleeve)}"
        f'<geom type="sphere" size="0.055" pos="0 {-lower} 0" material="skin"/></body></body>'
    )


def _leg(body: Body, side: int) -> str:
    upper, lower = 0.4215 * body.legs, 0.41 * body.legs
    shin = "skin" if body.shorts else "trousers"
    return (
        f'<body pos="0 0 {side * 0.085}"><joint type="ball"/>'
        f"{_bone(upper, 0.065 * body.girth, 'trousers')}"
        f'<body pos="0 {-upper} 0"><joint type="hinge" axis="0 0 1"/>'
        f"{_bone(lower, 0.052 * body.girth, shin)}"
        f'<body pos="0 {-lower} 0"><joint type="ball"/>'
        f'<geom type="box" size="0.1 0.03 0.045" pos="0.045 -0.0225 0" material="shoes"/>'
        f"</body></body></body>"
    )


def _bone(length: float, radius: float, material: str) -> str:
    return (
        f'<geom type="capsule" size="{radius}" fromto="0 0 0 0 {-length} 0" material="{material}"/>'
    )


def _text(numbers: Sequence[float] | NDArray[np.float64]) -> str:
    return " ".join(f"{number:.4f}" for number in numbers)
