"""The pass over videos: each once, in chunks of views, whoever reads them."""

import dataclasses
import os
import time
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle
import pytest
from support.tiny_run import eager, fresh_state, tiny_config, tiny_data
from support.videos import write_numbered_video

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.key_clips import KeyViews
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.data.video import pyav
from slowfast.data.video.reader import VideoError
from slowfast.models.head import sigmoid
from slowfast.models.pathways import normalize
from slowfast.models.roi_head import joined
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict import enough, views
from slowfast.predict.enough import spread_order
from slowfast.predict.runtime.built import Row
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import rows_of, rows_of_videos, rows_of_views


def network(cfg: Config) -> VideoClassifier:
    model = fresh_state(cfg).model
    model.eval()
    return model


def val_samples(cfg: Config, *, gone: int | None = None) -> list[Sample]:
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    if gone is not None:
        samples[gone] = Sample("/gone.mp4")
    return samples


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_rows_are_those_of_each_view_cut_out_by_hand(tmp_path: Path, average_clips: str) -> None:
    cfg = tiny_config(
        tmp_path, "test.num_clips=2", "test.views_per_chunk=4", "data.mean=[0.5,0.25,0.125]",
        f"test.average_clips={average_clips}",
    )  # fmt: skip
    model, samples = network(cfg), val_samples(cfg)
    videos = [MultiViewVideos(samples, cfg.data, cfg.test)(i) for i in (3, 5, 0)]
    found = rows_of_views(eager(model, cfg), videos, cfg)
    for video, scores in zip(videos, found, strict=True):
        wanted = []
        for clip in video.clips:
            for y, x in video.crops:
                frames = video.frames[clip][:, y : y + 32, x : x + 32].astype(np.float64) / 255
                pixels = (frames - np.array(cfg.data.mean)) / np.array(cfg.data.std)
                tensor = paddle.to_tensor(pixels.transpose(3, 0, 1, 2)[None].astype("float32"))
                own = model.predict(tensor) if average_clips == "prob" else model(tensor)
                wanted.append(own.numpy()[0])
        assert scores.shape == (6, 24)
        np.testing.assert_allclose(scores, np.stack(wanted), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_rows_of_key_frames(tmp_path: Path, average_clips: str) -> None:
    """Pictures of unequal size in one batch; key frames without boxes are not read."""
    cfg = tiny_config(
        tmp_path, "train.task=detection", "detection.start=0", "test.batch_size=4",
        "data.num_workers=0", f"test.average_clips={average_clips}",
    )  # fmt: skip
    paths = [
        str(write_numbered_video(tmp_path / f"{i}.mp4", 60, size=size))
        for i, size in enumerate([(96, 64), (64, 64)])
    ]
    found, numbers = [], ((0, 2), (1, 1), (0, 0), (0, 3), (2, 1))
    for place, number in numbers:
        boxes = tuple(Box((0.1 * i, 0.2, 0.5 + 0.1 * i, 0.9)) for i in range(number))
        path = [*paths, "/gone.mp4"][place]
        found.append(Sample(path, (), key=KeyFrame(str(place), 1, 1.0, boxes)))
    model = network(cfg)
    rows: dict[int, Any] = dict(rows_of_videos(eager(model, cfg), found, cfg, what="test"))
    assert isinstance(rows.pop(4), VideoError)
    assert {index: row.shape for index, row in rows.items()} == {
        index: (number, 24) for index, (_, number) in enumerate(numbers[:4])
    }
    views_of = KeyViews(found, cfg.data, cfg.test, cfg.detection)
    for index in (0, 1, 3):
        clip = views_of(index)
        tensor = normalize(paddle.to_tensor(clip.frames[None]), cfg.data.mean, cfg.data.std)
        wanted = model(tensor, *joined([clip.boxes]))
        if average_clips == "prob":
            wanted = sigmoid(wanted)
        np.testing.assert_allclose(rows[index], wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_whole_pictures(tmp_path: Path) -> None:
    """Each is computed once, whatever its size; a square one is its crop."""
    cfg = tiny_config(
        tmp_path, "test.num_clips=2", "test.spatial=whole", "test.short_side=48",
        "test.crop_size=40", "data.num_workers=0", "test.batch_size=4",
    )  # fmt: skip
    sizes = [(96, 64), (64, 64), (100, 64), (64, 144)]
    paths = [
        write_numbered_video(tmp_path / f"{i}.mp4", 40, size=size) for i, size in enumerate(sizes)
    ]
    samples = [Sample(str(path), 0) for path in paths]
    videos = [MultiViewVideos(samples, cfg.data, cfg.test)(i) for i in range(len(samples))]
    assert [video.size for video in videos] == [(48, 72), (48, 48), (48, 75), (108, 48)]
    model = network(cfg)
    found = dict(rows_of_videos(eager(model, cfg), samples, cfg, what="test"))
    for index, video in enumerate(videos):
        clips = paddle.to_tensor(video.frames[video.clips])
        wanted = model.predict(normalize(clips, cfg.data.mean, cfg.data.std))
        row = found[index]
        assert not isinstance(row, VideoError)
        np.testing.assert_allclose(row, wanted.numpy(), rtol=1e-4, atol=1e-6)
    assert cfg.test.views_per_clip == 1
    crops = tiny_config(tmp_path, "test.num_clips=2", "test.num_crops=1", "test.short_side=40",
                        "test.crop_size=40")  # fmt: skip
    whole = dataclasses.replace(crops, test=dataclasses.replace(crops.test, spatial="whole"))
    one, other = (
        rows_of_views(eager(model, c), [MultiViewVideos(samples, c.data, c.test)(1)], c)
        for c in (crops, whole)
    )
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("workers", [0, 3])
def test_key_frames_are_read_in_runs_that_decode_a_film_once(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the default batch size; and the network gets several at once. Without runs each window
    of 64 frames would be decoded by itself: 2,500 frames."""
    cfg = tiny_config(
        tmp_path, "train.task=detection", "data.num_frames=32", "data.sampling_stride=2",
        f"data.num_workers={workers}", "data.decoder=pyav",
    )  # fmt: skip
    boxes = (Box((0.1, 0.2, 0.5, 0.9), ()),)
    samples = []
    for name in ("a", "b"):
        film = str(write_numbered_video(tmp_path / f"{name}.mp4", 600, codec="h264", gop=30))
        keys = [KeyFrame(name, 900.0 + i, float(i), boxes) for i in range(1, 20)]
        samples += [Sample(film, (), key=key) for key in keys]
    decoded, count = pyav._decoded, os.open(tmp_path / "count", os.O_CREAT | os.O_APPEND | 1)

    def counted(*given: Any) -> list[Any]:
        frames = decoded(*given)
        os.write(count, b"." * len(frames))  # from whatever process
        return frames

    monkeypatch.setattr(pyav, "_decoded", counted)
    at_once: list[int] = []

    class Noting(Backend):
        columns = 24

        def run(self, *inputs: Any) -> Row:
            at_once.append(len(inputs[0]))
            return np.full((len(inputs[1]), 24), inputs[0].mean(), np.float32)

    found: dict[int, Any] = dict(rows_of_videos(Noting(), samples, cfg, what="test"))
    os.close(count)
    assert cfg.test.batch_size == 1 and at_once == [6] * 6 + [2]
    assert sorted(found) == [*range(38)] and all(row.shape == (1, 24) for row in found.values())
    borders = 3 * max(workers, 1)  # where a reader begins, or goes to the next film
    assert 1100 < len((tmp_path / "count").read_bytes()) < 1200 + 60 * borders


@pytest.mark.parametrize(
    ("clips", "at_once", "num_videos", "sizes"),
    [(10, 4, 1, [4, 4, 4, 4, 4, 4, 4, 2]), (1, 6, 2, [6]), (1, 4, 3, [4, 4, 1])],
)
def test_chunks_are_filled_across_videos(
    tmp_path: Path, clips: int, at_once: int, num_videos: int, sizes: list[int]
) -> None:
    cfg = tiny_config(tmp_path, f"test.num_clips={clips}")
    videos = [MultiViewVideos(val_samples(cfg), cfg.data, cfg.test)(i) for i in range(num_videos)]
    seen = []

    class Counting(Backend):
        views_at_once = at_once

        def __call__(self, views: Sequence[Any]) -> Row:
            seen.append(len(views))
            return np.zeros((len(views), 24), np.float32)

    found = rows_of_views(Counting(), videos, cfg)
    assert [scores.shape for scores in found] == [(3 * clips, 24)] * num_videos
    assert seen == sizes


def test_views_are_computed_in_an_order_that_spreads_until_they_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny_config(tmp_path, "test.num_clips=4", "test.views_per_chunk=3")
    backend, samples = eager(network(cfg), cfg), val_samples(cfg, gone=1)
    asked: list[int] = []

    def is_enough(row: Row, num_views: int, average_clips: str, threshold: None) -> bool:
        asked.append(len(row))
        assert (num_views, average_clips, threshold) == (12, "prob", None)
        return len(row) >= 4

    monkeypatch.setattr(enough, "is_enough", is_enough)
    so_far: list[tuple[int, int]] = []
    pass_over = rows_of_videos(
        backend, samples, cfg, what="infer", only=[2, 1], until_enough=True,
        seen=lambda index, row: so_far.append((index, len(row))),
    )  # fmt: skip
    found: dict[int, Any] = dict(pass_over)
    assert asked == [1, 2, 4]  # one view may be enough; then as many again, or a chunk
    assert so_far == [(2, 1), (2, 2)]
    assert isinstance(found[1], VideoError)
    (every,) = rows_of_views(backend, [MultiViewVideos(samples, cfg.data, cfg.test)(2)], cfg)
    np.testing.assert_allclose(found[2], every[spread_order(4, 3)[:4]], rtol=1e-5)


def test_no_more_views_where_one_is_not_finite(tmp_path: Path) -> None:
    cfg, calls = tiny_config(tmp_path), []

    class Broken(Backend):
        def __call__(self, views: Sequence[Any]) -> Row:
            calls.append(len(views))
            return np.full((len(views), 24), np.nan, np.float32)

    samples = val_samples(cfg)[:1]
    ((_, found),) = rows_of_videos(Broken(), samples, cfg, what="infer", until_enough=True)
    assert isinstance(found, VideoError) and "not finite" in str(found)
    assert calls == [1]


class FakeLoader:
    """Yields tens, and an error in the place of some."""

    def __init__(self, *gone: int) -> None:
        self.gone = gone

    def run(self, batches: Iterable[Sequence[int]]) -> Any:
        for keys in batches:
            yield [VideoError(f"{i} is gone") if i in self.gone else 10 * i for i in keys]


def test_a_row_or_an_error_for_each_place_in_order() -> None:
    asked = []

    def compute(items: list[int]) -> list[int]:
        asked.append(items)
        return [item + 1 for item in items]

    loader: Any = FakeLoader(1, 3, 5)
    found = [*rows_of(loader, [[4, 1], [3, 5], [0]], compute)]
    assert [(index, str(row)) for index, row in found] == [
        (4, "41"), (1, "1 is gone"), (3, "3 is gone"), (5, "5 is gone"), (0, "1")
    ]  # fmt: skip
    assert asked == [[40], [0]]  # nothing is computed of a batch that cannot be read


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_an_error(value: float) -> None:
    loader: Any = FakeLoader()
    rows = [np.array([1, 2.0]), np.array([1, value])]
    (_, first), (_, second) = rows_of(loader, [[4, 1]], lambda items: rows)
    assert first is rows[0]
    assert str(second) == "the network's output for it is not finite: its weights are broken"
    assert isinstance(second, VideoError)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_change_no_row(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"data.num_workers={workers}", "test.num_clips=1"]
    batches: list[tuple[int, ...]] = []

    def noting(network: Any, videos: Sequence[VideoViews], cfg: Config) -> Any:
        batches.append(tuple(video.index for video in videos))
        return rows_of_views(network, videos, cfg)

    monkeypatch.setattr(views, "rows_of_views", noting)

    def run(*more: str, only: Sequence[int] | None = None) -> dict[int, Any]:
        batches.clear()
        cfg = tiny_config(tmp_path, *keys, *more)
        model, samples = network(cfg), val_samples(cfg, gone=4)
        return dict(rows_of_videos(eager(model, cfg), samples, cfg, what="test", only=only))

    one = run()
    assert batches == [(0,), (1,), (2,), (3,), (5,), (6,)]
    three = run("test.batch_size=3")
    assert batches == [(0, 1, 2), (3, 5), (6,)]
    some = run("test.batch_size=3", only=(1, 3, 4, 6))
    assert batches == [(1, 3), (6,)]
    assert [*one] == [*three] == [*range(7)] and [*some] == [1, 3, 4, 6]
    for index, row in three.items():
        for other in (one, some if index in some else one):
            if index == 4:
                assert isinstance(row, VideoError) and str(row) == str(other[4])
            else:
                np.testing.assert_allclose(row, other[index], rtol=1e-5)


def test_processes_share_the_videos_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = tiny_config(tmp_path)
    samples = val_samples(cfg)
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    shares = []
    for rank in range(3):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shares += [index for batch in views.own_batches(samples, 2, cfg) for index in batch]
    assert sorted(shares) == [*range(7)]


@pytest.mark.parametrize("readers", [0, 1, 3])
def test_processes_and_readers_have_runs_of_key_frames(
    tmp_path: Path, readers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key frame once."""
    cfg = tiny_config(tmp_path, "train.task=detection", "data.num_workers=8")
    samples = [
        Sample(f"{film}.mp4", (), key=KeyFrame(film, i, i, ())) for film in "ab" for i in range(20)
    ]
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    found, jumps = [], 0
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        batches = views.own_batches(samples, 3, cfg, readers)
        for reader in range(max(readers, 1)):  # the loader deals batches in turn
            own = np.concatenate(batches[reader :: max(readers, 1)])
            jumps += np.count_nonzero(np.diff(own) != 1)
            found += own.tolist()
    assert sorted(found) == [*range(40)] and jumps == 0


def test_readers_are_counted_by_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    seen: list[int] = []

    def fits(num_workers: int, batch_bytes: int, processes: int) -> tuple[int, str]:
        seen.append(batch_bytes)
        return 0, "no room"

    monkeypatch.setattr(views, "workers_that_fit", fits)
    for size in (1, 3):
        views.view_loader([], tiny_config(tmp_path, f"test.batch_size={size}"), 0)
    assert seen[1] == 3 * seen[0] > 0
    assert lines == ["no room"] * 2


def test_a_file_that_a_reader_hangs_at_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hang: None
) -> None:
    read = MultiViewVideos.__call__

    def hang(self: MultiViewVideos, index: int) -> VideoViews:
        time.sleep(600 if index == 1 else 0)
        return read(self, index)

    monkeypatch.setattr(MultiViewVideos, "__call__", hang)
    keys = ["data.read_seconds=2", "data.num_workers=1", "test.num_clips=1"]
    cfg = tiny_config(tmp_path, *keys, "test.batch_size=3")
    rows = [*rows_of_videos(eager(network(cfg), cfg, "score"), val_samples(cfg), cfg, what="test")]
    assert [index for index, _ in rows] == [*range(7)]
    assert [index for index, row in rows if isinstance(row, VideoError)] == [1]
    assert str(tiny_data()) in str(rows[1][1])


def test_a_large_video_is_resized_frame_by_frame(tmp_path: Path) -> None:
    """Never are more than a few frames there at their full size."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 41):
        cv2.imwrite(str(folder / f"img_{number:05d}.jpg"), np.zeros((1080, 1920, 3), np.uint8))
    cfg = tiny_config(tmp_path)
    tracemalloc.start()
    video = MultiViewVideos([Sample(str(folder), 0, 40)], cfg.data, cfg.test)(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(video.frames) > 30
    assert peak < 5 * 1080 * 1920 * 3
