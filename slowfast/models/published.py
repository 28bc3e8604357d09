"""The published networks and their weights, in one table: a new one is a row here, or for boxes in
``published_ava.py``.

From it come the constructors (``variants.py``), the names that weights have and the entry points of
paddle.hub (``zoo``, ``hubconf.py``), and the tables of docs/zoo.md (``docs/zoo_tables.py``).
"""

from typing import Any

from slowfast.models.published_ava import AVA_VARIANTS
from slowfast.models.published_files import (
    Variant,
    mmaction2,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
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
} | AVA_VARIANTS  # fmt: skip
"""By the name of the constructor."""
