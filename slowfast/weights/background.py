"""The output for the background that mmaction2's detectors have in front of their classes."""

import re
from typing import Any

from slowfast.weights.systems import Tensors

WEIGHT, BIAS = "head.projection.weight", "head.projection.bias"
MULTISPORTS = 66
"""Its classes, the only ones that mmaction2 has published without a background."""


def drop_background(content: Any, tensors: Tensors) -> str:
    """Leaves the first class of a detector of mmaction2's out, if that is the background: its
    config says it, or without one its number of classes.

    Args:
        content: of the file.
        tensors: by our names.

    Returns:
        A note for the user, a sentence, if no config says it.
    """
    meta = content.get("meta") if isinstance(content, dict) else None
    texts = [meta.get(key) for key in ("config", "cfg")] if isinstance(meta, dict) else []
    config = "".join(text for text in texts if isinstance(text, str))
    if "BBoxHeadAVA" in config:
        has_none = re.search(r"background_class['\"]?\s*[=:]\s*False", config) is not None
        note = ""
    else:
        outputs = tensors[BIAS].size if BIAS in tensors else 0
        has_none = outputs == MULTISPORTS
        what = "it has no output for the background, as MultiSports' has none" if has_none else ""
        what = what or f"the first of {outputs} outputs is left out, the background"
        note = f"{what}: no config in the file tells it"
    if not has_none:
        tensors |= {name: tensors[name][..., 1:] for name in (WEIGHT, BIAS) if name in tensors}
    return note
