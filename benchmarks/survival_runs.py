"""The small run of benchmarks/survival.py: its data and config, how it starts, and how it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.processes import tree
from slowfast.data.shapes import moving_shapes_files

NUM_TRAIN, NUM_VAL = 24, 7
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
test: {short_side: 32, crop_size: 32, num_clips: 2, backend: eager}
optim: {warmup_epochs: 1}
train: {epochs: 2, batch_size: 2, precise_bn_batches: 2, ema: 0.9}
"""
REPOSITORY = Path(__file__).parents[1]
LAUNCHED = ("-m", "slowfast.tools.launch", "multi", "log")
"""The words that start two processes; ALONE those that start one."""
ALONE = ("-m", "slowfast")


def make_data(folder: Path) -> Path:
    """The built-in moving shapes, few and small, with a config: its path."""
    root = folder / "data"
    moving_shapes_files.write_dataset(
        root, num_train=NUM_TRAIN, num_val=NUM_VAL, seed=0, num_processes=1
    )
    path = folder / "small.yaml"
    path.write_text(YAML.replace("ROOT", str(root)), encoding="utf-8")
    return path


def environment(**own: str) -> dict[str, str]:
    """Of a run: without what another launcher has set, with one thread a process."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PADDLE_", "FLAGS_"))}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)} | own


def start(
    words: Sequence[str | Path], folder: Path, *,
    env: Mapping[str, str] | None = None, inside: Sequence[str] = (), said: str = "said.txt",
) -> "subprocess.Popen[bytes]":  # fmt: skip
    """Starts Python in a folder, with a file for what it says; ``inside`` is a command that runs
    another, such as ip netns exec."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / said, "ab") as file:
        return subprocess.Popen(
            [*inside, sys.executable, *map(str, words)],
            cwd=folder, env=env or environment(), stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip


@contextlib.contextmanager
def ended(*processes: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A context at whose end no process below these is left."""
    try:
        yield
    finally:
        for process in processes:
            kill(tree(process.pid))
            process.wait()


def kill(pids: Sequence[int], number: int = signal.SIGKILL) -> None:
    """Sends a signal to those that are there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def seconds_to_end(pids: Sequence[int], most: float) -> float:
    """Seconds until none of the processes is running any more; infinite after ``most`` seconds."""
    begin = time.monotonic()
    while any(map(_is_running, pids)):
        if time.monotonic() - begin > most:
            return float("inf")
        time.sleep(0.05)
    return time.monotonic() - begin


def rank_process(root: int, rank: int) -> int | None:
    """The process of a rank below a launcher: the uppermost, for its readers have its environment,
    too."""
    for pid in tree(root):
        with contextlib.suppress(OSError):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if f"PADDLE_TRAINER_ID={rank}".encode() in variables:
                return pid
    return None


def last_error(*files: Path) -> str:
    """The last line that tells an error, of what was said."""
    texts = [file.read_text(errors="replace") for file in files if file.exists()]
    lines = [line for text in texts for line in text.splitlines()]
    return next((line for line in reversed(lines) if line.startswith("error: ")), "")


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
