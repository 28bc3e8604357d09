"""What an explanation tells: the numbers of a video, and the lines about them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config
from slowfast.config.schema import ModelConfig
from slowfast.predict.answer import Predicted
from slowfast.predict.explain.entries import decision_of, entry_of, text_of
from slowfast.predict.explain.reasons import Reasons, Why

CFG = Config(model=ModelConfig(num_classes=3))
PARTS = np.array([[1, 3, 0], [1, 2, 0], [0.5, -1, 0]], np.float32)
"""Of the slow pathway, the fast one and the bias."""


def why(predicted: Predicted | None = None) -> Why:
    heat = [np.array([[[0.123456, 0]]], np.float32)] * 2
    clip = np.zeros((1, 1, 1, 3), np.uint8)
    return Why([1, 0], [0.6, 0.3], predicted, 4, (2, 1), clip, Reasons(PARTS, heat, 5))


def test_the_numbers_of_one_label() -> None:
    entry = entry_of("a.mp4", why(), ["a", "b", "c"], CFG)
    assert entry == {
        "video_id": "a.mp4", "classes": [1, 0], "labels": ["b", "a"], "probabilities": [0.6, 0.3],
        "num_views": 4, "clip": 2, "crop": 1, "stage": "res5",
        "logits": {"slow": [3, 1], "fast": [2, 1], "bias": [-1, 0.5]},
        "lead": {"slow": 2, "fast": 1, "bias": -1.5},
        "shares": {"slow": pytest.approx(2 / 3), "fast": pytest.approx(1 / 3)},
        "heat": {"slow": [[[0.1235, 0]]], "fast": [[[0.1235, 0]]]},
    }  # fmt: skip
    assert text_of(entry, Path("a.png")).splitlines() == [
        "a.mp4",
        "  b   60.0 %  ##################",
        "  a   30.0 %  #########",
        "  rather than a: slow 67 %, fast 33 % of the decision"
        " (lead: slow +2.00, fast +1.00, bias -1.50)",
        "  a.png",
    ]


@pytest.mark.parametrize(("shown", "lines"), [
    ([], ["a.mp4  (0 classes are seen: 50 % or more each)", "  b   60.0 %  ##################",
          "  a   30.0 %  #########"]),
    ([1, 0, 2], ["a.mp4  (3 classes are seen: 50 % or more each)",
                 "* b   90.0 %  ###########################",
                 "* a   80.0 %  ########################", "* c   70.0 %  #####################"]),
], ids=["none", "more than the best"])  # fmt: skip
def test_of_several_labels_the_longer_list_is_told(shown: list[int], lines: list[str]) -> None:
    predicted = Predicted(shown, [0.9, 0.8, 0.7][: len(shown)], 0.5)
    entry = entry_of("a.mp4", why(predicted), ["a", "b", "c"], CFG)
    assert "lead" not in entry and entry["logit"] == {"slow": 3, "fast": 2, "bias": -1}
    text = text_of(entry, Path("a.png")).splitlines()
    assert text[:-2] == lines
    assert (
        text[-2]
        == "  b: slow 60 %, fast 40 % of its logit (logit: slow +3.00, fast +2.00, bias -1.00)"
    )


def test_what_decided_needs_the_names_of_two_classes_only() -> None:
    entry: dict[str, Any] = {"lead": {}, "shares": {"slow": 1.0}}
    assert decision_of(["a", "b"], entry) == "rather than b: slow 100 % of the decision"
