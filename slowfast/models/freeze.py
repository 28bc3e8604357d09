"""Freezes stages, and batch norm's statistics."""

from collections.abc import Iterable

from paddle import nn

from slowfast.models.layers.norm import batch_norms
from slowfast.models.slowfast import VideoClassifier

LAYERS = {
    "stem": ("s1", "s1_fuse"),
    "res2": ("s2", "s2_fuse"),
    "res3": ("s3", "s3_fuse"),
    "res4": ("s4", "s4_fuse"),
    "res5": ("s5",),
}
"""The layers of each stage, with the lateral connection behind it."""


def freeze(model: VideoClassifier, stages: Iterable[str]) -> None:
    """Stops gradients at the stages' parameters, and keeps their batch norms' statistics."""
    names = [name for stage in stages for name in LAYERS[stage]]
    for top in (getattr(model, name) for name in names if hasattr(model, name)):
        for parameter in top.parameters():
            parameter.stop_gradient = True
        freeze_batch_norm(top)


def freeze_batch_norm(model: nn.Layer) -> None:
    """Makes training use batch norm's running statistics, and leave them as they are.

    Scale and shift are still trained if they were before.
    """
    for norm in batch_norms(model):
        norm.freeze_statistics()
