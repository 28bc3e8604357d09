"""The published variants as functions, and the one place where config meets layers.

Each constructor gives a network with fresh weights. They all take the same keyword arguments:
``num_classes``, and any further argument of ``SlowFast`` (``slow_frames``, ``pool_size``,
``dropout``, ...) over the variant's own.
"""

from typing import Any

from slowfast.config import DEPTHS, ModelConfig
from slowfast.models.slowfast import Pathway, SinglePathway, SlowFast, VideoClassifier


def slow_pathway(depth: int, width: int = 64) -> Pathway:
    """The slow pathway: time is looked at in res4 and res5 only (paper table 1)."""
    return Pathway(width, DEPTHS[depth], 1, (1, 1, 3, 3))


def fast_pathway(depth: int, width: int = 8) -> Pathway:
    """The fast pathway: a temporal kernel in the stem and in every stage (paper table 1)."""
    return Pathway(width, DEPTHS[depth], 5, (3, 3, 3, 3))


def _variant(depths: tuple[int, int], defaults: dict[str, Any], given: dict[str, Any]) -> SlowFast:
    slow, fast = depths
    return SlowFast(slow_pathway(slow), fast_pathway(fast), **{**defaults, **given})


def slowfast_r50_4x16(num_classes: int = 400, **given: Any) -> SlowFast:
    """SlowFast 4x16, R50 (PaddleVideo's and PySlowFast's; mmaction2's: ``lateral_norm=False``)."""
    return _variant((50, 50), dict(num_classes=num_classes, alpha=8, fusion_kernel=5), given)


def slowfast_r50(num_classes: int = 400, **given: Any) -> SlowFast:
    """SlowFast 8x8, R50 (PySlowFast, PyTorchVideo; mmaction2's: ``lateral_norm=False``)."""
    return _variant((50, 50), dict(num_classes=num_classes, alpha=4, fusion_kernel=7), given)


def slowfast_r101(num_classes: int = 400, **given: Any) -> SlowFast:
    """SlowFast 8x8, R101 (mmaction2's: ``fusion_kernel=7, lateral_norm=False``)."""
    return _variant((101, 101), dict(num_classes=num_classes, alpha=4, fusion_kernel=5), given)


def slowfast_16x8_r101_50_50(num_classes: int = 400, **given: Any) -> SlowFast:
    """SlowFast 16x8, R101 with temporal kernels in 6 of res4's 23 blocks; clips of 64 frames."""
    own = dict(
        num_classes=num_classes, alpha=4, fusion_kernel=5, temporal_blocks=(3, 4, 6, 3)
    )  # fmt: skip
    return _variant((101, 101), own, given)


def slowfast_r101_r50_4x16(num_classes: int = 400, **given: Any) -> SlowFast:
    """mmaction2's SlowFast 4x16 with a slow R101 and a fast R50."""
    own = dict(num_classes=num_classes, alpha=8, fusion_kernel=5, lateral_norm=False)
    return _variant((101, 50), own, given)


def slowfast_r152_r50_4x16(num_classes: int = 400, **given: Any) -> SlowFast:
    """mmaction2's SlowFast 4x16 with a slow R152 and a fast R50."""
    own = dict(num_classes=num_classes, alpha=8, fusion_kernel=5, lateral_norm=False)
    return _variant((152, 50), own, given)


def slowfast_r50_16x8_sthv1(num_classes: int = 174, **given: Any) -> SlowFast:
    """mmaction2's SlowFast 16x8, R50, for Something-Something V1; clips of 64 frames."""
    own = dict(num_classes=num_classes, alpha=4, fusion_kernel=7, lateral_norm=False)
    return _variant((50, 50), own, given)


def build_model(model: ModelConfig, train_crop: int) -> VideoClassifier:
    """The network that a config describes.

    Args:
        model: the config's model section.
        train_crop: side of the training crop, pixels; the dense head's window is as large as its
            last feature map.
    """
    slow = slow_pathway(model.slow_depth, model.width)
    fast = fast_pathway(model.fast_depth, model.width // model.beta_inv)
    common: dict[str, Any] = dict(
        num_classes=model.num_classes,
        slow_frames=model.slow_frames,
        temporal_blocks=model.temporal_blocks or None,
        stem_kernel=model.stem_kernel,
        pool_size=max(train_crop // 32, 1) if model.head_pooling == "dense" else None,
        dropout=model.dropout,
        average_positions=model.average_positions,
    )
    if model.name == "slow_only":
        return SinglePathway(slow, alpha=model.alpha, **common)
    if model.name == "fast_only":
        return SinglePathway(fast, alpha=1, **common)
    return SlowFast(
        slow,
        fast,
        alpha=model.alpha,
        fusion_kernel=model.fusion_kernel,
        lateral_norm=model.lateral_norm,
        **common,
    )
