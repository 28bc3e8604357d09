"""Prediction from an exported folder."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.exporting import exported_once, network
from support.tiny_run import eager, environment, main_here, tiny_config, tiny_data

from slowfast.config import Config, ConfigError, load_config
from slowfast.data.samples import Sample
from slowfast.predict.export.exported import class_names, open_exported, require_exported
from slowfast.predict.export.exporter import ExportError, export
from slowfast.predict.runtime.runtimes import BackendError, OnnxRuntime, OpenVino, PaddleInference
from slowfast.predict.views import rows_of_videos


def config(*overrides: str) -> Config:
    return load_config(exported_once() / "config.yaml", list(overrides))


@pytest.fixture(autouse=True)
def exported_before(cache: Path) -> None:
    """Before a test takes packages away."""
    exported_once()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_once(), tmp_path / "copy"))


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in packages else find(name)
    )


@pytest.mark.parametrize(
    ("asked", "missing", "kind"),
    [("auto", [], OpenVino), ("auto", ["openvino"], PaddleInference),
     ("auto", ["openvino", "paddle"], OnnxRuntime), ("onnxruntime", ["onnx"], OnnxRuntime)],
    ids=["all", "no openvino", "no paddle", "as asked"],
)  # fmt: skip
def test_which_runtime_computes(
    tmp_path: Path, asked: str, missing: list[str], kind: type[Any],
    lines: list[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    without(monkeypatch, *missing)
    backend = open_exported(exported_once(), config(f"test.backend={asked}"))
    assert type(backend) is kind
    assert "of eager mode" in lines[-1]
    cfg = tiny_config(tmp_path)
    views = [*np.random.default_rng(1).integers(0, 256, (2, 8, 32, 32, 3), np.uint8)]
    wanted = eager(network(cfg).model(), cfg, "prob").run(np.stack(views))
    np.testing.assert_allclose(backend(views), wanted, rtol=1e-3, atol=1e-5)


def other_version(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "eager.npy").unlink(), "eager.npy is missing: copy the folder"),
        (lambda folder: (folder / "graph.bin").write_bytes(b""), "graph.bin is damaged: copy"),
        (lambda folder: (folder / "eager.npy").write_bytes(b""), "eager.npy is damaged: copy"),
        (lambda folder: (folder / "labels.txt").write_bytes(b"a"), "labels.txt is damaged: copy"),
        (lambda folder: (folder / "config.yaml").write_bytes(b"a"), "config.yaml is damaged: copy"),
        (other_version, "copy is of version 2 of the layout, this program's is 1: export"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "its manifest.json cannot be"),
        (lambda folder: (folder / "manifest.json").unlink(), "no folder that --export has written"),
    ],
    ids=["missing", "damaged", "damaged rows", "names", "config", "version", "no manifest's form",
         "no manifest"],
)  # fmt: skip
def test_a_folder_that_is_not_whole(
    copy: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(copy)
    with pytest.raises(ExportError, match=complaint) as raised:
        open_exported(copy, config())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("override", ["test.backend=eager", "test.average_clips=score"])
def test_what_a_folder_cannot_give(override: str) -> None:
    with pytest.raises(ConfigError, match=f"{override}.* has graphs of probabilities, no weights"):
        open_exported(exported_once(), config(override))


def test_a_folder_computes_in_fp32() -> None:
    with pytest.raises(ConfigError, match="precision=int8: exported networks compute in fp32"):
        open_exported(exported_once(), config("test.precision=int8"))


def test_no_runtime_can_compute_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "onnxruntime", "paddle")
    run = OpenVino.run
    monkeypatch.setattr(OpenVino, "run", lambda self, clips: run(self, clips) + 1e-2)
    with pytest.raises(BackendError) as raised:
        open_exported(exported_once(), config())
    said = str(raised.value)
    assert (
        "exported cannot be computed here: OpenVINO" in said and "not those of eager mode" in said
    )
    assert "paddle is not installed; onnxruntime is not installed" in said
    with pytest.raises(BackendError, match="onnxruntime is not installed"):
        open_exported(exported_once(), config("test.backend=onnxruntime"))


@pytest.mark.parametrize("override", ["data.num_frames=4", "data.std=[1,1,1]", "model.alpha=2"])
def test_what_is_part_of_the_graph(override: str) -> None:
    with pytest.raises(ConfigError, match="are part of the graph: leave out -o and -c"):
        open_exported(exported_once(), config(override))


def test_a_form_that_was_left_out(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["graph.onnx"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackendError, match=r"there is no graph\.onnx for onnxruntime"):
        open_exported(copy, config("test.backend=onnxruntime"))


def test_one_form_is_enough(copy: Path) -> None:
    for name in ("graph.xml", "graph.bin", "program.json", "README.md"):
        (copy / name).unlink()
    assert "ONNX Runtime" in open_exported(copy, config()).about
    with pytest.raises(BackendError, match=r"graph\.xml is missing, for openvino"):
        open_exported(copy, config("test.backend=openvino"))


def test_class_names(copy: Path) -> None:
    assert class_names(copy) == (tiny_data() / "labels.txt").read_text().splitlines()
    (copy / "labels.txt").unlink()
    assert class_names(copy) is None
    with pytest.raises(ExportError, match="labels.txt is missing"):
        require_exported(copy)


def test_infer_needs_no_paddle(tmp_path: Path) -> None:
    """Nor a file of this machine beside the folder; the rows are those of the weights."""
    (tmp_path / "paddle.py").write_text("raise ImportError('paddle is not for this process')\n")
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    video = sorted((tiny_data() / "val").glob("*.mp4"))[0]
    done = subprocess.run(
        [sys.executable, "-m", "slowfast", "--infer", video, "-w", exported_once(), "--views",
         "2x3", "-o", "data.num_workers=0", "test.backend=openvino"],
        cwd=tmp_path, env=environment() | {"PYTHONPATH": path}, capture_output=True, text=True,
        timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads((tmp_path / "data/results/result.json").read_text())
    assert row["top1_label"] in class_names(exported_once())  # type: ignore[operator]
    assert row["top1_label"] in done.stdout


def test_wrong_folders_end_in_one_line(tmp_path: Path) -> None:
    video = sorted((tiny_data() / "val").glob("*.mp4"))[0]
    for mode, complaint in ((["--infer", video], "is no folder that --export has written"),
                            (["--test"], "cannot be read: Is a directory")):  # fmt: skip
        done = main_here(*mode, "-w", tmp_path, cwd=tmp_path)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, complaint in line) == (1, True)


@pytest.mark.parametrize("average_clips", ["prob", "max"])
def test_several_labels(tmp_path: Path, average_clips: str, own_folder: Path) -> None:
    """A folder knows its task, threshold and average, and gives what its weights give."""
    settings = "train.task=multi", "test.threshold=0.55", "test.num_clips=2"
    cfg = tiny_config(tmp_path, *settings, f"test.average_clips={average_clips}")
    names = (tiny_data() / "labels.txt").read_text().splitlines()
    export(network(cfg), cfg, names, tmp_path / "new", "mine.pdparams")
    how = json.loads((tmp_path / "new" / "preprocessing.json").read_text())
    assert (how["task"], how["activation"], how["threshold"]) == ("multi", "sigmoid", 0.55)
    assert how["average_clips"] == average_clips
    video = tiny_data() / "val" / "000000.mp4"
    flags = "--infer", video, "--views", "2x3", "--out", "a.json"
    done = main_here(*flags, "-w", tmp_path / "new", cwd=own_folder)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(Path("a.json").read_text())
    backend = eager(network(cfg).model(), cfg, "prob")
    ((_, rows),) = rows_of_videos(backend, [Sample(str(video))], cfg, what="")
    assert isinstance(rows, np.ndarray)
    expected = {"prob": rows.mean(axis=0), "max": rows.max(axis=0)}[average_clips]
    assert row["predicted_indices"] == [
        i for i in np.argsort(-expected).tolist() if expected[i] >= 0.55
    ]
    np.testing.assert_allclose(row["top5_values"], np.sort(expected)[:-6:-1], atol=1e-4)
    for more, fault in (
        (("-o", "train.task=single"), "network, task, frames of a clip"),
        (("--average-clips", "score"), "take other backends"),
    ):
        done = main_here(*flags, "-w", tmp_path / "new", *more, cwd=own_folder)
        assert done.returncode == 1 and fault in done.stderr
