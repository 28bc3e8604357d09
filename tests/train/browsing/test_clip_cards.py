"""The words and frames of a clip's card."""

from pathlib import Path

import numpy as np
from support import key_frames
from support.videos import read_number, write_numbered_video

from slowfast.cli.box_inputs import read_key_frames
from slowfast.config import Config, load_config
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.train.browsing.clip_cards import (
    clip_card,
    fault_card,
    shown_frames,
    views_card,
)

NAMES = ["walk", "run", "jump"]
SIZE = ["data.min_short_side=48", "data.max_short_side=48", "data.crop_size=48", "data.flip=0"]
SIZE += ["test.short_side=48", "test.crop_size=48", "data.num_frames=16", "model.alpha=4"]


def config(folder: Path, *more: str) -> Config:
    (folder / "a.yaml").write_text("{}")
    return load_config(folder / "a.yaml", [*SIZE, *more])


def test_a_training_clip(tmp_path: Path) -> None:
    sample = Sample(str(write_numbered_video(tmp_path / "a.mp4", 90, 30, size=(48, 48))), 1)
    cfg = config(tmp_path, "data.flip=1", "data.rand_augment=1", "data.rand_augment_magnitude=0")
    clip = TrainClips([sample], cfg.data, 0, tells=True)(TrainKey(0, 0))
    card = clip_card(clip, sample, 3, cfg, NAMES, 8)
    assert (card.title, card.path, card.fault) == ("3   run (1)", sample.path, "")
    ((_, tiles),) = card.rows
    assert len(tiles) == 8 and sum(tile.is_slow for tile in tiles) == 4
    mirrored = [read_number(tile.picture[:, ::-1]) for tile in tiles]
    assert [tile.caption for tile in tiles] == [f"{n} \u00b7 {n / 30:.2f} s" for n in mirrored]
    first, last = clip.facts.numbers[[0, -1]] if clip.facts else (0, 0)
    assert card.lines[0].startswith(
        f"frames {first} to {last} of 90, {first / 30:.2f} to {last / 30:.2f} s   \u00b7   30 frame"
    )
    assert "mpeg4 through PyAV" in card.lines[0] and "8 of the clip's 16" in card.lines[0]
    assert card.lines[1] == "whole picture, 48 x 48 pixels, shown in 48 x 48 (short side 48)"
    assert card.lines[2].startswith("flipped   \u00b7   RandAugment: ")


def test_the_views_of_a_test(tmp_path: Path) -> None:
    sample = Sample(str(write_numbered_video(tmp_path / "a.mp4", 90, 30, size=(96, 48))), (0, 2))
    cfg = config(tmp_path, "test.num_clips=2")
    video = MultiViewVideos([sample], cfg.data, cfg.test, tells=True)(0)
    card = views_card(video, sample, 1, cfg, None)
    assert card.title == "1   class 0, class 2"
    assert card.lines[0].startswith("6 views: 2 clips x 3 crops")
    assert [len(row) for _, row in card.rows] == [9, 9]
    assert card.areas == ((0, 0, 0.5, 1), (0.25, 0, 0.75, 1), (0.5, 0, 1, 1))
    for tile, (y, x) in zip(card.rows[1][1][::3], video.crops, strict=True):
        wanted = video.frames[video.clips[1][0], y : y + 48, x : x + 48]
        np.testing.assert_array_equal(tile.picture, wanted)
    assert card.rows[0][0].startswith("clip 1: frames 0 to ")


def test_boxes_and_their_actions(tmp_path: Path) -> None:
    cfg = load_config(key_frames.write_ava(tmp_path, 1, 1))
    samples = read_key_frames(cfg, cfg.data.train_list, "train")
    read = TrainKeyClips(samples, cfg.data, cfg.detection, "pyslowfast", 0, tells=True)
    clip = read(TrainKey(0, 1))
    card = clip_card(clip, samples[1], 1, cfg, key_frames.NAMES, 16)
    ((_, tiles),) = card.rows
    (key,) = (tile for tile in tiles if tile.boxes)
    assert key.caption.startswith("30 ")
    assert [number for number, _ in key.boxes] == [number for number, _ in card.named]
    assert len(card.boxes) == len(samples[1].key.boxes if samples[1].key else ())
    val = read_key_frames(cfg, cfg.data.val_list, "val")
    views = KeyViews(val, cfg.data, cfg.test, cfg.detection, tells=True)
    named = dict(clip_card(views(1), val[1], 1, cfg, key_frames.NAMES, 16).named)
    assert named[1].endswith(")") and "none of the actions" in named.values()


def test_what_cannot_be_read() -> None:
    card = fault_card(Sample("a.mp4", -1), 2, None, "a.mp4: gone")
    assert (card.title, card.path, card.fault) == ("2   no label", "a.mp4", "a.mp4: gone")


def test_frames_that_are_shown() -> None:
    assert shown_frames(8, [0, 7], 16) == [*range(8)]
    assert shown_frames(32, [0, 10, 20, 31], 4) == [0, 10, 20, 31]
    shown = shown_frames(32, [0, 10, 20, 31], 16)
    assert len(shown) == 16 and {0, 10, 20, 31} <= {*shown}
    assert len(shown_frames(64, [*range(0, 64, 2)], 16)) == 16
