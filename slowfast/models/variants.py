"""The published networks as functions, and the one place where config meets layers."""

from collections.abc import Callable
from typing import Any

from slowfast.config import DEPTHS, ModelConfig
from slowfast.models.detector import SinglePathwayDetector, SlowFastDetector
from slowfast.models.published import VARIANTS
from slowfast.models.published_files import Variant
from slowfast.models.roi_pooling import pooling_of
from slowfast.models.slowfast import Pathway, SinglePathway, SlowFast, VideoClassifier


def slow_pathway(depth: int, width: int = 64) -> Pathway:
    """The slow pathway: time is looked at in res4 and res5 only (paper table 1)."""
    return Pathway(width, DEPTHS[depth], 1, (1, 1, 3, 3))


def fast_pathway(depth: int, width: int = 8) -> Pathway:
    """The fast pathway: a temporal kernel in the stem and in every stage (paper table 1)."""
    return Pathway(width, DEPTHS[depth], 5, (3, 3, 3, 3))


def single_pathway(pathway: Pathway, **given: Any) -> VideoClassifier:
    """One pathway alone, for the task that is given."""
    kind = SinglePathwayDetector if given.get("task") == "detection" else SinglePathway
    return kind(pathway, **given)


def both_pathways(slow: Pathway, fast: Pathway, **given: Any) -> VideoClassifier:
    """SlowFast, for the task that is given."""
    kind = SlowFastDetector if given.get("task") == "detection" else SlowFast
    return kind(slow, fast, **given)


def _constructor(name: str, variant: Variant) -> Callable[..., VideoClassifier]:
    """The function that builds a published network."""

    def build(num_classes: int = variant.num_classes, **given: Any) -> VideoClassifier:
        slow, *fast = variant.depths
        own = {"num_classes": num_classes, "alpha": variant.alpha} | variant.arguments | given
        if not fast:
            return single_pathway(slow_pathway(slow), **own)
        return both_pathways(slow_pathway(slow), fast_pathway(*fast), **own)

    build.__name__ = build.__qualname__ = name
    build.__module__ = "slowfast.models"
    build.__doc__ = variant.about
    return build


CONSTRUCTORS = {name: _constructor(name, variant) for name, variant in VARIANTS.items()}
"""They give a network with fresh weights. All take the same keyword arguments: ``num_classes``, and
any further argument of ``SlowFast`` or ``SinglePathway`` (``task``, ``pool_size``, ``dropout``,
...) over the network's own."""


def build_model(model: ModelConfig, train_crop: int, task: str = "single") -> VideoClassifier:
    """The network that a config describes.

    Args:
        model: the config's model section.
        train_crop: side of the training crop, pixels; the dense head's window is as large as its
            last feature map.
        task: the config's ``train.task``.
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
        task=task,
        nonlocal_blocks=model.nonlocal_blocks,
        dilations=model.dilations,
        pooling=pooling_of(model),
        labels_per_box=model.labels_per_box,
    )
    if model.name == "slow_only":
        return single_pathway(slow, alpha=model.alpha, **common)
    if model.name == "fast_only":
        return single_pathway(fast, alpha=1, **common | {"dilations": model.dilations[1:]})
    common |= dict(alpha=model.alpha, fusion_kernel=model.fusion_kernel)
    return both_pathways(slow, fast, lateral_norm=model.lateral_norm, **common)
