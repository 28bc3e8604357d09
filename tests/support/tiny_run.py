"""A training run small enough for tests: its data, its config, and how to start it."""

import functools
import io
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import paddle
from support.logging_kept import logging_kept
from support.paths import REPOSITORY
from support.processes import LOG_DIR, run_processes

from slowfast.cli import main
from slowfast.config import Config, load_config
from slowfast.data.shapes import moving_shapes_files
from slowfast.models import build_model
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.runtime.built import Graph, weighted
from slowfast.predict.runtime.runtimes import Eager
from slowfast.train.checkpoint import TrainState, save_checkpoint
from slowfast.train.folder import checkpoints
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.load import read_weights
from slowfast.weights.save import write_config

TESTS = REPOSITORY / "tests"

YAML = """
model: {num_classes: 24, slow_depth: 14, fast_depth: 14, width: 8, alpha: 4, stem_kernel: 3}
data:
  root: ROOT
  train_list: ROOT/train.list
  val_list: ROOT/val.list
  labels: ROOT/labels.txt
  num_frames: 8
  sampling_stride: 2
  min_short_side: 32
  max_short_side: 36
  crop_size: 32
  num_workers: 1
test: {short_side: 32, crop_size: 32, backend: eager}
optim: {warmup_epochs: 1}
train: {epochs: 2, batch_size: 4, log_interval: 2, precise_bn_batches: 0, show_interval: 0}
"""


@functools.cache
def tiny_data() -> Path:
    """A folder with 24 training and 7 validation videos, kept for the whole test session."""
    root = Path(tempfile.mkdtemp(prefix="slowfast-tests-"))
    moving_shapes_files.write_dataset(root, num_train=24, num_val=7, seed=0, num_processes=1)
    return root


def write_tiny_config(folder: Path) -> Path:
    """``folder/tiny.yaml``, whose output goes to ``folder/out``."""
    path = folder / "tiny.yaml"
    text = YAML.replace("ROOT", str(tiny_data())) + f"output_dir: {folder / 'out'}\n"
    path.write_text(text, encoding="utf-8")
    return path


def tiny_config(folder: Path, *overrides: str) -> Config:
    """The config of ``write_tiny_config`` with overrides."""
    return load_config(write_tiny_config(folder), list(overrides))


def fresh_state(cfg: Config) -> TrainState:
    """The start of a run, the same each time."""
    paddle.seed(0)
    model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    return TrainState(model, build_optimizer(model, cfg.optim), task=cfg.train.task)


def eager(model: VideoClassifier, cfg: Config, kind: str = "") -> Eager:
    """Eager mode's backend; by default its rows are those that a test averages."""
    return Eager(Graph(weighted(model), cfg, kind or cfg.test.row_kind))


def save_tiny_model(cfg: Config) -> Path:
    """An untrained network as a checkpoint with its config; returns its weights file."""
    state = fresh_state(cfg)
    state.epoch = 1
    write_config(cfg)
    save_checkpoint(state, cfg)
    return checkpoints(cfg.output_dir)[0]


def assert_same_weights(one: Path, other: Path, tolerance: float = 0.0) -> None:
    """Two files hold the same tensors, to within a tolerance."""
    a, b = read_weights(one), read_weights(other)
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_allclose(b[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def main_here(*flags: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs main.py's command line in this process, which takes seconds less than ``main_py``."""
    command, before = [*map(str, flags)], Path.cwd()
    out, err = io.StringIO(), io.StringIO()
    os.chdir(cwd)
    try:
        with logging_kept(), redirect_stdout(out), redirect_stderr(err):
            status = main.main(command)
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """Of a run of its own: one thread; the repository and the tests on the path."""
    paths = f"{REPOSITORY}{os.pathsep}{TESTS}"
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PADDLE_", "FLAGS_"))}
    quiet = {"PYTHONWARNINGS": "ignore:No ccache found:UserWarning"}  # as quiet_libraries has it
    return keep | quiet | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}


def main_py(
    *flags: str | Path, cwd: Path, processes: int = 1, launcher: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs main.py to its end, alone or as several processes over gloo.

    Args:
        launcher: Paddle's own starts them, which takes 5 seconds more.
    """
    return _run([str(REPOSITORY / "main.py"), *map(str, flags)], cwd, processes, launcher)


def run_script(text: str, *arguments: str, cwd: Path, processes: int = 1) -> list[str]:
    """What each process says that runs ``text``, alone or over gloo; it must end well."""
    (cwd / "script.py").write_text(text, encoding="utf-8")
    done = _run(["script.py", *arguments], cwd, processes)
    said = [done.stdout + done.stderr]
    if processes > 1:
        logs = [cwd / LOG_DIR / f"workerlog.{rank}" for rank in range(processes)]
        said = [log.read_text(encoding="utf-8") for log in logs]
    assert done.returncode == 0, "\n".join(said)
    return said


def _run(
    command: list[str], cwd: Path, processes: int, launcher: bool = False
) -> subprocess.CompletedProcess[str]:
    if processes > 1 and not launcher:
        return run_processes(command, cwd, environment(), processes)
    words = ["-m", "paddle.distributed.launch", f"--nproc_per_node={processes}"]
    words = [*words, f"--log_dir={LOG_DIR}"] if launcher else []
    return subprocess.run(
        [sys.executable, *words, *command],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
