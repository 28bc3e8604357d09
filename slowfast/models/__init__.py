"""The network, its published variants, and the function that builds one from a config.

The variants are functions by the names in ``published.py``: ``slowfast_r50(num_classes=24)``.
"""

from collections.abc import Callable

from slowfast.models.slowfast import Pathway, SinglePathway, SlowFast
from slowfast.models.variants import CONSTRUCTORS, build_model

__all__ = ["Pathway", "SinglePathway", "SlowFast", "build_model", *CONSTRUCTORS]


def __getattr__(name: str) -> Callable[..., SlowFast]:
    if name in CONSTRUCTORS:
        return CONSTRUCTORS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
