import dataclasses
import importlib.util
import time
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.backends import config, network, views
from support.tiny_run import fresh_state

from slowfast import machine
from slowfast.predict.runtime import backends, built, onnx_graph
from slowfast.predict.runtime.backends import fastest_batch, open_backend
from slowfast.predict.runtime.built import weighted
from slowfast.predict.runtime.runtimes import (
    BackendError,
    Eager,
    OnnxRuntime,
    OpenVino,
    PaddleInference,
)
from slowfast.weights.damage import WeightsError

pytestmark = pytest.mark.usefixtures("cache")


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """These packages are not installed."""
    find = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> Any:
        return None if name in packages else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)


@pytest.mark.parametrize(
    ("missing", "kind", "told"),
    [
        ([], OpenVino, 0),
        (["openvino"], PaddleInference, 1),
        (["onnx"], PaddleInference, 1),
    ],
)
def test_auto_takes_the_fastest_that_is_installed(
    tmp_path: Path, missing: list[str], kind: type[Any], told: int, lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    without(monkeypatch, *missing)
    cfg = config(tmp_path, "auto")
    assert isinstance(open_backend(network(cfg), cfg, "prob"), kind)
    assert sum("pip install" in line for line in lines) == told


def test_eager_mode_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = config(tmp_path, "eager", "test.views_per_chunk=3")
    assert open_backend(network(cfg), cfg, "prob").views_at_once == 3
    monkeypatch.setattr(backends, "uses_gpu", lambda: True)
    cfg = config(tmp_path, "auto")
    backend = open_backend(network(cfg), cfg, "prob")
    assert isinstance(backend, Eager) and backend.views_at_once == 6
    frames = np.stack(views(1))[0]
    placed = backend.put(frames)
    assert isinstance(placed, paddle.Tensor) and placed.dtype == paddle.uint8
    clip = placed[np.array([3, 1, 1, 0, 7, 6, 5, 2])][:, 1:33, 0:32]
    np.testing.assert_array_equal(clip.numpy(), frames[[3, 1, 1, 0, 7, 6, 5, 2]][:, 1:33, 0:32])


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_what_is_not_installed(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, name, "onnx")
    cfg = config(tmp_path, name)
    fault = f"test.backend={name} needs {name} and onnx: pip install {name} onnx, or choose"
    with pytest.raises(BackendError, match=fault):
        open_backend(network(cfg), cfg, "prob")


@pytest.mark.parametrize("fault", ["other numbers", "not finite", "an error"])
def test_a_backend_that_comes_to_something_else(
    tmp_path: Path, fault: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error if it was asked for; else the next one is used, which is told."""
    run = OpenVino.run

    def wrong(self: OpenVino, clips: NDArray[np.uint8]) -> Any:
        if fault == "an error":
            raise RuntimeError("Check failed:\n at place")
        return run(self, clips) + (np.nan if fault == "not finite" else 1e-3)

    monkeypatch.setattr(OpenVino, "run", wrong)
    cfg = config(tmp_path, "openvino")
    one = network(cfg)
    with pytest.raises(BackendError) as raised:
        open_backend(one, cfg, "prob")
    said = str(raised.value)
    assert ("Check failed" in said) if fault == "an error" else ("0.0001 is allowed" in said)
    assert "\n" not in said
    cfg = config(tmp_path, "auto")
    assert isinstance(open_backend(one, cfg, "prob"), PaddleInference)
    assert any("another backend is used" in line for line in lines)


def test_a_check_is_made_once_on_a_machine(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = config(tmp_path, "onnxruntime")
    one, runs = network(cfg), []
    run = OnnxRuntime.run

    def counted(self: OnnxRuntime, clips: NDArray[np.uint8]) -> Any:
        runs.append(len(clips))
        return run(self, clips)

    monkeypatch.setattr(OnnxRuntime, "run", counted)
    at_once = open_backend(one, cfg, "prob").views_at_once
    assert runs[:3] == [2, 1, 1] and at_once in backends.BATCHES
    runs.clear()
    assert open_backend(one, cfg, "prob").views_at_once == at_once
    asked = dataclasses.replace(cfg, test=dataclasses.replace(cfg.test, views_per_chunk=5))
    assert open_backend(one, asked, "prob").views_at_once == 5
    assert runs == []
    monkeypatch.setattr(machine, "processor", lambda: "another one")
    open_backend(one, cfg, "prob")
    assert runs[:3] == [2, 1, 1]
    for damage in (
        "{",
        "[]",
        "null",
        '{"difference": 0}',
        '{"difference": 0, "views_at_once": "x"}',
    ):
        for record in cache.glob("*/checked-*.json"):
            record.write_text(damage)
        runs.clear()
        open_backend(one, cfg, "prob")
        assert runs[:3] == [2, 1, 1]


def test_a_graph_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's errors are of its own kind: one line, and not a traceback."""
    cfg = config(tmp_path, "onnxruntime")
    one = network(cfg)
    monkeypatch.setitem(
        built.FORMS, "onnx", lambda traced, folder: (folder / "graph.onnx").write_bytes(b"no graph")
    )
    with pytest.raises(BackendError, match="onnxruntime cannot compute this network: "):
        open_backend(one, cfg, "prob")


def test_an_operator_that_onnx_has_not(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(traced: object) -> None:
        raise NotImplementedError("pd_op.odd has no form in ONNX here")

    monkeypatch.setattr(onnx_graph, "to_onnx", refuse)
    cfg = config(tmp_path, "auto")
    assert isinstance(open_backend(network(cfg), cfg, "prob"), PaddleInference)
    assert any("pd_op.odd has no form" in line for line in lines)


def test_a_batch_that_has_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(clips: NDArray[np.uint8]) -> None:
        now[0] += 1.0
        if len(clips) > 2:
            raise RuntimeError("could not allocate")

    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert fastest_batch(run, np.zeros((1, 2, 2, 2, 3), np.uint8)) == 2


def test_weights_that_give_no_number(tmp_path: Path) -> None:
    cfg = config(tmp_path, "openvino")
    model = fresh_state(cfg).model
    backend = open_backend(weighted(model), cfg, "prob")
    assert np.isfinite(backend(views(1))).all()
    spoiled = model.head.projection.weight.numpy()
    spoiled[:, 3] = np.inf
    model.head.projection.weight.set_value(spoiled)
    with pytest.raises(WeightsError, match="not finite"):
        open_backend(weighted(model), cfg, "prob")


@pytest.mark.parametrize("name", ["paddle", "openvino"])
def test_several_labels_keep_their_order_where_all_are_unlikely(tmp_path: Path, name: str) -> None:
    """As in eager mode (test_head) and ONNX Runtime (test_onnx_graph)."""
    cfg = config(tmp_path, name, "train.task=multi")
    model = fresh_state(cfg).model
    logits = np.linspace(-80, -20, 24, dtype=np.float32)
    model.head.projection.weight.set_value(paddle.zeros(model.head.projection.weight.shape))
    model.head.projection.bias.set_value(logits)
    (row,) = open_backend(weighted(model), cfg, "prob")(views(1))
    assert (np.diff(row) > 0).all()
    np.testing.assert_allclose(row, np.exp(-np.logaddexp(0, -logits.astype(np.float64))), 1e-6)


@pytest.mark.parametrize(("gain", "batch"), [(0.0, 1), (0.3, 4), (0.98, 32)])
def test_the_fastest_batch(gain: float, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 4 clips at once cost less each; with a gain of 0.98 any number does."""
    now = [0.0]

    def run(clips: NDArray[np.uint8]) -> None:
        number = len(clips) if gain > 0.9 else min(len(clips), 4)
        now[0] += len(clips) * (1 - gain + gain / number)

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert fastest_batch(run, np.zeros((1, 2, 2, 2, 3), np.uint8)) == batch
