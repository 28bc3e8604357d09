"""The network, its published variants, and the function that builds one from a config."""

from slowfast.models.slowfast import Pathway, SinglePathway, SlowFast
from slowfast.models.variants import (
    build_model,
    slowfast_16x8_r101_50_50,
    slowfast_r50,
    slowfast_r50_4x16,
    slowfast_r50_16x8_sthv1,
    slowfast_r101,
    slowfast_r101_r50_4x16,
    slowfast_r152_r50_4x16,
)

__all__ = [
    "Pathway",
    "SinglePathway",
    "SlowFast",
    "build_model",
    "slowfast_16x8_r101_50_50",
    "slowfast_r50",
    "slowfast_r50_16x8_sthv1",
    "slowfast_r50_4x16",
    "slowfast_r101",
    "slowfast_r101_r50_4x16",
    "slowfast_r152_r50_4x16",
]
