"""Features along videos: those of clips cut by hand, whoever reads them, and few frames at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.tiny_run import eager, fresh_state, tiny_config, tiny_data
from support.videos import write_numbered_video

from slowfast.config import Config
from slowfast.data.clips import sliding
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, VideoTimes
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError
from slowfast.predict import long_videos
from slowfast.predict.long_videos import chunks_in_turn, sliding_features


def features(cfg: Config, samples: list[Sample], every: float) -> dict[int, Any]:
    """What comes of each video, by place; what is reported adds up."""
    reports: list[tuple[float, int]] = []
    backend = eager(fresh_state(cfg).model, cfg, "features")

    def report(*told: Any) -> None:
        reports.append(told)

    found = dict(sliding_features(backend, samples, cfg, every=every, report=report))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    clips = sum(len(rows) for rows in found.values() if not isinstance(rows, VideoError))
    assert reports[-1] == (len(samples), clips)
    return found


def val_video(number: int) -> Sample:
    return Sample(str(tiny_data() / "val" / f"{number:06d}.mp4"))


def test_features_are_what_the_classifier_sees(tmp_path: Path) -> None:
    """Of a crop with two by two positions: their mean, and the classifier of it: the logits."""
    model = fresh_state(tiny_config(tmp_path)).model
    model.eval()
    seen: list[NDArray[np.float32]] = []
    model.head.projection.register_forward_pre_hook(
        lambda layer, inputs: seen.append(inputs[0].numpy())
    )
    clip_NCTHW = paddle.randn([2, 3, 8, 64, 64])
    with paddle.no_grad():
        logits, features = model(clip_NCTHW), model.embed(clip_NCTHW)
        assert seen[0].shape == (2, 4, 288)
        np.testing.assert_allclose(features, seen[0].mean(axis=1), rtol=1e-5, atol=1e-7)
        again = model.head.projection(features)
    np.testing.assert_allclose(again, logits, rtol=1e-4, atol=1e-6)


def test_rows_are_those_of_clips_cut_by_hand(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    model, samples = fresh_state(cfg).model, [val_video(0), Sample("gone.mp4"), val_video(2)]
    found = features(cfg, samples, every=0.4)
    assert sorted(found) == [0, 1, 2]
    assert str(found.pop(1)) == "gone.mp4: No such file or directory"
    model.eval()
    for index, rows in found.items():
        assert rows.dtype.names == ("start", "end", "features")
        assert rows["features"].dtype == np.float32 and rows["features"].shape == (5, 288)
        starts = [0, 12, 24, 36, 44]  # 60 frames, clips of 16; the last one ends with the video
        np.testing.assert_allclose(rows["start"], np.divide(starts, 30))
        np.testing.assert_allclose(rows["end"], np.add(starts, 16) / 30)
        frames = open_video(samples[index], "img_{:05d}.jpg", 30.0).frames(np.arange(60))
        assert frames.shape[1] == 64 <= frames.shape[2]
        for row, start in zip(rows, starts, strict=True):
            wanted = np.linspace(start, start + 15, 8).astype(int)
            clip = [sliding.centre_view(frames[i], 32, 32, PROTOCOLS["pyslowfast"]) for i in wanted]
            clip_NCTHW = (np.stack(clip) / 255 - 0.45).transpose(3, 0, 1, 2)[None] / 0.225
            with paddle.no_grad():
                expected = model.embed(paddle.to_tensor(clip_NCTHW.astype(np.float32)))
            np.testing.assert_allclose(row["features"], expected[0], rtol=1e-4, atol=1e-5)


def test_features_that_are_not_finite_are_an_error_of_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(backend: object, chunk: ClipChunk) -> NDArray[np.float32]:
        own = np.ones((len(chunk.clips), 2), np.float32)
        own[-1] = np.nan if chunk.is_last else 1
        return own

    monkeypatch.setattr(long_videos, "chunk_rows", spoiled)
    cfg = tiny_config(tmp_path, "test.views_per_chunk=2")
    model = fresh_state(cfg).model
    found = sliding_features(
        eager(model, cfg, "features"), [val_video(0)], cfg, every=0.4, report=lambda *told: None
    )
    ((index, error),) = found
    assert index == 0 and isinstance(error, VideoError)
    assert "not finite" in str(error)


def test_readers_and_chunks_change_nothing(tmp_path: Path) -> None:
    """One reader in this process, and three processes with chunks of a clip."""
    long = Sample(str(write_numbered_video(tmp_path / "long.mp4", 300)))
    samples = [val_video(0), long, val_video(1), val_video(2), long]
    one, three = (
        features(
            tiny_config(tmp_path, f"data.num_workers={workers}", f"test.views_per_chunk={at_once}"),
            samples, every=16 / 30,
        )
        for workers, at_once in ((0, 6), (3, 1))
    )  # fmt: skip
    assert one.keys() == three.keys() == set(range(5))
    for index, rows in one.items():
        np.testing.assert_array_equal(rows["start"], three[index]["start"])
        np.testing.assert_allclose(rows["features"], three[index]["features"], rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="readers need shared memory")
def test_frames_that_readers_hand_over_do_not_pile_up(tmp_path: Path) -> None:
    """A chunk's frames leave the shared memory once its features are there."""
    video = write_numbered_video(tmp_path / "a.mp4", 300)
    cfg = tiny_config(tmp_path, "data.num_workers=1", "test.views_per_chunk=1")
    mapped: list[int] = []

    def count(done: float, clips: int) -> None:
        maps = Path("/proc/self/maps").read_text()
        mapped.append(maps.count("/dev/shm/slowfast"))

    ((_, rows),) = sliding_features(
        eager(fresh_state(cfg).model, cfg, "features"),
        [Sample(str(video))],
        cfg,
        every=0.2,
        report=count,
    )
    assert not isinstance(rows, VideoError) and len(rows) == len(mapped) == 49
    assert 0 < max(mapped) <= 4


class FakeLoader:
    """Videos of so many chunks; the third one cannot be read from its second chunk on."""

    lengths = (1, 4, 3, 2, 1)

    def __init__(self) -> None:
        self.asked: list[list[ChunkKey]] = []

    def run(self, batches: Iterable[list[ChunkKey]]) -> Any:
        ahead: list[list[ChunkKey]] = []
        for batch in batches:
            self.asked.append(batch)
            ahead.append(batch)
            if len(ahead) > 3:
                yield [self._read(key) for key in ahead.pop(0)]
        for batch in ahead:
            yield [self._read(key) for key in batch]

    def _read(self, key: ChunkKey) -> ClipChunk | VideoError | None:
        length = self.lengths[key.sample]
        if key.sample == 2 and key.number:
            return VideoError("cut off")
        if key.number >= length:
            return None
        frames, seconds = np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2))
        share = (key.number + 1) / length
        times = VideoTimes(30.0, 1.0, 0.0)
        return ClipChunk(
            frames, np.zeros((1, 1), np.int64), seconds, share, key.number == length - 1, times
        )


@pytest.mark.parametrize("readers", [0, 1, 2, 3, 7])
def test_each_reader_has_one_video_at_a_time_and_all_of_it(readers: int) -> None:
    loader: Any = FakeLoader()
    found: dict[int, list[Any]] = {}
    for index, chunk in chunks_in_turn(loader, 5, readers):
        found.setdefault(index, []).append(chunk)
    assert sorted(found) == [*range(5)]
    for index, length in enumerate(FakeLoader.lengths):
        if index != 2:
            assert [chunk.is_last for chunk in found[index]] == [False] * (length - 1) + [True]
    assert isinstance(found[2][-1], VideoError) and len(found[2]) == 2
    own: dict[int, list[int]] = {}
    for turn, batch in enumerate(loader.asked):
        for key in batch:
            own.setdefault(turn % max(readers, 1), []).append(key.sample)
    for samples in own.values():
        assert samples == sorted(samples)  # none is begun before the one before it has ended
    seen = [sample for samples in own.values() for sample in set(samples)]
    assert sorted(seen) == [*range(5)]


def test_a_chunk_that_spans_much_is_waited_for_longer(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "data.read_seconds=2", "test.views_per_chunk=10")
    seconds = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_videos, "Loader", lambda *_, **named: seconds.append(named["seconds"]))
        for every in (0.1, 30.0, 1e300):
            long_videos.sliding_loader([], cfg, every, 10)
    assert seconds == [2.0, 60.0, long_videos.LONGEST]
