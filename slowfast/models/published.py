"""The published networks and their weights, in one table: a new one is a row here.

From it come the constructors (``variants.py``), the names that weights have and the entry points of
paddle.hub (``zoo``, ``hubconf.py``), and the tables of docs/zoo.md (``docs/zoo_tables.py``).
"""

from typing import Any, NamedTuple

from slowfast.models.published_files import (
    Cost,
    Weights,
    mmaction2,
    mmaction2_ava,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
)
from slowfast.models.roi_pooling import RoiPooling


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
        place = {"multi": "video", "detection": "box"}.get(self.arguments.get("task", ""))
        several = f", any number of them in a {place}" if place else ""
        return (
            f"{self.text}: clips of {self.num_frames} frames{both if self.alpha > 1 else ''}. "
            f"{self.cost[0]:.1f} M parameters with {self.num_classes} classes{several}."
        )


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

DETECTION: dict[str, Any] = {"task": "detection", "pooling": RoiPooling(aligned=False)}
"""As PyTorchVideo's hub and PySlowFast's published files have it."""
_POOLING = RoiPooling(size=8, dropout_first=True)
SLOWONLY: dict[str, Any] = {"dilations": (1, 1), "pooling": _POOLING}
"""As mmaction2 has it."""
OF_MMACTION2 = NO_NORM | SLOWONLY
WITH_CONTEXT = OF_MMACTION2 | {"pooling": _POOLING._replace(context=True)}
TIME_MAX = {"model.roi_time": "max"}
FOCAL = TIME_MAX | {"train.focal_alpha": 3, "train.focal_gamma": 1}
SIXTEEN = (3, 6, 10, 27, 29, 38, 41, 48, 51, 53, 54, 59, 61, 64, 70, 72)
"""The classes of AVA in mmaction2's file for some of them."""
MULTISPORTS = {
    "data.labels": "", "detection.first_id": 0, "detection.rate": 25, "detection.start": 1,
    "detection.valid": [],
}  # fmt: skip
"""Its classes count from 0; its times are numbers of frames, from 1 on."""
THR_09 = {"detection.box_score": 0.9}


VARIANTS = {
    "slowfast_r50_4x16": Variant(
        "SlowFast 4x16, R50", (50, 50), 8, {"fusion_kernel": 5}, (34.48, 36.10),
        [
            paddlevideo("SlowFast", "SlowFast", 74.35, 91.33),
            pytorchvideo("SLOWFAST_4x16_R50", 75.34, 91.89),
            pyslowfast("SLOWFAST_4x16_R50", 75.6, 92.0),
            mmaction2("slowfast_r50_256p_4x16x1_256e", "{name}_kinetics400_rgb_20200728-145f1097",
                       74.75, 91.73, arguments=NO_NORM),
            mmaction2("slowfast_r50_video_4x16x1_256e", "{name}_kinetics400_rgb_20200826-f85b90c5",
                       73.95, 91.50, arguments=NO_NORM),
            mmaction2("slowfast_r50_4x16x1_256e", "{name}_kinetics400_rgb_20210722-04e43ed4",
                       76.0, 92.54, arguments=NO_NORM),
            mmaction2("slowfast_prebn_r50_4x16x1_256e", "{name}_kinetics400_rgb_20210722-bb725050",
                       76.34, 92.67, arguments=NO_NORM),
        ],
    ),
    "slowfast_r50": Variant(
        "SlowFast 8x8, R50", (50, 50), 4, {"fusion_kernel": 7}, (34.57, 65.71),
        [
            pytorchvideo("SLOWFAST_8x8_R50", 76.94, 92.69, hub="slowfast"),
            paddlevideo("SlowFast_8x8", "SlowFast_8*8", 75.84, 92.33, settings=AT_224),
            pyslowfast("SLOWFAST_8x8_R50", 77.0, 92.6),
            pyslowfast("SLOWFAST_8x8_R50_stepwise", 76.8, 92.7),
            pyslowfast("SLOWFAST_8x8_R50_stepwise_multigrid", 76.6, 92.7, settings=AT_224),
            mmaction2("slowfast_r50_8x8x1_256e", "{name}_kinetics400_rgb_20200716-73547d2b",
                       76.94, 92.8, arguments=NO_NORM),
            mmaction2("slowfast_r50_8x8x1_256e_steplr",
                       "slowfast_r50_8x8x1_256e_kinetics400_rgb_steplr-43988bac", 76.34, 92.61),
            mmaction2("slowfast_multigrid_r50_8x8x1_358e", "{name}_kinetics400_rgb-f82bd304",
                       76.07, 92.21),
            mmaction2("slowfast_prebn_r50_8x8x1_256e_steplr",
                       "slowfast_prebn_r50_8x8x1_256e_kinetics400_rgb_steplr-28474e54",
                       76.58, 92.85),
        ],
    ),
    "slowfast_r101": Variant(
        "SlowFast 8x8, R101", (101, 101), 4, {"fusion_kernel": 5}, (62.83, 125.91),
        [
            pytorchvideo("SLOWFAST_8x8_R101", 77.90, 93.27, hub="slowfast"),
            mmaction2("slowfast_r101_8x8x1_256e", "{name}_kinetics400_rgb_20210218-0dd54025",
                       77.90, 93.51, arguments=NO_NORM | {"fusion_kernel": 7},
                       cost=(62.91, 126.32)),
        ],
    ),
    "slowfast_16x8_r101_50_50": Variant(
        "SlowFast 16x8, R101 with temporal kernels in 6 of res4's 23 blocks", (101, 101), 4,
        {"fusion_kernel": 5, "temporal_blocks": (3, 4, 6, 3)}, (53.77, 213.02),
        [pytorchvideo("SLOWFAST_16x8_R101_50_50", 78.70, 93.61)],
        num_frames=64,
    ),
    "slowfast_r101_r50_4x16": Variant(
        "SlowFast 4x16, a slow R101 and a fast R50", (101, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (62.38, 64.62),
        [mmaction2("slowfast_r101_r50_4x16x1_256e",
                    "slowfast_r101_4x16x1_256e_kinetics400_rgb_20210218-d8b58813", 76.69, 93.07)],
    ),
    "slowfast_r152_r50_4x16": Variant(
        "SlowFast 4x16, a slow R152 and a fast R50", (152, 50), 8,
        NO_NORM | {"fusion_kernel": 5}, (84.84, 90.99),
        [mmaction2("slowfast_r152_r50_4x16x1_256e",
                    "slowfast_r152_4x16x1_256e_kinetics400_rgb_20210122-bdeb6b87", 77.13, 93.20)],
    ),
    "slowfast_r50_16x8_sthv1": Variant(
        "SlowFast 16x8, R50", (50, 50), 4, NO_NORM | {"fusion_kernel": 7}, (34.04, 131.42),
        [mmaction2("slowfast_r50_16x8x1_22e_sthv1", "{name}_rgb_20211202-aaaf9279", 49.67, 79.00,
                    settings={"test.num_clips": 1, "test.num_crops": 1})],
        num_frames=64, num_classes=174, labels="sthv1",
    ),
    "slow_r50": Variant(
        "Slow 8x8, R50", (50,), 1, {}, (32.45, 54.52),
        [
            pytorchvideo("SLOW_8x8_R50", 74.58, 91.63, hub="resnet"),
            pyslowfast("SLOWONLY_8x8_R50", 74.8, 91.6),
            mmaction2("slowonly_r50_256p_8x8x1_256e", "{name}_kinetics400_rgb_20200820-75851a7d",
                       74.42, 91.49),
            mmaction2("slowonly_r50_8x8x1_256e", "{name}_kinetics400_rgb_20200703-a79c555a",
                       74.93, 91.92),
            mmaction2("slowonly_imagenet_pretrained_r50_8x8x1_150e",
                       "{name}_kinetics400_rgb_20200912-3f9ce182", 75.55, 92.04),
        ],
        num_frames=8, sampling_stride=8,
    ),
    "slow_r50_4x16": Variant(
        "Slow 4x16, R50", (50,), 1, {}, (32.45, 27.26),
        [
            pytorchvideo("SLOW_4x16_R50", 72.40, 90.18),
            pyslowfast("SLOWONLY_4x16_R50", 72.7, 90.3),
            mmaction2("slowonly_r50_256p_4x16x1_256e", "{name}_kinetics400_rgb_20200820-bea7701f",
                       72.76, 90.51),
            mmaction2("slowonly_r50_video_320p_4x16x1_256e",
                       "{name}_kinetics400_rgb_20201014-c9cdc656", 72.90, 90.82),
            mmaction2("slowonly_r50_4x16x1_256e", "{name}_kinetics400_rgb_20200704-a69556c6",
                       73.02, 90.77),
            mmaction2("slowonly_imagenet_pretrained_r50_4x16x1_150e",
                       "{name}_kinetics400_rgb_20200912-1e8fc736", 73.39, 91.12),
        ],
        num_frames=4, sampling_stride=16,
    ),
    "slowfast_r50_16x8_charades": Variant(
        "SlowFast 16x8, R50", (50, 50), 4, {"fusion_kernel": 7, "task": "multi"}, (34.01, 131.42),
        [
            pyslowfast("Charades/SLOWFAST_16x8_R50", 38.9),
            pyslowfast("Charades/SLOWFAST_16x8_R50_multigrid", 38.6),
        ],
        num_frames=64, num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
    "slowfast_r50_charades": Variant(
        "SlowFast 8x8, R50", (50, 50), 4, {"fusion_kernel": 7, "task": "multi"}, (34.01, 65.71),
        [pytorchvideo("charades/SLOWFAST_8x8_R50", 37.24, settings=AVERAGES_PROBABILITIES)],
        num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
    "slow_r50_charades": Variant(
        "Slow 8x8, R50", (50,), 1, {"task": "multi"}, (31.96, 54.52),
        [pytorchvideo("charades/SLOW_8x8_R50", 34.72, settings=AVERAGES_PROBABILITIES)],
        num_frames=8, sampling_stride=8, num_classes=157, labels="charades", settings=CHARADES_MAX,
    ),
    "slowfast_r50_detection": Variant(
        "SlowFast 8x8, R50, for boxes", (50, 50), 4, DETECTION | {"fusion_kernel": 7},
        (33.83, 96.89),
        [
            pytorchvideo("ava/SLOWFAST_8x8_R50_DETECTION", 24.67),
            paddlevideo("SlowFastRCNN_AVA", "SlowFastRCNN_AVA", 23.2,
                        arguments=OF_MMACTION2 | {"fusion_kernel": 5}, cost=(33.74, 96.48)),
            mmaction2_ava("slowfast_kinetics_pretrained_r50_8x8x1_20e_ava_rgb",
                          "_20201217-ae225e97", 25.5, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_kinetics_pretrained_r50_8x8x1_cosine_10e_ava22_rgb",
                          "-b987b516", 26.1, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_temporal_max_kinetics_pretrained_r50_8x8x1_cosine_10e_ava22_rgb",
                          "-874e0845", 26.4, arguments=OF_MMACTION2, settings=TIME_MAX),
            mmaction2_ava("slowfast_temporal_max_focal_alpha3_gamma1_kinetics_pretrained_r50_8x8x1_"
                          "cosine_10e_ava22_rgb", "-345618cd", 26.8, arguments=OF_MMACTION2,
                          settings=FOCAL),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb",
                          "_20220906-39133ec7", 25.80, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50_8xb6-8x8x1-cosine-10e_ava22-rgb",
                          "_20220906-d934a48f", 25.90, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50-temporal-max_8xb6-8x8x1-cosine-10e_"
                          "ava22-rgb", "_20220906-13a9078e", 26.41, arguments=OF_MMACTION2,
                          settings=TIME_MAX),
            mmaction2_ava("slowfast_r50-k400-pre-temporal-max-focal-alpha3-gamma1_8xb6-8x8x1-"
                          "cosine-10e_ava22-rgb", "_20220906-dd59e26f", 26.65,
                          arguments=OF_MMACTION2, settings=FOCAL),
        ],
        num_classes=80, labels="ava",
    ),
    "slowfast_r50_4x16_detection": Variant(
        "SlowFast 4x16, R50, for boxes", (50, 50), 8, DETECTION | {"fusion_kernel": 5},
        (33.74, 52.58),
        [
            mmaction2_ava("slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                          "_20220906-5180ea3c", 24.32, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50-context_8xb16-4x16x1-20e_ava21-rgb",
                          "_20220906-5bb4f6f2", 25.34, arguments=WITH_CONTEXT, cost=(33.93, 52.58)),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-8e_multisports-rgb",
                          "_20230320-af666368", 36.88, arguments=OF_MMACTION2,
                          settings=MULTISPORTS),
            mmaction2_ava("slowfast_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                          "_20201217-6e7c704d", 24.4, arguments=OF_MMACTION2),
            mmaction2_ava("slowfast_context_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                          "_20201222-f4d209c9", 25.4, arguments=WITH_CONTEXT, cost=(33.93, 52.58)),
            mmaction2_ava("slowfast_kinetics_pretrained_r50_4x16x1_20e_ava_rgb_custom_classes",
                          "_20210305-c6225546", 37.85, arguments=OF_MMACTION2,
                          settings={"data.labels": "", "detection.ids": [*SIXTEEN]}),
        ],
        num_classes=80, labels="ava",
    ),
    "slowfast_r101_50_50_nl_detection": Variant(
        "SlowFast 8x8, R101 with temporal kernels in 6 of res4's 23 blocks and 3 non-local ones, "
        "for boxes", (101, 101), 4,
        DETECTION | {"fusion_kernel": 5, "temporal_blocks": (3, 4, 6, 3),
                     "nonlocal_blocks": (6, 13, 20)},
        (59.34, 144.94),
        [
            pyslowfast("ava/SLOWFAST_32x2_R101_50_50", 29.1),
            pyslowfast("ava/SLOWFAST_32x2_R101_50_50_v2.1", 28.2),
            pyslowfast("ava/SLOWFAST_64x2_R101_50_50", 29.4, cost=(59.34, 289.88),
                       settings={"data.num_frames": 64}),
        ],
        num_classes=80, labels="ava",
    ),
    "slow_r50_detection": Variant(
        "Slow 4x16, R50, for boxes", (50,), 1, DETECTION, (31.80, 41.55),
        [
            pytorchvideo("ava/SLOW_4x16_R50_DETECTION", 19.50),
            pyslowfast("ava/C2D_8x8_R50", 19.5, settings=THR_09),
            mmaction2_ava("slowonly_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                          "_20201217-40061d5f", 20.1, arguments=SLOWONLY),
            mmaction2_ava("slowonly_omnisource_pretrained_r50_4x16x1_20e_ava_rgb",
                          "_20201217-0c6d2e98", 21.8, arguments=SLOWONLY),
            mmaction2_ava("slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                          "_20220906-953ef5fe", 20.72, arguments=SLOWONLY),
            mmaction2_ava("slowonly_kinetics700-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                          "_20220906-b3b6d44e", 22.77, arguments=SLOWONLY),
        ],
        num_frames=4, sampling_stride=16, num_classes=80, labels="ava",
    ),
}  # fmt: skip
"""By the name of the constructor."""
