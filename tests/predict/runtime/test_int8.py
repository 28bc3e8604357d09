import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_nets import wake_up
from support.tiny_run import environment, fresh_state, tiny_config, tiny_data

from slowfast.config import Config
from slowfast.predict.kept import settings_of
from slowfast.predict.runtime import calibration, int8
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.built import Graph, Weighted, weighted
from slowfast.predict.runtime.calibration import Videos, calibration_digest
from slowfast.predict.runtime.int8 import quantised
from slowfast.predict.runtime.noise import noise
from slowfast.predict.runtime.runtimes import PrecisionError

pytestmark = pytest.mark.usefixtures("cache")


def config(folder: Path, *more: str) -> Config:
    videos = tiny_data() / "train.list"
    return tiny_config(
        folder, "test.backend=openvino", "test.precision=int8",
        f"test.calibration_list={videos}", "data.num_workers=0", *more,
    )  # fmt: skip


def network(cfg: Config) -> Weighted:
    model = fresh_state(cfg).model
    wake_up(model)
    return weighted(model)


def test_int8_is_made_once_and_compared(
    tmp_path: Path, cache: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "CLIPS", 10)
    monkeypatch.setattr(calibration, "LEAST_CLIPS", 10)
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0)
    cfg = config(tmp_path)
    one = network(cfg)
    backend = open_backend(one, cfg, "prob")
    assert "int8" in backend.about
    rows = backend.run(np.repeat(noise(cfg, 1), 2, axis=0))
    assert rows.shape == (2, 24) and np.allclose(rows.sum(1), 1, atol=1e-5)
    (folder,) = cache.glob("*-int8-*")
    text = (folder / "graph.xml").read_text()
    assert text.count('type="FakeQuantize"') > 20
    said = next(line for line in lines if "calibrated on 10 clips, gives" in line)
    assert "of 10 other clips" in said
    monkeypatch.setattr(Videos, "clips", None)  # no video is read again
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 1.01)
    with pytest.raises(PrecisionError, match=r"int8 is refused: .* \d+ of 10 other clips .*%"):
        open_backend(one, cfg, "prob")


@pytest.mark.parametrize(("task", "kind", "rows", "answer"), [
    ("single", "prob", [0.6, 0.3, 0.1], [0]),
    ("multi", "prob", [0.1, 0.75, 0.9], [1, 2]),
    ("multi", "prob", [0.1, 0.75, 0.7], [1]),
    ("multi", "prob", [0.1, 0.2, 0.7], [2]),
    ("multi", "score", [0.0, 1.2, -1.0], [1]),
])  # fmt: skip
def test_the_answers_that_are_compared(
    tmp_path: Path, task: str, kind: str, rows: list[float], answer: list[int]
) -> None:
    """With several labels a video all from the threshold on; the best if there are none."""
    cfg = tiny_config(tmp_path, f"train.task={task}", "test.threshold=0.75")

    def network(clips: Any) -> dict[str, Any]:
        return {"rows": np.array([rows], np.float32)}

    clip, wanted = np.zeros((1, 1, 1, 1, 3), np.uint8), Graph(weighted_none(), cfg, kind)
    assert int8._answer(network, clip, wanted) == answer


def weighted_none() -> Weighted:
    raise_it: Any = None
    return Weighted(raise_it, "none")


def test_a_stopped_calibration_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(graph: Path, videos: Videos) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(int8, "quantise", stopped)
    cfg = config(tmp_path)
    with pytest.raises(KeyboardInterrupt), quantised(Graph(network(cfg), cfg, "prob")):
        pass
    assert [path.name.rpartition("-")[2] for path in cache.iterdir()] == ["onnx"]


def test_without_nncf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "nncf" else find(name)
    )
    cfg = config(tmp_path)
    with pytest.raises(PrecisionError, match=r"needs NNCF: pip install 'slowfast-paddle\[int8\]'"):
        open_backend(network(cfg), cfg, "prob")


def test_kept_rows_tell_their_precision(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    kinds = ("fp32", "bf16", "int8")
    configs = [config(tmp_path, f"test.precision={kind}") for kind in kinds]
    plans = [settings_of(each, with_head=True) for each in configs]
    assert [plan["test.precision"] for plan in plans] == [*kinds]
    assert plans[2]["calibration"] == calibration_digest(cfg) and "calibration" not in plans[0]


SILENT = """
import multiprocessing.process, os, socket, sys

def used(*given, **named):
    os.write(1, b"a connection or a process")
    os._exit(3)

socket.socket.connect = socket.getaddrinfo = multiprocessing.process.BaseProcess.start = used
from slowfast.predict.runtime.int8 import import_nncf
nncf = import_nncf()
import numpy as np
import openvino
from openvino import opset13 as op
clip = op.parameter([1, 3, 8, 8], np.float32)
product = op.matmul(clip, np.eye(8, dtype=np.float32), False, False)
model = openvino.Model([op.relu(product)], [clip])
nncf.quantize(model, nncf.Dataset([np.ones((1, 3, 8, 8), np.float32)] * 3))
import time
time.sleep(0.5)  # a thread would have begun by now
print(os.listdir(os.environ["HOME"]))
"""


@pytest.mark.slow
def test_nobody_is_told_that_it_is_used(tmp_path: Path) -> None:
    """As they are, OpenVINO and NNCF report their import and use to Google Analytics."""
    done = subprocess.run(
        [sys.executable, "-c", SILENT], env=environment() | {"HOME": str(tmp_path)},
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stdout + done.stderr
