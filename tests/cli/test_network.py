import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import environment, save_tiny_model, tiny_config, tiny_data

from slowfast.cli.network import network_of
from slowfast.places import HOME
from slowfast.weights.damage import WeightsError

INFER = """
import sys
from slowfast.cli.main import main
status = main(sys.argv[1:])
print("status", status, *(name for name in ("paddle", "onnx") if name in sys.modules))
"""


def test_weights_are_loaded_when_they_are_needed(tmp_path: Path, lines: list[str]) -> None:
    cfg = tiny_config(tmp_path)
    network = network_of(str(save_tiny_model(cfg)), cfg, "cpu")
    assert lines == [] and len(network.digest) == 64
    assert network.model() is network.model()
    assert [line.split(" from ")[0] for line in lines] == ["192 of 192 tensors loaded"]
    assert not network.model().training


def test_a_broken_file_is_an_error_once_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "broken.pdparams"
    path.write_bytes(b"no weights")
    network = network_of(str(path), tiny_config(tmp_path), "cpu")
    with pytest.raises(WeightsError, match="broken.pdparams"):
        network.model()


def test_a_second_prediction_needs_no_paddle(tmp_path: Path) -> None:
    weights = save_tiny_model(tiny_config(tmp_path))
    video = tiny_data() / "val" / "000000.mp4"
    flags = ["--infer", str(video), "-w", str(weights), "-o", "test.backend=openvino"]
    found = [
        subprocess.run(
            [sys.executable, "-c", INFER, *flags], cwd=tmp_path, text=True, capture_output=True,
            env=environment() | {HOME: str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY)},
            check=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [run.stdout.splitlines()[-1] for run in found] == ["status 0 paddle onnx", "status 0"]
    assert "built now, once" in found[0].stdout and "built now" not in found[1].stdout
    tables = [[line for line in run.stdout.splitlines() if "%" in line] for run in found]
    assert tables[0] == tables[1] and len(tables[0]) >= 5
