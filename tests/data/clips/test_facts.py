"""What a clip tells of itself is what its pixels show."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import key_frames
from support.videos import moving, read_numbers, write_frames, write_numbered_video

from slowfast import config
from slowfast.cli.box_inputs import read_key_frames
from slowfast.config import Config, DataConfig, load_config
from slowfast.data.clips.datasets import Clip, TrainClips, TrainKey, ValClips
from slowfast.data.clips.facts import SMALL, Area, Facts, Watched, area_of, small
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample

WHOLE = DataConfig(min_short_side=48, max_short_side=48, crop_size=48, flip=0, num_frames=8)
AUGMENTED = DataConfig(
    min_short_side=72, max_short_side=96, crop_size=64, num_frames=8, rand_augment=2, erase=0.5
)


def facts_of(clip: Clip) -> Facts:
    assert clip.facts is not None
    return clip.facts


@pytest.mark.parametrize("part", [(None, None), (1.0, 3.5)])
def test_the_numbers_of_frames_are_those_that_the_frames_show(
    tmp_path: Path, part: tuple[float | None, float | None]
) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 120, 24, size=(48, 48))
    samples = [Sample(str(path), 0, start=part[0], end=part[1])]
    first = round((part[0] or 0) * 24)
    train, val = TrainClips(samples, WHOLE, 3, tells=True), ValClips(samples, WHOLE, tells=True)
    for clip in (*(train(TrainKey(epoch, 0)) for epoch in range(3)), val(0)):
        facts = facts_of(clip)
        shown = read_numbers(clip.frames)
        assert (facts.numbers + first).tolist() == shown
        np.testing.assert_allclose(facts.seconds, np.array(shown) / 24, atol=1e-3)
        assert facts.areas == [Area(0, 0, 48, 48)]
        assert (facts.fps, facts.codec, facts.num_frames) == (24, "mpeg4", 60 if part[0] else 120)
        assert read_numbers(facts.whole[None]) == shown[:1]


def test_of_a_test_each_clip_has_its_numbers_and_each_crop_its_area(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 120, 30, size=(96, 48))
    test = config.TestConfig(short_side=48, crop_size=48, num_clips=3)
    video = MultiViewVideos([Sample(str(path), 0)], WHOLE, test, tells=True)(0)
    assert video.facts is not None
    for numbers, clip in zip(video.facts.numbers, video.clips, strict=True):
        assert numbers.tolist() == read_numbers(video.frames[clip])
    assert video.facts.areas == [Area(0, x, 48, 48) for x in (0, 24, 48)]
    assert MultiViewVideos([Sample(str(path), 0)], WHOLE, test)(0).facts is None


@pytest.mark.parametrize("more", [{}, {"crop_area": (0.1, 0.6)}, {"inverse_short_side": True}])
def test_the_area_is_what_the_clip_shows_and_telling_changes_no_bit(
    tmp_path: Path, more: dict[str, object]
) -> None:
    count = write_frames(tmp_path / "v", moving((192, 128), 40), "img_{:05d}.png")
    samples = [Sample(str(tmp_path / "v"), 0, count)]
    data = dataclasses.replace(AUGMENTED, frame_pattern="img_{:05d}.png", **more)  # type: ignore[arg-type]
    plain = dataclasses.replace(data, rand_augment=0, erase=0)
    pictures = [*moving((192, 128), 40)]
    flips = set()
    for epoch in range(6):
        for own in (data, plain):
            clip = TrainClips(samples, own, 1, tells=True)(TrainKey(epoch, 0))
            quiet = TrainClips(samples, own, 1)(TrainKey(epoch, 0))
            assert quiet.facts is None
            np.testing.assert_array_equal(clip.frames, quiet.frames)
        facts = facts_of(clip)
        (area,) = facts.areas
        box = [round(x) for x in (area.y, area.y + area.height, area.x, area.x + area.width)]
        cut = pictures[facts.numbers[0]][box[0] : box[1], box[2] : box[3]]
        cut = cut[:, ::-1] if facts.flip else cut
        seen = cv2.resize(np.ascontiguousarray(cut), (64, 64)).astype(int)
        assert np.abs(seen - clip.frames[0]).mean() < 4  # to a pixel at the edges
        flips.add(facts.flip)
        assert not facts.operations and facts.erased is None
        told = facts_of(TrainClips(samples, data, 1, tells=True)(TrainKey(epoch, 0)))
        assert len(told.operations) == 2 and told.areas == facts.areas
    assert flips == {True, False}


def test_what_is_erased_is_noise(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 40, size=(96, 96))
    data = dataclasses.replace(AUGMENTED, rand_augment=0, erase=1, flip=0)
    clip = TrainClips([Sample(str(path), 0)], data, 1, tells=True)(TrainKey(0, 0))
    box = facts_of(clip).erased
    assert box is not None
    inside = clip.frames[:, box.y : box.y + box.height, box.x : box.x + box.width]
    assert (inside == inside[0]).all() and 60 < inside.std() < 90


def ava(folder: Path, *more: str) -> tuple[Config, list[Sample]]:
    cfg = load_config(key_frames.write_ava(folder, 1, 1), [*more])
    return cfg, read_key_frames(cfg, cfg.data.train_list, "train")


def test_around_a_key_frame_its_number_and_which_boxes_are_left(tmp_path: Path) -> None:
    cfg, samples = ava(tmp_path, "data.crop_size=32", "data.min_short_side=48")
    lost = 0
    for place, sample in enumerate(samples):
        read = TrainKeyClips(samples, cfg.data, cfg.detection, "pyslowfast", 0, tells=True)
        clip = read(TrainKey(0, place))
        facts = facts_of(clip)
        assert sample.key is not None and clip.boxes is not None
        assert facts.key == round(sample.key.seconds * key_frames.FPS)
        assert [sample.key.boxes[i - 1].labels for i in facts.kept] == [*clip.box_labels]
        lost += len(sample.key.boxes) - len(facts.kept)
        (area,) = facts.areas
        for i, box in zip(facts.kept, clip.boxes, strict=True):
            left = sample.key.boxes[i - 1].corners[0] * 64 - area.x
            assert abs(max(left, 0) * 32 / area.width - box[0]) < 1
    assert lost


def test_views_of_key_frames_show_the_whole_picture(tmp_path: Path) -> None:
    cfg, samples = ava(tmp_path)
    for tells in (True, False):
        views = KeyViews(samples, cfg.data, cfg.test, cfg.detection, tells=tells)
        found = [views(place) for place in range(len(samples))]
        assert [clip.facts is not None for clip in found] == [tells] * len(samples)
        if tells:
            assert [facts_of(clip).areas for clip in found] == [[Area(0, 0, 48, 64)]] * len(samples)
            frames = [clip.frames for clip in found]
    for one, clip in zip(frames, found, strict=True):
        np.testing.assert_array_equal(one, clip.frames)


def test_a_crop_of_a_resized_picture_in_pixels_of_its_own() -> None:
    assert area_of((100, 200), (50, 100), (10, 20), (30, 40)) == Area(20, 40, 60, 80)


def test_pictures_are_kept_small_and_those_read_last_count() -> None:
    watched = Watched(lambda picture: picture[:2, :2])
    pictures = [np.full((300, 640, 3), i, np.uint8) for i in range(5)]
    assert [watched(picture).shape for picture in pictures] == [(2, 2, 3)] * 5
    assert watched.source == (300, 640)
    assert watched.first(np.array([0, 0, 7, 9])).shape == (150, SMALL, 3)
    assert watched.first(np.array([0, 0, 7, 9]))[0, 0, 0] == 2
    assert small(pictures[0]) is not pictures[0]
