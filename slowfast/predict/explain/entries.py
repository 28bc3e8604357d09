"""What an explanation tells of a video, in numbers and in words."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.errors import printable
from slowfast.metrics.accuracy import name_of
from slowfast.predict.answer import Answer, Predicted, lines_of, predicted_fields

if TYPE_CHECKING:
    from slowfast.predict.explain.reasons import Why

PATHWAYS = {"slowfast": ("slow", "fast"), "slow_only": ("slow",), "fast_only": ("fast",)}
"""What the pathways of each ``model.name`` are called."""

LEAD, LOGIT = "lead", "logit"
"""What decides: a class's lead over the second one, or, with several labels a video, its logit."""

Entry = dict[str, Any]
"""What a ``NAME.json`` holds, see docs/answers.md."""


def entry_of(path: str, why: "Why", labels: list[str] | None, cfg: Config) -> Entry:
    """The numbers. The logits, and what adds up to them, are those of the explained view."""
    pathways, (parts, heat, stage) = PATHWAYS[cfg.model.name], why.reasons
    terms, names = (*pathways, "bias"), [name_of(i, labels) for i in range(cfg.model.num_classes)]
    decides = LEAD if why.predicted is None else LOGIT
    pair = why.classes[0], why.classes[1] if why.predicted is None else None
    answer = Answer(why.classes, why.probabilities, why.num_views, why.predicted)
    return {
        "video_id": path,
        "classes": why.classes,
        "labels": [names[i] for i in why.classes],
        "probabilities": why.probabilities,
        **predicted_fields(answer, names),
        "num_views": why.num_views,
        "clip": why.place[0],
        "crop": why.place[1],
        "logits": dict(zip(terms, parts[:, why.classes].tolist(), strict=True)),
        decides: dict(zip(terms, why.reasons.leads(*pair).tolist(), strict=True)),
        "shares": dict(zip(pathways, why.reasons.shares(*pair).tolist(), strict=True)),
        "stage": f"res{stage}",
        "heat": {name: _short(x) for name, x in zip(pathways, heat, strict=True)},
    }


def _short(heat: NDArray[np.float32]) -> list[Any]:
    """The numbers, to 4 digits of the largest."""
    digits = 4 - math.ceil(math.log10(heat.max() or 1))
    return heat.astype(np.float64).round(digits).tolist()


def text_of(entry: Entry, picture: Path) -> str:
    """What is printed of a video."""
    names = entry["labels"]
    answer = Answer(list(range(len(names))), entry["probabilities"], entry["num_views"])
    if (threshold := entry.get("threshold")) is not None:
        values = entry["predicted_values"]
        answer = answer._replace(predicted=Predicted([*range(len(values))], values, threshold))
        names = max(names, entry["predicted_labels"], key=len)  # see Answer.listed
    decides = LEAD if LEAD in entry else LOGIT
    parts = ", ".join(f"{name} {value:+.2f}" for name, value in entry[decides].items())
    return (
        f"{lines_of(entry['video_id'], answer, names)}\n"
        f"  {printable(decision_of(names, entry))} ({decides}: {parts})\n"
        f"  {printable(str(picture))}"
    )


def decision_of(names: Sequence[str], entry: Entry) -> str:
    """What decided for the best class, or against the second one."""
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in entry["shares"].items())
    if LEAD not in entry:
        return f"{names[0]}: {shares} of its logit"
    return f"rather than {names[1]}: {shares} of the decision"
