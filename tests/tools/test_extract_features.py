"""Clips that slide over videos, their features, and the tool that writes them."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.tiny_run import REPOSITORY, environment, tiny_config, tiny_data
from support.videos import numbered_picture, read_numbers, write_frames, write_numbered_video
from test_evaluate import save_tiny_model

from slowfast.config import DataConfig, load_config
from slowfast.config import TestConfig as ViewsConfig
from slowfast.data.clips import sliding
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import clip_frames
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, SlidingClips, sliding_starts
from slowfast.data.lists import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict import kept, long_videos
from slowfast.tools.extract_features import main
from slowfast.weights.load import load_weights

SQUARE = (48, 48)
VIEWS = ViewsConfig(short_side=48, crop_size=48)
NTSC = Fraction(30000, 1001)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("slowfast")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.mark.parametrize(
    ("frames", "span", "step", "starts"),
    [
        (14, 4, 4, [0, 4, 8, 10]),  # the drawing in sliding.py
        (12, 4, 4, [0, 4, 8]),
        (12, 4, 2, [0, 2, 4, 6, 8]),
        (13, 4, 2, [0, 2, 4, 6, 8, 9]),
        (4, 4, 4, [0]),
        (3, 4, 4, [0]),  # shorter than a clip
        (1, 64, 64, [0]),
        (65, 64, 64, [0, 1]),
        (25, 4, 10, [0, 10, 20]),  # what is between is not asked for, nor what is behind
        (22, 4, 10, [0, 10, 18]),
        (160, 53.33, 53.33, [0, 53, 107]),  # 25 fps: the last frame of the third is 159
        (9, 4, 0.01, [0, 1, 2, 3, 4, 5]),  # no closer than the frames
    ],
)
def test_clips_cover_the_video(frames: int, span: float, step: float, starts: list[int]) -> None:
    assert sliding_starts(frames, span, step).tolist() == starts


def chunks(clips: SlidingClips, sample: int = 0) -> list[ClipChunk]:
    found = []
    for number in range(10**6):
        chunk = clips(ChunkKey(sample, number))
        if chunk is None:
            break
        found.append(chunk)
    assert [chunk.is_last for chunk in found] == [False] * (len(found) - 1) + [True]
    return found


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize(
    ("fps", "num_frames", "every", "at_once"),
    [
        (25, 120, 1.0, 1),
        (25, 120, 0.1, 2),
        (NTSC, 130, 16 / 30, 3),
        (NTSC, 130, 0.25, 50),
        (30, 9, 1.0, 4),
        (60, 200, 2.0, 2),
    ],
)
def test_chunks_hold_the_frames_of_their_clips(
    tmp_path: Path, decoder: Any, fps: Fraction, num_frames: int, every: float, at_once: int
) -> None:
    """Every frame that is shown is the one that it should be, and so is every second."""
    if decoder == "pyav":
        pytest.importorskip("av")
    codec: Any = "h264" if fps == NTSC else "mpeg4"  # OpenCV writes 29.97 for 30000/1001
    path = write_numbered_video(tmp_path / "a.mp4", num_frames, fps, codec, size=SQUARE)
    data = DataConfig(num_frames=8, sampling_stride=2, decoder=decoder)
    clips = SlidingClips([Sample(str(path))], data, VIEWS, every=every, clips_at_once=at_once)
    span = 8 * 2 * float(fps) / 30
    starts = sliding_starts(num_frames, span, every * float(fps))
    found = chunks(clips)
    assert [len(chunk.clips) for chunk in found[:-1]] == [at_once] * (len(found) - 1)
    shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
    assert shown == [clip_frames(s, span, 8, num_frames).tolist() for s in starts]
    seconds = np.concatenate([chunk.seconds for chunk in found])
    np.testing.assert_allclose(seconds[:, 0], [float(s / fps) for s in starts.tolist()], rtol=1e-9)
    ends = [min(s / fps + Fraction(16, 30), num_frames / Fraction(fps)) for s in starts.tolist()]
    np.testing.assert_allclose(seconds[:, 1], [float(end) for end in ends], rtol=1e-9)
    assert found[-1].share == 1.0
    for number in (len(found) - 1, len(found) // 2):  # as another process is asked for it
        other = SlidingClips(clips.samples, data, VIEWS, every=every, clips_at_once=at_once)
        again = other(ChunkKey(0, number))
        assert again is not None
        np.testing.assert_array_equal(again.frames, found[number].frames)


def test_a_folder_of_frames_and_what_it_lacks(tmp_path: Path) -> None:
    write_frames(tmp_path / "f", (numbered_picture(i, SQUARE) for i in range(20)))
    data = DataConfig(num_frames=4, sampling_stride=2)
    samples = [Sample(str(tmp_path / "f")), Sample(str(tmp_path / "f"), 0, 30)]
    clips = SlidingClips(samples, data, VIEWS, every=8 / 30, clips_at_once=2)
    found = chunks(clips)
    shown = [read_numbers(chunk.frames[clip])[0] for chunk in found for clip in chunk.clips]
    assert shown == [0, 8, 12]
    assert clips(ChunkKey(1, 0)) is not None
    with pytest.raises(VideoError, match="img_00021.jpg"):
        clips(ChunkKey(1, 1))
    assert clips(ChunkKey(1, 2)) is None  # it is not tried again


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize(("promised", "at_once"), [(1, 2), (30, 2), (30, 1), (500, 3), (16, 1)])
def test_a_video_that_ends_before_its_container_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Any, promised: int, at_once: int
) -> None:
    """Clips are those of a file that says what it holds."""
    if decoder == "pyav":
        pytest.importorskip("av")
    path = write_numbered_video(tmp_path / "a.mp4", 75, size=SQUARE)
    data = DataConfig(num_frames=8, sampling_stride=2, decoder=decoder)

    def promising(*args: Any) -> Any:
        reader = open_video(*args)
        reader.num_frames += promised
        return reader

    monkeypatch.setattr(sliding, "open_video", promising)
    clips = SlidingClips([Sample(str(path))], data, VIEWS, every=0.5, clips_at_once=at_once)
    found = chunks(clips)
    shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
    starts = [0, 15, 30, 45, 59]
    assert shown == [clip_frames(start, 16, 8, 75).tolist() for start in starts]
    seconds = np.concatenate([chunk.seconds for chunk in found])
    np.testing.assert_allclose(seconds, [[s / 30, (s + 16) / 30] for s in starts])


def test_few_frames_are_held_of_a_long_video(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 1500, size=SQUARE)
    clips = SlidingClips(
        [Sample(str(path))], DataConfig(num_frames=8), VIEWS, every=4 / 30, clips_at_once=4
    )
    largest = count = 0
    while (chunk := clips(ChunkKey(0, count))) is not None:
        held = len(clips._video._held) if clips._video else 0
        largest, count = max(largest, held, len(chunk.frames)), count + 1
    assert count == 93
    assert largest <= 16 + 3 * 4


def test_features_are_what_the_classifier_sees(tmp_path: Path) -> None:
    """Of a crop with two by two positions: their mean, and the classifier of it: the logits."""
    cfg = tiny_config(tmp_path)
    paddle.seed(1)
    model = build_model(cfg.model, cfg.data.crop_size)
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


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tiny_config(tmp_path_factory.mktemp("weights"), "data.num_workers=2"))


def tool(weights: Path, out: Path, *paths: Path | str, more: tuple[str, ...] = ()) -> int:
    return main([*map(str, paths), "-w", str(weights), "--out", str(out), *more])


def network(weights: Path) -> VideoClassifier:
    cfg = tiny_config(weights.parents[1])
    model = build_model(cfg.model, cfg.data.crop_size)
    load_weights(model, weights)
    model.eval()
    return model


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three videos, two of the same name, 60 frames of 30 a second; and what is not a video."""
    root = tmp_path / "my videos"
    for number, name in enumerate(("höhe 1.mp4", "a/b c.mp4", "d/b c.mp4")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_data() / "val" / f"{number:06d}.mp4", root / name)
    (root / "notes.txt").touch()
    (root / ".hidden.mp4").touch()
    return root


def files(folder: Path) -> list[str]:
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name not in (".lock", "features.yaml", "videos.jsonl"))


def test_a_folder_is_mirrored_and_rows_are_those_of_clips_cut_by_hand(
    weights: Path, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert tool(weights, out, videos, more=("--every", "0.4")) == 0
    names = ["a/b c.mp4", "d/b c.mp4", "höhe 1.mp4"]
    assert files(out) == [f"{name}.npy" for name in names]
    model = network(weights)
    for name in names:
        rows = np.load(out / f"{name}.npy", allow_pickle=False)
        assert rows.dtype.names == ("start", "end", "features")
        assert rows["features"].dtype == np.float32 and rows["features"].shape == (5, 288)
        starts = [0, 12, 24, 36, 44]  # 60 frames, clips of 16; the last one ends with the video
        np.testing.assert_allclose(rows["start"], np.divide(starts, 30))
        np.testing.assert_allclose(rows["end"], np.add(starts, 16) / 30)
        reader = open_video(Sample(str(videos / name)), "img_{:05d}.jpg", 30.0)
        frames = reader.frames(np.arange(60))
        left = -(-(frames.shape[2] - 32) // 2)
        top = -(-(frames.shape[1] - 32) // 2)
        assert frames.shape[1] == 64 and min(left, top) >= 0
        for row, start in zip(rows, starts, strict=True):
            wanted = np.linspace(start, start + 15, 8).astype(int)
            clip = [sliding.centre_view(frames[i], 32, 32, PROTOCOLS["pyslowfast"]) for i in wanted]
            clip_NCTHW = (np.stack(clip) / 255 - 0.45).transpose(3, 0, 1, 2)[None] / 0.225
            with paddle.no_grad():
                expected = model.embed(paddle.to_tensor(clip_NCTHW.astype(np.float32)))
            np.testing.assert_allclose(row["features"], expected[0], rtol=1e-4, atol=1e-5)


def test_readers_and_chunks_change_nothing(weights: Path, videos: Path, tmp_path: Path) -> None:
    """One reader in this process, and three processes with chunks of a clip."""
    for name in ("d/long.mp4", "long.mp4"):
        write_numbered_video(videos / name, 300)
    found = []
    for workers, at_once in ((0, 6), (3, 1)):
        out = tmp_path / str(workers)
        more = ("-o", f"data.num_workers={workers}", f"test.views_per_chunk={at_once}")
        assert tool(weights, out, videos, more=more) == 0
        found.append({name: np.load(out / name) for name in files(out)})
    assert len(found[0]) == 5 and found[0].keys() == found[1].keys()
    for name, rows in found[0].items():
        np.testing.assert_array_equal(rows["start"], found[1][name]["start"])
        np.testing.assert_allclose(rows["features"], found[1][name]["features"], rtol=1e-4,
                                   atol=1e-5)  # fmt: skip


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="readers need shared memory")
def test_frames_that_readers_hand_over_do_not_pile_up(weights: Path, tmp_path: Path) -> None:
    """A chunk's frames leave the shared memory once its features are there."""
    video = write_numbered_video(tmp_path / "a.mp4", 300)
    cfg = load_config(
        weights.with_name("config.yaml"), ["data.num_workers=1", "test.views_per_chunk=1"]
    )
    mapped: list[int] = []

    def count(done: float, clips: int) -> None:
        maps = Path("/proc/self/maps").read_text()
        mapped.append(maps.count("/dev/shm/slowfast"))

    videos = long_videos.sliding_features(
        network(weights), [Sample(str(video))], cfg, every=0.2, report=count
    )
    ((_, rows),) = videos
    assert not isinstance(rows, VideoError) and len(rows) == len(mapped) == 49
    assert 0 < max(mapped) <= 4


def test_lists_with_and_without_labels(weights: Path, videos: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where.mp4"
    shutil.copy(videos / "höhe 1.mp4", elsewhere)
    (videos / "some.list").write_text("a/b c.mp4 3\nd/b c.mp4 0\na/b c.mp4 3\n")
    (videos / "bare.txt").write_text(f"d/b c.mp4\n{elsewhere}\n")
    out = tmp_path / "out"
    assert tool(weights, out, videos / "some.list", videos / "bare.txt") == 0
    whole = str(elsewhere.relative_to("/"))
    assert files(out) == sorted(["a/b c.mp4.npy", "d/b c.mp4.npy", f"{whole}.npy"])
    (tmp_path / "moved.list").write_text("b c.mp4 3\n")
    root = ("--root", str(videos / "a"))
    assert tool(weights, tmp_path / "other", tmp_path / "moved.list", more=root) == 0
    assert files(tmp_path / "other") == ["b c.mp4.npy"]


def test_two_videos_never_share_a_file(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    one, other = videos / "a" / "b c.mp4", videos / "d" / "b c.mp4"
    assert tool(weights, tmp_path / "out", one, other) == 1
    said = capfd.readouterr().err
    assert f"{one} and {other} would both be written to b c.mp4.npy" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_kept_if_it_is_the_same(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    out, one = tmp_path / "out", videos / "höhe 1.mp4"
    assert tool(weights, out, one) == 0
    first = (out / "höhe 1.mp4.npy").stat().st_mtime_ns
    assert tool(weights, out, videos) == 0
    assert "1 of 3 videos are there already" in capfd.readouterr().out
    assert (out / "höhe 1.mp4.npy").stat().st_mtime_ns == first
    assert len(files(out)) == 3
    for more, key in (
        (("--every", "1"), "every: 0.5333333333 there, 1.0 here"),
        (("-o", "data.sampling_stride=1"), "every: "),
        (("-o", "test.short_side=40"), "test.short_side: 32 there, 40 here"),
    ):
        assert tool(weights, out, videos, more=more) == 1
        said = capfd.readouterr().err
        assert f"{out} holds features of other settings ({key}" in said
        assert said.count("\n") == 1
    other = tmp_path / "other.pdparams"
    state = paddle.load(str(weights))
    state["s5.pathway0_res0.branch1.weight"] = state["s5.pathway0_res0.branch1.weight"] * 1.01
    paddle.save(state, str(other))
    config = ("-c", str(weights.with_name("config.yaml")))
    assert tool(other, out, videos, more=config) == 1
    assert "holds features of other weights (weights: " in capfd.readouterr().err
    (out / "features.yaml").unlink()
    assert tool(weights, out, videos) == 1
    assert f"and no {out}/features.yaml that says of what weights" in capfd.readouterr().err


def test_a_video_that_changed_and_another_of_its_name(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    out, one, other = tmp_path / "out", videos / "a" / "b c.mp4", videos / "d" / "b c.mp4"
    kept = out / "b c.mp4.npy"
    assert tool(weights, out, one) == 0
    first = kept.read_bytes()
    assert tool(weights, out, other) == 1
    said = capfd.readouterr().err
    assert said == f"error: {kept} is of {one}, not of {other}: write to another folder\n"
    moved = one.rename(tmp_path / one.name)  # size and time stay
    for path in (moved, one):  # moved, gone
        assert tool(weights, out, path) == 0
        assert "1 of 1 videos are there already" in capfd.readouterr().out
    shutil.copy(other, one)
    with (out / "videos.jsonl").open("a") as journal:
        journal.write('\n{"name": "b c.m')  # as the machine went down
    assert tool(weights, out, one) == 0
    assert "already" not in capfd.readouterr().out
    assert tool(weights, tmp_path / "other", other) == 0
    assert first != kept.read_bytes() == (tmp_path / "other" / kept.name).read_bytes()
    assert tool(weights, out, one) == 0
    assert "1 of 1 videos are there already" in capfd.readouterr().out


def test_folders_behind_links_are_searched_once(
    weights: Path, videos: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "there").symlink_to(videos / "a")
    (links / "loop").symlink_to(links)
    (links / "twice").symlink_to(videos / "a")
    assert tool(weights, tmp_path / "out", links, f"{links}/../links") == 0
    assert files(tmp_path / "out") == ["there/b c.mp4.npy"]


def test_clips_that_are_very_far_apart(weights: Path, videos: Path, tmp_path: Path) -> None:
    more = ("--every", "1e300", "-o", "data.num_workers=1")
    assert tool(weights, tmp_path / "out", videos / "a", more=more) == 0
    assert np.load(tmp_path / "out" / "b c.mp4.npy")["start"].tolist() == [0.0]


def test_an_unreadable_video_does_not_stop_the_others(
    weights: Path, videos: Path, tmp_path: Path, capfd: Any
) -> None:
    out = tmp_path / "out"
    (videos / "empty.mp4").touch()
    (videos / "cut.mp4").write_bytes((videos / "höhe 1.mp4").read_bytes()[:400])
    assert tool(weights, out, videos, videos / "gone.mp4") == 1
    said = capfd.readouterr()
    assert said.out.count("unreadable: ") == 3
    assert f"unreadable: {videos}/empty.mp4: the file is empty (0 bytes)\n" in said.out
    line = said.err.splitlines()[-1]  # FFmpeg's own come before it, once it is loaded
    assert line.startswith("error: 3 of 6 videos could not be read (first: ")
    assert len(files(out)) == 3
    (videos / "gone.mp4").write_bytes((videos / "höhe 1.mp4").read_bytes())
    assert tool(weights, out, videos / "gone.mp4") == 0


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("full", 1, "error: {out}/d/b c.mp4.npy: No space left on device\n"),
        ("Ctrl-C", 130, "\ninterrupted: the same command goes on from here\n"),
    ],
)
def test_what_is_done_is_not_lost(
    weights: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any,
    what: str, status: int, said: str,
) -> None:  # fmt: skip
    out, write = tmp_path / "out", kept.write_array

    def fail_at_the_second(path: Path, array: NDArray[Any]) -> None:
        if path.parent.name == "d" and what == "full":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        if path.parent.name == "d":
            os.kill(os.getpid(), signal.SIGINT)
        write(path, array)

    with monkeypatch.context() as patch:
        patch.setattr("slowfast.predict.features.write_array", fail_at_the_second)
        assert tool(weights, out, videos, more=("-o", "data.num_workers=1")) == status
    assert capfd.readouterr().err == said.format(out=out)
    assert files(out) == ["a/b c.mp4.npy"]
    assert tool(weights, out, videos) == 0
    assert len(files(out)) == 3


@pytest.mark.parametrize(
    ("paths", "more", "line"),
    [
        (["."], (), ".: no video in this folder"),
        (["gone.list"], (), "list gone.list cannot be read"),
        (["a.tar"], (), "a.tar: name a list of what is in it (build_list shards)"),
        (["a.mp4"], ("-w", "gone.pdparams"), "weights gone.pdparams cannot be read"),
        (["a.mp4"], ("-o", "data.num_frames=9"), "not divisible by model.alpha"),
        (["a.mp4"], ("-o", "model.width=16"), "do not fit the network"),
        (["a.mp4"], ("--out", "file"), "file: "),
    ],
)
def test_what_cannot_be_is_one_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any,
    paths: list[str], more: tuple[str, ...], line: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert tool(weights, tmp_path / "out", *paths, more=more) == 1
    said = capfd.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_every_is_a_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a.mp4", "-w", "w", "--out", "o", "--every", text])
    assert f"{text} is not a number of seconds above 0" in capsys.readouterr().err


@pytest.mark.slow
def test_processes_share_the_videos_out(weights: Path, videos: Path, tmp_path: Path) -> None:
    (videos / "empty.mp4").touch()
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node=2", "--log_dir=log"]
    script = REPOSITORY / "slowfast" / "tools" / "extract_features.py"
    command = [script, videos, "-w", weights, "--out", "two"]
    done = subprocess.run(
        [sys.executable, *launcher, *map(str, command)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "error: 1 of 4 videos could not be read" in done.stdout + done.stderr
    assert tool(weights, tmp_path / "one", videos) == 1
    assert len(files(tmp_path / "one")) == 3
    assert files(tmp_path / "two") == files(tmp_path / "one")
    for name in files(tmp_path / "one"):
        one, two = (np.load(tmp_path / folder / name)["features"] for folder in ("one", "two"))
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
