"""The published networks for boxes, all of AVA but one, and their weights.

``published.py`` has them in its table.
"""

from functools import partial
from typing import Any

from slowfast.models.published_files import (
    Variant,
    mmaction2_ava,
    paddlevideo,
    pyslowfast,
    pytorchvideo,
)
from slowfast.models.roi_pooling import RoiPooling

DETECTION: dict[str, Any] = {"task": "detection", "pooling": RoiPooling(aligned=False)}
"""As PyTorchVideo's hub and PySlowFast's published files have it."""
_POOLING = RoiPooling(size=8, dropout_first=True)
MMACTION2_POOLING: dict[str, Any] = {"dilations": (1, 1), "pooling": _POOLING}
"""As mmaction2 has it, and with two pathways:"""
OF_MMACTION2 = MMACTION2_POOLING | {"lateral_norm": False}
WITH_CONTEXT = OF_MMACTION2 | {"pooling": _POOLING._replace(context=True)}
TIME_MAX = {"model.roi_time": "max"}
FOCAL = TIME_MAX | {"train.focal_alpha": 3, "train.focal_gamma": 1}
MMACTION2_CUSTOM_CLASSES = {
    "data.labels": "",
    "detection.ids": [3, 6, 10, 27, 29, 38, 41, 48, 51, 53, 54, 59, 61, 64, 70, 72],
}
"""The classes of AVA in mmaction2's file for some of them."""
MULTISPORTS: dict[str, Any] = {
    "data.labels": "", "data.target_fps": 25, "detection.first_id": 0, "detection.rate": 25,
    "detection.start": 1, "detection.valid": [],
}  # fmt: skip
"""Its classes count from 0; its times are numbers of frames, from 1 on, at 25 a second."""
MMACTION2_MULTISPORTS = MULTISPORTS | {
    "test.protocol": "mmaction2", "model.labels_per_box": "one",
}  # fmt: skip
"""Its boxes have one label each (multilabel=False). mmaction2 1.x has AVA's frames one later than
0.x, for it adds the 1 that they count from twice. MultiSports' count from 0."""

of_mmaction2 = partial(mmaction2_ava, arguments=OF_MMACTION2)
slow_of_mmaction2 = partial(mmaction2_ava, arguments=MMACTION2_POOLING)

AVA_VARIANTS = {
    "slowfast_r50_detection": Variant(
        "SlowFast 8x8, R50, for boxes", (50, 50), 4, DETECTION | {"fusion_kernel": 7},
        (33.83, 96.89),
        [
            pytorchvideo("ava/SLOWFAST_8x8_R50_DETECTION", 24.67),
            paddlevideo("SlowFastRCNN_AVA", "SlowFastRCNN_AVA", 23.2,
                        arguments=OF_MMACTION2 | {"fusion_kernel": 5}, cost=(33.74, 96.48)),
            of_mmaction2("slowfast_kinetics_pretrained_r50_8x8x1_20e_ava_rgb",
                         "_20201217-ae225e97", 25.5),
            of_mmaction2("slowfast_kinetics_pretrained_r50_8x8x1_cosine_10e_ava22_rgb",
                         "-b987b516", 26.1),
            of_mmaction2("slowfast_temporal_max_kinetics_pretrained_r50_8x8x1_cosine_10e_ava22_rgb",
                         "-874e0845", 26.4, settings=TIME_MAX),
            of_mmaction2("slowfast_temporal_max_focal_alpha3_gamma1_kinetics_pretrained_r50_8x8x1_"
                         "cosine_10e_ava22_rgb", "-345618cd", 26.8, settings=FOCAL),
            of_mmaction2("slowfast_kinetics400-pretrained-r50_8xb8-8x8x1-20e_ava21-rgb",
                         "_20220906-39133ec7", 25.80),
            of_mmaction2("slowfast_kinetics400-pretrained-r50_8xb6-8x8x1-cosine-10e_ava22-rgb",
                         "_20220906-d934a48f", 25.90),
            of_mmaction2("slowfast_kinetics400-pretrained-r50-temporal-max_8xb6-8x8x1-cosine-10e_"
                         "ava22-rgb", "_20220906-13a9078e", 26.41, settings=TIME_MAX),
            of_mmaction2("slowfast_r50-k400-pre-temporal-max-focal-alpha3-gamma1_8xb6-8x8x1-"
                         "cosine-10e_ava22-rgb", "_20220906-dd59e26f", 26.65, settings=FOCAL),
        ],
        num_classes=80, labels="ava",
    ),
    "slowfast_r50_4x16_detection": Variant(
        "SlowFast 4x16, R50, for boxes", (50, 50), 8, DETECTION | {"fusion_kernel": 5},
        (33.74, 52.58),
        [
            of_mmaction2("slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                         "_20220906-5180ea3c", 24.32),
            mmaction2_ava("slowfast_kinetics400-pretrained-r50-context_8xb16-4x16x1-20e_ava21-rgb",
                          "_20220906-5bb4f6f2", 25.34, arguments=WITH_CONTEXT, cost=(33.93, 52.58)),
            of_mmaction2("slowfast_kinetics400-pretrained-r50_8xb16-4x16x1-8e_multisports-rgb",
                         "_20230320-af666368", 36.88, settings=MMACTION2_MULTISPORTS),
            of_mmaction2("slowfast_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                         "_20201217-6e7c704d", 24.4),
            mmaction2_ava("slowfast_context_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                          "_20201222-f4d209c9", 25.4, arguments=WITH_CONTEXT, cost=(33.93, 52.58)),
            of_mmaction2("slowfast_kinetics_pretrained_r50_4x16x1_20e_ava_rgb_custom_classes",
                         "_20210305-c6225546", 37.85, settings=MMACTION2_CUSTOM_CLASSES),
        ],
        num_classes=80, labels="ava",
    ),
    "slowfast_r101_50_50_nl_detection": Variant(
        "SlowFast 8x8, R101 with temporal kernels in 6 of res4's 23 blocks and 3 non-local ones, "
        "for boxes", (101, 101), 4,
        DETECTION | {"fusion_kernel": 5, "temporal_blocks": (3, 4, 6, 3),
                     "nonlocal_blocks": (6, 13, 20)},
        (59.34, 146.55),
        [
            pyslowfast("ava/SLOWFAST_32x2_R101_50_50", 29.1),
            pyslowfast("ava/SLOWFAST_32x2_R101_50_50_v2.1", 28.2),
            pyslowfast("ava/SLOWFAST_64x2_R101_50_50", 29.4, cost=(59.34, 296.32),
                       settings={"data.num_frames": 64}),
        ],
        num_classes=80, labels="ava",
    ),
    "slow_r50_detection": Variant(
        "Slow 4x16, R50, for boxes", (50,), 1, DETECTION, (31.80, 41.55),
        [
            pytorchvideo("ava/SLOW_4x16_R50_DETECTION", 19.50),
            pyslowfast("ava/C2D_8x8_R50", 19.5, settings={"detection.box_score": 0.9}),
            slow_of_mmaction2("slowonly_kinetics_pretrained_r50_4x16x1_20e_ava_rgb",
                              "_20201217-40061d5f", 20.1),
            slow_of_mmaction2("slowonly_omnisource_pretrained_r50_4x16x1_20e_ava_rgb",
                              "_20201217-0c6d2e98", 21.8),
            slow_of_mmaction2("slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                              "_20220906-953ef5fe", 20.72),
            slow_of_mmaction2("slowonly_kinetics700-pretrained-r50_8xb16-4x16x1-20e_ava21-rgb",
                              "_20220906-b3b6d44e", 22.77),
        ],
        num_frames=4, sampling_stride=16, num_classes=80, labels="ava",
    ),
}  # fmt: skip
"""By the name of the constructor."""
