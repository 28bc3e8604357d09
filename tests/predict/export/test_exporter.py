"""Exported folders: what is in them, that it is checked, and what stays where something fails."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.exporting import exported_once, network
from support.foreign_files import tensors
from support.foreign_names import FILES
from support.tiny_run import eager, fresh_state, main_here, tiny_config, tiny_data

from slowfast.config import Config, load_config
from slowfast.files import FolderError
from slowfast.predict.export import exporter as module
from slowfast.predict.export.exported import open_exported
from slowfast.predict.export.exporter import ARTEFACTS, ExportError, export, require_new
from slowfast.predict.runtime import onnx_graph
from slowfast.predict.runtime.built import weighted
from slowfast.predict.runtime.noise import boxes_on_noise
from slowfast.predict.runtime.runtimes import OnnxRuntime, OpenVino, PaddleInference
from slowfast.weights.damage import WeightsError
from slowfast.zoo.architecture import Settings
from slowfast.zoo.convert import convert

GRAPHS = {"program.json", "program.pdiparams", "graph.onnx", "graph.xml", "graph.bin"}
REST = {"README.md", "config.yaml", "eager.npy", "manifest.json", "preprocessing.json"}
NETWORKS = {
    "slow_only": ["model.name=slow_only", "model.head_pooling=global"],
    "fast_only": ["model.name=fast_only", "model.average_positions=score"],
    "several labels": ["train.task=multi"],
    "as mmaction2": ["model.slow_frames=strided", "model.lateral_norm=false",
                     "model.temporal_blocks=[1,0,1,0]", "data.mean=[0.5,0.25,0.125]"],
}  # fmt: skip


def exported(folder: Path, *overrides: str) -> Path:
    """``folder/new``."""
    cfg = tiny_config(folder, *overrides)
    export(network(cfg), cfg, None, folder / "new", "mine.pdparams")
    return folder / "new"


def clips(number: int, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
    shape = (number, 8, height, width, 3)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """These packages are not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in packages else find(name)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_each_form_is_what_eager_mode_is(tmp_path: Path, name: str) -> None:
    """For any number of clips of any size; OpenVINO reads its own file."""
    folder = exported(tmp_path, *NETWORKS[name])
    cfg = tiny_config(tmp_path, *NETWORKS[name])
    wanted = eager(network(cfg).model(), cfg, "prob")
    (folder / "graph.onnx").rename(tmp_path / "graph.onnx")
    for backend in (
        PaddleInference(folder), OpenVino(folder, "graph.xml"), OnnxRuntime(tmp_path)
    ):  # fmt: skip
        for batch in (clips(2), clips(1, 40, 64)):
            rows = backend.run(batch)
            np.testing.assert_allclose(rows, wanted.run(batch), rtol=2e-4, atol=1e-5)
    is_share = np.isclose(rows.sum(axis=1), 1, rtol=1e-5)
    assert is_share.all() == (name != "several labels")


def test_a_network_for_boxes(tmp_path: Path) -> None:
    """Each form takes any number of boxes; what is of the user's annotations stays with the user,
    but for the numbers of the classes."""
    own = ["train.task=detection", "detection.val_boxes=/mine.csv", "detection.first_id=0",
           "detection.scored=/mine.pbtxt"]  # fmt: skip
    folder, cfg = exported(tmp_path, *own), tiny_config(tmp_path, *own)
    assert {path.name for path in folder.iterdir()} == GRAPHS | REST
    wanted = eager(network(cfg).model(), cfg, "prob")
    batch = clips(2, 48, 64)
    boxes = np.array([[4, 4, 30, 44], [20, -3, 70, 30], [9, 9, 9, 30]], np.float32)
    inputs = batch, boxes, np.array([1, 2], np.int32)
    for backend in (
        PaddleInference(folder), OpenVino(folder, "graph.xml"), OnnxRuntime(folder),
    ):  # fmt: skip
        np.testing.assert_allclose(backend.run(*inputs), wanted.run(*inputs), rtol=2e-4, atol=1e-5)
    assert len(np.load(folder / "eager.npy")) == len(boxes_on_noise(cfg, 2)[0])
    found = load_config(folder / "config.yaml")
    assert (found.train.task, found.detection.first_id) == ("detection", 0)
    assert "mine" not in (folder / "config.yaml").read_text()
    opened = open_exported(folder, found.with_test(backend="onnxruntime"))
    rows = opened.of_boxes([*batch], [boxes[:1], boxes[1:]])
    np.testing.assert_allclose(np.concatenate(rows), wanted.run(*inputs), rtol=2e-4, atol=1e-5)


def test_what_is_in_a_folder() -> None:
    folder = exported_once()
    assert {path.name for path in folder.iterdir()} == GRAPHS | REST | {"labels.txt"}
    assert {path.name for path in folder.parent.iterdir()} == {"exported", "tiny.yaml"}
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["files"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    names = (tiny_data() / "labels.txt").read_text()
    assert (folder / "labels.txt").read_text() == names


def umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def test_the_config_has_nothing_of_this_machine(tmp_path: Path, lines: list[str]) -> None:
    folder = exported(tmp_path, "model.pretrained=x.pdparams", "test.average_clips=score")
    cfg, found = tiny_config(tmp_path), load_config(folder / "config.yaml")
    assert str(tmp_path) not in (folder / "config.yaml").read_text()
    assert (found.model, found.test.average_clips) == (cfg.model, "prob")
    assert (found.data.num_frames, found.data.root) == (8, Config().data.root)
    assert found.test.backend == "auto"
    assert any("test.average_clips=score: an exported network gives prob" in line for line in lines)
    assert any("there are no class names" in line for line in lines)
    assert not (folder / "labels.txt").exists()
    for name in ARTEFACTS:
        assert any(line.startswith(f"{name}: ") and "apart" in line for line in lines)


@pytest.mark.parametrize(
    ("missing", "gone", "said"),
    [
        (["onnxruntime"], set(), []),  # OpenVINO reads ONNX, too
        (["onnx", "onnxruntime", "openvino"], {"graph.onnx", "graph.xml", "graph.bin"},
         ["ONNX is left out: pip install onnx onnxruntime",
          "OpenVINO is left out: pip install onnx openvino"]),
    ],
    ids=["no onnxruntime", "none"],
)  # fmt: skip
def test_what_is_not_installed_is_left_out(
    tmp_path: Path, missing: list[str], gone: set[str], said: list[str], lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    without(monkeypatch, *missing)
    folder = exported(tmp_path)
    assert {path.name for path in folder.iterdir()} == (GRAPHS | REST) - gone
    assert [line for line in lines if "left out" in line] == said
    if not gone:
        assert any(line.startswith("ONNX: OpenVINO") for line in lines)


def other_rows(patch: pytest.MonkeyPatch, kind: Any, by: float = 1e-3, least: int = 1) -> None:
    """A runtime comes to something else, for batches from ``least`` on."""
    run = kind.run

    def wrong(self: Any, clips: NDArray[np.uint8]) -> Any:
        return run(self, clips) + (by if len(clips) >= least else 0)

    patch.setattr(kind, "run", wrong)


def no_operator(patch: pytest.MonkeyPatch) -> None:
    patch.delitem(onnx_graph.OPERATORS, "relu")


@pytest.mark.parametrize(
    ("fail", "gone", "said"),
    [
        (lambda patch: other_rows(patch, OpenVino, least=3), {"graph.xml", "graph.bin"},
         "OpenVINO: OpenVINO 2"),
        (lambda patch: other_rows(patch, PaddleInference, np.nan),
         {"program.json", "program.pdiparams"}, "Paddle Inference: Paddle Inf"),
        (no_operator, {"graph.onnx", "graph.xml", "graph.bin"},
         "ONNX: pd_op.relu has no form in ONNX here; OpenVINO: pd_op.relu"),
    ],
    ids=["3 clips", "not finite", "an operator"],
)  # fmt: skip
def test_what_fails_is_removed(
    tmp_path: Path, fail: Callable[[pytest.MonkeyPatch], None], gone: set[str], said: str,
    lines: list[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The rest stays, and is whole."""
    fail(monkeypatch)
    with pytest.raises(ExportError) as raised:
        exported(tmp_path)
    assert f"new is written without what failed: {said}" in str(raised.value)
    assert "\n" not in str(raised.value)
    folder = tmp_path / "new"
    assert {path.name for path in folder.iterdir()} == (GRAPHS | REST) - gone
    assert {*json.loads((folder / "manifest.json").read_text())["files"]}.isdisjoint(gone)
    assert sum("is removed" in line for line in lines) == said.count(";") + 1
    card = (folder / "README.md").read_text()
    assert all((f"`{name}`" in card) == (name not in gone) for name in GRAPHS)


def test_nothing_is_there_if_every_form_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "onnx")
    other_rows(monkeypatch, PaddleInference)
    with pytest.raises(ExportError, match="new is not written, as every form failed: Paddle Inf"):
        exported(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_folder_is_there_whole_or_not_at_all(
    tmp_path: Path, stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: Any) -> Any:
        raise stop

    monkeypatch.setattr(module, "card", stopped)  # when all graphs are there
    with pytest.raises(type(stop) if isinstance(stop, OSError) else stop):
        exported(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_weights_that_give_no_number(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path)
    model = fresh_state(cfg).model
    model.head.projection.weight.set_value(model.head.projection.weight * np.nan)
    with pytest.raises(WeightsError, match="not finite"):
        export(weighted(model), cfg, None, tmp_path / "new", "x")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", ["a file in it", "a file", "a dead link"])
def test_what_is_there_stays(tmp_path: Path, there: str) -> None:
    place = tmp_path / "new"
    if there == "a file in it":
        place.mkdir()
        (place / "mine").touch()
    elif there == "a file":
        place.touch()
    else:
        place.symlink_to("nowhere")
    before = place.lstat().st_ino, place.lstat().st_mtime_ns
    with pytest.raises(FolderError, match="new is there already: name a new folder, or empty"):
        exported(tmp_path)
    assert (place.lstat().st_ino, place.lstat().st_mtime_ns) == before


def test_two_exports_into_one_folder_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the first to end stays, and nothing beside it."""

    def meanwhile(network: object, cfg: object, new: Path) -> tuple[dict[str, str], dict[str, str]]:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "graph.onnx").write_text("another's")
        return {"ONNX": "checked"}, {}

    monkeypatch.setattr(module, "_write_graphs", meanwhile)
    with pytest.raises(FolderError, match="new is there already: name a new folder, or empty"):
        exported(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["new"]
    assert (tmp_path / "new" / "graph.onnx").read_text() == "another's"


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    require_new(tmp_path / "new")
    require_new(tmp_path / "other/new")


SYSTEMS = ["PaddleVideo", "PySlowFast", "PyTorchVideo", "mmaction2"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_weights_of_every_system(
    own_folder: Path, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converted, then exported by the command line, without its class names."""
    without(monkeypatch, "openvino", "paddle")  # ONNX alone, in less time
    Path("a.weights").write_bytes(FILES[system][0](tensors()))
    given: Settings = {"model.alpha": 4, "data.num_frames": 8, "data.crop_size": 32}
    given |= {"test.crop_size": 64, "test.short_side": 64}  # several positions
    convert("a.weights", Path("mine.pdparams"), given, force=False)
    done = main_here("--export", "new", "-w", "mine.pdparams", cwd=own_folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "OpenVINO is left out: pip install openvino" in done.stdout
    assert "ONNX: ONNX Runtime" in done.stdout
    how = json.loads(Path("new/preprocessing.json").read_text())
    assert how["protocol"] == {"PyTorchVideo": "pytorchvideo", "mmaction2": "mmaction2"}.get(
        system, "pyslowfast"
    )
    assert "| weights | mine.pdparams, SHA-256" in Path("new/README.md").read_text()
    again = main_here("--export", "new", "-w", "mine.pdparams", cwd=own_folder)
    assert again.stderr == "error: new is there already: name a new folder, or empty this one\n"
