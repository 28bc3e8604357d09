"""What the tab Look tells of a video."""

from pathlib import Path
from typing import Any

import cv2
import pytest
from support.pages import coloured
from support.tiny_run import eager, fresh_state, save_tiny_model, tiny_config

from slowfast.config import Config
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.web.jobs import JobError, Step
from slowfast.web.look import Classes, Film, Story, look, tell_why
from slowfast.web.site import Shared

NAMES = [f"action {number}" for number in range(24)]


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    all_day = "timeline.enter=0.001", "timeline.leave=0.001"
    return tiny_config(tmp_path, "data.num_workers=0", *all_day)


def told(work: Any, path: str, folder: Path, shared: Shared) -> list[Any]:
    """What a request is told, but for its steps."""
    cfg = shared.cfg
    items: list[Any] = []
    work(lambda kind: eager(fresh_state(cfg).model, cfg, kind), items.append, path, folder, shared)
    steps = [item.share for item in items if isinstance(item, Step)]
    assert steps == sorted(steps) and steps[0] >= 0 and steps[-1] <= 1
    return [item for item in items if not isinstance(item, Step)]


def test_labels_then_a_timeline_then_the_film(tmp_path: Path, cfg: Config) -> None:
    film = coloured(tmp_path / "my film.mp4", "red", 0, seconds=3.0)
    labels, story, shown = told(look, str(film), tmp_path, Shared(cfg, "", NAMES, 60.0))
    assert isinstance(labels, Classes) and len(labels.best) == 5
    assert sorted(labels.best, key=lambda one: -one[1]) == labels.best
    assert isinstance(story, Story) and story.segments
    assert all(0 <= s.start < s.end <= 3.01 for s in story.segments)
    assert cv2.imread(str(story.picture)) is not None
    assert isinstance(shown, Film) and shown.path.name == "my film-labelled.mp4"
    assert open_video(Sample(str(shown.path)), "", 0).num_frames == 90


def test_a_video_that_is_none_is_refused_before_it_is_computed(tmp_path: Path, cfg: Config) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(JobError, match="^notes.mp4: not a video but text$"):
        told(look, str(tmp_path / "notes.mp4"), tmp_path, Shared(cfg, "", NAMES, 60.0))


def test_reasons_are_a_picture(tmp_path: Path, cfg: Config) -> None:
    weights = save_tiny_model(cfg)
    film = coloured(tmp_path / "film.mp4", "blue", 0)
    (picture,) = told(tell_why, str(film), tmp_path, Shared(cfg, str(weights), NAMES, 60.0))
    assert cv2.imread(str(picture)) is not None


def test_several_labels_are_said_in_a_sentence(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.num_workers=0", "train.task=multi", "test.num_clips=2")
    film = coloured(tmp_path / "film.mp4", "red", 0)
    labels, *_ = told(look, str(film), tmp_path, Shared(cfg, "", NAMES, 60.0))
    assert len(labels.best) == 5 and labels.said.startswith(f"Seen: {labels.best[0][0]}, ")
    assert labels.said.endswith("Each action is judged by itself, and counts from 50 % on.")
