"""Stages that are not trained."""

from collections.abc import Iterable

from paddle import nn

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
        for layer in top.sublayers():
            if isinstance(layer, nn.BatchNorm3D):
                layer._use_global_stats = True  # the constructor's use_global_stats
