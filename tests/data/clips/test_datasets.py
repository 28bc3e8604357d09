"""Clips and views hold the frames that sampling chose, and augmentation's streams are apart."""

import dataclasses
import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest
from support.odd_videos import copied, much_slower
from support.videos import (
    numbered_picture,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast import config
from slowfast.config import DataConfig
from slowfast.data.clips import datasets, rand_augment, sampling, transforms
from slowfast.data.clips.datasets import Clips, TrainClips, TrainKey, ValClips
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import ClipGrid, Grid
from slowfast.data.clips.transforms import Augmentation
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.order import Pool, Stream, train_batches
from slowfast.data.samples import Action, Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Pictures
from slowfast.data.workers.loader import ATTEMPTS

SEED = 3
SIDE = 48
LENGTHS = (300, 40, 200)
RATES = (Fraction(30), Fraction(25), Fraction(2997, 100))
WHOLE = DataConfig(min_short_side=SIDE, max_short_side=SIDE, crop_size=SIDE, flip=0)
"""No augmentation but the choice of frames: pictures of 48 x 48 stay as they are."""
SQUARE = config.TestConfig(short_side=SIDE, crop_size=SIDE, num_crops=1)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Numbered videos, longer and shorter than a clip, and a folder of frames."""
    root = tmp_path_factory.mktemp("videos")
    found = []
    for label, (length, fps) in enumerate(zip(LENGTHS, RATES, strict=True)):
        path = write_numbered_video(root / f"{length}.mp4", length, fps, size=(SIDE, SIDE))
        found.append(Sample(str(path), label))
    pictures = (numbered_picture(number, (SIDE, SIDE)) for number in range(90))
    count = write_frames(root / "frames", pictures)
    return [*found, Sample(str(root / "frames"), 3, count)]


def lengths_and_spans() -> list[tuple[int, float]]:
    """Of each sample: its frames, and how many a clip of 32 x 2 at 30 fps spans."""
    spans = [64 * float(fps) / 30 for fps in RATES]
    return [*zip(LENGTHS, spans, strict=True), (90, 64.0)]


def test_train_clip_has_the_frames_drawn(samples: list[Sample]) -> None:
    """Of a smaller grid, as in multigrid training, fewer and farther apart by the same draw."""
    read = TrainClips(samples, WHOLE, SEED)
    for epoch, index in itertools.product(range(3), range(4)):
        length, span = lengths_and_spans()[index]
        for num_frames, key in (
            (32, TrainKey(epoch, index)),
            (8, TrainKey(epoch, index, Grid(8, SIDE))),
        ):
            clip = read(key)
            rng = np.random.default_rng([Stream.CLIP, SEED, epoch, index])
            wanted = sampling.clip_at(rng.random(), length, span, num_frames)
            assert read_numbers(clip.frames) == wanted.tolist()
            assert clip.frames.shape == (num_frames, SIDE, SIDE, 3)
            assert clip.frames.dtype == np.uint8
            assert (clip.label, clip.index) == (index, index)


def test_val_clip_has_the_middle_frames(samples: list[Sample]) -> None:
    read = ValClips(samples, WHOLE)
    for index, (length, span) in enumerate(lengths_and_spans()):
        clip = read(index)
        wanted = sampling.clip_at(0.5, length, span, 32)
        assert read_numbers(clip.frames) == wanted.tolist()
        assert (clip.label, clip.index) == (index, index)
    assert read_numbers(read(0).frames)[0] == 118


def test_clips_of_frames_a_stride_apart(samples: list[Sample]) -> None:
    """data.spacing=stride: of 40 frames at 25/s, which are fewer than a clip's, and of 90 at 30."""
    data = dataclasses.replace(WHOLE, spacing="stride", target_fps=25.0)
    for epoch, (index, rate) in itertools.product(range(3), ((1, 1.0), (3, 1.2))):
        length = {1: 40, 3: 90}[index]
        for num_frames, stride in ((32, 2), (8, 8)):  # of a multigrid phase: the same time
            key = TrainKey(epoch, index, Grid(num_frames, SIDE))
            where = np.random.default_rng([Stream.CLIP, SEED, epoch, index]).random()
            wanted = sampling.strided_at(where, length, rate, num_frames, stride)
            found = TrainClips(samples, data, SEED)(key).frames
            assert read_numbers(found) == wanted.tolist()
    # A clip has 63 frames from first to last, 23 more than there are: 11 of them before the first.
    middle = [max(0, min(i, 39)) for i in range(-11, 53, 2)]
    assert read_numbers(ValClips(samples, data)(1).frames) == middle


@pytest.mark.parametrize(("seconds", "number"), [(0.0, 0), (1.0, 30), (99.0, 299)])
def test_a_frame_is_that_of_its_time(samples: list[Sample], seconds: float, number: int) -> None:
    frame = datasets.frame_at(samples[0], WHOLE, seconds, SIDE)
    assert read_numbers(frame[None]) == [number]
    assert datasets.frame_at(samples[0], WHOLE, seconds, SIDE // 2).shape == (24, 24, 3)


def test_augmentation_depends_on_seed_epoch_and_sample_alone(samples: list[Sample]) -> None:
    data = DataConfig(num_frames=8, min_short_side=60, max_short_side=90, crop_size=SIDE)
    read = TrainClips(samples, data, SEED)
    clip = read(TrainKey(1, 0)).frames
    read(TrainKey(4, 1))
    assert np.array_equal(read(TrainKey(1, 0)).frames, clip)
    assert np.array_equal(TrainClips(samples, data, SEED)(TrainKey(1, 0)).frames, clip)
    for other in (
        read(TrainKey(2, 0)),
        TrainClips(samples, data, SEED + 1)(TrainKey(1, 0)),
        TrainClips([samples[0]] * 2, data, SEED)(TrainKey(1, 1)),
    ):
        assert other.frames.shape == clip.shape
        assert not np.array_equal(other.frames, clip)


def test_each_draw_of_a_video_has_a_stream_of_its_own(samples: list[Sample]) -> None:
    """That of the first is the one that it has where it is drawn once."""
    data = DataConfig(num_frames=8, min_short_side=60, max_short_side=90, crop_size=SIDE)
    read = TrainClips(samples, data, SEED)
    clips = [read(TrainKey(1, 0, turn=turn)).frames.tobytes() for turn in (0, 1, 2, 1)]
    assert clips[0] == read(TrainKey(1, 0)).frames.tobytes()
    assert clips[1] == clips[3] and len({*clips}) == 3
    both = Clips(TrainClips([samples[0]] * 1000, data, SEED), ValClips([], data))
    others = [both.substitute(TrainKey(1, 0, turn=turn), 1) for turn in (0, 1, 2, 1)]
    place = [Stream.SUBSTITUTE, SEED, 1, 0, 1]
    assert others[0] == TrainKey(1, int(np.random.default_rng(place).integers(1000)))
    assert others[1] == others[3] and len({*others}) == 3


def test_a_substitute_is_of_a_group_of_the_video_first(samples: list[Sample]) -> None:
    """And then any: all of a rare class may be unreadable."""
    train = TrainClips([samples[0]] * 40, WHOLE, SEED)
    groups = [[0, 1, 2], [2, 3], [*range(4, 40)]]
    clips, anywhere = Clips(train, ValClips([], WHOLE), groups), Clips(train, ValClips([], WHOLE))

    def others(sample: int, attempts: range) -> set[int]:
        keys = [TrainKey(epoch, sample) for epoch in range(30)]
        found = [clips.substitute(key, n) for key in keys for n in attempts]
        return {key.sample for key in found if isinstance(key, TrainKey)}

    early, late = range(1, datasets.OWN_GROUP + 1), range(datasets.OWN_GROUP + 1, ATTEMPTS)
    assert others(0, early) == {0, 1, 2} and others(3, early) == {2, 3}
    assert others(2, early) == {0, 1, 2, 3}
    assert late and len(others(0, late)) > 20
    assert clips.substitute(TrainKey(1, 0), 1) == clips.substitute(TrainKey(1, 0), 1)
    assert clips.substitute(TrainKey(1, 0), 8) == anywhere.substitute(TrainKey(1, 0), 8)


def test_ranks_share_no_augmentation_stream(samples: list[Sample]) -> None:
    """Copies of one video: the clips of two ranks and two epochs differ by their streams alone."""
    data = DataConfig(num_frames=8, min_short_side=60, max_short_side=90, crop_size=SIDE)
    read = TrainClips([samples[0]] * 16, data, SEED)
    clips = []
    for epoch, rank in itertools.product(range(2), range(2)):
        batches = train_batches(
            Pool(16), sizes=[2], seed=SEED, epoch=epoch, rank=rank, world_size=2
        )
        keys = [TrainKey(epoch, index) for batch in batches for index in batch]
        clips += [read(key).frames.tobytes() for key in keys]
    assert len({*clips}) == len(clips) == 32


@pytest.mark.parametrize(
    ("epoch", "sample", "first", "drawn"),
    [
        (0, 0, 82, Augmentation(273, 0.538482316445325, 0.1697339259677182, True)),
        (0, 1, 0, Augmentation(306, 0.2243438631287824, 0.302777554277165, False)),
        (1, 0, 27, Augmentation(309, 0.9262123141918492, 0.4044605991575929, True)),
    ],
)
def test_what_the_default_config_draws_is_the_same_for_ever(
    samples: list[Sample], epoch: int, sample: int, first: int, drawn: Augmentation
) -> None:
    """A run that goes on with a newer version goes on with the same clips."""
    with mock.patch.object(transforms, "augment", wraps=transforms.augment) as augment:
        clip = TrainClips(samples, DataConfig(), SEED)(TrainKey(epoch, sample))
    assert {call.kwargs["drawn"] for call in augment.call_args_list} == {drawn}
    assert clip.frames.shape == (32, 224, 224, 3)
    upright = TrainClips(samples, WHOLE, SEED)(TrainKey(epoch, sample))
    assert read_numbers(upright.frames[:1]) == [first]


AREA_CROP = dataclasses.replace(WHOLE, crop_area=(0.3, 0.6), crop_aspect=(0.5, 2.0))
CROPS = pytest.mark.parametrize("data", [WHOLE, AREA_CROP], ids=["jitter", "area"])


@CROPS
def test_a_flip_turns_every_frame_and_may_change_the_class(
    tmp_path: Path, data: DataConfig
) -> None:
    sample = coloured_folder(tmp_path)
    upright = TrainClips([sample], data, SEED)
    turning = dataclasses.replace(data, flip=0.5)
    read = TrainClips([sample, sample._replace(label=1)], turning, SEED, {0: 7, 3: 1})
    turned = 0
    for epoch in range(12):
        plain, clip = upright(TrainKey(epoch, 0)).frames, read(TrainKey(epoch, 0))
        is_turned = clip.label == 7
        np.testing.assert_array_equal(clip.frames, plain[:, :, ::-1] if is_turned else plain)
        assert is_turned or clip.label == 0
        assert read(TrainKey(epoch, 1)).label == 1
        assert TrainClips([sample], turning, SEED)(TrainKey(epoch, 0)).label == 0
        turned += is_turned
    assert 2 <= turned <= 10


def test_an_area_crop_is_one_box_for_all_frames_and_sizes(tmp_path: Path) -> None:
    """Also in multigrid training: it is a share of the picture, whatever that is resized to."""
    read = TrainClips([coloured_folder(tmp_path, is_still=True)], AREA_CROP, SEED)
    clips = [read(TrainKey(epoch, 0)).frames for epoch in range(4)]
    for epoch, clip in enumerate(clips):
        assert clip.shape == (32, SIDE, SIDE, 3)
        assert (clip == clip[0]).all()
        whole = read(TrainKey(epoch, 0, Grid(8, 2 * SIDE))).frames[0]
        halved = read(TrainKey(epoch, 0, Grid(8, SIDE))).frames[0].astype(int)
        assert np.abs(transforms.resize_short_side(whole, SIDE) - halved).mean() < 8
    assert len({clip.tobytes() for clip in clips}) == 4


@CROPS
def test_rand_augment_follows_the_crop_and_takes_rgb(tmp_path: Path, data: DataConfig) -> None:
    sample = coloured_folder(tmp_path)
    augmented = dataclasses.replace(data, rand_augment=3, rand_augment_magnitude=7.0)
    drawn: list[list[rand_augment.Operation]] = []

    def apply(frames: Pictures, operations: list[rand_augment.Operation]) -> None:
        drawn.append(operations)
        real(frames, operations)

    real = rand_augment.apply
    for epoch in range(6):
        wanted = TrainClips([sample], data, SEED)(TrainKey(epoch, 0)).frames
        with mock.patch.object(rand_augment, "apply", apply):
            found = TrainClips([sample], augmented, SEED)(TrainKey(epoch, 0)).frames
        assert len(drawn[-1]) == 3
        assert {abs(operation.magnitude) for operation in drawn[-1]} == {7.0}
        rand_augment.apply(wanted, drawn[-1])
        np.testing.assert_array_equal(found, wanted)
    assert len({tuple(operations) for operations in drawn}) == 6


def test_erasing_is_one_box_of_the_clip(tmp_path: Path) -> None:
    sample = coloured_folder(tmp_path)
    read = TrainClips([sample], dataclasses.replace(WHOLE, erase=0.5), SEED)
    plain = TrainClips([sample], WHOLE, SEED)
    shares = []
    for epoch in range(20):
        clip, before = read(TrainKey(epoch, 0)).frames, plain(TrainKey(epoch, 0)).frames
        is_erased = (clip != before).any(axis=(0, 3))
        rows, columns = is_erased.any(axis=1), is_erased.any(axis=0)
        np.testing.assert_array_equal(is_erased, rows[:, None] & columns)
        noise = clip[:, is_erased]
        assert (noise == noise[0]).all()
        shares.append(is_erased.mean())
    assert 4 <= np.count_nonzero(shares) <= 16
    assert max(shares) < 0.36


def coloured_folder(folder: Path, is_still: bool = False) -> Sample:
    """Frames of blocks of random colours."""
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 256, (1 if is_still else 70, 6, 6, 3), np.uint8)
    pictures = (
        cv2.resize(blocks[i % len(blocks)], (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
        for i in range(70)
    )
    count = write_frames(folder / "coloured", pictures)
    return Sample(str(folder / "coloured"), 0, count)


@pytest.fixture(params=[8, 250])
def gop(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def video(gop: int, tmp_path: Path) -> Sample:
    path = tmp_path / "video.mp4"
    write_numbered_video(path, 300, 30, "h264", b_frames=3, gop=gop, size=(SIDE, SIDE))
    return Sample(str(path))


def test_all_views_come_from_one_pass(counts: Counter[str], video: Sample, decoder: Any) -> None:
    test = config.TestConfig(short_side=SIDE, crop_size=SIDE)
    views = MultiViewVideos([video], DataConfig(decoder=decoder), test)(0)
    assert len(views.frames) == 246
    assert len(views.clips) * len(views.crops) == 30
    assert (counts["opens"], counts["converted"]) == (1, 246)
    assert 246 <= counts["decoded"] <= 300


def test_a_training_clip_is_decoded_from_the_keyframe_before_it_to_its_end(
    counts: Counter[str], video: Sample, gop: int, decoder: Any
) -> None:
    read = TrainClips([video], dataclasses.replace(WHOLE, decoder=decoder), SEED)
    for epoch in range(8):
        counts.clear()
        shown = read_numbers(read(TrainKey(epoch, 0)).frames)
        first, last = min(shown), max(shown)
        assert (counts["opens"], counts["converted"]) == (1, 32)
        # OpenCV's own jump begins 16 frames early (what it decodes then is not counted here), and
        # is made where it saves 24; OpenCV 4 makes none.
        spare = 0 if decoder == "pyav" else 16 + 24
        assert counts["decoded"] <= last - first + 1 + min(gop + spare, first)
        if decoder == "pyav":  # of the others no B-frame
            assert counts["decoded"] < last - first + 1 + first % gop // 2 + 4


def test_a_smaller_crop_comes_from_a_smaller_picture(samples: list[Sample]) -> None:
    """With the whole picture in view at both sizes, one is the other, shrunk."""
    data = dataclasses.replace(WHOLE, max_short_side=SIDE // 2, min_short_side=SIDE)
    halved = TrainClips(samples, data, SEED)(TrainKey(2, 0, Grid(8, SIDE // 2))).frames
    whole = TrainClips(samples, WHOLE, SEED)(TrainKey(2, 0, Grid(8, SIDE))).frames
    assert halved.shape == (8, SIDE // 2, SIDE // 2, 3)
    wanted = [transforms.resize_short_side(picture, SIDE // 2) for picture in whole]
    assert np.abs(halved.astype(int) - np.stack(wanted)).max() <= 8


def test_a_file_that_turns_out_to_end_early_is_laid_out_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Any
) -> None:
    """The middle and the views are those of a file that says what it holds; no clip is a still."""
    path = write_numbered_video(tmp_path / "a.avi", 75, size=(SIDE, SIDE))
    data = dataclasses.replace(WHOLE, num_frames=8, decoder=decoder)
    found = []
    for promised in (0, 500):

        def promising(*args: Any, promised: int = promised) -> Any:
            reader = open_video(*args)
            reader.num_frames += promised
            return reader

        monkeypatch.setattr(datasets, "open_video", promising)
        train = [TrainClips([Sample(str(path))], data, SEED)(TrainKey(e, 0)) for e in range(4)]
        val = ValClips([Sample(str(path))], data)(0)
        views = MultiViewVideos([Sample(str(path))], data, SQUARE)(0)
        assert [len(set(read_numbers(clip.frames))) for clip in train] == [8] * 4
        numbers = read_numbers(views.frames)
        clips = [[numbers[i] for i in clip] for clip in views.clips]
        found.append([read_numbers(val.frames), *clips])
    assert found[0] == found[1]


@pytest.mark.parametrize("protocol", ["pyslowfast", "pytorchvideo", "mmaction2"])
def test_where_the_frame_rate_varies_clips_span_true_seconds(
    tmp_path: Path, decoder: Any, protocol: Any
) -> None:
    """Thirty frames in a second, then thirty in four: a clip of half a second shows what a player
    shows then; mmaction2's test counts frames."""
    path = tmp_path / "a.mkv"
    copied(path, much_slower, size=(SIDE, SIDE))
    data = dataclasses.replace(WHOLE, num_frames=8, decoder=decoder)
    at = np.round(np.array([much_slower(frame) for frame in range(60)]) / 30, 3)
    fps = 59 / at[-1]
    span, samples = 16 / 30 * fps, [Sample(str(path))]

    def shown_at(times: Any) -> Any:
        return np.searchsorted(at, np.asarray(times) + 1e-3, side="right") - 1

    start = (60 - span) / 2
    val = ValClips(samples, data)(0)
    expected = shown_at(np.floor(np.linspace(start, start + span - 1, 8)) / fps)
    assert read_numbers(val.frames) == expected.tolist()
    test = dataclasses.replace(SQUARE, protocol=protocol, num_clips=3)
    views = MultiViewVideos(samples, data, test)(0)
    numbers = read_numbers(views.frames)
    grid = ClipGrid(3, 8, 2, 30.0)
    wanted = PROTOCOLS[protocol].clips(60, fps, grid)
    if protocol != "mmaction2":
        wanted = shown_at(wanted / fps)
    assert [[numbers[i] for i in clip] for clip in views.clips] == wanted.tolist()


ACTIONS = (Action(2, 0.0, 1.0), Action(5, 1.0, 3.0), Action(7, 2.5, 2.5), Action(9, 4.5, 30.0))


@pytest.mark.parametrize("fps", [24, 30])
def test_a_training_clip_has_the_labels_of_its_time(tmp_path: Path, fps: int, decoder: Any) -> None:
    """Those that are seen from its first frame to its last; what has no times is seen always."""
    path = write_numbered_video(tmp_path / "a.mp4", 4 * fps, fps, "h264", (SIDE, SIDE))
    sample = Sample(str(path), (1, 2, 5, 7, 9), actions=ACTIONS)
    data = dataclasses.replace(WHOLE, num_frames=8, sampling_stride=2, decoder=decoder)
    read = TrainClips([sample], data, SEED)
    seen = set()
    for epoch in range(24):
        clip = read(TrainKey(epoch, 0))
        first, *_, last = read_numbers(clip.frames)
        expected = {1} | {
            label for label, start, end in ACTIONS if first / fps <= end and last / fps >= start
        }
        assert clip.label == tuple(sorted(expected))
        seen.add(clip.label)
    assert {(1, 2), (1, 5)} <= seen and all(9 not in labels for labels in seen)
    assert ValClips([sample], data)(0).label == sample.label
    assert MultiViewVideos([sample], data, SQUARE)(0).label == sample.label


def test_a_part_has_the_labels_of_its_own_time(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 96, 24, size=(SIDE, SIDE))
    data = dataclasses.replace(WHOLE, num_frames=8, sampling_stride=1)
    for start, end, label in ((0.0, 0.9, (2,)), (1.1, 2.4, (5,)), (3.1, 4.0, ())):
        sample = Sample(str(path), (2, 5), start=start, end=end, actions=ACTIONS[:2])
        read = TrainClips([sample], data, SEED)
        for epoch in range(4):
            clip = read(TrainKey(epoch, 0))
            assert clip.label == label
            assert all(start * 24 <= number < end * 24 for number in read_numbers(clip.frames))


def test_a_flip_turns_each_of_the_labels_of_its_time(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 48, 24, size=(SIDE, SIDE))
    actions = (Action(2, 0.0, 1.9), Action(5, 0.0, 1.9))
    sample = Sample(str(path), (2, 5, 8), actions=actions)
    labels = set()
    for flip, expected in ((0.0, (2, 5, 8)), (1.0, (4, 6, 8))):
        data = dataclasses.replace(WHOLE, num_frames=8, flip=flip)
        read = TrainClips([sample], data, SEED, flipped={2: 6, 5: 4, 6: 2, 4: 5})
        labels.add(read(TrainKey(0, 0)).label)
        assert expected in labels
    assert len(labels) == 2


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        (0.2, 0.9, (2,)), (0.9, 1.0, (2, 5)), (1.0, 1.2, (2, 5)), (0.5, 0.9985, (2,)),
        (0.5, 0.9995, (2, 5)),  # times are rounded to a millisecond
        (2.5, 2.5, (5, 7)), (2.6, 2.9, (5,)), (4.0, 4.4, ()), (0.0, 40.0, (2, 5, 7, 9)),
    ],
)  # fmt: skip
def test_what_is_seen_between_two_times(first: float, last: float, label: tuple[int, ...]) -> None:
    sample = Sample("a.mp4", (2, 5, 7, 9), actions=ACTIONS)
    assert datasets.label_between(sample, first, last) == label
