"""A session's own actions: clips taken once, a classifier of them, and its checkpoint."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pages import coloured
from support.tiny_run import eager, fresh_state, main_here, save_tiny_model, tiny_config

from slowfast.config import Config
from slowfast.predict.runtime.runtimes import Backend
from slowfast.train.few_shot import Mistake, Taught, TeachError, Verdict
from slowfast.web import lesson
from slowfast.web.jobs import JobError, Step
from slowfast.web.lesson import (
    LONGEST_NAME,
    Example,
    add_example,
    examples,
    known_name,
    write_examples,
)

WAVE = Example("waving", "clip.webm", "digest one")
MISTAKE = Mistake("clip.webm", "waving", "sitting", 0.7)


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    return tiny_config(tmp_path, "data.num_workers=0")


class Asked:
    """Gives the network, and counts how often it is asked for."""

    def __init__(self, cfg: Config) -> None:
        self.backend, self.times = eager(fresh_state(cfg).model, cfg, "features"), 0

    def __call__(self, kind: str) -> Backend:
        assert kind == "features"
        self.times += 1
        return self.backend


def told(work: Any, open_kind: Asked, *given: Any) -> list[Any]:
    items: list[Any] = []
    work(open_kind, items.append, *given)
    return [item for item in items if not isinstance(item, Step)]


def session_of(tmp_path: Path) -> Path:
    (tmp_path / "session").mkdir()
    return tmp_path / "session"


def show(tmp_path: Path, asked: Asked, cfg: Config) -> Path:
    """A session that was shown three red and three blue clips."""
    session = session_of(tmp_path)
    for colour in ("red", "blue"):
        paths = [str(coloured(tmp_path / f"{colour}{i}.mp4", colour, i)) for i in range(3)]
        found = told(lesson.take, asked, paths, colour, session, cfg, 60.0)
        lesson.write_examples(session, [*lesson.examples(session), *found])
    return session


def learn(tmp_path: Path, asked: Asked, session: Path, weights: str, cfg: Config) -> Taught:
    """Learns, and keeps it."""
    found = examples(session)
    known, packed = told(lesson.learn, asked, session, found, tmp_path / "own", weights, cfg)
    lesson.keep(session, found, known)
    lesson.keep(session, found, packed)
    return known


def test_clips_are_taken_once_and_bad_ones_are_told(tmp_path: Path, cfg: Config) -> None:
    asked, session = Asked(cfg), session_of(tmp_path)
    good = coloured(tmp_path / "good.mp4", "red", 0)
    (tmp_path / "bad.mp4").write_text("no video")
    paths = [str(tmp_path / "bad.mp4"), str(good)]
    bad, example = told(lesson.take, asked, paths, "red", session, cfg, 60.0)
    assert isinstance(bad, JobError) and str(bad) == "bad.mp4: not a video but text"
    assert example[:2] == ("red", "good.mp4")
    assert lesson.features(session, example.digest).shape == (lesson.NUM_CLIPS, 288)
    assert lesson.picture(session, example.digest).stat().st_size > 100
    again = told(lesson.take, asked, [str(good)], "other", session, cfg, 60.0)
    assert again == [example._replace(action="other")] and asked.times == 1


def test_what_was_learned_recognises_new_clips_until_the_clips_change(
    tmp_path: Path, cfg: Config
) -> None:
    asked, weights = Asked(cfg), save_tiny_model(cfg)
    session = show(tmp_path, asked, cfg)
    new = coloured(tmp_path / "new.mp4", "blue", 9)
    with pytest.raises(JobError, match="Press Learn first"):
        told(lesson.recognise, asked, str(new), session, cfg, 60.0)
    known = learn(tmp_path, asked, session, str(weights), cfg)
    assert known.names == ["red", "blue"]
    assert known.verdict is not None and known.verdict[:2] == (6, 6)
    (scores,) = told(lesson.recognise, asked, str(new), session, cfg, 60.0)
    assert scores["blue"] > 0.5 and sum(scores.values()) == pytest.approx(1)
    lesson.write_examples(session, lesson.examples(session)[:-1])
    assert lesson.taught(session) is None and lesson.checkpoint(session) is None


def test_the_checkpoint_predicts_the_same_on_the_command_line(tmp_path: Path, cfg: Config) -> None:
    asked, weights = Asked(cfg), save_tiny_model(cfg)
    session = show(tmp_path, asked, cfg)
    learn(tmp_path, asked, session, str(weights), cfg)
    new = coloured(tmp_path / "new.mp4", "blue", 9)
    (scores,) = told(lesson.recognise, asked, str(new), session, cfg, 60.0)
    packed = lesson.checkpoint(session)
    assert packed is not None
    zipfile.ZipFile(packed).extractall(tmp_path / "taken")
    mine = tmp_path / "taken" / f"{lesson.CHECKPOINT}.pdparams"
    flags = "--infer", new, "-w", mine, "--precision", "fp32", "--views", "4x1", "--out", "r.json"
    done = main_here(*flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "r.json").read_text())
    found = dict(zip(row["top5_labels"], row["top5_values"], strict=True))
    assert found == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize(
    "verdict", [None, Verdict(1, 2, (0.1, 2 / 3), [MISTAKE])], ids=["none", "one mistake"]
)
def test_what_was_learned_is_kept_to_the_last_digit(
    tmp_path: Path, verdict: Verdict | None
) -> None:
    numbers = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    known = Taught(["waving", "sitting"], numbers, numbers[0], verdict, ["a note"])
    lesson.keep(tmp_path, [], known)
    kept = lesson.taught(tmp_path)
    assert kept is not None and kept.weights.dtype == np.float32
    np.testing.assert_array_equal(kept.weights, numbers)
    np.testing.assert_array_equal(kept.bias, numbers[0])
    assert (kept.names, kept.verdict, kept.notes) == (known.names, verdict, known.notes)


def test_what_was_learned_from_clips_that_have_changed_meanwhile_is_not_kept(
    tmp_path: Path,
) -> None:
    write_examples(tmp_path, [WAVE])
    none = np.zeros((1, 1), np.float32)
    packed = tmp_path / "packed"
    packed.touch()
    for new in (Taught(["waving"], none, none[0], None, []), packed):
        with pytest.raises(JobError, match="^The clips have changed meanwhile: press Learn again"):
            lesson.keep(tmp_path, [WAVE, WAVE._replace(digest="digest two")], new)
    assert lesson.taught(tmp_path) is None and lesson.checkpoint(tmp_path) is None


def test_one_action_alone_cannot_be_learned(tmp_path: Path, cfg: Config) -> None:
    session = session_of(tmp_path)
    lesson.write_examples(session, [])
    with pytest.raises(TeachError, match="at least two actions"):
        told(lesson.learn, Asked(cfg), session, [], tmp_path, "", cfg)


def test_clips_are_listed_by_action(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    rows = [Example("b", "1.mp4", "x"), Example("a", "2.mp4", "y"), Example("b", "3.mp4", "z")]
    lesson.write_examples(session, rows)
    assert lesson.examples(session) == [rows[0], rows[2], rows[1]]
