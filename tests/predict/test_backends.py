import dataclasses
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from support.tiny_run import eager, fresh_state, tiny_config

from slowfast import files, machine
from slowfast.config import Config
from slowfast.predict import backends
from slowfast.predict.backends import (
    BackendError,
    Eager,
    OnnxRuntime,
    OpenVino,
    PaddleInference,
    difference,
    fastest_batch,
    open_backend,
    settled,
)
from slowfast.predict.built import Graph, Weighted, weighted
from slowfast.predict.low_precision import PrecisionError, bf16_instructions
from slowfast.weights.damage import WeightsError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(files.HOME, str(tmp_path / "cache"))
    return tmp_path / "cache" / "graphs"


def config(folder: Path, backend: str, *more: str) -> Config:
    return tiny_config(folder, f"test.backend={backend}", *more)


def network(cfg: Config) -> Weighted:
    return weighted(fresh_state(cfg).model)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """These packages are not installed."""
    find = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> Any:
        return None if name in packages else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)


def views(number: int, height: int = 32, width: int = 32) -> list[NDArray[np.uint8]]:
    shape = (number, 8, height, width, 3)
    return [*np.random.default_rng(1).integers(0, 256, shape, np.uint8)]


@pytest.mark.parametrize("name", ["openvino", "paddle", "onnxruntime"])
@pytest.mark.parametrize("kind", ["prob", "features"])
def test_rows_are_those_of_eager_mode(
    tmp_path: Path, name: str, kind: str, lines: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    cfg = config(tmp_path, name)
    one = network(cfg)
    backend, wanted = open_backend(one, cfg, kind), eager(one.model(), cfg, kind)
    for clips in (views(1), views(3), views(2, 40, 64)):
        rows = backend(clips)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, wanted.run(np.stack(clips)), rtol=1e-4, atol=1e-5)
    first, second = backend(views(2)), backend(views(2)[::-1])
    np.testing.assert_array_equal(first, second[::-1])  # rows are not overwritten by later ones
    assert "of eager mode (0.0001 is allowed)" in lines[-1] and "fp32" in lines[-1]
    assert f"{machine.threads()} threads" in lines[-1]
    assert capfd.readouterr().out == ""


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
    assert runs[:3] == [1, 1, 1] and at_once in backends.BATCHES
    runs.clear()
    assert open_backend(one, cfg, "prob").views_at_once == at_once
    asked = dataclasses.replace(cfg, test=dataclasses.replace(cfg.test, views_per_chunk=5))
    assert open_backend(one, asked, "prob").views_at_once == 5
    assert runs == []
    monkeypatch.setattr(machine, "processor", lambda: "another one")
    open_backend(one, cfg, "prob")
    assert runs[:3] == [1, 1, 1]
    (record, _) = cache.glob("*/checked-*.json")
    record.write_text("{")  # damaged
    assert json.loads(next(cache.glob("*/manifest.json")).read_text())
    open_backend(one, cfg, "prob")


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


def test_differences() -> None:
    expected = np.array([[0.5, -2.0]], np.float32)
    assert difference(np.array([[0.5, -1.0]], np.float32), expected) == 0.5
    assert np.isnan(difference(np.array([[np.nan, -2.0]], np.float32), expected))


@pytest.mark.parametrize(("gain", "batch"), [(0.0, 1), (0.3, 4), (0.98, 32)])
def test_the_fastest_batch(gain: float, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to 4 clips at once cost less each; with a gain of 0.98 any number does."""
    now = [0.0]

    def run(clips: NDArray[np.uint8]) -> None:
        number = len(clips) if gain > 0.9 else min(len(clips), 4)
        now[0] += len(clips) * (1 - gain + gain / number)

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert fastest_batch(run, np.zeros((1, 2, 2, 2, 3), np.uint8)) == batch


def has(monkeypatch: pytest.MonkeyPatch, *sets: str) -> None:
    """The processor has these instructions."""
    monkeypatch.setattr(machine, "instruction_sets", lambda: sets)


@pytest.mark.parametrize(
    ("sets", "distance", "backend", "found", "told"),
    [
        (("avx512_bf16",), 0.011, "auto", "bf16", "avx512_bf16; within 0.011 of fp32"),
        (("avx512_bf16",), 0.03, "openvino", "fp32", "0.03 of the largest number off"),
        (("avx512_bf16",), float("nan"), "auto", "fp32", "nan of the largest number off"),
        (("avx2",), 0.0, "auto", "fp32", "the processor has no bf16"),
        (("avx512_bf16",), 0.0, "eager", "fp32", ""),
    ],
)
def test_the_precision_that_auto_takes(
    tmp_path: Path, sets: tuple[str, ...], distance: float, backend: str, found: str, told: str,
    lines: list[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    has(monkeypatch, *sets)
    monkeypatch.setattr(backends, "bf16_distance", lambda wanted: distance)
    cfg = config(tmp_path, backend, "test.precision=auto")
    assert settled(network(cfg), cfg, "prob").test.precision == found
    assert told in lines[-1] if told else not lines
    explicit = config(tmp_path, backend, "test.precision=fp32")
    assert settled(network(cfg), explicit, "prob") == explicit


def test_how_far_bf16_is_from_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found once on a machine. Here both are computed in fp32, which any processor can."""
    made = []

    def opened(folder: Path, precision: str) -> OpenVino:
        made.append(precision)
        return OpenVino(folder)

    cfg = config(tmp_path, "openvino")
    wanted = Graph(network(cfg), cfg, "prob")
    fakes: Any = opened
    fakes.form = OpenVino.form
    monkeypatch.setattr(backends, "OpenVino", fakes)
    assert backends.bf16_distance(wanted) == 0 and made == ["fp32", "bf16"]
    assert backends.bf16_distance(wanted) == 0 and made == ["fp32", "bf16"]


@pytest.mark.parametrize(
    ("name", "kind", "precision", "fault"),
    [
        ("paddle", "prob", "bf16", "test.backend=paddle computes in fp32 here: bf16 is OpenVINO's"),
        ("eager", "prob", "int8", "test.backend=eager computes in fp32 here: int8 is OpenVINO's"),
        ("auto", "prob", "bf16", "has no instructions for it (avx512_bf16 or amx_bf16"),
        ("auto", "features", "int8", "features are had in fp32 or bf16"),
    ],
)
def test_a_precision_that_cannot_be_had(
    tmp_path: Path, name: str, kind: str, precision: str, fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    has(monkeypatch, "avx2")
    cfg = config(tmp_path, name, f"test.precision={precision}")
    for ask in (settled, open_backend):
        with pytest.raises(PrecisionError) as raised:
            ask(network(cfg), cfg, kind)
        assert fault in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.skipif(not bf16_instructions(), reason="needs a processor with bf16")
def test_bf16(tmp_path: Path, lines: list[str]) -> None:
    cfg = config(tmp_path, "auto", "test.precision=bf16")
    one = network(cfg)
    backend = open_backend(one, cfg, "prob")
    assert (
        f"bf16 ({' '.join(bf16_instructions())})" in lines[-1] and "(0.1 is allowed)" in lines[-1]
    )
    rows, wanted = (
        backend(views(3)),
        eager(one.model(), config(tmp_path, "eager")).run(np.stack(views(3))),
    )
    assert 1e-7 < np.abs(rows - wanted).max() < 0.02 * wanted.max()
