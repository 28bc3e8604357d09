"""The multi-view test: each video once, whatever the number of processes, and none lost."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.locks import lock_held
from support.paths import REPOSITORY
from support.tiny_run import (
    environment,
    fresh_state,
    main_here,
    main_py,
    run_script,
    save_tiny_model,
    tiny_config,
    tiny_data,
    write_tiny_config,
)

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos, VideoViews
from slowfast.data.lists.read_lists import read_list
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.evaluate import report
from slowfast.evaluate.run_test import run_test
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import read_scores
from slowfast.files import FolderError
from slowfast.metrics.accuracy import average_views
from slowfast.metrics.average_precision import NoPositivesError, multi_hot, multi_label_numbers
from slowfast.predict import views
from slowfast.predict.kept import META, Kept
from slowfast.predict.runtime.built import weighted
from slowfast.predict.views import rows_of_views
from slowfast.tools import score


def write_list(folder: Path, *, gone: Sequence[int] = ()) -> str:
    """The validation list with videos that are not there put in at these places."""
    lines = (tiny_data() / "val.list").read_text().splitlines()
    for index in gone:
        lines.insert(index, f"/gone/{index}.mp4 0")
    (folder / "test.list").write_text("\n".join(lines))
    return f"data.test_list={folder / 'test.list'}"


# ----------------------------------------------------------- ------- one test by 1 and 2 processes


GONE, READ = (1, 3, 5, 7, 9, 11), [0, 2, 4, 6, 8, 10, 12]


@pytest.fixture(scope="module")
def of_processes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """The same test by 1 and 2 processes; the second of 2 has no video that can be read."""
    runs = []
    for processes, on_error in ((1, "raise"), (2, "substitute")):
        folder = tmp_path_factory.mktemp("test")
        weights = save_tiny_model(tiny_config(folder, "data.num_workers=1", "test.num_clips=2"))
        flags: list[str | Path] = [
            "--test", "-w", weights, "--out", "scores.npz",
            "--eval", "top_k_accuracy", "mean_class_accuracy",
            "-o", write_list(folder, gone=GONE), f"data.on_error={on_error}",
            f"test.batch_size={processes}",
        ]  # fmt: skip
        if processes == 1:
            done = main_here(*flags, cwd=folder)
        else:
            done = main_py(*flags, cwd=folder, processes=processes)
        result = json.loads((folder / "out" / "test_result.json").read_text())
        runs.append((folder, done, result))
    return runs


def test_one_and_two_processes_give_the_same_numbers(of_processes: Any) -> None:
    first = of_processes[0][2]
    for _, done, result in of_processes:
        assert "over 7 of 13 videos, 2 x 3 views each; 6 unreadable, listed in" in done.stdout
        assert f"mean_class_accuracy: {result['mean_class_accuracy']:.5f} over" in done.stdout
        assert (result["num_videos"], result["num_listed"], result["num_views"]) == (7, 13, 6)
        assert result["coverage"] == 7 / 13
        assert [row["index"] for row in result["predictions"]] == READ
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
        lines = [f"/gone/{i}.mp4: No such file or directory" for i in GONE]
        assert (folder / "out" / "unreadable.txt").read_text().splitlines() == lines
        assert result["unreadable"] == [
            {"index": i, "path": f"/gone/{i}.mp4", "error": line}
            for i, line in zip(GONE, lines, strict=True)
        ]
    (folder, done, _), (_, accepting, _) = of_processes
    assert (done.returncode, accepting.returncode) == (1, 0)
    assert done.stderr == (
        f"error: 6 of 13 videos could not be read (first: {lines[0]}); listed in "
        f"{folder}/out/unreadable.txt; data.on_error=skip accepts that\n"
    )
    # Once they can be read, the same command does those alone; where that is accepted, it is done.
    partial = [(folder / "scores.npz.partial").exists() for folder, _, _ in of_processes]
    assert partial == [True, False]
    rows = sorted((folder / "scores.npz.partial").glob("*.npy"))
    assert [int(path.name[:6]) for path in rows] == READ
    assert (folder / "scores.npz.partial" / META).exists()


def test_the_file_of_scores_repeats_each_number_to_the_last_digit(of_processes: Any) -> None:
    first = read_scores(of_processes[0][0] / "scores.npz")
    for folder, _, result in of_processes:
        found = read_scores(folder / "scores.npz")
        assert found.indices.tolist() == READ
        assert found.unreadable_paths == [f"/gone/{i}.mp4" for i in GONE]
        assert len(found.class_names) == 24
        np.testing.assert_allclose(found.scores, first.scores, rtol=1e-4)
        for row, scores in zip(result["predictions"], found.scores, strict=True):
            values = average_views(scores, "prob")[row["top5_indices"]]
            assert values.tolist() == row["top5_values"]
        assert score.main([str(folder / "scores.npz"), "--json", str(folder / "s.json")]) == 0
        again = json.loads((folder / "s.json").read_text())
        for name in ("top1", "top5", "mean_class_accuracy", "num_videos", "coverage"):
            assert again[name] == result[name]


# ----------------------------------------------------------------------- several labels a video


SEVERAL = """
import sys
from pathlib import Path

from support.tiny_run import fresh_state

from slowfast import distributed
from slowfast.config import load_config
from slowfast.data.samples import Sample
from slowfast.evaluate.run_test import run_test
from slowfast.log import start_logging
from slowfast.predict.runtime.built import weighted

distributed.start("cpu", seed=0)
start_logging(distributed.rank())
cfg = load_config(sys.argv[1], [
    "train.task=multi", "test.average_clips=max", "test.threshold=0.49", "test.num_clips=2",
    "data.num_workers=0", "data.on_error=skip",
])
paths = [f"{cfg.data.root}/val/{i:06d}.mp4" for i in range(7)] * 2  # each is a tie
paths[2] = paths[5] = paths[8] = paths[11] = "/gone.mp4"  # all of the last of 3 processes
labels = [(), *(tuple(sorted({i % 5, i * i % 11, 20})) for i in range(1, 14))]
network = weighted(fresh_state(cfg).model)
run_test(network, list(map(Sample, paths, labels)), cfg, out=Path("scores.npz"))
"""


def several(folder: Path, processes: int) -> tuple[Any, Path, str]:
    """The result of a test by so many processes, its file of scores, and its log."""
    config = write_tiny_config(folder)
    said = run_script(SEVERAL, str(config), cwd=folder, processes=processes)
    result = json.loads((folder / "out" / "test_result.json").read_text())
    return result, folder / "scores.npz", said[0]


@pytest.fixture(scope="module")
def of_one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, str]:
    return several(tmp_path_factory.mktemp("one"), 1)


def test_several_labels_leave_their_numbers(of_one: tuple[Any, Path, str]) -> None:
    result, out, said = of_one
    found = read_scores(out)
    names = ("mAP", "mAP_all_classes", "mAP_charades", "f1")
    numbers = " ".join(f"{name}: {result[name]:.5f}" for name in names)
    assert f"test: {numbers} over 10 of 14 videos, 2 x 3 views each; 4 unreadable" in said
    assert result["threshold"] == 0.49 and result["num_videos"] == 10
    assert [row["labels"] for row in result["predictions"]][:3] == [[], [1, 20], [3, 9, 20]]
    assert "label" not in result["predictions"][0] and "top1" not in result
    truth = multi_hot([row["labels"] for row in result["predictions"]], 24)
    np.testing.assert_array_equal(found.labels, truth)
    assert (found.task, found.average_clips) == ("multi", "max")
    scores = found.scores.astype(np.float64).max(axis=1)
    assert multi_label_numbers(scores, truth, 0.49) == {name: result[name] for name in names}
    assert result["mAP"] != result["mAP_charades"] and 0 < result["f1"] < 1
    for row, own in zip(result["predictions"], scores, strict=True):
        assert row["top5_values"] == sorted(own, reverse=True)[:5]


@pytest.mark.parametrize(
    "processes", [2, pytest.param(3, marks=pytest.mark.slow)], ids=["two", "three"]
)
def test_several_labels_count_the_same_for_more_processes(
    of_one: tuple[Any, Path, str], tmp_path: Path, processes: int
) -> None:
    result, out, _ = several(tmp_path, processes)
    assert result == of_one[0]
    assert read_scores(out).labels.tolist() == read_scores(of_one[1]).labels.tolist()


# ----------------------------------------------------------------------- one that goes on


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The places of the videos that are computed together."""
    found = []

    def noting(network: Any, videos: Sequence[VideoViews], cfg: Config) -> Any:
        found.append(tuple(video.index for video in videos))
        return rows_of_views(network, videos, cfg)

    monkeypatch.setattr(views, "rows_of_views", noting)
    return found


def config(folder: Path, *overrides: str) -> Config:
    return tiny_config(folder, "data.num_workers=0", "test.num_clips=2", *overrides)


def small_test(cfg: Config, out: Path | None = None, change: float = 0.0) -> dict[str, Any]:
    """A test in this process, of a network whose classifier is changed by so much."""
    model = fresh_state(cfg).model
    model.head.projection.weight.set_value(model.head.projection.weight + change)
    samples = read_list(cfg.data.test_list or cfg.data.val_list, cfg.data.root, 24)
    return run_test(weighted(model), samples, cfg, out=out)


def stop_at(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as a video is read."""
    read = MultiViewVideos.__call__

    def interrupted(self: MultiViewVideos, place: int) -> VideoViews:
        if place == index:
            raise KeyboardInterrupt
        return read(self, place)

    monkeypatch.setattr(MultiViewVideos, "__call__", interrupted)


def interrupt(
    cfg: Config, out: Path, monkeypatch: pytest.MonkeyPatch, *, at: int = 5
) -> list[Path]:
    """Begins a test and stops it at a video; returns the files of the rows that are there."""
    with monkeypatch.context() as patch:
        stop_at(at, patch)
        with pytest.raises(KeyboardInterrupt):
            small_test(cfg, out)
    assert not out.exists()
    return sorted(out.with_name(f"{out.name}.partial").glob("*.npy"))


def test_an_interrupted_test_goes_on_from_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[tuple[int, ...]]
) -> None:
    gone = write_list(tmp_path, gone=(1,))
    cfg = config(tmp_path, gone, "data.on_error=skip", "test.batch_size=2")
    whole = small_test(cfg)
    out = tmp_path / "a.npz"
    rows = interrupt(cfg, out, monkeypatch)
    assert [int(path.name[:6]) for path in rows] == [0, 2, 3]
    batches.clear()
    result = small_test(cfg, out)
    assert batches == [(4,), (5, 6), (7,)]  # 0, 2 and 3 are there; 1 is tried again
    assert result == whole
    assert not out.with_name("a.npz.partial").exists()
    found = read_scores(out)
    assert found.indices.tolist() == [0, 2, 3, 4, 5, 6, 7]
    for row, scores in zip(result["predictions"], found.scores, strict=True):
        assert average_views(scores, "prob")[row["top5_indices"]].tolist() == row["top5_values"]


def test_a_row_of_another_shape_or_of_another_video_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[tuple[int, ...]]
) -> None:
    own = tmp_path / "own.mp4"
    paths = [str(tiny_data() / "val" / f"{i:06d}.mp4") for i in range(4)]
    own.write_bytes(Path(paths[1]).read_bytes())
    (tmp_path / "own.list").write_text("".join(f"{path} 0\n" for path in [own, *paths]))
    cfg, out = config(tmp_path, f"data.test_list={tmp_path}/own.list"), tmp_path / "a.npz"
    _, _, third, fourth = interrupt(cfg, out, monkeypatch, at=4)
    np.save(third, np.zeros((6, 23), np.float32))
    np.save(fourth, np.zeros((6, 24), np.float64))
    own.write_bytes(Path(paths[2]).read_bytes())  # another video by now
    batches.clear()
    small_test(cfg, out)
    assert batches == [(0,), (2,), (3,), (4,)]
    scores = read_scores(out).scores
    np.testing.assert_array_equal(scores[0], scores[3])


def test_rows_of_two_tests_are_never_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.npz"
    rows = interrupt(config(tmp_path), out, monkeypatch, at=2)
    before = [path.read_bytes() for path in rows]
    for overrides, change, difference in (
        (["data.sampling_stride=1"], 0.0, "settings (data.sampling_stride: 2 there, 1 here)"),
        ([], 0.5, "weights (weights: "),
    ):
        with pytest.raises(FolderError) as caught:
            small_test(config(tmp_path, *overrides), out, change)
        assert str(caught.value).startswith(f"what is in {out}.partial is of other {difference}")
    assert [path.read_bytes() for path in rows] == before


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path) -> None:
    cfg, out = config(tmp_path), tmp_path / "a.npz"
    partial = tmp_path / "a.npz.partial"
    partial.write_bytes(b"a download\n")
    with pytest.raises(FolderError, match=r"a\.npz\.partial is of an earlier version of this"):
        small_test(cfg, out)
    assert partial.read_bytes() == b"a download\n"
    partial.unlink()
    out.touch()
    with pytest.raises(ResultsError, match=r"a\.npz is there already: name another file"):
        small_test(cfg, out)
    assert not partial.exists()


def test_a_file_that_appears_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[tuple[int, ...]]
) -> None:
    cfg, out = config(tmp_path), tmp_path / "a.npz"
    with monkeypatch.context() as patch, pytest.raises(ResultsError, match="is there already"):
        patch.setattr(report, "write_report", lambda *_: out.write_text("precious"))
        small_test(cfg, out)
    assert out.read_text() == "precious"
    out.unlink()
    batches.clear()
    small_test(cfg, out)
    assert batches == [] and out.exists()  # all rows were kept


def test_where_results_cannot_be_written_nothing_is_computed(
    tmp_path: Path, batches: list[tuple[int, ...]]
) -> None:
    cfg = config(tmp_path)
    (Path(cfg.output_dir) / report.RESULT).mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        small_test(cfg)
    assert batches == []


def test_two_runs_do_not_write_the_same_rows(tmp_path: Path) -> None:
    cfg, out = config(tmp_path), tmp_path / "a.npz"
    (tmp_path / "a.npz.partial").mkdir()
    with lock_held(tmp_path / "a.npz.partial" / ".lock"), pytest.raises(FolderError) as caught:
        small_test(cfg, out)
    assert str(caught.value) == f"another run is writing into {out}.partial"
    small_test(cfg, out)
    assert out.exists()


def test_a_full_disk_loses_nothing_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, keep = save_tiny_model(config(tmp_path)), Kept.write

    def almost_full(self: Kept, name: str, row: Any) -> None:
        if name.startswith("000003"):
            raise OSError(28, "No space left on device", self.path(name))
        keep(self, name, row)

    flags: list[str | Path] = ["--test", "-w", weights, "--out", "a.npz"]
    with monkeypatch.context() as patch:
        patch.setattr(Kept, "write", almost_full)
        done = main_here(*flags, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: a.npz.partial/000003-")
    assert done.stderr.endswith(".npy: No space left on device\n") and done.stderr.count("\n") == 1
    done = main_here(*flags, cwd=tmp_path)
    assert done.returncode == 0 and "3 of 7 videos are there already" in done.stdout
    assert read_scores(tmp_path / "a.npz").indices.tolist() == [*range(7)]


def test_a_process_without_the_folder_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and not where rank 0 misses its rows."""
    monkeypatch.setattr(distributed, "on_first", lambda work: ([], []))  # as in another process
    with pytest.raises(FolderError, match=r"a\.npz\.partial is not there for all processes: name"):
        small_test(config(tmp_path), tmp_path / "a.npz")


def test_a_row_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg, out = config(tmp_path), tmp_path / "a.npz"
    interrupt(cfg, out, monkeypatch, at=2)
    calls, read = list[str](), Kept.read

    def lost(self: Kept, name: str, *shape: int) -> Any:
        calls.append(name)
        return read(self, name, *shape) if len(calls) <= 7 else None  # looked for once, then read

    monkeypatch.setattr(Kept, "read", lost)
    with pytest.raises(ResultsError, match=r"000000-\w+\.npy is not there, or damaged \(do all"):
        small_test(cfg, out)


@pytest.mark.slow
def test_processes_that_are_killed_lose_no_whole_row(tmp_path: Path, no_hang: None) -> None:
    """One is killed, and two go on."""
    weights = save_tiny_model(tiny_config(tmp_path, "data.num_workers=1", "test.num_clips=2"))
    lines = (tiny_data() / "val.list").read_text().splitlines() * 6
    (tmp_path / "test.list").write_text("\n".join(lines))
    flags = ["--test", "-w", str(weights), "--out", "a.npz", "-o", "data.test_list=test.list"]
    command = [sys.executable, str(REPOSITORY / "main.py"), *flags]
    partial = tmp_path / "a.npz.partial"
    with open(tmp_path / "log", "wb") as log:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=log, stderr=log)
        while len([*partial.glob("[0-9]*.npy")]) < 5:
            assert run.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert not (tmp_path / "a.npz").exists()
    done = main_py(*flags, cwd=tmp_path, processes=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " of 42 videos are there already" in done.stdout
    found = read_scores(tmp_path / "a.npz")
    scores: NDArray[np.float32] = found.scores.reshape(6, 7, 6, 24)
    np.testing.assert_allclose(scores, np.broadcast_to(scores[:1], scores.shape), rtol=1e-4)
    assert np.ptp(scores[0, :, 0], axis=0).min() > 0  # not of one video
    assert not partial.exists()


# ------------------------------------------------------------------------- what cannot be


def test_a_list_without_any_readable_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test.list").write_text("/gone.mp4 0\n")
    with pytest.raises(VideoError) as caught:
        small_test(config(tmp_path, "data.on_error=skip", f"data.test_list={tmp_path}/test.list"))
    reason = "/gone.mp4: No such file or directory"
    assert str(caught.value) == f"none of the 1 videos could be read (first: {reason})"


def test_average_precision_needs_a_label(tmp_path: Path, batches: list[tuple[int, ...]]) -> None:
    cfg = config(tmp_path, "train.task=multi")
    samples = [Sample(str(tiny_data() / "val" / "000000.mp4"), ())]
    with pytest.raises(NoPositivesError, match="none of the 1 videos has a label"):
        run_test(weighted(fresh_state(cfg).model), samples, cfg, out=tmp_path / "a.npz")
    assert batches == [] and not (tmp_path / "a.npz.partial").exists()


def test_metrics_of_another_task_are_refused(tmp_path: Path) -> None:
    weights = save_tiny_model(config(tmp_path))
    done = main_here("--test", "-w", weights, "--eval", "f1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "error: --eval f1 is not for train.task=single: choose from top_k_accuracy, "
        "mean_class_accuracy\n",
    )


def test_more_unreadable_videos_than_allowed_end_the_test(tmp_path: Path) -> None:
    gone = write_list(tmp_path, gone=(1, 3))
    with pytest.raises(VideoError) as caught:
        small_test(config(tmp_path, "data.on_error=skip", "data.max_errors=1", gone))
    assert str(caught.value) == (
        "/gone/3.mp4: No such file or directory (2 unreadable videos; data.max_errors=1)"
    )


def test_a_test_writes_over_no_file_that_it_reads(tmp_path: Path) -> None:
    network: Any = None  # it is not needed before
    for task, name in (("detection", "detections.csv"), ("single", report.RESULT)):
        path = tmp_path / name
        path.write_text("v,0902\n")
        own = ["data.val_list=v.csv", f"detection.val_boxes={path}"]
        cfg = tiny_config(
            tmp_path, f"output_dir={tmp_path}", f"train.task={task}",
            *(own if task == "detection" else [f"data.val_list={path}"]),
        )  # fmt: skip
        with pytest.raises(FolderError, match=f"{name} would be written over .*{name}"):
            run_test(network, [], cfg)
        assert path.read_text() == "v,0902\n"


# ----------------------------------------------------------------------------------- the report


def report_flags(folder: Path) -> list[str | Path]:
    weights = save_tiny_model(config(folder))
    return ["--test", "-w", weights, "--report", "rep"]


def test_a_killed_test_with_a_report_goes_on_and_then_makes_only_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags, rep = report_flags(tmp_path), tmp_path / "rep"
    with monkeypatch.context() as patch:
        stop_at(4, patch)
        assert main_here(*flags, cwd=tmp_path).returncode == 130
    assert not (rep / "report.html").exists()
    done = main_here(*flags, cwd=tmp_path)
    assert done.returncode == 0 and "4 of 7 videos are there already" in done.stdout
    run = read_scores(rep / "scores.npz").run
    assert (run["computed"], run["kept"], run["processes"]) == (3, 4, 1)
    page, scores = (rep / "report.html").read_bytes(), (rep / "scores.npz").read_bytes()
    (rep / "report.html").unlink()  # as if killed before
    others = ["data.num_workers=1", "output_dir=elsewhere"]  # without influence
    done = main_here(*flags, "--eval", "mean_class_accuracy", "-o", *others, cwd=tmp_path)
    assert done.returncode == 0 and "only its report is made again" in done.stdout
    result = json.loads((tmp_path / "out" / report.RESULT).read_text())
    assert f"test: mean_class_accuracy: {result['mean_class_accuracy']:.5f} (" in done.stdout
    assert (rep / "report.html").read_bytes() == page
    assert (rep / "scores.npz").read_bytes() == scores


def test_scores_of_another_test_are_not_written_over(tmp_path: Path) -> None:
    flags, rep = report_flags(tmp_path), tmp_path / "rep"
    assert main_here(*flags, cwd=tmp_path).returncode == 0
    before = [(rep / name).read_bytes() for name in ("scores.npz", "report.html")]
    done = main_here(*flags, "-o", "data.sampling_stride=1", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "error: rep/scores.npz is there already, of another test: data.sampling_stride is 2 there, "
        "and 1 here; name another folder, or delete it (its report: python -m slowfast.tools.score "
    )
    done = main_here(*flags, "-o", write_list(tmp_path, gone=[2]), cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "of another test: its list is of 7 videos, and the one here of 8; name" in done.stderr
    assert [(rep / name).read_bytes() for name in ("scores.npz", "report.html")] == before


def test_a_report_that_cannot_be_written_is_said_before_the_test(
    tmp_path: Path, batches: list[tuple[int, ...]]
) -> None:
    flags = report_flags(tmp_path)
    (tmp_path / "rep" / "report.html").mkdir(parents=True)
    done = main_here(*flags, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: rep/report.html: Is a directory\n")
    assert batches == []
