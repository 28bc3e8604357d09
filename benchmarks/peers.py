"""How the peers read videos, with their own classes, on one thread.

requirements-peers.txt says how mmaction2 1.2 and PyTorchVideo 0.1.5 are installed. Both are older
than what they stand on today, hence the stand-ins in ``_import_peers``.
Shapes: K clips, T frames, H and W pixels, C colours.
"""

import importlib.metadata
import logging
import sys
import warnings
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.videos import FPS

NUM_FRAMES, STRIDE, NUM_CLIPS = 32, 2, 10
PYTORCHVIDEO_DECODERS = ("pyav", "decord")
PYTORCHVIDEO_BACKENDS = ("pytorch", "opencv")
CLIP_SECONDS = Fraction(NUM_FRAMES * STRIDE, FPS)
PACKAGES = (
    "mmaction2", "mmcv-lite", "eva-decord", "pytorchvideo", "torch", "torchvision", "av",
    "opencv-python", "numpy",
)  # fmt: skip

_KEPT: list[Any] = []
"""What must live as long as the process."""


class PeersMissingError(RuntimeError):
    """A package of requirements-peers.txt is not installed; the message names it."""


def import_peers() -> None:
    """Imports both peers once, on one thread each.

    Raises:
        PeersMissingError: one of their packages is not installed.
    """
    try:
        _import_peers()
    except ModuleNotFoundError as error:
        raise PeersMissingError(
            f"the package '{error.name}' is missing: benchmarks/requirements-peers.txt says how to "
            "make the peers' environment"
        ) from error


def versions() -> str:
    """Names and versions of all that is measured or stands below it."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)


def mmaction2_views(path: str) -> NDArray[np.uint8]:
    """The 30 views of mmaction2's Kinetics test: ``[30, C, T, H, W]``."""
    from mmaction.datasets import transforms as mm

    return _mmaction2_run(
        path,
        [
            mm.DecordInit(num_threads=1),
            mm.SampleFrames(NUM_FRAMES, STRIDE, NUM_CLIPS, test_mode=True),
            mm.DecordDecode(),
            mm.Resize(scale=(-1, 256)),
            mm.ThreeCrop(256),
            mm.FormatShape("NCTHW"),
        ],
    )


def mmaction2_clip(path: str, start: int, *, lazy: bool, augment: bool = True) -> NDArray[np.uint8]:
    """A training clip of mmaction2's Kinetics recipe: ``[1, C, T, H, W]``.

    Args:
        path: the video.
        start: first frame; the rest is theirs.
        lazy: crop and resize in one step, from which mmaction2 may gain.
        augment: False takes the whole pictures, to see which frames they are.
    """
    from mmaction.datasets import transforms as mm

    class FixedStart(mm.SampleFrames):
        """Their sampling, but for the draw of the first frame."""

        def _get_train_clips(self, num_frames: int, ori_clip_len: float) -> NDArray[np.int64]:
            return np.array([start])

    sides: list[Any] = []
    if augment:
        sides = [
            mm.Resize(scale=(-1, 256), lazy=lazy),
            mm.RandomResizedCrop(lazy=lazy),
            mm.Resize(scale=(224, 224), keep_ratio=False, lazy=lazy),
            mm.Flip(flip_ratio=0.5, lazy=lazy),
            *([mm.Fuse()] if lazy else []),
        ]
    return _mmaction2_run(
        path,
        [
            mm.DecordInit(num_threads=1),
            # target_fps: 64 frames of 30 fps end at the 64th, as ours and PyTorchVideo's do.
            FixedStart(NUM_FRAMES, STRIDE, 1, target_fps=FPS),
            mm.DecordDecode(),
            *sides,
            mm.FormatShape("NCTHW"),
        ],
    )


def pytorchvideo_views(path: str, *, decoder: str, backend: str) -> list[Any]:
    """The 30 views of PyTorchVideo's ``LabeledVideoDataset``: float tensors ``[C, T, H, W]``.

    Args:
        path: the video.
        decoder: "pyav" or "decord".
        backend: what scales, "pytorch" or "opencv".
    """
    from pytorchvideo import transforms
    from pytorchvideo.data import LabeledVideoDataset, make_clip_sampler
    from torch.utils.data import SequentialSampler
    from torchvision.transforms import Compose

    _set_decord_bridge("torch")
    pictures = Compose(
        [
            transforms.UniformTemporalSubsample(NUM_FRAMES),
            transforms.ShortSideScale(256, backend=backend),
        ]
    )
    dataset = LabeledVideoDataset(
        [(path, {"label": 0})],
        # A clip is decoded once for its 3 crops.
        make_clip_sampler("constant_clips_per_video", CLIP_SECONDS, NUM_CLIPS, 3),
        video_sampler=SequentialSampler,
        transform=Compose(
            [
                transforms.ApplyTransformToKey("video", pictures),
                transforms.UniformCropVideo(256),
            ]
        ),
        decode_audio=False,
        decoder=decoder,
    )
    return [item["video"] for item in dataset]


def pytorchvideo_clip(
    path: str, start: int, *, decoder: str, backend: str, augment: bool = True
) -> Any:
    """A training clip of PyTorchVideo's SlowFast recipe: a float tensor ``[C, T, H, W]``.

    Arguments as in ``pytorchvideo_views`` and ``mmaction2_clip``.
    """
    from pytorchvideo import transforms
    from pytorchvideo.data.encoded_video import EncodedVideo
    from torchvision.transforms import Compose, RandomCrop, RandomHorizontalFlip

    _set_decord_bridge("torch")
    video = EncodedVideo.from_path(path, decode_audio=False, decoder=decoder)
    begin = Fraction(start, FPS)
    clip = video.get_clip(begin, begin + CLIP_SECONDS)["video"]
    video.close()
    steps = [transforms.UniformTemporalSubsample(NUM_FRAMES)]
    if augment:
        # As create_video_transform("train") has it; ours and mmaction2 leave the first two to the
        # device.
        steps += [
            transforms.Div255(),
            transforms.Normalize((0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
            transforms.RandomShortSideScale(256, 320, backend=backend),
            RandomCrop(224),
            RandomHorizontalFlip(0.5),
        ]
    return Compose(steps)(clip)


def _import_peers() -> None:
    warnings.filterwarnings("ignore")  # of interfaces that will go away, hundreds of them
    logging.disable(logging.WARNING)
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # torchvision's compiled operators want the torch build that they were made with. Where
        # they are not found it fails as it registers these two: neither is used in reading.
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(operators)  # its operators end with it
        for module in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[module]
    import torchvision.transforms._functional_tensor as functional_tensor

    # PyTorchVideo 0.1.5 imports the name that this module had before torchvision 0.17.
    sys.modules["torchvision.transforms.functional_tensor"] = functional_tensor
    import decord
    import mmaction.datasets.transforms  # noqa: F401
    import pytorchvideo.data
    import pytorchvideo.data.encoded_video_decord
    import pytorchvideo.transforms  # noqa: F401

    decord.logging.set_level(decord.logging.ERROR)  # it warns of each seek


def _mmaction2_run(path: str, steps: list[Any]) -> NDArray[np.uint8]:
    _set_decord_bridge("native")
    results = {"filename": path, "start_index": 0, "modality": "RGB", "label": 0}
    for step in steps:
        results = step(results)
    return results["imgs"]  # type: ignore[return-value]


def _set_decord_bridge(kind: str) -> None:
    """PyTorchVideo switches all of decord to torch tensors on import; mmaction2 wants arrays."""
    import decord

    decord.bridge.set_bridge(kind)
