"""Answers by themselves: what views come to, and how it is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slowfast.config import Config, ConfigError
from slowfast.config.schema import TrainConfig
from slowfast.predict.answer import Answer, answer_of, lines_of, require_classifier
from slowfast.predict.explain.explanations import explain
from slowfast.predict.live.live_windows import live
from slowfast.predict.runtime.built import Weighted
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.timeline.timelines import timelines

NETWORK = Weighted(lambda: pytest.fail("no network is needed"), "")
SEVERAL = Config(train=TrainConfig(task="multi"))


def test_without_class_names_the_table_shows_numbers() -> None:
    assert lines_of("a.mp4", Answer([3, 0], [0.75, 0.25], 1), None).splitlines() == [
        "a.mp4",
        "  class 3   75.0 %  ######################",
        "  class 0   25.0 %  ########",
    ]


def test_names_can_do_nothing_to_the_table() -> None:
    names = ["run", "\x1b[2J" + "x" * 400]
    said = lines_of("a\n.mp4", Answer([0, 1], [0.75, 0.25], 1), names).splitlines()
    assert said[0] == r"a\n.mp4" and len(said) == 3 and r"\x1b[2Jxx" in said[2]
    assert said[1].startswith("  run ") and len(said[1]) < 80
    assert lines_of("a.mp4", "\x1b", None) == "a.mp4\n  not read: \\x1b"


def test_several_labels_are_marked_and_all_of_them_listed() -> None:
    """They do not add up to 100 %; more than ``top`` may be seen."""
    row = np.array([[0.9, 0.2, 0.6, 0.5]], np.float32)
    found = answer_of(row, SEVERAL, 2)
    assert found.classes == [0, 2] and found.predicted is not None
    assert found.predicted.classes == [0, 2, 3]
    assert lines_of("a.mp4", found, None).splitlines() == [
        "a.mp4  (3 classes are seen: 50 % or more each)",
        "* class 0   90.0 %  ###########################",
        "* class 2   60.0 %  ##################",
        "* class 3   50.0 %  ###############",
    ]
    none = answer_of(row / np.float32(2), SEVERAL, 2)
    assert none.shown(["a", "b", "c", "d"]) == []
    assert lines_of("a.mp4", none, None).splitlines() == [
        "a.mp4  (0 classes are seen: 50 % or more each)",
        "  class 0   45.0 %  #############",
        "  class 2   30.0 %  #########",
    ]


@pytest.mark.parametrize(("average_clips", "expected"), [
    ("prob", [0.5, 0.5]), ("max", [0.9, 0.8]), ("score", [0.549834, 0.549834]),
])  # fmt: skip
@pytest.mark.parametrize("task", ["single", "multi"])
def test_how_views_become_an_answer(task: Any, average_clips: Any, expected: list[float]) -> None:
    cfg = Config(train=TrainConfig(task=task)).with_test(average_clips=average_clips)
    views = {"prob": [[0.9, 0.2], [0.1, 0.8]], "score": [[0.9, -0.5], [-0.5, 0.9]]}
    found = answer_of(np.array(views[cfg.test.row_kind], np.float32), cfg, 2)
    if (task, average_clips) == ("single", "score"):
        expected = [0.5, 0.5]
    assert found.values == pytest.approx(expected) and found.num_views == 2


@pytest.mark.parametrize(
    ("what", "verb"),
    [
        ("--explain", lambda cfg, place: explain(
            NETWORK, [], None, cfg, place, top=2, until_enough=False)),
        ("a timeline", lambda cfg, place: timelines(
            Backend(), [], None, cfg, weights="", folder=place, top=2)),
        ("a stream", lambda cfg, place: live(Backend(), "-", None, cfg, out=place, top=2)),
    ],
    ids=["reasons", "timeline", "stream"],
)  # fmt: skip
def test_what_is_for_classifiers_alone(tmp_path: Path, what: str, verb: Any) -> None:
    """One line says what works, before anything is written."""
    require_classifier(SEVERAL, what)
    with pytest.raises(ConfigError, match=f"^{what} is for networks that classify whole clips"):
        verb(Config(train=TrainConfig(task="detection")), tmp_path / "new.json")
    assert not [*tmp_path.iterdir()]
