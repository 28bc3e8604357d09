"""Inference: rows as they come, that last, and broken files that do not stop the others."""

import dataclasses
import fcntl
import io
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.full_disk import largest_file
from support.paths import REPOSITORY
from support.tiny_run import (
    eager,
    environment,
    fresh_state,
    main_here,
    main_py,
    save_tiny_model,
    tiny_config,
    tiny_data,
)

from slowfast.config import Config
from slowfast.config.schema import TrainConfig
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.files import FolderError, write_json
from slowfast.metrics.accuracy import average_views
from slowfast.predict import infer, result_rows
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import rows_of_views

FIELDS = {
    "video_id", "top1_values", "top1_indices", "top5_values", "top5_indices", "top1_label",
    "top5_labels", "num_views",
}  # fmt: skip


def alone(cfg: Config, path: Path) -> NDArray[np.float64]:
    """The probabilities of one video, of the network of ``save_tiny_model``."""
    model = fresh_state(cfg).model
    model.eval()
    video = MultiViewVideos([Sample(str(path))], cfg.data, cfg.test)(0)
    return average_views(rows_of_views(eager(model, cfg, "prob"), [video], cfg)[0], "prob")


@pytest.mark.parametrize(("processes", "batch_size"), [(1, 6), (2, 2)])
def test_broken_videos_are_reported(own_folder: Path, processes: int, batch_size: int) -> None:
    cfg = tiny_config(own_folder, "test.num_clips=2")
    weights = save_tiny_model(cfg)
    good = own_folder / os.fsdecode("höhe ".encode() + b"\xe9.mp4")  # partly UTF-8
    shutil.copy(tiny_data() / "val" / "000000.mp4", good)
    Path("zero.mp4").touch()
    Path("cut.mp4").write_bytes(good.read_bytes()[:400])
    other = tiny_data() / "val" / "000001.mp4"
    paths: list[str | Path] = ["zero.mp4", good, "cut.mp4", "nowhere.mp4", other, "frames"]
    Path("frames").mkdir()
    for number, width in ((1, 44), (2, 40)):
        picture = np.zeros((32, width, 3), np.uint8)
        cv2.imwrite(f"frames/img_{number:05d}.png", picture)
    overrides = ["data.frame_pattern=img_{:05d}.png", f"test.batch_size={batch_size}"]
    flags: list[str | Path] = ["--infer", *paths, "-w", weights, "-o", *overrides]
    if processes == 1:
        done = main_here(*flags, cwd=own_folder)
    else:
        done = main_py(*flags, cwd=own_folder, processes=processes)
    assert done.returncode == 1
    assert "error: 4 of 6 videos could not be read\n" in done.stderr + done.stdout
    rows = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert [row["video_id"] for row in rows] == [str(path) for path in paths]
    assert ["error" in row for row in rows] == [True, False, True, True, False, True]
    assert rows[0]["error"] == "zero.mp4: the file is empty (0 bytes)"
    assert "frames/img_00002.png: its size differs" in rows[5]["error"]
    labels = (tiny_data() / "labels.txt").read_text().splitlines()
    for row, scores in ((rows[1], alone(cfg, good)), (rows[4], alone(cfg, other))):
        assert set(row) == FIELDS
        np.testing.assert_allclose(row["top5_values"], scores[row["top5_indices"]], rtol=1e-4)
        assert row["top5_labels"] == [labels[i] for i in row["top5_indices"]]
        assert row["top5_values"] == sorted(row["top5_values"], reverse=True)
        best = row["top5_values"][0], row["top5_indices"][0]
        assert (row["top1_values"], row["top1_indices"]) == best
        assert row["num_views"] == 6
    assert "not read: nowhere.mp4: No such file or directory" in done.stdout
    assert rows[4]["top1_label"] in done.stdout
    kept = sorted(path.name for path in Path("data/results").iterdir())
    assert kept == ["result.json", "result.jsonl"]
    Path("nowhere.mp4").symlink_to(other)
    again = main_here(*flags, cwd=own_folder)
    assert "2 of 6 rows are in data/results/result.jsonl already" in again.stdout
    new = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert new == [*rows[:3], {**rows[4], "video_id": "nowhere.mp4"}, *rows[4:]]


def test_broken_weights_are_told_before_anything_is_written(own_folder: Path) -> None:
    """Weights too large make inf of every clip; nan in the file is seen as it is loaded."""
    cfg = tiny_config(own_folder)
    weights, video = save_tiny_model(cfg), tiny_data() / "val" / "000000.mp4"
    tensors = pickle.loads(weights.read_bytes())
    name, shift = "head.projection.weight", "s5.pathway0_res0.branch2.c_bn.bias"
    tensors[shift] = np.full_like(tensors[shift], 100)
    reason = "the network's output for it is not finite: its weights are broken"
    for value, fault in ((3e38, reason), (np.nan, f"{name} holds numbers that are not finite")):
        tensors[name] = np.full_like(tensors[name], value)
        weights.write_bytes(pickle.dumps(tensors))
        done = main_here("--infer", video, "-w", weights, cwd=own_folder)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert fault in done.stdout + done.stderr
        done = main_here("--test", "--out", "a.npz", "-w", weights, cwd=own_folder)
        assert done.returncode == 1 and fault in done.stderr
        assert not (own_folder / "a.npz").exists() and not [*own_folder.rglob("test_result.json")]
    rows = json.loads(Path("data/results/result.json").read_text(encoding="utf-8"))
    assert rows == [{"video_id": str(video), "error": reason}]  # of the first


FLAGS = ["-o", "test.num_clips=1", "test.num_crops=1"]


def stalled(folder: Path, weights: Path) -> "subprocess.Popen[str]":
    """A run over 31 videos that nobody reads: it stands still when its output is 4 KB."""
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "main.py"), "--infer", str(tiny_data()), "-w",
         str(weights), *FLAGS, "--out", "new/a.json"],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    while len(lines_in(folder / "new" / "a.jsonl")) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def lines_in(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(("how", "status"), [
    ("killed", -signal.SIGKILL), ("asked", 143),
])  # fmt: skip
def test_a_run_that_is_cut_off_goes_on(own_folder: Path, how: str, status: int) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    with stalled(own_folder, weights) as process:
        assert process.stdout and process.stderr
        process.send_signal({"killed": signal.SIGKILL, "asked": signal.SIGTERM}[how])
        said = process.stderr.read()
    assert process.returncode == status
    assert said == ("interrupted (the same command goes on)\n" if how == "asked" else "")
    done = len(lines_in(Path("new/a.jsonl")))
    assert 3 <= done < 31 and not Path("new/a.json").exists()
    command = ["--infer", str(tiny_data()), "-w", str(weights), *FLAGS, "--out", "new/a.json"]
    again = main_here(*command, cwd=own_folder)
    assert f"{done} of 31 rows are in new/a.jsonl already" in again.stdout
    assert len(lines_in(Path("new/a.jsonl"))) == 31
    rows = json.loads(Path("new/a.json").read_text())
    names = sorted(map(str, tiny_data().rglob("*.mp4")))
    assert [row["video_id"] for row in rows] == names
    assert [line for line in again.stdout.splitlines() if line in names] == names


def test_all_is_written_when_the_output_is_closed(own_folder: Path) -> None:
    """As with ``head -n 5``."""
    weights = save_tiny_model(tiny_config(own_folder))
    with stalled(own_folder, weights) as process:
        assert process.stdout and process.stderr
        shown = [process.stdout.readline() for _ in range(5)]
        assert shown[3].endswith("/train/000000.mp4\n") and shown[4].endswith(" #\n")
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, "")
    assert len(json.loads(Path("new/a.json").read_text())) == 31


@pytest.mark.slow
def test_processes_that_the_launcher_starts_write_one_file(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    command = [
        "--infer", str(tiny_data() / "val"), "-w", str(weights), *FLAGS, "--out", "new/a.json",
    ]  # fmt: skip
    done = main_py(*command, cwd=own_folder, processes=2, launcher=True)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir("new")) == ["a.json", "a.jsonl"]
    rows = json.loads(Path("new/a.json").read_text())
    assert [Path(row["video_id"]).name for row in rows] == [f"{i:06d}.mp4" for i in range(7)]


def test_a_list_with_labels_and_fewer_classes(own_folder: Path) -> None:
    weights = save_tiny_model(tiny_config(own_folder))
    lines = (tiny_data() / "val.list").read_text().splitlines()[:2]
    Path("labelled.list").write_text("\n".join(f"{tiny_data()}/{line}" for line in lines))
    Path("bare.txt").write_text("\n".join(f"{tiny_data()}/{line.split()[0]}" for line in lines))
    command = ["-w", str(weights), *FLAGS, "--out", "a.json", "--infer"]
    assert main_here(*command, "labelled.list", cwd=own_folder).returncode == 0
    labelled = json.loads(Path("a.json").read_text())
    assert [row.pop("label") for row in labelled] == [int(line.split()[1]) for line in lines]
    assert main_here(*command, "bare.txt", cwd=own_folder).returncode == 0
    assert json.loads(Path("a.json").read_text()) == labelled
    done = main_here(*command, "bare.txt", "--top", "3", cwd=own_folder)
    assert "2 of 2 rows are in a.jsonl already" in done.stdout
    row = json.loads(Path("a.json").read_text())[0]
    named = {name for name in FIELDS if "top5" not in name}
    assert set(row) == named | {"top3_values", "top3_indices", "top3_labels"}
    assert row["top3_indices"] == labelled[0]["top5_indices"][:3]
    assert done.stdout.count(" %  ") == 6


class Runs:
    """Predictions without a network: what a file holds is what is found in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computed: list[str] = []
        self.order = sorted
        monkeypatch.setattr(infer, "rows_of_videos", self._rows)

    def _rows(
        self, network: object, samples: list[Sample], cfg: Config, *, only: list[int], **rest: Any
    ) -> Iterator[tuple[int, Any]]:
        for index in self.order(only):
            path = Path(samples[index].path)
            self.computed.append(path.name)
            if not path.exists():
                yield index, VideoError(f"{path}: gone")
            else:
                yield index, np.array([[float(n) for n in path.read_text().split()]], np.float32)

    def __call__(
        self, *names: str, out: str = "a.json", cfg: Config | None = None, **more: Any
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """Runs; returns which videos were computed, and the rows."""
        self.computed = []
        settings: dict[str, Any] = {"weights": "w"} | more
        samples = [Sample(name) for name in names]
        infer.infer(None, samples, None, cfg or Config(), out=Path(out), **settings)  # type: ignore[arg-type]
        return self.computed, json.loads(Path(out).read_text())


@pytest.fixture
def runs(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for name, text in (("a", "0.5 0.3 0.2"), ("b", "0.2 0.5 0.3"), ("c", "0.1 0.3 0.6")):
        Path(name).write_text(text)
    return Runs(monkeypatch)


def test_what_is_computed_again(runs: Runs) -> None:
    computed, rows = runs("a", "b", "./a")
    assert computed == ["a", "b"]
    assert [row["top1_indices"] for row in rows] == [0, 1, 0]
    assert [row["video_id"] for row in rows] == ["a", "b", "./a"]
    assert runs("a", "b", "./a") == ([], rows)
    assert runs("c", "b")[0] == ["c"]
    Path("b").write_text("0.6 0.2 0.2")
    computed, rows = runs("a", "b")
    assert (computed, rows[1]["top1_indices"]) == (["b"], 0)
    assert runs("a", weights="of another network")[0] == ["a"]
    other = dataclasses.replace(Config().test, num_clips=3)
    assert runs("a", cfg=dataclasses.replace(Config(), test=other))[0] == ["a"]
    quicker = dataclasses.replace(Config().test, views_per_chunk=3)
    assert runs("a", cfg=dataclasses.replace(Config(), test=quicker))[0] == []
    assert runs("a", "b", "c") == ([], [*rows, runs("c")[1][0]])  # nothing was lost meanwhile
    Path("a").unlink()  # or its disk is not there for now: what was computed stays
    assert runs("a", "b") == ([], rows)


def test_what_could_not_be_read_is_tried_again(runs: Runs) -> None:
    for _ in range(2):
        with pytest.raises(VideoError, match="1 of 2 videos could not be read"):
            runs("a", "d")
    assert runs.computed == ["d"]
    Path("d").write_text("0.1 0.9")
    assert runs("a", "d")[0] == ["d"]


@pytest.mark.parametrize(("first", "then", "again"), [
    (5, 2, []), (3, 1, []), (1, 1, []), (1, 2, ["a"]), (2, 5, ["a"]),
])  # fmt: skip
def test_rows_of_another_number_of_classes(
    runs: Runs, first: int, then: int, again: list[str]
) -> None:
    runs("a", top=first)
    computed, (row,) = runs("a", top=then)
    assert computed == again
    best = {f"top{then}_indices": [0, 1, 2][:then], f"top{then}_values": [0.5, 0.3, 0.2][:then]}
    expected = {"top1_indices": 0, "top1_values": 0.5} | (best if then > 1 else {})
    assert row.pop("video_id") == "a" and row.pop("num_views") == 1
    assert {name: np.round(value, 6).tolist() for name, value in row.items()} == expected


def test_rows_come_in_order_and_at_once(
    runs: Runs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order they are computed in, as of tars; those of an earlier run among them."""
    runs("b")
    capsys.readouterr()
    said: list[str] = []
    monkeypatch.setattr(runs, "order", lambda only: iterated(sorted(only, reverse=True)))

    def iterated(places: list[int]) -> Iterator[int]:
        for place in places:
            said.append(capsys.readouterr().out)
            yield place
        said.append(capsys.readouterr().out)

    runs("a", "b", "c")
    assert ["a\n" in text or "c\n" in text for text in said] == [False, False, True]
    assert [line for line in said[2].splitlines() if line in ("a", "b", "c")] == ["a", "b", "c"]


def test_what_the_processes_of_an_earlier_run_have_left_is_used(runs: Runs) -> None:
    runs("a")
    runs("b", out="other.json")
    Path("other.jsonl").rename("a.1-of-2.jsonl")
    assert runs("a", "b", "c")[0] == ["c"]
    assert not Path("a.1-of-2.jsonl").exists()
    Path("a.jsonl").write_text(Path("a.jsonl").read_text()[:-20])  # the machine went down
    assert runs("a", "b", "c")[0] == ["c"]


@pytest.mark.parametrize(("name", "text"), [
    ("a.json", '[{"image": "x"}]'), ("a.json", "{}"), ("a.jsonl", '{"key": "a", "n": 1}\n'),
    ("a.0-of-2.jsonl", "notes"),
])  # fmt: skip
def test_a_file_of_somebody_else_stays(runs: Runs, name: str, text: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(FolderError) as caught:
        runs("a")
    fault = "is there, and is not a result of --infer: name another file with --out, or delete it"
    assert str(caught.value) == f"{name} {fault}"
    assert Path(name).read_text() == text and runs.computed == []


def test_a_result_of_an_earlier_version_is_replaced(runs: Runs) -> None:
    write_json(Path("a.json"), [{"video_id": "x", "top1_values": 1.0}])
    Path("a.jsonl").touch()
    assert runs("a")[1][0]["video_id"] == "a"


def test_places_where_nothing_can_be_written(runs: Runs) -> None:
    Path("folder.json").mkdir()
    for out, error in (("folder.json", IsADirectoryError), ("/proc/a.json", FileNotFoundError)):
        with pytest.raises(error) as caught:
            runs("a", out=out)
        assert caught.value.filename == out
    assert runs.computed == []


def test_a_second_run_at_once_is_told_to_write_elsewhere(runs: Runs) -> None:
    holder = "import sys; from pathlib import Path; from slowfast.files import locked\n"
    holder += "with locked(Path('a.jsonl'), ''): print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout and process.stdout.readline()
        with pytest.raises(FolderError, match="or name another file with --out"):
            runs("a")
        process.communicate()
    assert runs("a")[0] == ["a"]


def test_a_full_disk_keeps_what_was_written(runs: Runs) -> None:
    with largest_file(400), pytest.raises(OSError) as caught:
        runs("a", "b", "c")
    assert caught.value.filename == "a.jsonl"
    assert runs("a", "b", "c")[0] == ["b", "c"]


def test_memory_does_not_hold_the_rows(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These rows, of 400 classes, would take 1.6 MB."""
    many, scores = 100, np.linspace(0, 1, 400, dtype=np.float32)[None]
    samples = [Sample(f"{i}.mp4") for i in range(many)]
    monkeypatch.setattr(
        infer, "rows_of_videos", lambda *args, only, **rest: ((i, scores) for i in only)
    )
    tracemalloc.start()
    infer.infer(None, samples, None, Config(), weights="w", top=400)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert infer.RESULT.stat().st_size > many * 10_000
    assert peak < 400_000


@pytest.mark.parametrize(("until_enough", "computed"), [(True, [1, 1]), (False, [1, 0])],
                         ids=["as many as needed", "all views"])  # fmt: skip
def test_how_many_views_labels_need_depends_on_the_threshold(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, until_enough: bool, computed: list[int]
) -> None:
    """So rows of another threshold are of other views; with all views they serve a higher one."""
    found, scores = [], np.array([[0.9, 0.55]], np.float32)

    def rows(*args: object, only: list[int], **rest: object) -> Iterator[Any]:
        found.append(len(only))
        return ((i, scores) for i in only)

    monkeypatch.setattr(infer, "rows_of_videos", rows)
    for threshold in (0.5, 0.6):
        cfg = Config(train=TrainConfig(task="multi")).with_test(threshold=threshold)
        infer.infer(None, [Sample("a.mp4")], None, cfg, weights="w", until_enough=until_enough)  # type: ignore[arg-type]
    assert found == computed
    (row,) = json.loads(infer.RESULT.read_text())
    assert row["predicted_indices"] == [0]


class Screen(io.StringIO):
    """A terminal: keeps what is to be seen on it, and each state that it had."""

    def __init__(self) -> None:
        super().__init__()
        self.lines, self.at, self.seen = [""], 0, [""]

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in re.findall(r"\x1b\[\??\d*\w|\r|\n|[^\x1b\r\n]+", text):
            if part.endswith("A"):
                self.at -= int(part[2:-1])
                assert self.at >= 0
            elif part == "\033[J":
                self.lines[self.at :] = [""]
            elif part == "\n":
                self.at += 1
                self.lines += [""] * (self.at + 1 - len(self.lines))
            elif part[0] not in "\r\033":
                self.lines[self.at] = part + self.lines[self.at][len(part) :]
        self.seen.append("\n".join(self.lines))
        return len(text)


class Growing(Backend):
    """Scores two classes; is sure of each video after 3 views."""

    views_at_once = 1

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, views: Sequence[Any]) -> NDArray[np.float32]:
        self.calls += 1
        return np.array([[0.2, 0.8]], np.float32)


def test_bars_grow_on_a_terminal_as_views_come(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = tiny_config(own_folder)
    videos = [tiny_data() / "val" / f"00000{i}.mp4" for i in range(2)]
    samples = [Sample(str(path)) for path in videos]

    def run(out: str, network: Growing, **more: Any) -> list[dict[str, Any]]:
        infer.infer(network, samples, None, cfg, weights="w", out=Path(out), top=2, **more)
        return json.loads(Path(out).read_text())

    first = Growing()
    rows = run("a.json", first, until_enough=True)
    assert [row["num_views"] for row in rows] == [2, 2] and first.calls == 4
    plain = capsys.readouterr().out
    assert "so far" not in plain and "\033" not in plain
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    assert run("b.json", Growing(), until_enough=True) == rows
    for path in videos:
        assert any(f"{path}  (1 view so far)\n  class 1   80.0 %" in text for text in screen.seen)
    no_log = [line for line in plain.splitlines() if not line.startswith("infer: ")]
    shown = [line.rstrip() for line in screen.lines if not line.startswith("infer: ")]
    assert "\n".join(shown).strip() == "\n".join(no_log).strip().replace("a.json", "b.json")
    every = Growing()
    assert [row["num_views"] for row in run("b.json", every)] == [30, 30]  # not the rows of before
    assert every.calls == 60


@pytest.mark.parametrize(("views", "number"), [("auto", 30), ("2x3", 6), ("1x1", 1)])
def test_main_py_computes_so_many_views(own_folder: Path, views: str, number: int) -> None:
    """An untrained network is never sure of anything, so it needs all."""
    weights = save_tiny_model(tiny_config(own_folder))
    video = tiny_data() / "val" / "000000.mp4"
    done = main_here("--infer", video, "-w", weights, "--views", views, cwd=own_folder)
    assert done.returncode == 0
    assert json.loads(infer.RESULT.read_text())[0]["num_views"] == number


def test_rows_are_saved_before_they_are_printed(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*of_a_row: object) -> str:
        raise OSError("the screen is gone")

    with monkeypatch.context() as patch:
        patch.setattr(result_rows, "lines_of", fails)
        with pytest.raises(OSError, match="the screen is gone"):
            runs("a")
    assert runs("a")[0] == []


@pytest.mark.parametrize("task", ["single", "multi"])
def test_all_views_are_computed_where_none_can_be_left_out(own_folder: Path, task: str) -> None:
    """And a line says so; the answer is that of --views 10x3, which needs no network again."""
    settings = f"train.task={task}", "test.average_clips=max", "test.num_clips=2"
    weights = save_tiny_model(tiny_config(own_folder, *settings))
    video = tiny_data() / "val" / "000000.mp4"
    flags: list[str | Path] = ["--infer", video, "-w", weights, "--out", "a.json"]
    done = main_here(*flags, cwd=own_folder)
    assert "all 6 views of each video are computed: with test.average_clips=max none" in done.stdout
    (row,) = json.loads(Path("a.json").read_text())
    assert row["num_views"] == 6 and ("predicted_indices" in row) == (task == "multi")
    again = main_here(*flags, "--views", "2x3", cwd=own_folder)
    assert "1 of 1 rows are in a.jsonl already" in again.stdout
    assert json.loads(Path("a.json").read_text()) == [row]
