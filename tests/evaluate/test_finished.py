"""When a finished test is the one that is asked for, so that only its report is made again."""

import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.key_frames import write_ava
from support.logging_kept import logging_kept
from support.tiny_run import fresh_state, tiny_config

from slowfast.cli.box_inputs import read_key_frames
from slowfast.config import Config, load_config
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Sample
from slowfast.evaluate.finished import difference
from slowfast.evaluate.run_test import run_test
from slowfast.predict.runtime.built import Weighted, weighted


class Finished(NamedTuple):
    """A finished test."""

    out: Path
    network: Weighted
    samples: list[Sample]
    cfg: Config

    def difference(self, **other: Any) -> str:
        """From the same test with these things changed."""
        parts: dict[str, Any] = {"class_names": [], **self._asdict(), **other}
        return difference(**parts)

    def with_key(self, section: str, **values: Any) -> Config:
        """The config with other values."""
        own = dataclasses.replace(getattr(self.cfg, section), **values)
        changes: dict[str, Any] = {section: own}
        return dataclasses.replace(self.cfg, **changes)


def finished(cfg: Config, samples: list[Sample], out: Path) -> Finished:
    network = weighted(fresh_state(cfg).model)
    with logging_kept():
        run_test(network, samples, cfg, out=out)
    return Finished(out, network, samples, cfg)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("videos")
    cfg = tiny_config(folder, "data.num_workers=0", "test.num_clips=1", "data.on_error=skip")
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)[:3]
    return finished(cfg, [*samples, Sample("/gone.mp4", 0)], folder / "scores.npz")


@pytest.fixture(scope="module")
def key_frames(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("boxes")
    cfg = load_config(write_ava(folder), [])
    samples = read_key_frames(cfg, cfg.data.val_list, "test")
    return finished(cfg, samples, folder / "scores.npz")


def test_settings_that_change_no_number_may_differ(videos: Finished) -> None:
    assert videos.difference() == ""
    assert videos.difference(cfg=videos.with_key("data", num_workers=2)) == ""
    assert videos.difference(cfg=dataclasses.replace(videos.cfg, output_dir="other")) == ""
    assert videos.difference(cfg=videos.with_key("test", views_per_chunk=1)) == ""
    assert videos.difference(cfg=videos.with_key("test", num_clips=2)) == (
        "test.num_clips is 1 there, and 2 here"
    )
    assert videos.difference(network=videos.network._replace(digest="0")) == (
        "its weights are others"
    )


def test_a_list_that_has_changed(videos: Finished) -> None:
    first, second, third, gone = videos.samples
    assert videos.difference(samples=[first, second]) == (
        "its list is of 4 videos, and the one here of 2"
    )
    assert videos.difference(samples=[second, first, third, gone]) == (
        f"line 1 of its list is {first.path}, and here {second.path}"
    )
    other = first._replace(start=0.5)
    assert videos.difference(samples=[other, second, third, gone]) == (
        f"line 1 of its list is {first.path}, and here {other.shown}"
    )
    other = second._replace(label=(int(str(second.label)) + 1) % 24)
    assert videos.difference(samples=[first, other, third, gone]) == (
        f"it has another label of {second.path}"
    )
    names = [str(i) for i in range(24)]
    assert videos.difference(class_names=names) == "its classes have other names"


def test_a_video_that_has_changed(videos: Finished, tmp_path: Path) -> None:
    """As one that could not be read, and now can be."""
    written = videos.out.stat().st_mtime
    os.utime(videos.out, (1.0, 1.0))
    try:
        assert videos.difference() == f"{videos.samples[0].path} has changed since"
    finally:
        os.utime(videos.out, (written, written))


def test_key_frames_that_have_changed(key_frames: Finished) -> None:
    first, *others = key_frames.samples
    assert key_frames.difference() == ""
    assert key_frames.difference(samples=others).startswith(
        f"its list is of {len(others) + 1} key frames, "
    )
    assert first.key is not None and first.key.boxes
    told = f"{first.key.video} at {first.key.time:g} s"
    moved = first._replace(key=first.key._replace(time=first.key.time + 0.25))
    assert key_frames.difference(samples=[moved, *others]) == (
        f"it has the key frame {told}, which is not in the list here"
    )
    box = first.key.boxes[0]._replace(corners=(0.0, 0.0, 0.5, 0.5))
    moved = first._replace(key=first.key._replace(boxes=(box, *first.key.boxes[1:])))
    assert key_frames.difference(samples=[moved, *others]).startswith(
        f"its key frame {told} has other boxes"
    )


def test_settings_of_boxes(key_frames: Finished) -> None:
    other = key_frames.with_key("detection", jitter=True, match_iou=0.5)
    assert key_frames.difference(cfg=other) == ""
    other = key_frames.with_key("detection", rule="pyslowfast")
    assert key_frames.difference(cfg=other) == (
        f"detection.rule is {key_frames.cfg.detection.rule} there, and pyslowfast here"
    )
    other = key_frames.with_key("test", threshold=0.25)
    assert key_frames.difference(cfg=other).startswith("test.threshold is ")
    other = key_frames.with_key("data", val_list="/other.csv")
    assert key_frames.difference(cfg=other) == (
        f"its annotations are {key_frames.cfg.data.val_list}, and here /other.csv"
    )
