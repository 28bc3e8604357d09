from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backends import config, network, views
from support.tiny_run import eager

from slowfast import distributed, machine
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Graph, built
from slowfast.predict.runtime.noise import noise
from slowfast.predict.runtime.runtimes import (
    Backend,
    BackendError,
    PrecisionError,
    bf16_instructions,
    compiled,
    uses_gpu,
)

pytestmark = pytest.mark.usefixtures("cache")


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


def test_what_fails_while_it_computes_is_one_line() -> None:
    class Failing(Backend):
        about = "ONNX Runtime 1.0"

        def run(self, *inputs: Any) -> Any:
            raise RuntimeError("[ErrorCode] Failed to allocate 12 GB\n at a place")

    with pytest.raises(BackendError) as raised:
        Failing()(views(2))
    assert str(raised.value).startswith("ONNX Runtime 1.0 fails (2 views at once; fewer need less")


SIZES = ((32, 40), (48, 32), (32, 40), (32, 40), (48, 32))
BOXES = (3, 1, 0, 7, 2)
"""Of views of these sizes."""


@pytest.mark.parametrize("name", ["eager", "openvino", "paddle", "onnxruntime"])
def test_rows_of_boxes(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of each view alone, in eager mode; views of one size are computed together, those without
    boxes not at all."""
    cfg = config(tmp_path, name, "train.task=detection", "test.views_per_chunk=2")
    one = network(cfg)
    backend, wanted = open_backend(one, cfg, "features"), eager(one.model(), cfg, "features")
    rng, batches, run = np.random.default_rng(0), [], backend.run

    def counted(*inputs: Any) -> Any:
        batches.append(len(inputs[0]))
        return run(*inputs)

    monkeypatch.setattr(backend, "run", counted)
    pictures = [views(1, *size)[0] for size in SIZES]
    boxes = [rng.uniform(-8, 60, (number, 4)).astype(np.float32) for number in BOXES]
    found = backend.of_boxes(pictures, boxes)
    assert batches == [2, 2]
    for picture, own, rows in zip(pictures, boxes, found, strict=True):
        assert rows.shape == (len(own), backend.columns) and rows.dtype == np.float32
        if len(own):
            expected = wanted.run(picture[None], own, np.array([len(own)], np.int32))
            np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    batches.clear()
    (nothing,) = backend.of_boxes(pictures[2:3], boxes[2:3])
    assert nothing.shape == (0, 288) and not batches


@pytest.mark.parametrize(
    ("sets", "found"),
    [
        (("avx2", "avx512f", "avx512_vnni"), []),
        (("avx512f", "avx512_bf16", "amx_bf16"), ["avx512_bf16", "amx_bf16"]),
        (("asimd", "bf16"), ["bf16"]),
    ],
)
def test_instructions_for_bf16(
    sets: tuple[str, ...], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "instruction_sets", lambda: sets)
    assert bf16_instructions() == found


def test_openvino_computes_in_what_was_asked_for(tmp_path: Path) -> None:
    """It takes the hint bf16 on any processor, and computes in f32 where that has none."""
    cfg = config(tmp_path, "openvino")
    with built(Graph(network(cfg), cfg, "prob"), "onnx") as folder:
        fp32 = compiled(folder / "graph.onnx", "fp32")
        assert fp32.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
        if bf16_instructions():
            bf16 = compiled(folder / "graph.onnx", "bf16")
            assert bf16.get_property("INFERENCE_PRECISION_HINT").to_string() == "bf16"
            rows, others = (list(n(noise(cfg)).values())[0] for n in (fp32, bf16))
            assert 0 < np.abs(rows - others).max() < 0.1 * rows.max()
        else:
            with pytest.raises(PrecisionError, match="computes in f32 here, not in bf16"):
                compiled(folder / "graph.onnx", "bf16")


def test_the_cpu_wheel_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paddle is not even asked."""
    monkeypatch.setattr(machine, "import_paddle", lambda: pytest.fail("Paddle was imported"))
    monkeypatch.setattr(distributed, "has_gpu_wheel", lambda: False)
    assert not uses_gpu()
