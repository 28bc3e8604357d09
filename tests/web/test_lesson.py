"""A session's own actions: clips taken once, a classifier of them, and its checkpoint."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.pages import coloured
from support.tiny_run import eager, fresh_state, main_here, save_tiny_model, tiny_config

from slowfast.config import Config
from slowfast.predict.runtime.runtimes import Backend
from slowfast.train.few_shot import TeachError
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
        write_examples(session, [*examples(session), *found])
    return session


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
    (known,) = told(lesson.learn, asked, session, str(weights), cfg)
    assert known.names == ["red", "blue"]
    assert (known.verdict.right, known.verdict.judged) == (6, 6)
    (scores,) = told(lesson.recognise, asked, str(new), session, cfg, 60.0)
    assert scores["blue"] > 0.5 and sum(scores.values()) == pytest.approx(1)
    write_examples(session, examples(session)[:-1])
    assert lesson.taught(session) is None and lesson.checkpoint(session) is None


def test_the_checkpoint_predicts_the_same_on_the_command_line(tmp_path: Path, cfg: Config) -> None:
    asked, weights = Asked(cfg), save_tiny_model(cfg)
    session = show(tmp_path, asked, cfg)
    told(lesson.learn, asked, session, str(weights), cfg)
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


def test_one_action_alone_cannot_be_learned(tmp_path: Path, cfg: Config) -> None:
    session = session_of(tmp_path)
    write_examples(session, [])
    with pytest.raises(TeachError, match="at least two actions"):
        told(lesson.learn, Asked(cfg), session, "", cfg)


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
    ],
    ids=["spaces", "as it is known", "long"],
)
def test_names_are_kept_as_one_would(tmp_path: Path, typed: str, name: str) -> None:
    write_examples(tmp_path, [WAVE])
    assert known_name(tmp_path, typed) == name


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
