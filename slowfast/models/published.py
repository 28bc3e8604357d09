"""The published networks and their weights, in one table: a new one is a row here.

From it come the constructors (``variants.py``), the names that weights have and the entry points of
paddle.hub (``zoo``, ``hubconf.py``), and the tables of docs/zoo.md (``docs/zoo_tables.py``).
"""

from typing import Any, NamedTuple

Cost = tuple[float, float]
"""Trainable parameters in millions; multiply-adds in thousand millions, of one clip of 256 x 256
pixels."""


class Weights(NamedTuple):
    """A published file. Its accuracies are those of its page, in per cent."""

    name: str
    """The system, and what its page calls the network."""
    url: str
    page: str
    """Where it is published."""
    scores: dict[str, float]
    """``top-1`` and ``top-5``, or ``mAP``."""
    arguments: dict[str, Any] = {}
    """Of the constructor, over the network's own; a system's are in ``zoo/origin.py``."""
    cost: Cost | None = None
    """The network's with these arguments, if they change it."""
    settings: dict[str, Any] = {}
    """The config's for its test, over the network's and 10 x 3 views of 256 pixels."""
    sha256: str = ""
    """First digits of its SHA-256, as far as they are published."""


class Variant(NamedTuple):
    """A published network."""

    text: str
    """What papers call it."""
    depths: tuple[int, ...]
    """Of the ResNets of the slow and the fast pathway, or of the slow one alone."""
    alpha: int
    """Fast frames per slow frame; the tensors do not tell it."""
    arguments: dict[str, Any]
    """Further ones of ``SlowFast`` or ``SinglePathway``."""
    cost: Cost
    weights: list[Weights]
    """The first is the official one."""
    num_frames: int = 32
    """Frames of a clip."""
    sampling_stride: int = 2
    """The clip takes every so many frames of a video at 30 per second."""
    num_classes: int = 400
    labels: str = "kinetics400"
    """Class names, built in."""
    settings: dict[str, Any] = {}
    """Further ones of the config, which its data set needs."""

    @property
    def config(self) -> dict[str, Any]:
        """Settings, by the config's keys, that no tensor tells."""
        return {
            "model.alpha": self.alpha,
            "data.num_frames": self.num_frames,
            "data.sampling_stride": self.sampling_stride,
            "data.labels": self.labels,
            "train.task": self.arguments.get("task", "single"),
            **self.settings,
        }

    @property
    def about(self) -> str:
        """What it is, in two sentences."""
        both = f", of which the slow pathway sees {self.num_frames // self.alpha}"
        several = ", any number of them in a video" if "task" in self.arguments else ""
        return (
            f"{self.text}: clips of {self.num_frames} frames{both if self.alpha > 1 else ''}. "
            f"{self.cost[0]:.1f} M parameters with {self.num_classes} classes{several}."
        )


OPENMMLAB = "https://github.com/open-mmlab/mmaction2/blob/0.x/configs/recognition"
_FAIR = "https://dl.fbaipublicfiles.com/"
NO_NORM: dict[str, Any] = {"lateral_norm": False}
AT_224 = {"test.short_side": 224, "test.crop_size": 224}
"""As the configs of two files test."""
CHARADES: dict[str, Any] = {
    "data.frame_pattern": "{name}-{:06d}.jpg",
    "data.frame_fps": 24,
    "data.target_fps": 24,
    "data.spacing": "stride",
    "test.protocol": "charades",
}
"""Its frames, and how PySlowFast makes clips of them."""
CHARADES_MAX = CHARADES | {"test.average_clips": "max"}
AVERAGES_PROBABILITIES = {"model.average_positions": "prob"}
"""PyTorchVideo's files for Charades have PySlowFast's accuracy (model_zoo.md), with a sigmoid at
each position (PTVSlowFast and PTVResNet in its ptv_model_builder.py)."""


def _scores(values: tuple[float, ...]) -> dict[str, float]:
    """From top-1 and top-5, or mAP."""
    return dict(zip(("mAP",) if len(values) == 1 else ("top-1", "top-5"), values, strict=True))


def _paddlevideo(name: str, file: str, *scores: float, **rest: Any) -> Weights:
    url = f"https://videotag.bj.bcebos.com/PaddleVideo/SlowFast/{file}.pdparams"
    docs = "https://github.com/PaddlePaddle/PaddleVideo/blob/develop/docs/en/model_zoo"
    page = f"{docs}/recognition/slowfast.md"
    return Weights(f"paddlevideo/{name}", url, page, _scores(scores), **rest)


def _pytorchvideo(name: str, *scores: float, hub: str = "", **rest: Any) -> Weights:
    """``hub``: what its page of torch.hub is called, if it has one."""
    page = "https://github.com/facebookresearch/pytorchvideo/blob/main/docs/source/model_zoo.md"
    if hub:
        page = f"https://pytorch.org/hub/facebookresearch_pytorchvideo_{hub}/"
    file = name if "/" in name else f"kinetics/{name}"
    url = f"{_FAIR}pytorchvideo/model_zoo/{file}.pyth"
    return Weights(f"pytorchvideo/{name}", url, page, _scores(scores), **rest)


def _pyslowfast(name: str, *scores: float, **rest: Any) -> Weights:
    page = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"
    file = f"model_zoo/kinetics400/{name}"
    if "stepwise" in name or "/" in name:
        folder = "" if "/" in name else "Kinetics/"
        file = f"pyslowfast/model_zoo/multigrid/model_zoo/{folder}{name}"
    url = f"{_FAIR}pyslowfast/{file}.pkl"
    return Weights(f"pyslowfast/{name}", url, page, _scores(scores), **rest)


def _mmaction2(name: str, file: str, *scores: float, **rest: Any) -> Weights:
    """``file``: its name, with ``{name}`` for ``name``.

    At its end are the first 8 digits of its SHA-256 (tools/deployment/publish_model.py). It lies in
    a folder of the same name, less these digits and the date.
    """
    file = file.format(name=name)
    stem, _, sha256 = file.rpartition("-")
    head, _, date = stem.rpartition("_")
    folder = head if date.isdecimal() else stem
    kind = name.partition("_")[0]
    url = f"https://download.openmmlab.com/mmaction/recognition/{kind}/{folder}/{file}.pth"
    page = f"{OPENMMLAB}/{kind}/README.md"
    return Weights(f"mmaction2/{name}", url, page, _scores(scores), sha256=sha256, **rest)


VARIANTS = {
    "slowfast_r50_4x16": Variant(
        "SlowFast 4x16, R50", (50, 50), 8, {"fusion_kernel": 5}, (34.48, 36.10),
        [
            _paddlevideo("SlowFast", "SlowFast", 74.35, 91.33),
            _pytorchvideo("SLOWFAST_4x16_R50", 75.34, 91.89),
            _pyslowfast("SLOWFAST_4x16_R50", 75.6, 92.0),
            _mmaction2("slowfast_r50_256p_4x16x1_256e", "{name}_kinetics400_rgb_20200728-145f1097",
                       74.75, 91.73, arguments=NO_NORM),
            _mmaction2("slowfast_r50_video_4x16x1_256e", "{name}_kinetics400_rgb_20200826-f85b90c5",
                       73.95, 91.50, arguments=NO_NORM),
            _mmaction2("slowfast_r50_4x16x1_256e", "{name}_kinetics400_rgb_20210722-04e43ed4",
                       76.0, 92.54, arguments=NO_NORM),
            _mmaction2("slowfast_prebn_r50_4x16x1_256e", "{name}_kinetics400_rgb_20210722-bb725050",
                       76.34, 92.67, arguments=NO_NORM),
        ],
    ),
    "slowfast_r50": Variant(
        "SlowFast 8x8, R50", (50, 50), 4, {"fusion_kernel": 7}, (34.57, 65.71),
        [
            _pytorchvideo("SLOWFAST_8x8_R50", 76.94, 92.69, hub="slowfast"),
            _paddlevideo("SlowFast_8x8", "SlowFast_8*8", 75.84, 92.33, settings=AT_224),
            _pyslowfast("SLOWFAST_8x8_R50", 77.0, 92.6),
            _pyslowfast("SLOWFAST_8x8_R50_stepwise", 76.8, 92.7),
            _pyslowfast("SLOWFAST_8x8_R50_stepwise_multigrid", 76.6, 92.7, settings=AT_224),
            _mmaction2("slowfast_r50_8x8x1_256e", "{name}_kinetics400_rgb_20200716-73547d2b",
                       76.94, 92.8, arguments=NO_NORM),
            _mmaction2("slowfast_r50_8x8x1_256e_steplr",
                       "slowfast_r50_8x8x1_256e_kinetics400_rgb_steplr-43988bac", 76.34, 92.61),
            _mmaction2("slowfast_multigrid_r50_8x8x1_358e", "{name}_kinetics400_rgb-f82bd304",
                       76.07, 92.21),
            _mmaction2("slowfast_prebn_r50_8x8x1_256e_steplr",
                       "slowfast_prebn_r50_8x8x1_256e_kinetics400_rgb_steplr-28474e54",
                       76.58, 92.85),
        ],
    ),
    "slowfast_r101": Variant(
        "SlowFast 8x8, R101", (101, 101), 4, {"fusion_kernel": 5}, (62.83, 125.91),
        [
            _pytorchvideo("SLOWFAST_8x8_R101", 77.90, 93.27, hub="slowfast"),
            _mmaction2("slowfast_r101_8x8x1_256e", "{name}_kinetics400_rgb_20210218-0dd54025",
                       77.90, 93.51, arguments=NO_NORM | {"fusion_kernel": 7},
                       cost=(62.91, 126.32)),
        ],
    ),
    "slowfast_16x8_r101_50_50": Variant(
        "SlowFast 16x8, R101 with temporal kernels in 6 of res4's 23 blocks", (101, 101), 4,
        {"fusion_kernel": 5, "temporal_blocks": (3, 4, 6, 3)}, (53.77, 213.02),
        [_pytorchvideo("SLOWFAST_16x8_R101_50_50", 78.70, 93.61)],
        num_frames=64,
    ),
    "slowfast_r101_r50_4x16": Variant(
        "SlowFast 4x16, a slow R101 and a fast R50", (101, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (62.38, 64.62),
        [_mmaction2("slowfast_r101_r50_4x16x1_256e",
                    "slowfast_r101_4x16x1_256e_kinetics400_rgb_20210218-d8b58813", 76.69, 93.07)],
    ),
    "slowfast_r152_r50_4x16": Variant(
        "SlowFast 4x16, a slow R152 and a fast R50", (152, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (84.84, 90.99),
        [_mmaction2("slowfast_r152_r50_4x16x1_256e",
                    "slowfast_r152_4x16x1_256e_kinetics400_rgb_20210122-bdeb6b87", 77.13, 93.20)],
    ),
    "slowfast_r50_16x8_sthv1": Variant(
        "SlowFast 16x8, R50", (50, 50), 4, NO_NORM | {"fusion_kernel": 7}, (34.04, 131.42),
        [_mmaction2("slowfast_r50_16x8x1_22e_sthv1", "{name}_rgb_20211202-aaaf9279", 49.67, 79.00,
                    settings={"test.num_clips": 1, "test.num_crops": 1})],
        num_frames=64, num_classes=174, labels="sthv1",
    ),
    "slow_r50": Variant(
        "Slow 8x8, R50", (50,), 1, {}, (32.45, 54.52),
        [
            _pytorchvideo("SLOW_8x8_R50", 74.58, 91.63, hub="resnet"),
            _pyslowfast("SLOWONLY_8x8_R50", 74.8, 91.6),
            _mmaction2("slowonly_r50_256p_8x8x1_256e", "{name}_kinetics400_rgb_20200820-75851a7d",
                       74.42, 91.49),
            _mmaction2("slowonly_r50_8x8x1_256e", "{name}_kinetics400_rgb_20200703-a79c555a",
                       74.93, 91.92),
            _mmaction2("slowonly_imagenet_pretrained_r50_8x8x1_150e",
                       "{name}_kinetics400_rgb_20200912-3f9ce182", 75.55, 92.04),
        ],
        num_frames=8, sampling_stride=8,
    ),
    "slow_r50_4x16": Variant(
        "Slow 4x16, R50", (50,), 1, {}, (32.45, 27.26),
        [
            _pytorchvideo("SLOW_4x16_R50", 72.40, 90.18),
            _pyslowfast("SLOWONLY_4x16_R50", 72.7, 90.3),
            _mmaction2("slowonly_r50_256p_4x16x1_256e", "{name}_kinetics400_rgb_20200820-bea7701f",
                       72.76, 90.51),
            _mmaction2("slowonly_r50_video_320p_4x16x1_256e",
                       "{name}_kinetics400_rgb_20201014-c9cdc656", 72.90, 90.82),
            _mmaction2("slowonly_r50_4x16x1_256e", "{name}_kinetics400_rgb_20200704-a69556c6",
                       73.02, 90.77),
            _mmaction2("slowonly_imagenet_pretrained_r50_4x16x1_150e",
                       "{name}_kinetics400_rgb_20200912-1e8fc736", 73.39, 91.12),
        ],
        num_frames=4, sampling_stride=16,
    ),
    "slowfast_r50_16x8_charades": Variant(
        "SlowFast 16x8, R50", (50, 50), 4, {"fusion_kernel": 7, "task": "multi"}, (34.01, 131.42),
        [
            _pyslowfast("Charades/SLOWFAST_16x8_R50", 38.9),
            _pyslowfast("Charades/SLOWFAST_16x8_R50_multigrid", 38.6),
        ],
        num_frames=64, num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
    "slowfast_r50_charades": Variant(
        "SlowFast 8x8, R50", (50, 50), 4, {"fusion_kernel": 7, "task": "multi"}, (34.01, 65.71),
        [_pytorchvideo("charades/SLOWFAST_8x8_R50", 37.24, settings=AVERAGES_PROBABILITIES)],
        num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
    "slow_r50_charades": Variant(
        "Slow 8x8, R50", (50,), 1, {"task": "multi"}, (31.96, 54.52),
        [_pytorchvideo("charades/SLOW_8x8_R50", 34.72, settings=AVERAGES_PROBABILITIES)],
        num_frames=8, sampling_stride=8, num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
}  # fmt: skip
"""By the name of the constructor."""
