"""The published weights: where each file is, which network it is of, and how it scored.

Accuracies are those that its page gives, in per cent, and measured there.
"""

import difflib
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.weights.damage import WeightsError
from slowfast.zoo.download import download

NO_NORM: dict[str, Any] = dict(lateral_norm=False)


class Published(NamedTuple):
    """A published weights file."""

    url: str
    page: str
    """Where it is published."""
    constructor: str
    """The function of ``slowfast.models`` that builds its network ..."""
    arguments: dict[str, Any]
    """... with these arguments over its own; what else it needs is the system's, see ``HABITS``."""
    alpha: int
    """Fast frames per slow frame, as that network has it; no tensor tells."""
    top1: float
    top5: float
    num_frames: int = 32
    """Frames of a clip, every second of a video at 30 per second."""
    sha256: str = ""
    """First digits of its SHA-256, as far as they are published."""
    labels: str = "kinetics400"
    """Its class names, built in."""
    test: dict[str, int] = {}
    """By the config's keys, what its accuracies were measured with, other than 10 x 3 views of 256
    pixels."""

    @property
    def settings(self) -> dict[str, Any]:
        """By the config's keys, what the file itself may not tell."""
        own = {"model.alpha": self.alpha, "data.num_frames": self.num_frames}
        return own | {"data.labels": self.labels, **self.test}


PADDLE = "https://github.com/PaddlePaddle/PaddleVideo/blob/develop/docs/en/model_zoo/recognition/slowfast.md"
PYSLOWFAST = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"
TORCH_HUB = "https://pytorch.org/hub/facebookresearch_pytorchvideo_slowfast/"
PTV = "https://github.com/facebookresearch/pytorchvideo/blob/main/docs/source/model_zoo.md"
OPENMMLAB = (
    "https://github.com/open-mmlab/mmaction2/blob/0.x/configs/recognition/slowfast/README.md"
)

_BCEBOS = "https://videotag.bj.bcebos.com/PaddleVideo/SlowFast/"
_FAIR = "https://dl.fbaipublicfiles.com/"
_KINETICS = f"{_FAIR}pyslowfast/model_zoo/kinetics400/"
_MULTIGRID = f"{_FAIR}pyslowfast/pyslowfast/model_zoo/multigrid/model_zoo/Kinetics/"
_PTV = f"{_FAIR}pytorchvideo/model_zoo/kinetics/"
_MM = "https://download.openmmlab.com/mmaction/recognition/slowfast/"


def _openmmlab(
    file: str,
    constructor: str,
    arguments: dict[str, Any],
    alpha: int,
    top1: float,
    top5: float,
    **rest: Any,
) -> Published:
    """A row of mmaction2's tables.

    Its files' names end with the first 8 digits of their SHA-256 (tools/deployment/
    publish_model.py), and lie in a folder that is called as they are, less that and the date.
    """
    stem, _, sha256 = file.removesuffix(".pth").rpartition("-")
    head, _, date = stem.rpartition("_")
    folder = head if date.isdecimal() else stem
    return Published(
        f"{_MM}{folder}/{file}", OPENMMLAB, constructor, arguments, alpha, top1, top5,
        sha256=sha256, **rest,
    )  # fmt: skip


R50_4X16, R50_8X8, R101 = "slowfast_r50_4x16", "slowfast_r50", "slowfast_r101"
R101_7: dict[str, Any] = NO_NORM | dict(fusion_kernel=7)
AT_224 = {"test.short_side": 224, "test.crop_size": 224}
"""As the configs of the two multigrid files test."""

CATALOGUE = {
    "paddlevideo/SlowFast": Published(
        f"{_BCEBOS}SlowFast.pdparams", PADDLE, R50_4X16, {}, 8, 74.35, 91.33
    ),
    "paddlevideo/SlowFast_8x8": Published(
        f"{_BCEBOS}SlowFast_8*8.pdparams", PADDLE, R50_8X8, {}, 4, 75.84, 92.33, test=AT_224
    ),
    "pytorchvideo/SLOWFAST_4x16_R50": Published(
        f"{_PTV}SLOWFAST_4x16_R50.pyth", PTV, R50_4X16, {}, 8, 75.34, 91.89
    ),
    "pytorchvideo/SLOWFAST_8x8_R50": Published(
        f"{_PTV}SLOWFAST_8x8_R50.pyth", TORCH_HUB, R50_8X8, {}, 4, 76.94, 92.69
    ),
    "pytorchvideo/SLOWFAST_8x8_R101": Published(
        f"{_PTV}SLOWFAST_8x8_R101.pyth", TORCH_HUB, R101, {}, 4, 77.90, 93.27
    ),
    "pytorchvideo/SLOWFAST_16x8_R101_50_50": Published(
        f"{_PTV}SLOWFAST_16x8_R101_50_50.pyth", PTV, "slowfast_16x8_r101_50_50", {},
        4, 78.70, 93.61, 64,
    ),
    "pyslowfast/SLOWFAST_4x16_R50": Published(
        f"{_KINETICS}SLOWFAST_4x16_R50.pkl", PYSLOWFAST, R50_4X16, {}, 8, 75.6, 92.0
    ),
    "pyslowfast/SLOWFAST_8x8_R50": Published(
        f"{_KINETICS}SLOWFAST_8x8_R50.pkl", PYSLOWFAST, R50_8X8, {}, 4, 77.0, 92.6
    ),
    "pyslowfast/SLOWFAST_8x8_R50_stepwise": Published(
        f"{_MULTIGRID}SLOWFAST_8x8_R50_stepwise.pkl", PYSLOWFAST, R50_8X8, {}, 4, 76.8, 92.7
    ),
    "pyslowfast/SLOWFAST_8x8_R50_stepwise_multigrid": Published(
        f"{_MULTIGRID}SLOWFAST_8x8_R50_stepwise_multigrid.pkl", PYSLOWFAST, R50_8X8, {}, 4,
        76.6, 92.7, test=AT_224,
    ),
    "mmaction2/slowfast_r50_256p_4x16x1_256e": _openmmlab(
        "slowfast_r50_256p_4x16x1_256e_kinetics400_rgb_20200728-145f1097.pth",
        R50_4X16, NO_NORM, 8, 74.75, 91.73,
    ),
    "mmaction2/slowfast_r50_video_4x16x1_256e": _openmmlab(
        "slowfast_r50_video_4x16x1_256e_kinetics400_rgb_20200826-f85b90c5.pth",
        R50_4X16, NO_NORM, 8, 73.95, 91.50,
    ),
    "mmaction2/slowfast_r50_4x16x1_256e": _openmmlab(
        "slowfast_r50_4x16x1_256e_kinetics400_rgb_20210722-04e43ed4.pth",
        R50_4X16, NO_NORM, 8, 76.0, 92.54,
    ),
    "mmaction2/slowfast_prebn_r50_4x16x1_256e": _openmmlab(
        "slowfast_prebn_r50_4x16x1_256e_kinetics400_rgb_20210722-bb725050.pth",
        R50_4X16, NO_NORM, 8, 76.34, 92.67,
    ),
    "mmaction2/slowfast_r50_8x8x1_256e": _openmmlab(
        "slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth",
        R50_8X8, NO_NORM, 4, 76.94, 92.8,
    ),
    "mmaction2/slowfast_r50_8x8x1_256e_steplr": _openmmlab(
        "slowfast_r50_8x8x1_256e_kinetics400_rgb_steplr-43988bac.pth",
        R50_8X8, {}, 4, 76.34, 92.61,
    ),
    "mmaction2/slowfast_multigrid_r50_8x8x1_358e": _openmmlab(
        "slowfast_multigrid_r50_8x8x1_358e_kinetics400_rgb-f82bd304.pth",
        R50_8X8, {}, 4, 76.07, 92.21,
    ),
    "mmaction2/slowfast_prebn_r50_8x8x1_256e_steplr": _openmmlab(
        "slowfast_prebn_r50_8x8x1_256e_kinetics400_rgb_steplr-28474e54.pth",
        R50_8X8, {}, 4, 76.58, 92.85,
    ),
    "mmaction2/slowfast_r101_r50_4x16x1_256e": _openmmlab(
        "slowfast_r101_4x16x1_256e_kinetics400_rgb_20210218-d8b58813.pth",
        "slowfast_r101_r50_4x16", {}, 8, 76.69, 93.07,
    ),
    "mmaction2/slowfast_r101_8x8x1_256e": _openmmlab(
        "slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth",
        R101, R101_7, 4, 77.90, 93.51,
    ),
    "mmaction2/slowfast_r152_r50_4x16x1_256e": _openmmlab(
        "slowfast_r152_4x16x1_256e_kinetics400_rgb_20210122-bdeb6b87.pth",
        "slowfast_r152_r50_4x16", {}, 8, 77.13, 93.20,
    ),
    "mmaction2/slowfast_r50_16x8x1_22e_sthv1": _openmmlab(
        "slowfast_r50_16x8x1_22e_sthv1_rgb_20211202-aaaf9279.pth",
        "slowfast_r50_16x8_sthv1", {}, 4, 49.67, 79.00, num_frames=64,
        labels="sthv1", test={"test.num_clips": 1, "test.num_crops": 1},
    ),
}  # fmt: skip
"""By name: the system, and what its page calls the network."""

OFFICIAL = {
    "slowfast_r50_4x16": "paddlevideo/SlowFast",
    "slowfast_r50": "pytorchvideo/SLOWFAST_8x8_R50",
    "slowfast_r101": "pytorchvideo/SLOWFAST_8x8_R101",
    "slowfast_16x8_r101_50_50": "pytorchvideo/SLOWFAST_16x8_R101_50_50",
    "slowfast_r101_r50_4x16": "mmaction2/slowfast_r101_r50_4x16x1_256e",
    "slowfast_r152_r50_4x16": "mmaction2/slowfast_r152_r50_4x16x1_256e",
    "slowfast_r50_16x8_sthv1": "mmaction2/slowfast_r50_16x8x1_22e_sthv1",
}
"""The weights of each constructor that ``pretrained=True`` means."""


def find(source: str | Path) -> Published | None:
    """What is published by this name, or at this URL."""
    text = str(source)
    return CATALOGUE.get(text) or next((r for r in CATALOGUE.values() if r.url == text), None)


def fetch(source: str | Path) -> Path:
    """A weights file on this machine.

    Args:
        source: its name in ``CATALOGUE``, its URL, or its path.

    Raises:
        WeightsError: there is no such file; or (DownloadError) it cannot be downloaded.
    """
    row = find(source)
    if row is not None:
        return download(row.url, sha256=row.sha256)
    if isinstance(source, str) and "://" in source:
        return download(source)
    if not Path(source).exists():
        close = difflib.get_close_matches(str(source), CATALOGUE, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else "docs/zoo.md names the published ones"
        raise WeightsError(f"weights {source} cannot be read: No such file or directory ({hint})")
    return Path(source)
