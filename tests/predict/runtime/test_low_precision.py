from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backends import config, network, views
from support.tiny_run import eager

from slowfast import machine
from slowfast.predict.runtime import low_precision
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Graph
from slowfast.predict.runtime.low_precision import settled
from slowfast.predict.runtime.runtimes import OpenVino, PrecisionError, bf16_instructions

pytestmark = pytest.mark.usefixtures("cache")


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
    monkeypatch.setattr(low_precision, "bf16_distance", lambda wanted: distance)
    cfg = config(tmp_path, backend, "test.precision=auto")
    assert settled(network(cfg), cfg, "prob").test.precision == found
    assert told in lines[-1] if told else not lines
    explicit = config(tmp_path, backend, "test.precision=fp32")
    assert settled(network(cfg), explicit, "prob") == explicit


@pytest.mark.parametrize("task", ["single", "detection"])
def test_how_far_bf16_is_from_fp32(
    tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found once on a machine. Here both are computed in fp32, which any processor can."""
    made = []

    def opened(folder: Path, precision: str) -> OpenVino:
        made.append(precision)
        return OpenVino(folder)

    cfg = config(tmp_path, "openvino", f"train.task={task}")
    wanted = Graph(network(cfg), cfg, "prob")
    fakes: Any = opened
    fakes.form = OpenVino.form
    monkeypatch.setattr(low_precision, "OpenVino", fakes)
    assert low_precision.bf16_distance(wanted) == 0 and made == ["fp32", "bf16"]
    assert low_precision.bf16_distance(wanted) == 0 and made == ["fp32", "bf16"]


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


@pytest.mark.parametrize(
    "fault", [PrecisionError("computes in f32"), RuntimeError("no memory\nat"), ValueError("odd")]
)
def test_auto_is_fp32_where_bf16_cannot_be_computed(
    tmp_path: Path, fault: Exception, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(wanted: Graph) -> float:
        raise fault

    has(monkeypatch, "avx512_bf16")
    monkeypatch.setattr(low_precision, "bf16_distance", fail)
    cfg = config(tmp_path, "auto", "test.precision=auto")
    assert settled(network(cfg), cfg, "prob").test.precision == "fp32"
    assert str(fault).split("\n")[0] in lines[-1] and "\n" not in lines[-1]
