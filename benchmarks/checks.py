"""What must be equal before anything is timed: which frames each side reads, and their pixels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import ours, peers
from benchmarks.videos import NUM_FRAMES as VIDEO_FRAMES
from benchmarks.videos import read_numbers
from slowfast.data.clips import sampling

CLIP, SPAN = peers.NUM_FRAMES, peers.NUM_FRAMES * peers.STRIDE
PIXEL_BOUND = 5.0
"""Mean absolute difference, of 255, of the same frames: rounding of colours, filters of scaling."""


class MismatchError(RuntimeError):
    """The sides do not read the same: nothing that was timed could be compared."""


def check_frames(numbered: Path, decoders: list[str], starts: list[int]) -> None:
    """Each side reads the frames that its own rule names, of a 256 x 256 file that numbers them.

    A training clip is the same on all sides. The 10 clips of a test lie a little differently: ours
    begin at 236 i / 10 (PySlowFast's rule), PyTorchVideo's too but rounded up, mmaction2's at
    237 i / 9 rounded, and step by exactly 2.

    Raises:
        MismatchError: a frame is not the one expected.
    """
    path = str(numbered)
    for start in starts:
        wanted = sampling.clip_frames(start, SPAN, CLIP, VIDEO_FRAMES)
        for decoder in decoders:
            _expect(f"ours, {decoder}", ours.clip(numbered, start, decoder, augment=False), wanted)
        clip = peers.mmaction2_clip(path, start, lazy=False, augment=False)
        _expect("mmaction2", _channels_last(clip[0]), wanted)
        for decoder in peers.PYTORCHVIDEO_DECODERS:
            tensor = peers.pytorchvideo_clip(
                path, start, decoder=decoder, backend="pytorch", augment=False
            )
            _expect(f"pytorchvideo, {decoder}", _channels_last(tensor.numpy()), wanted)

    wanted_10T = sampling.view_clips(VIDEO_FRAMES, SPAN, CLIP, peers.NUM_CLIPS)
    for decoder in decoders:
        views = ours.all_views(numbered, decoder)
        for clip, wanted in zip(views, wanted_10T, strict=True):
            for crop in clip:
                _expect(f"30 views of ours, {decoder}", crop, wanted)
    theirs = _theirs_starts()
    for name, clips in _peer_views(path).items():
        for view, frames in enumerate(clips):
            number = view // 3 if name.startswith("pytorchvideo") else view % 10
            _expect(f"30 views of {name}", _channels_last(frames), theirs[name][number])


def check_pixels(path: Path, decoders: list[str]) -> list[str]:
    """The first view's frames are the same pictures on all sides, up to ``PIXEL_BOUND``.

    Returns:
        What the differences are, a line each.

    Raises:
        MismatchError: they differ by more.
    """
    lines = []
    # The first clip begins at frame 0 on all sides; mmaction2's last frame is 62, not 63.
    views = {name: _channels_last(clips[0])[:-1] for name, clips in _peer_views(str(path)).items()}
    for decoder in decoders:
        first = ours.all_views(path, decoder)[0, 0, :-1]
        for name, frames in views.items():
            if frames.shape != first.shape:
                raise MismatchError(f"{path.name}: ours is {first.shape}, {name} {frames.shape}")
            difference = float(np.abs(first.astype(np.float32) - frames).mean())
            lines.append(f"{path.name}: ours ({decoder}) and {name} differ by {difference:.2f}")
            if difference > PIXEL_BOUND:
                raise MismatchError(f"{lines[-1]} of 255, more than {PIXEL_BOUND}")
    return lines


def _peer_views(path: str) -> dict[str, list[NDArray[np.float32]]]:
    """For each peer its 30 views, each ``[C, T, H, W]``."""
    tensors = peers.pytorchvideo_views(path, decoder="pyav", backend="opencv")
    views = {
        "mmaction2": list(peers.mmaction2_views(path)),
        "pytorchvideo": [tensor.numpy() for tensor in tensors],
    }
    for name, clips in views.items():
        shapes = {clip.shape for clip in clips}
        if len(clips) != 30 or shapes != {(3, CLIP, 256, 256)}:
            raise MismatchError(f"{name}: {len(clips)} views of {shapes}")
    return views


def _theirs_starts() -> dict[str, NDArray[np.int64]]:
    """The frames of the 10 clips ``[10, T]`` by the peers' own rules."""
    number = np.arange(peers.NUM_CLIPS)
    spread = np.round(number * (VIDEO_FRAMES - SPAN + 1) / (peers.NUM_CLIPS - 1)).astype(np.int64)
    rounded_up = -(-number * (VIDEO_FRAMES - SPAN) // peers.NUM_CLIPS)
    steps = np.linspace(0, SPAN - 1, CLIP).astype(np.int64)
    return {
        "mmaction2": spread[:, None] + peers.STRIDE * np.arange(CLIP),
        "pytorchvideo": rounded_up[:, None] + steps,
    }


def _channels_last(clip_CTHW: NDArray[np.float32]) -> NDArray[np.float32]:
    return clip_CTHW.transpose(1, 2, 3, 0)


def _expect(
    side: str, frames: NDArray[np.uint8] | NDArray[np.float32], wanted: NDArray[np.int64]
) -> None:
    shown = read_numbers(frames)
    if not np.array_equal(shown, wanted):
        raise MismatchError(f"{side}: reads frames {shown.tolist()}, wanted {wanted.tolist()}")
