"""The frames around a key frame are those that each system takes."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.data.clips.key_windows import draw_moves, extracted
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import ClipGrid

GRID = ClipGrid(1, num_frames=32, stride=2, target_fps=30.0)
NTSC = Fraction(30000, 1001)


def evenly_shown(count: int, fps: float = 30.0) -> NDArray[np.float64]:
    return np.arange(count) / fps


@pytest.mark.parametrize(
    ("protocol", "first", "key", "last"),
    [
        ("pyslowfast", 28, 60, 90),  # c - 32, c - 30, ... c + 30 with c = 30 * (902 - 900)
        ("charades", 28, 60, 90),
        ("mmaction2", 28, 60, 90),
        ("mmaction2-1.2", 29, 61, 91),
        ("pytorchvideo", 28, 60, 91),  # 32 of 28..91: 28 + 63 * i / 31
        ("pytorchvideo-0.1", 28, 60, 91),
    ],
)
def test_windows_of_ava_at_second_902(protocol: str, first: int, key: int, last: int) -> None:
    window = PROTOCOLS[protocol].window(902.0 - 900.0, evenly_shown(27030), GRID, 0)
    assert window[[0, 16, 31]].tolist() == [first, key, last]
    if not protocol.startswith("pytorchvideo"):
        assert window.tolist() == [*range(first, last + 1, 2)]


@pytest.mark.parametrize(
    ("protocol", "second", "wanted"),
    [
        ("pyslowfast", 0.0, [0] * 16 + [*range(0, 32, 2)]),
        ("pyslowfast", 10.0, [*range(268, 300, 2)] + [299] * 16),
        ("mmaction2-1.2", 0.0, [0] * 16 + [*range(1, 33, 2)]),
        ("pytorchvideo", 0.0, [*range(32)]),  # 0 <= t < 32 / 30: all that are there
        ("pytorchvideo", 11.0, [298] * 31 + [299]),
    ],
)
def test_beyond_the_ends_frames_are_repeated(
    protocol: str, second: float, wanted: list[int]
) -> None:
    window = PROTOCOLS[protocol].window(second, evenly_shown(300), GRID, 0)
    assert window.tolist() == wanted


def test_other_sizes_of_clips() -> None:
    times = evenly_shown(27030)
    slow = ClipGrid(1, num_frames=4, stride=16, target_fps=30.0)
    assert PROTOCOLS["pyslowfast"].window(2.0, times, slow, 0).tolist() == [28, 44, 60, 76]
    odd = ClipGrid(1, num_frames=3, stride=3, target_fps=30.0)
    assert PROTOCOLS["pyslowfast"].window(2.0, times, odd, 0).tolist() == [56, 59, 62]


@pytest.mark.parametrize("fps", [24, 25, Fraction(24000, 1001), NTSC, 30, 50, 60])
def test_films_at_other_rates_show_what_ffmpeg_extracts(fps: Fraction | int) -> None:
    """By FFmpeg's own filter ``fps=30``, which gives each frame to the nearest picture."""
    av = pytest.importorskip("av")
    graph, count = av.filter.Graph(), 130
    ends = (
        graph.add_buffer(
            width=16, height=16, format=av.VideoFormat("gray"), time_base=1 / Fraction(fps)
        ),
        graph.add("buffersink"),
    )
    graph.link_nodes(ends[0], graph.add("fps", "30"), ends[1]).configure()
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((16, 16), number, np.uint8), format="gray")
        frame.pts, frame.time_base = number, 1 / Fraction(fps)
        ends[0].push(frame)
    ends[0].push(None)
    shown: list[int] = []
    while len(shown) < 50:
        shown.append(int(ends[1].pull().to_ndarray()[0, 0]))
    times = evenly_shown(count, float(fps))
    assert extracted(np.arange(50), times, 30.0).tolist() == shown


def test_of_a_film_whose_rate_varies_the_frames_of_those_moments_are_taken() -> None:
    """10 frames in the first second, then 30 in a second."""
    times = np.concatenate([np.arange(10) / 10, 1 + np.arange(90) / 30])
    grid = ClipGrid(1, num_frames=8, stride=6, target_fps=30.0)
    window = PROTOCOLS["pyslowfast"].window(1.0, times, grid, 0)
    assert window.tolist() == [2, 4, 6, 8, 10, 16, 22, 28]
    assert PROTOCOLS["pytorchvideo"].window(1.0, times, grid, 0)[[0, -1]].tolist() == [2, 33]


def test_moves_of_mmaction2() -> None:
    """``randint(-rate // 2, (rate + 1) // 2)`` for each frame."""
    rng = np.random.default_rng(0)
    for stride, wanted in ((2, {-1, 0}), (3, {-2, -1, 0, 1}), (4, {-2, -1, 0, 1})):
        assert {*draw_moves(rng, 200, stride).tolist()} == wanted
    moved = np.array([-1, 0] * 16)
    window = PROTOCOLS["mmaction2"].window(2.0, evenly_shown(27030), GRID, moved)
    assert window.tolist() == (np.arange(28, 92, 2) + moved).tolist()
