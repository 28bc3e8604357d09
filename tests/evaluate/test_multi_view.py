"""The multi-view test: each video once, whatever the number of processes; bounded memory."""

import json
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.tiny_run import REPOSITORY, environment, main_py, tiny_config, tiny_data

from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, MultiViewVideos, VideoViews
from slowfast.data.lists import Sample, read_list
from slowfast.data.video.reader import VideoError
from slowfast.evaluate import multi_view
from slowfast.evaluate.scores import read_scores
from slowfast.log import logger
from slowfast.metrics.accuracy import average_views
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict import views
from slowfast.predict.kept import open_rows
from slowfast.tools import score
from slowfast.train import checkpoint, folder, validate
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights import save


def save_tiny_model(cfg: Config) -> Path:
    """An untrained network as a checkpoint with its config; returns its weights file."""
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size)
    save.write_config(cfg)
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim), epoch=1)
    checkpoint.save_checkpoint(run, cfg)
    return folder.checkpoints(cfg.output_dir)[0]


def write_list(folder: Path, *, gone: Sequence[int] = ()) -> str:
    """The validation list with videos that are not there put in at these places."""
    lines = (tiny_data() / "val.list").read_text().splitlines()
    for index in gone:
        lines.insert(index, f"/gone/{index}.mp4 0")
    (folder / "test.list").write_text("\n".join(lines))
    return f"data.test_list={folder / 'test.list'}"


@pytest.fixture(scope="module")
def of_processes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """The same test by 1, 2 and 3 processes; the third of 3 has no video that can be read."""
    runs = []
    for processes, on_error in ((1, "raise"), (2, "skip"), (3, "substitute")):
        folder = tmp_path_factory.mktemp("test")
        weights = save_tiny_model(tiny_config(folder, "data.num_workers=1"))
        listed = write_list(folder, gone=(2, 5, 8))
        flags = ["-o", listed, f"data.on_error={on_error}", f"test.batch_size={processes}"]
        metrics = ["--eval", "top_k_accuracy", "mean_class_accuracy"]
        done = main_py(
            "--test", "-w", weights, "--out", "scores.npz", *metrics, *flags,
            cwd=folder, processes=processes,
        )  # fmt: skip
        result = json.loads((folder / "out" / "test_result.json").read_text())
        runs.append((folder, done, result))
    return runs


def test_one_two_and_three_processes_give_the_same_numbers(of_processes: Any) -> None:
    first = of_processes[0][2]
    for _, done, result in of_processes:
        assert "over 7 of 10 videos, 10 x 3 views each; 3 unreadable, listed in" in done.stdout
        assert f"mean_class_accuracy: {result['mean_class_accuracy']:.5f} over" in done.stdout
        assert (result["num_videos"], result["num_listed"], result["num_views"]) == (7, 10, 30)
        assert result["coverage"] == 0.7
        assert [row["index"] for row in result["predictions"]] == [0, 1, 3, 4, 6, 7, 9]
        for name in ("top1", "top5", "mean_class_accuracy"):
            assert result[name] == first[name]
        for row, own in zip(result["predictions"], first["predictions"], strict=True):
            assert row["top5_indices"] == own["top5_indices"]
            np.testing.assert_allclose(row["top5_values"], own["top5_values"], rtol=1e-5)
    rows = first["predictions"]
    top1 = np.mean([row["label"] == row["top5_indices"][0] for row in rows])
    top5 = np.mean([row["label"] in row["top5_indices"] for row in rows])
    assert (first["top1"], first["top5"]) == pytest.approx((top1, top5))


def test_unreadable_videos_are_named_and_are_an_error_unless_accepted(of_processes: Any) -> None:
    for folder, _, result in of_processes:
        lines = [f"/gone/{i}.mp4: No such file or directory" for i in (2, 5, 8)]
        assert (folder / "out" / "unreadable.txt").read_text().splitlines() == lines
        assert result["unreadable"] == [
            {"index": i, "path": f"/gone/{i}.mp4", "error": line}
            for i, line in zip((2, 5, 8), lines, strict=True)
        ]
    (folder, done, _), *accepting = of_processes
    assert done.returncode == 1
    assert done.stderr == (
        f"error: 3 of 10 videos could not be read (first: {lines[0]}); listed in "
        f"{folder}/out/unreadable.txt; data.on_error=skip accepts that\n"
    )
    assert [done.returncode for _, done, _ in accepting] == [0, 0]
    # Once they can be read, the same command does those alone; where that is accepted, it is done.
    partial = [(folder / "scores.npz.partial").exists() for folder, _, _ in of_processes]
    assert partial == [True, False, False]


def test_the_file_of_scores_repeats_each_number_to_the_last_digit(of_processes: Any) -> None:
    first = read_scores(of_processes[0][0] / "scores.npz")
    for folder, _, result in of_processes:
        found = read_scores(folder / "scores.npz")
        assert found.indices.tolist() == [0, 1, 3, 4, 6, 7, 9]
        assert found.unreadable_paths == [f"/gone/{i}.mp4" for i in (2, 5, 8)]
        assert len(found.class_names) == 24
        np.testing.assert_allclose(found.scores, first.scores, rtol=1e-4)
        for row, scores in zip(result["predictions"], found.scores, strict=True):
            values = average_views(scores, "prob")[row["top5_indices"]]
            assert values.tolist() == row["top5_values"]
        assert score.main([str(folder / "scores.npz"), "--json", str(folder / "s.json")]) == 0
        again = json.loads((folder / "s.json").read_text())
        for name in ("top1", "top5", "mean_class_accuracy", "num_videos", "coverage"):
            assert again[name] == result[name]


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_view_scores_are_those_of_each_view_cut_out_by_hand(
    tmp_path: Path, average_clips: str
) -> None:
    cfg = tiny_config(
        tmp_path, "test.num_clips=2", "test.views_per_chunk=4", "data.mean=[0.5,0.25,0.125]",
        f"test.average_clips={average_clips}",
    )  # fmt: skip
    model = build_model(cfg.model, cfg.data.crop_size)
    model.eval()
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    videos = [MultiViewVideos(samples, cfg.data, cfg.test)(i) for i in (3, 5, 0)]
    for video, scores in zip(videos, views.view_scores(model, videos, cfg), strict=True):
        wanted = []
        for clip in video.clips:
            for y, x in video.crops:
                frames = video.frames[clip][:, y : y + 32, x : x + 32].astype(np.float64) / 255
                pixels = (frames - np.array(cfg.data.mean)) / np.array(cfg.data.std)
                tensor = paddle.to_tensor(pixels.transpose(3, 0, 1, 2)[None].astype("float32"))
                found = model.predict(tensor) if average_clips == "prob" else model(tensor)
                wanted.append(found.numpy()[0])
        assert scores.shape == (6, 24)
        np.testing.assert_allclose(scores, np.stack(wanted), rtol=1e-4, atol=1e-6)


class Counting(VideoClassifier):
    """Notes how many views it gets at once; sees nothing in them."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def predict(self, clip_NCTHW: paddle.Tensor) -> paddle.Tensor:
        self.sizes.append(clip_NCTHW.shape[0])
        return paddle.zeros([clip_NCTHW.shape[0], 24])


@pytest.mark.parametrize(
    ("clips", "at_once", "num_videos", "sizes"),
    [
        (10, 4, 1, [4, 4, 4, 4, 4, 4, 4, 2]),
        (1, 6, 2, [6]),
        (1, 4, 3, [4, 4, 1]),
        (1, 6, 0, []),
    ],
)
def test_chunks_are_filled_across_videos(
    tmp_path: Path, clips: int, at_once: int, num_videos: int, sizes: list[int]
) -> None:
    cfg = tiny_config(tmp_path, f"test.num_clips={clips}", f"test.views_per_chunk={at_once}")
    samples = read_list(cfg.data.val_list, cfg.data.root, 24)
    videos = [MultiViewVideos(samples, cfg.data, cfg.test)(i) for i in range(num_videos)]
    model = Counting()
    found = views.view_scores(model, videos, cfg)
    assert [scores.shape for scores in found] == [(3 * clips, 24)] * num_videos
    assert model.sizes == sizes


def run_test(cfg: Config, out: Path | None = None) -> tuple[dict[str, Any], list[tuple[int, ...]]]:
    """A test in this process, and the frames of the videos of each batch."""
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size)
    samples = read_list(cfg.data.test_list or cfg.data.val_list, cfg.data.root, 24)
    batches, view_scores = [], views.view_scores

    def noting(model: Any, videos: Sequence[VideoViews], cfg: Config) -> Any:
        batches.append(tuple(video.index for video in videos))
        return view_scores(model, videos, cfg)

    weights = str(tiny_data() / "val.list")  # any file
    rows = open_rows(out, samples, cfg, weights) if out else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "view_scores", noting)
        try:
            return multi_view.multi_view_test(model, samples, cfg, rows=rows), batches
        finally:
            if rows:
                rows.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_videos_in_batches_get_the_same_scores(tmp_path: Path, workers: int) -> None:
    keys = [f"data.num_workers={workers}", "test.num_clips=1", "data.on_error=skip"]
    keys.append(write_list(tmp_path, gone=(4,)))
    one, of_one = run_test(tiny_config(tmp_path, *keys))
    three, of_three = run_test(tiny_config(tmp_path, *keys, "test.batch_size=3"))
    assert of_one == [(0,), (1,), (2,), (3,), (), (5,), (6,), (7,)]
    assert of_three == [(0, 1, 2), (3, 5), (6, 7)]
    for row, own in zip(three["predictions"], one["predictions"], strict=True):
        assert row["index"] == own["index"]
        np.testing.assert_allclose(row["top5_values"], own["top5_values"], rtol=1e-5)


def test_readers_are_counted_by_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fits(num_workers: int, batch_bytes: int, processes: int) -> tuple[int, str]:
        seen.append(batch_bytes)
        return 0, ""

    monkeypatch.setattr(evaluate, "workers_that_fit", fits)
    for size in (1, 3):
        views.multi_view_loader([], tiny_config(tmp_path, f"test.batch_size={size}"), 0)
    assert seen[1] == 3 * seen[0] > 0


def test_a_file_that_a_reader_hangs_at_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_hang: None
) -> None:
    read = MultiViewVideos.__call__

    def hang(self: MultiViewVideos, index: int) -> VideoViews:
        time.sleep(600 if index == 1 else 0)
        return read(self, index)

    monkeypatch.setattr(MultiViewVideos, "__call__", hang)
    keys = ["data.read_seconds=0.5", "data.num_workers=1", "data.on_error=skip"]
    result, _ = run_test(tiny_config(tmp_path, *keys, "test.num_clips=1", "test.batch_size=3"))
    assert [video["index"] for video in result["unreadable"]] == [1]
    assert [row["index"] for row in result["predictions"]] == [0, 2, 3, 4, 5, 6]


def test_an_interrupted_test_goes_on_from_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = tiny_config(
        tmp_path, "data.num_workers=0", "test.num_clips=2", write_list(tmp_path, gone=(1,)),
        "data.on_error=skip", "test.batch_size=2",
    )  # fmt: skip
    whole, _ = run_test(cfg)
    out = tmp_path / "a.npz"
    read = MultiViewVideos.__call__

    def until_the_fifth(self: MultiViewVideos, index: int) -> VideoViews:
        if index == 5:
            raise KeyboardInterrupt
        return read(self, index)

    monkeypatch.setattr(MultiViewVideos, "__call__", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        run_test(cfg, out)
    monkeypatch.undo()
    assert not out.exists()
    result, batches = run_test(cfg, out)
    assert batches == [(4,), (5, 6), (7,)]  # 0, 2 and 3 are there; 1 is tried again
    assert result == whole
    assert not out.with_name("a.npz.partial").exists()
    found = read_scores(out)
    assert found.indices.tolist() == [0, 2, 3, 4, 5, 6, 7]
    for row, scores in zip(result["predictions"], found.scores, strict=True):
        assert average_views(scores, "prob")[row["top5_indices"]].tolist() == row["top5_values"]


def test_processes_that_are_killed_lose_no_whole_row(tmp_path: Path, no_hang: None) -> None:
    weights = save_tiny_model(tiny_config(tmp_path, "data.num_workers=1"))
    lines = (tiny_data() / "val.list").read_text().splitlines() * 12
    (tmp_path / "test.list").write_text("\n".join(lines))
    flags = ["--test", "-w", str(weights), "--out", "a.npz", "-o", "data.test_list=test.list"]
    command = [sys.executable, str(REPOSITORY / "main.py"), *flags]
    partial = tmp_path / "a.npz.partial"
    with open(tmp_path / "log", "wb") as log:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=log, stderr=log)
        while not partial.exists() or partial.stat().st_blocks < 100:  # of 512 bytes
            assert run.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert not (tmp_path / "a.npz").exists()
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " of 84 videos are there already" in done.stdout
    found = read_scores(tmp_path / "a.npz")
    scores: NDArray[np.float32] = found.scores.reshape(12, 7, 30, 24)
    np.testing.assert_allclose(scores, np.broadcast_to(scores[:1], scores.shape), rtol=1e-4)
    assert np.ptp(scores[0, :, 0], axis=0).min() > 0  # not of one video


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


def test_averages_of_probabilities_and_of_logits_differ() -> None:
    logits = np.array([[4.0, 0.0, 0.0], [0.0, 1.0, 0.5]], dtype=np.float32)
    powers = np.exp(logits.mean(axis=0))
    np.testing.assert_allclose(average_views(logits, "score"), powers / powers.sum(), rtol=1e-6)
    np.testing.assert_allclose(average_views(logits, "prob"), logits.mean(axis=0))


def test_a_checkpoint_with_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path))
    other = ["model.num_classes=25", "data.labels="]
    done = main_py("--test", "-w", weights, "-o", *other, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert (
        "head.projection.weight is [288, 24] in the file, [288, 25] in the network" in done.stderr
    )


def test_a_list_without_any_readable_video_is_an_error(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path, "data.on_error=skip"))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "broken.list").write_text(f"{tmp_path}/empty.mp4 0\n")
    done = main_py("--test", "-w", weights, "-o", "data.val_list=broken.list", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: none of the 1 videos could be read "
        f"(first: {tmp_path}/empty.mp4: the file is empty (0 bytes))\n"
    )


def test_more_unreadable_videos_than_allowed_end_the_test(tmp_path: Path) -> None:
    cfg = tiny_config(
        tmp_path, "data.num_workers=0", "data.on_error=skip", "data.max_errors=1",
        write_list(tmp_path, gone=(1, 3)), "test.num_clips=1",
    )  # fmt: skip
    with pytest.raises(VideoError) as caught:
        run_test(cfg)
    assert str(caught.value) == (
        "/gone/3.mp4: No such file or directory (2 unreadable videos; data.max_errors=1)"
    )


class FakeLoader:
    """Yields clips, and an error in the place of some."""

    def __init__(self, *gone: int) -> None:
        self.gone = gone

    def run(self, batches: Iterable[Sequence[int]]) -> Any:
        for keys in batches:
            yield [
                VideoError(f"{i}.mp4: cut off")
                if i in self.gone
                else Clip(np.full((8, 32, 32, 3), 30 * i, np.uint8), i, i)
                for i in keys
            ]


def validate(folder: Path, loader: FakeLoader, on_error: str) -> dict[str, float]:
    cfg = tiny_config(folder, f"data.on_error={on_error}", "train.batch_size=2")
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size)
    return validate.validate(model, loader, [Sample(f"{i}.mp4", 0) for i in range(6)], cfg)


@pytest.mark.parametrize("on_error", ["skip", "substitute"])
def test_a_validation_leaves_unreadable_videos_out(
    tmp_path: Path, on_error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(logger, "warning", told.append)
    everything = validate(tmp_path, FakeLoader(), on_error)
    assert everything["seen"] == 6 and told == []
    result = validate(tmp_path, FakeLoader(1, 2, 3), on_error)  # one whole batch among them
    assert result["seen"] == 3
    assert told == [
        *(f"unreadable: {i}.mp4: cut off" for i in (1, 2, 3)),
        "validation: over 3 of 6 videos",
    ]
    others = validate(tmp_path, FakeLoader(0, 4, 5), on_error)
    halves = (result["loss"] + others["loss"]) / 2
    assert halves == pytest.approx(everything["loss"], rel=1e-5)
    with pytest.raises(VideoError, match="none of the 6 validation videos could be read"):
        validate(tmp_path, FakeLoader(*range(6)), on_error)


def test_a_validation_raises_at_once_where_the_config_says_so(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        validate(tmp_path, FakeLoader(2, 4), "raise")
    assert str(caught.value) == "2.mp4: cut off"
