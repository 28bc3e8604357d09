"""The network, its published variants, and the function that builds one from a config.

The variants are functions by the names in ``published.py``: ``slowfast_r50(num_classes=24)``. All
names are imported at their first use, so that ``published.py`` can be read without Paddle.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from slowfast.models.published import VARIANTS

if TYPE_CHECKING:
    from slowfast.models.slowfast import Pathway, SinglePathway, SlowFast, VideoClassifier
    from slowfast.models.variants import build_model

__all__ = ["Pathway", "SinglePathway", "SlowFast", "build_model", *VARIANTS]


def __getattr__(name: str) -> "Callable[..., VideoClassifier]":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from slowfast.models import variants

    return variants.CONSTRUCTORS.get(name) or getattr(variants, name)
