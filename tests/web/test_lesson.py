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
from slowfast.train.few_shot import Mistake, Taught, TeachError, Verdict, class_name
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
from slowfast.web.site import Shared

WAVE = Example("waving", "clip.webm", "digest one")
MISTAKE = Mistake("clip.webm", "waving", "sitting", 0.7)


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    cfg = tiny_config(tmp_path, "data.num_workers=0")
    return Shared(cfg, str(save_tiny_model(cfg)), [], 60.0)


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


def show(tmp_path: Path, asked: Asked, shared: Shared) -> Path:
    """A session that was shown three red and three blue clips."""
    session = session_of(tmp_path)
    for colour in ("red", "blue"):
        paths = [str(coloured(tmp_path / f"{colour}{i}.mp4", colour, i)) for i in range(3)]
        for found in told(lesson.take, asked, paths, colour, session, shared):
            add_example(session, found)
    return session


def learn(tmp_path: Path, asked: Asked, session: Path, shared: Shared) -> Taught:
    """Learns, and keeps it."""
    found = examples(session)
    known, packed = told(lesson.learn, asked, session, found, tmp_path / "own", shared)
    lesson.keep(session, found, known)
    lesson.keep(session, found, packed)
    assert isinstance(known, Taught)
    return known


def test_clips_are_taken_once_and_bad_ones_are_told(tmp_path: Path, shared: Shared) -> None:
    asked, session = Asked(shared.cfg), session_of(tmp_path)
    good = str(coloured(tmp_path / "good.mp4", "red", 0))
    (tmp_path / "bad.mp4").write_text("no video")
    paths = [str(tmp_path / "bad.mp4"), good]
    bad, example = told(lesson.take, asked, paths, "red", session, shared)
    assert isinstance(bad, JobError) and str(bad) == "bad.mp4: not a video but text"
    assert example[:2] == ("red", "good.mp4")
    assert lesson.features(session, example.digest).shape == (lesson.NUM_CLIPS, 288)
    assert lesson.picture(session, example.digest).stat().st_size > 100
    again = told(lesson.take, asked, [good], "other", session, shared)
    assert again == [example._replace(action="other")] and asked.times == 1


def test_what_was_learned_recognises_new_clips_until_the_clips_change(
    tmp_path: Path, shared: Shared
) -> None:
    asked = Asked(shared.cfg)
    session = show(tmp_path, asked, shared)
    new = str(coloured(tmp_path / "new.mp4", "blue", 9))
    with pytest.raises(JobError, match="Press Learn first"):
        told(lesson.recognise, asked, new, session, shared)
    known = learn(tmp_path, asked, session, shared)
    assert known.names == ["red", "blue"]
    assert known.verdict is not None and known.verdict[:2] == (6, 6)
    (scores,) = told(lesson.recognise, asked, new, session, shared)
    assert scores["blue"] > 0.5 and sum(scores.values()) == pytest.approx(1)
    write_examples(session, examples(session)[:-1])
    assert lesson.taught(session) is None and lesson.checkpoint(session) is None


def test_the_checkpoint_predicts_the_same_on_the_command_line(
    tmp_path: Path, shared: Shared
) -> None:
    asked = Asked(shared.cfg)
    session = show(tmp_path, asked, shared)
    learn(tmp_path, asked, session, shared)
    new = str(coloured(tmp_path / "new.mp4", "blue", 9))
    (scores,) = told(lesson.recognise, asked, new, session, shared)
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


def test_one_action_alone_cannot_be_learned(tmp_path: Path, shared: Shared) -> None:
    with pytest.raises(TeachError, match="at least two actions"):
        told(lesson.learn, Asked(shared.cfg), tmp_path, [], tmp_path, shared)


def test_clips_are_listed_by_action(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    rows = [Example("b", "1.mp4", "x"), Example("a", "2.mp4", "y"), Example("b", "3.mp4", "z")]
    write_examples(session, rows)
    assert examples(session) == [rows[0], rows[2], rows[1]]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  waving   one's hand ", "waving one's hand"),
        ("WAVING", "waving"),
        ("\N{SNOWMAN}" * 99, "\N{SNOWMAN}" * LONGEST_NAME),
        (f"{'a' * (LONGEST_NAME - 1)} b", "a" * (LONGEST_NAME - 1)),
        (f"{'a' * (LONGEST_NAME - 2)} '\"b", f"{'a' * (LONGEST_NAME - 2)} '"),
    ],
    ids=["spaces", "as it is known", "long", "cut at a space", "cut at a quote"],
)
def test_names_are_kept_as_one_would(tmp_path: Path, typed: str, name: str) -> None:
    write_examples(tmp_path, [WAVE])
    assert known_name(tmp_path, typed) == name == class_name(name)


@pytest.mark.parametrize("typed", ["", "  ", '""'], ids=["empty", "spaces", "quotes"])
def test_an_action_needs_a_name(tmp_path: Path, typed: str) -> None:
    with pytest.raises(JobError, match="Name the action first"):
        known_name(tmp_path, typed)


def test_a_clip_is_there_once_and_each_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert add_example(tmp_path, WAVE) == []
    (said,) = add_example(tmp_path, WAVE._replace(action="sitting", name="copy.webm"))
    assert "copy.webm is there already, in waving." in said
    for digest in ("two", "three"):
        assert add_example(tmp_path, WAVE._replace(digest=digest)) == []
    names = [example.name for example in examples(tmp_path)]
    assert names == ["clip.webm", "clip.webm (2)", "clip.webm (3)"]
