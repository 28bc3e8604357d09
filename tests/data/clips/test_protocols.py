"""Other systems' test protocols: frames, sizes and crops by hand and as those systems gave them.

tests/golden/make_protocol_files.py made the files with PyTorchVideo and mmaction2 themselves.
"""

import functools
import hashlib
import itertools
import json
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import paddle
import pytest
from golden.name_seeded import patterned_frames, seeded_clip
from numpy.typing import NDArray
from support.paths import GOLDEN, REPOSITORY
from support.tiny_run import eager

from slowfast.config import Config, ConfigError, load_config
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import ClipGrid, clip_span, view_clips
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.metrics.accuracy import average_views
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.views import rows_of_views
from slowfast.weights.load import load_weights

SCORES: dict[str, Any] = json.loads((GOLDEN / "protocol_scores.json").read_text())
FRAMES = np.load(GOLDEN / "protocol_frames.npz")
VIDEOS = REPOSITORY.parent / "shared" / "videos"
RULES = ["pytorchvideo", "mmaction2", "pytorchvideo-0.1", "mmaction2-1.2"]
RECIPE = ClipGrid(num_clips=10, num_frames=32, stride=2, target_fps=30.0)
GRIDS = {"recipe": RECIPE, "long": ClipGrid(3, 64, 2, 30.0), "one": ClipGrid(1, 16, 2, 30.0)}

COMMON = [
    "model.num_classes=20", "model.width=8", "data.crop_size=64", "data.frame_fps=25",
    "data.frame_pattern=img_{:05d}.png", "data.num_workers=0", "test.short_side=96",
    "test.crop_size=96",
]  # fmt: skip
SETTINGS = {
    "pytorchvideo": (
        "model.slow_depth=14", "model.fast_depth=14", "model.alpha=4", "model.fusion_kernel=7",
        "model.average_positions=score",
    ),
    "mmaction2": (
        "model.lateral_norm=false", "model.slow_frames=strided", "model.head_pooling=global",
        "data.mean=[0.485,0.456,0.406]", "data.std=[0.229,0.224,0.225]",
    ),
}  # fmt: skip
FILES = {"pytorchvideo": "pytorchvideo_small.pyth", "mmaction2": "mmaction2_small.pth"}
TOLERANCE = 1e-3
"""Of an averaged probability, for PyTorchVideo: it resizes floats and never rounds them, we round
to bytes what the resize gives. Measured: 3.6e-4."""
BYTES_TOLERANCE = 1e-5
"""For mmaction2, which resizes bytes with OpenCV, as we do. Measured: 2e-7."""


def clips(name: str, video_frames: int, fps: float, grid: ClipGrid = RECIPE) -> list[list[int]]:
    found = PROTOCOLS[name].clips(video_frames, fps, grid)
    assert found.dtype == np.int64
    return [clip.tolist() for clip in found]


def config(rule: str, protocol: str | None = None) -> Config:
    """The config of a system's small network, with its own protocol or another's."""
    system = rule.partition("-")[0]
    return load_config(None, [*COMMON, *SETTINGS[system], f"test.protocol={protocol or rule}"])


@functools.cache
def network(rule: str) -> VideoClassifier:
    cfg = config(rule)
    model = build_model(cfg.model, cfg.data.crop_size)
    load_weights(model, GOLDEN / FILES[rule.partition("-")[0]])
    model.eval()
    return model


def probabilities(rule: str, sample: Sample, protocol: str | None = None) -> NDArray[np.float64]:
    """What our test gives."""
    cfg = config(rule, protocol)
    video = MultiViewVideos([sample], cfg.data, cfg.test)(0)
    (scores_VK,) = rows_of_views(eager(network(rule), cfg), [video], cfg)
    return average_views(scores_VK, cfg.test.average_clips)


def slow(*values: str) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow)


def best(scores: Any) -> list[int]:
    return [int(i) for i in np.argsort(-np.array(scores), kind="stable")[:5]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """The patterned videos as folders of PNGs, which every decoder reads alike."""
    found = {}
    for name, shape in {
        "long": (100, 110, 153), "short": (40, 110, 153), "portrait": (75, 153, 110),
    }.items():  # fmt: skip
        folder = tmp_path_factory.mktemp(name)
        for i, frame in enumerate(patterned_frames(*shape)):
            cv2.imwrite(str(folder / f"img_{i + 1:05d}.png"), frame[..., ::-1])
        found[name] = Sample(str(folder), 0, shape[0])
    return found


def test_pyslowfast_has_the_clips_that_it_had() -> None:
    for video_frames, fps in itertools.product((1, 40, 300), (25.0, 30000 / 1001, 60.0)):
        expected = view_clips(video_frames, clip_span(32, 2, fps, 30.0), 32, 10)
        np.testing.assert_array_equal(clips("pyslowfast", video_frames, fps), expected)


def test_mmaction2_places_clips_in_the_middles_of_ten_parts() -> None:
    # (300 - 63) / 10 = 23.7 frames a part: 11.85, 35.55, 59.25, ... truncated.
    starts = [11, 35, 59, 82, 106, 130, 154, 177, 201, 225]
    expected = [[start + 2 * i for i in range(32)] for start in starts]
    assert clips("mmaction2", 300, 30.0) == expected
    assert clips("mmaction2", 300, 25.0) == expected  # it counts frames, not seconds
    assert clips("mmaction2", 64, 30.0) == [[*range(0, 64, 2)]] * 10  # 1/10 of a frame a part
    # Where a video ends it begins again.
    expected = [[*range(0, 41, 2), *range(1, 22, 2)]] * 10  # 42 comes to 1 in 41 frames
    assert clips("mmaction2", 41, 30.0) == expected
    assert clips("mmaction2", 1, 30.0) == [[0] * 32] * 10


def test_mmaction2_1_goes_from_the_first_frame_to_the_last() -> None:
    # A clip ends with its last frame there: 63 frames, so 300 leave 237, in 9 steps of 26 1/3.
    starts = [0, 26, 53, 79, 105, 132, 158, 184, 211, 237]
    assert clips("mmaction2-1.2", 300, 30.0) == [[s + 2 * i for i in range(32)] for s in starts]
    one = ClipGrid(1, 32, 2, 30.0)
    assert clips("mmaction2-1.2", 300, 30.0, one) == [[118 + 2 * i for i in range(32)]]


def test_charades_goes_from_the_first_frame_to_the_last() -> None:
    # A clip ends with its last frame there: 127 frames, so 300 leave 173, in 9 steps of 19 2/9.
    grid = ClipGrid(10, 64, 2, 24.0)
    starts = [0, 19, 38, 58, 77, 96, 115, 135, 154, 173]
    assert clips("charades", 300, 24.0, grid) == [[s + 2 * i for i in range(64)] for s in starts]
    # Halves go to the even number, as in Python: 9 frames of room, in 2 steps of 4.5.
    three = ClipGrid(3, 64, 2, 24.0)
    assert [clip[0] for clip in clips("charades", 136, 24.0, three)] == [0, 4, 9]
    assert [clip[0] for clip in clips("charades", 138, 24.0, three)] == [0, 6, 11]
    assert [clip[0] for clip in clips("charades", 300, 24.0, ClipGrid(1, 64, 2, 24.0))] == [86]
    # A video that is too short repeats its last frame.
    assert clips("charades", 100, 24.0, grid) == [[*range(0, 99, 2)] + [99] * 14] * 10
    assert clips("charades", 1, 24.0, grid) == [[0] * 64] * 10


def test_charades_shows_the_same_times_in_a_video_of_another_rate() -> None:
    # 12 s: a video of 30 fps has 360 frames where the data set's folder has 288.
    grid = ClipGrid(10, 32, 2, 24.0)
    folder, video = clips("charades", 288, 24.0, grid), clips("charades", 360, 30.0, grid)
    assert video == [[i * 30 // 24 for i in clip] for clip in folder]
    assert video[0][:5] == [0, 2, 5, 7, 10]
    assert video[-1][-1] == 358  # 287/24 s: the 288th frame of the folder


def test_pytorchvideo_takes_the_frames_of_some_seconds() -> None:
    # 250 frames at 25 fps are 10 s, of which a clip takes 53 1/3 frames: room for 196 2/3, in 9
    # steps of 21.85. A clip has the frames that begin in it: 54 of them if it begins with one.
    found = clips("pytorchvideo", 250, 25.0)
    assert [clip[0] for clip in found] == [0, 22, 44, 66, 88, 110, 132, 153, 175, 197]
    assert [clip[-1] for clip in found] == [53, 75, 97, 118, 140, 162, 184, 206, 228, 249]
    assert found[0] == [53 * i // 31 for i in range(32)]
    assert found[-1] == [197 + 52 * i // 31 for i in range(32)]
    # The rule of 0.1.5: 10 steps of 19 2/3, so that the last clip ends before the video. Three are
    # 59 frames, but 64/30 s as a float is 3e-17 too little, so that clip 3 just misses 59.
    released = clips("pytorchvideo-0.1", 250, 25.0)
    assert [clip[0] for clip in released] == [0, 20, 40, 60, 79, 99, 119, 138, 158, 178]
    # It stretches a short video.
    expected = [i * 39 // 31 for i in range(32)]
    for name in ("pytorchvideo", "pytorchvideo-0.1"):
        assert clips(name, 40, 30.0) == [expected] * 10
        assert clips(name, 1, 30.0) == [[0] * 32] * 10
        assert clips(name, 20, 30.0)[0][:4] == [0, 0, 1, 1]  # 19/31 of a frame a step
        # Less than a frame a second: a clip that no frame begins in shows the one before.
        assert all(len(clip) == 32 for clip in clips(name, 3, 0.2))


@pytest.mark.parametrize("rule", RULES)
def test_frames_are_those_of_the_systems_themselves(rule: str) -> None:
    names = [name for name in FRAMES if name.endswith(f" {rule}")]
    assert len(names) == 30
    for name in names:
        count, rate, size, _ = name.split()
        found = clips(rule, int(count), float(Fraction(rate)), GRIDS[size])
        np.testing.assert_array_equal(found, FRAMES[name], err_msg=name)


@pytest.mark.parametrize("num_clips", [1, 3, 10])
def test_clips_begin_at_their_parts_of_the_room(num_clips: int) -> None:
    grid = ClipGrid(num_clips, 32, 2, 30.0)
    for name, protocol in PROTOCOLS.items():
        found = [clip[0] for clip in clips(name, 100_000, 30.0, grid)]
        expected = [float(start) * (100_000 - 64) for start in protocol.starts(num_clips)]
        np.testing.assert_allclose(found, expected, atol=1.5, err_msg=name)


@pytest.mark.parametrize(
    ("height", "width", "rounded_down", "rounded"),
    [
        (240, 320, (256, 341), (256, 341)),  # 341.33
        (360, 641, (256, 455), (256, 456)),  # 455.82
        (641, 360, (455, 256), (456, 256)),
        (256, 340, (256, 340), (256, 340)),
        (100, 100, (256, 256), (256, 256)),
    ],
)
def test_sizes(height: int, width: int, rounded_down: Any, rounded: Any) -> None:
    for name in PROTOCOLS:
        expected = rounded if name.startswith("mmaction2") else rounded_down
        assert PROTOCOLS[name].size(height, width, 256) == expected, name


@pytest.mark.parametrize(
    ("height", "width", "uniform", "three"),
    [
        (256, 341, [(0, 0), (0, 43), (0, 85)], [(0, 0), (0, 42), (0, 84)]),
        (256, 340, [(0, 0), (0, 42), (0, 84)], [(0, 0), (0, 42), (0, 84)]),
        (341, 256, [(0, 0), (43, 0), (85, 0)], [(0, 0), (42, 0), (84, 0)]),
        (256, 256, [(0, 0)] * 3, [(0, 0)] * 3),
    ],
)
def test_crops(height: int, width: int, uniform: Any, three: Any) -> None:
    for name in PROTOCOLS:
        crops = three if name.startswith("mmaction2") else uniform
        assert PROTOCOLS[name].crops(height, width, 256, 3) == crops
        assert PROTOCOLS[name].crops(height, width, 256, 1) == [crops[1]]


@pytest.mark.parametrize("system", [*FILES])
def test_their_small_networks_give_their_logits(system: str) -> None:
    clip_NCTHW = paddle.to_tensor(seeded_clip(0, (1, 3, 32, 96, 96)))
    with paddle.no_grad():
        logits_K = network(system)(clip_NCTHW).numpy()[0]
    np.testing.assert_allclose(logits_K, SCORES["logits"][system], atol=1e-4)
    assert np.std(logits_K) > 0.1


def check(rule: str, sample: Sample, expected: Any) -> None:
    """Ours are theirs."""
    found = probabilities(rule, sample)
    tolerance = BYTES_TOLERANCE if rule.startswith("mmaction2") else TOLERANCE
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    assert {*best(found)} == {*best(expected)}
    # In their order; two that are as good as equal there may change places.
    assert np.diff(np.array(expected)[best(found)]).max() < tolerance


@pytest.mark.parametrize(
    ("rule", "case"),
    [
        ("pytorchvideo", "long"), ("pytorchvideo", "short"), ("mmaction2", "long"),
        ("mmaction2", "short"), *(slow(rule, "portrait") for rule in RULES[:2]),
        *(slow(rule, "long") for rule in RULES[2:]),
    ],
)  # fmt: skip
def test_folders_score_as_in_their_systems(
    rule: str, case: str, folders: dict[str, Sample]
) -> None:
    check(rule, folders[case], SCORES["folders"][case][rule])


@pytest.mark.parametrize("rule", ["pytorchvideo", slow("mmaction2")])
def test_another_protocol_scores_otherwise(rule: str, folders: dict[str, Sample]) -> None:
    theirs = SCORES["folders"]["long"]
    older = "mmaction2-1.2" if rule == "mmaction2" else "pytorchvideo-0.1"
    for found in (probabilities(rule, folders["long"], "pyslowfast"), np.array(theirs[older])):
        assert np.abs(found - theirs[rule]).max() > 5 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("example_5s_mpeg4.avi", "pytorchvideo"), ("kinetics_like_10s_h264.mp4", "mmaction2"),
        slow("example_5s_mpeg4.avi", "mmaction2-1.2"),
        slow("kinetics_like_10s_h264.mp4", "pytorchvideo-0.1"),
    ],
)  # fmt: skip
def test_real_videos_score_as_in_the_systems_themselves(name: str, rule: str) -> None:
    path = VIDEOS / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
    if digest not in SCORES["videos"]:
        pytest.skip(f"{path} is not there, or another file")
    check(rule, Sample(str(path), 0), SCORES["videos"][digest][rule])


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match="test.protocol='mmaction' is not one of pyslowfast, "):
        load_config(None, ["test.protocol=mmaction"])


def test_positions_are_averaged_as_probabilities_or_as_logits() -> None:
    clip_NCTHW = paddle.to_tensor(seeded_clip(0, (1, 3, 32, 96, 96)))
    model = network("pytorchvideo")
    at_each = build_model(load_config(None, [*COMMON, *SETTINGS["pytorchvideo"][:-1]]).model, 64)
    at_each.set_state_dict(model.state_dict())
    at_each.eval()
    with paddle.no_grad():
        logits_K = model(clip_NCTHW).numpy()[0]
        of_logits_K = model.predict(clip_NCTHW).numpy()[0]
        of_each_K = at_each.predict(clip_NCTHW).numpy()[0]
    expected = np.exp(logits_K) / np.exp(logits_K).sum()
    np.testing.assert_allclose(of_logits_K, expected, rtol=1e-5)
    assert np.abs(of_logits_K - of_each_K).max() > 1e-4
