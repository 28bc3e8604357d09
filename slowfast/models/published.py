"""The published networks and their weights, in one table: a new one is a row here.

From it come the constructors (``variants.py``), the names that weights have and the entry points of
paddle.hub (``zoo``, ``hubconf.py``), and the tables of docs/zoo.md (``zoo/tables.py``).
"""

from typing import Any, NamedTuple

Cost = tuple[float, float]
"""Trainable parameters in millions; multiply-adds in thousand millions, of one clip of 256 x 256
pixels."""


class Weights(NamedTuple):
    """A published file. Its accuracies are those of its page, in per cent."""

    url: str
    page: str
    """Where it is published."""
    top1: float
    top5: float
    arguments: dict[str, Any] = {}
    """Of the constructor, over the network's own; what else it needs is the system's, see
    ``zoo/origin.py``."""
    cost: Cost | None = None
    """If these arguments make it another one."""
    test: dict[str, int] = {}
    """By the config's keys, what its accuracies were measured with, other than 10 x 3 views of 256
    pixels."""
    sha256: str = ""
    """First digits of its SHA-256, as far as they are published."""


class Variant(NamedTuple):
    """A published network."""

    text: str
    """What papers call it."""
    depths: tuple[int, int]
    """Of the ResNets of the slow and the fast pathway."""
    alpha: int
    """Fast frames per slow frame; no tensor tells."""
    arguments: dict[str, Any]
    """Further ones of ``SlowFast``."""
    cost: Cost
    weights: dict[str, Weights]
    """By name: the system, and what its page calls the network. The first is the official one."""
    num_frames: int = 32
    """Frames of a clip, every second of a video at 30 per second."""
    num_classes: int = 400
    labels: str = "kinetics400"
    """Class names, built in."""

    @property
    def about(self) -> str:
        """What it is, in two sentences."""
        return (
            f"{self.text}: clips of {self.num_frames} frames, of which the slow pathway sees "
            f"{self.num_frames // self.alpha}. {self.cost[0]:.1f} M parameters with "
            f"{self.num_classes} classes."
        )


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


def _openmmlab(file: str, top1: float, top5: float, **rest: Any) -> Weights:
    """A row of mmaction2's tables.

    Its files' names end with the first 8 digits of their SHA-256 (tools/deployment/
    publish_model.py). They lie in a folder of the same name, less these digits and the date.
    """
    stem, _, sha256 = file.removesuffix(".pth").rpartition("-")
    head, _, date = stem.rpartition("_")
    folder = head if date.isdecimal() else stem
    return Weights(f"{_MM}{folder}/{file}", OPENMMLAB, top1, top5, sha256=sha256, **rest)


NO_NORM: dict[str, Any] = {"lateral_norm": False}
AT_224 = {"test.short_side": 224, "test.crop_size": 224}
"""As the configs of two files test."""

VARIANTS = {
    "slowfast_r50_4x16": Variant(
        "SlowFast 4x16, R50", (50, 50), 8, {"fusion_kernel": 5}, (34.48, 36.10),
        {
            "paddlevideo/SlowFast": Weights(f"{_BCEBOS}SlowFast.pdparams", PADDLE, 74.35, 91.33),
            "pytorchvideo/SLOWFAST_4x16_R50": Weights(
                f"{_PTV}SLOWFAST_4x16_R50.pyth", PTV, 75.34, 91.89
            ),
            "pyslowfast/SLOWFAST_4x16_R50": Weights(
                f"{_KINETICS}SLOWFAST_4x16_R50.pkl", PYSLOWFAST, 75.6, 92.0
            ),
            "mmaction2/slowfast_r50_256p_4x16x1_256e": _openmmlab(
                "slowfast_r50_256p_4x16x1_256e_kinetics400_rgb_20200728-145f1097.pth",
                74.75, 91.73, arguments=NO_NORM,
            ),
            "mmaction2/slowfast_r50_video_4x16x1_256e": _openmmlab(
                "slowfast_r50_video_4x16x1_256e_kinetics400_rgb_20200826-f85b90c5.pth",
                73.95, 91.50, arguments=NO_NORM,
            ),
            "mmaction2/slowfast_r50_4x16x1_256e": _openmmlab(
                "slowfast_r50_4x16x1_256e_kinetics400_rgb_20210722-04e43ed4.pth",
                76.0, 92.54, arguments=NO_NORM,
            ),
            "mmaction2/slowfast_prebn_r50_4x16x1_256e": _openmmlab(
                "slowfast_prebn_r50_4x16x1_256e_kinetics400_rgb_20210722-bb725050.pth",
                76.34, 92.67, arguments=NO_NORM,
            ),
        },
    ),
    "slowfast_r50": Variant(
        "SlowFast 8x8, R50", (50, 50), 4, {"fusion_kernel": 7}, (34.57, 65.71),
        {
            "pytorchvideo/SLOWFAST_8x8_R50": Weights(
                f"{_PTV}SLOWFAST_8x8_R50.pyth", TORCH_HUB, 76.94, 92.69
            ),
            "paddlevideo/SlowFast_8x8": Weights(
                f"{_BCEBOS}SlowFast_8*8.pdparams", PADDLE, 75.84, 92.33, test=AT_224
            ),
            "pyslowfast/SLOWFAST_8x8_R50": Weights(
                f"{_KINETICS}SLOWFAST_8x8_R50.pkl", PYSLOWFAST, 77.0, 92.6
            ),
            "pyslowfast/SLOWFAST_8x8_R50_stepwise": Weights(
                f"{_MULTIGRID}SLOWFAST_8x8_R50_stepwise.pkl", PYSLOWFAST, 76.8, 92.7
            ),
            "pyslowfast/SLOWFAST_8x8_R50_stepwise_multigrid": Weights(
                f"{_MULTIGRID}SLOWFAST_8x8_R50_stepwise_multigrid.pkl", PYSLOWFAST, 76.6, 92.7,
                test=AT_224,
            ),
            "mmaction2/slowfast_r50_8x8x1_256e": _openmmlab(
                "slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth",
                76.94, 92.8, arguments=NO_NORM,
            ),
            "mmaction2/slowfast_r50_8x8x1_256e_steplr": _openmmlab(
                "slowfast_r50_8x8x1_256e_kinetics400_rgb_steplr-43988bac.pth", 76.34, 92.61
            ),
            "mmaction2/slowfast_multigrid_r50_8x8x1_358e": _openmmlab(
                "slowfast_multigrid_r50_8x8x1_358e_kinetics400_rgb-f82bd304.pth", 76.07, 92.21
            ),
            "mmaction2/slowfast_prebn_r50_8x8x1_256e_steplr": _openmmlab(
                "slowfast_prebn_r50_8x8x1_256e_kinetics400_rgb_steplr-28474e54.pth", 76.58, 92.85
            ),
        },
    ),
    "slowfast_r101": Variant(
        "SlowFast 8x8, R101", (101, 101), 4, {"fusion_kernel": 5}, (62.83, 125.91),
        {
            "pytorchvideo/SLOWFAST_8x8_R101": Weights(
                f"{_PTV}SLOWFAST_8x8_R101.pyth", TORCH_HUB, 77.90, 93.27
            ),
            "mmaction2/slowfast_r101_8x8x1_256e": _openmmlab(
                "slowfast_r101_8x8x1_256e_kinetics400_rgb_20210218-0dd54025.pth", 77.90, 93.51,
                arguments=NO_NORM | {"fusion_kernel": 7}, cost=(62.91, 126.32),
            ),
        },
    ),
    "slowfast_16x8_r101_50_50": Variant(
        "SlowFast 16x8, R101 with temporal kernels in 6 of res4's 23 blocks", (101, 101), 4,
        {"fusion_kernel": 5, "temporal_blocks": (3, 4, 6, 3)}, (53.77, 213.02),
        {
            "pytorchvideo/SLOWFAST_16x8_R101_50_50": Weights(
                f"{_PTV}SLOWFAST_16x8_R101_50_50.pyth", PTV, 78.70, 93.61
            ),
        },
        num_frames=64,
    ),
    "slowfast_r101_r50_4x16": Variant(
        "SlowFast 4x16, a slow R101 and a fast R50", (101, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (62.38, 64.62),
        {
            "mmaction2/slowfast_r101_r50_4x16x1_256e": _openmmlab(
                "slowfast_r101_4x16x1_256e_kinetics400_rgb_20210218-d8b58813.pth", 76.69, 93.07
            ),
        },
    ),
    "slowfast_r152_r50_4x16": Variant(
        "SlowFast 4x16, a slow R152 and a fast R50", (152, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (84.84, 90.99),
        {
            "mmaction2/slowfast_r152_r50_4x16x1_256e": _openmmlab(
                "slowfast_r152_4x16x1_256e_kinetics400_rgb_20210122-bdeb6b87.pth", 77.13, 93.20
            ),
        },
    ),
    "slowfast_r50_16x8_sthv1": Variant(
        "SlowFast 16x8, R50", (50, 50), 4, NO_NORM | {"fusion_kernel": 7}, (34.04, 131.42),
        {
            "mmaction2/slowfast_r50_16x8x1_22e_sthv1": _openmmlab(
                "slowfast_r50_16x8x1_22e_sthv1_rgb_20211202-aaaf9279.pth", 49.67, 79.00,
                test={"test.num_clips": 1, "test.num_crops": 1},
            ),
        },
        num_frames=64, num_classes=174, labels="sthv1",
    ),
}  # fmt: skip
"""By the name of the constructor."""
