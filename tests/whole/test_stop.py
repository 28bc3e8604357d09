"""SIGTERM and Ctrl-C: the step under way is finished and saved; then everything ends."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import REPOSITORY
from support.tiny_run import environment, fresh_state, main_here, tiny_config, write_tiny_config

from slowfast.data.lists.read_lists import read_list
from slowfast.data.order import Pool
from slowfast.signals import Terminated
from slowfast.tools.launch import last_words
from slowfast.train import checkpoint, loop
from slowfast.train.folder import checkpoints
from slowfast.train.recipe.schedule import Schedule
from slowfast.weights.load import read_weights
from slowfast.weights.systems import Tensors

FLAGS = ["-c", "tiny.yaml", "-o", "train.epochs=400", "train.log_interval=1", "model.dropout=0"]
ALONE = [sys.executable, str(REPOSITORY / "main.py"), *FLAGS]
LAUNCHED = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node=2",
            "--log_dir=log", *ALONE[1:], "train.batch_size=2"]  # fmt: skip
SCRIPT = ["bash", str(REPOSITORY / "run_train_multi.sh"), *FLAGS, "train.batch_size=2",
          "train.val_interval=1000"]  # fmt: skip


def listen_to_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it


def stopped(
    command: list[str],
    folder: Path,
    number: int,
    after: Callable[[Path], bool],
    extra: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Runs a command until ``after`` and sends it a signal: its status and what it said."""
    env = environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env |= extra or {}
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=listen_to_ctrl_c,
    ) as process:  # fmt: skip
        while not after(folder):
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        if number:
            process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def after_two_steps(folder: Path) -> bool:
    return len(read_rows(folder)) >= 2


def in_the_second_epoch(folder: Path) -> bool:
    return any(row["epoch"] == 2 for row in read_rows(folder))


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Of metrics.jsonl, as far as it is written."""
    path = folder / "out" / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def steps_saved(folder: Path) -> int:
    """Steps that the furthest checkpoint has done; 6 make an epoch."""
    name = checkpoints(str(folder / "out"))[0].stem
    epoch, _, step = name.removeprefix("SlowFast_epoch_").partition("_step_")
    return 6 * (int(epoch) - bool(step)) + int(step or 0)


def assert_saved(folder: Path, said: str) -> None:
    """The steps whose rows are written are in the checkpoint, and the last line names it."""
    saved = checkpoints(str(folder / "out"))[0].stem
    assert f"interrupted: {saved} is saved (go on with --resume auto)" in said
    assert steps_saved(folder) == max(
        row["step"] for row in read_rows(folder) if row["kind"] == "train"
    )


@pytest.mark.parametrize(
    ("command", "number", "status"),
    [
        (LAUNCHED, signal.SIGTERM, 15),
        pytest.param(SCRIPT, signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
    ids=["launched-SIGTERM", "script-SIGINT"],
)
def test_a_signal_saves_the_steps_that_are_done_by_two_processes(
    tmp_path: Path, command: list[str], number: signal.Signals, status: int
) -> None:
    write_tiny_config(tmp_path)
    found, said = stopped(command, tmp_path, number, after_two_steps)
    assert found == status, said
    assert "Traceback" not in said
    log = tmp_path / "log" / "workerlog.0"
    assert_saved(tmp_path, said + (log.read_text() if log.exists() else ""))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    """By Ctrl-C, with all that a checkpoint may hold, at whichever step the signal finds."""
    write_tiny_config(tmp_path)
    flags = ["train.ema=0.9", "train.epochs=3", "train.keep_last=9"]
    status, said = stopped([*ALONE, *flags], tmp_path, signal.SIGINT, in_the_second_epoch)
    assert (status, "Traceback" in said) == (130, False)
    assert_saved(tmp_path, said)
    assert steps_saved(tmp_path) < 18
    again = main_here(*FLAGS, *flags, "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    (tmp_path / "whole").mkdir()
    write_tiny_config(tmp_path / "whole")
    assert main_here(*FLAGS, *flags, cwd=tmp_path / "whole").returncode == 0
    for name in ("SlowFast_epoch_000003.pdparams", "SlowFast_epoch_000003_ema.pdparams"):
        one, other = (read_weights(f / "out" / name) for f in (tmp_path, tmp_path / "whole"))
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)


def rank_one(folder: Path) -> int:
    """The process of a run that logs to workerlog.1."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "environ").read_bytes().split(b"\0")
                if b"PADDLE_TRAINER_ID=1" in words and Path(entry / "cwd").resolve() == folder:
                    return int(entry.name)
    raise AssertionError("there is no rank 1")


@pytest.mark.slow
def test_a_process_that_is_killed_brings_the_others_down_with_the_reason(tmp_path: Path) -> None:
    write_tiny_config(tmp_path)

    def kill_in_the_second_epoch(folder: Path) -> bool:
        if in_the_second_epoch(folder):
            os.kill(rank_one(folder), signal.SIGKILL)
            return True
        return False

    elsewhere = {"PADDLE_LOG_DIR": str(tmp_path / "logs" / "node0")}  # as docs/scaling.md has it
    status, said = stopped(SCRIPT, tmp_path, 0, kill_in_the_second_epoch, elsewhere)
    assert status not in (0, None)
    assert re.search(r"error: process 1 \(.*\) ended without a word", said), said
    again = main_here(*FLAGS, "train.epochs=2", "--resume", "auto", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(("said", "is_asked", "shown"), [
    (["a\ninterrupted: x is saved\n", "b\n"], True, "interrupted: x is saved"),
    (["a\n", "error: höhe.mp4: empty\n"], False, "error: höhe.mp4: empty"),
    (["a\nerror: same\n", "error: same\n"], False, ""),
    (["Traceback ...", "Traceback ..."], False, ""),
    (["terminate called after throwing an instance of 'gloo::IoException'", "a\n"], False,
     "error: process 1 of this machine ended"),
])  # fmt: skip
def test_what_is_shown_of_how_a_run_ended(said: list[str], is_asked: bool, shown: str) -> None:
    words = last_words(said, is_asked=is_asked)
    assert words.startswith(shown) and bool(words) == bool(shown)


class Moment:
    """Sends this process a SIGTERM before the n-th call of a function."""

    def __init__(self, function: Callable[..., Any], number: int) -> None:
        self.function, self.left = function, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return self.function(*args, **kwargs)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Tensors:
    return run_here(tmp_path_factory.mktemp("whole"))


def slowly(*moment: Any) -> Any:
    """A moment for the long suite."""
    return pytest.param(*moment, marks=pytest.mark.slow)


@pytest.mark.parametrize(("module", "name", "number", "saved"), [
    (loop, "train_step", 3, "SlowFast_epoch_000001_step_000003"),
    slowly(loop, "train_step", 6, "SlowFast_epoch_000001_step_000006"),
    (loop, "precise_bn", 1, "SlowFast_epoch_000001_step_000006"),
    (checkpoint, "write_pickles", 1, "SlowFast_epoch_000001_step_000006"),
    slowly(checkpoint, "write_pickles", 2, "SlowFast_epoch_000001"),
    slowly(loop, "validate", 1, "SlowFast_epoch_000001_step_000006"),
    (loop, "validate", 2, "SlowFast_epoch_000002_step_000006"),
    slowly(loop, "clip_loader", 1, ""),  # before the first step there is nothing to save
    slowly(loop, "train_step", 12, "SlowFast_epoch_000002_step_000006"),
])  # fmt: skip
def test_whenever_the_signal_comes_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_run: Tensors,
    module: Any, name: str, number: int, saved: str,
) -> None:  # fmt: skip
    """And the resumed run comes to what one without a signal comes to, the best one included."""
    with monkeypatch.context() as patch:
        patch.setattr(module, name, Moment(getattr(module, name), number))
        with pytest.raises(Terminated):
            run_here(tmp_path)
    assert "".join(path.stem for path in checkpoints(str(tmp_path / "out"))[:1]) == saved
    found = run_here(tmp_path)
    for key, value in whole_run.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def run_here(folder: Path) -> Tensors:
    """Trains in this process, from where the folder's run is: the weights that it comes to."""
    cfg = tiny_config(folder, "train.precise_bn_batches=2", "data.num_workers=0")
    run = fresh_state(cfg)
    Path(cfg.output_dir).mkdir(exist_ok=True)
    checkpoint.restore_furthest(run, cfg.output_dir)
    lists = cfg.data.train_list, cfg.data.val_list
    samples, val = (read_list(path, cfg.data.root, 24) for path in lists)
    loop.train(run, Schedule(Pool(len(samples)), cfg), samples, val, cfg)
    files = (folder / "out" / f"SlowFast_{name}.pdparams" for name in ("epoch_000002", "best"))
    last, best = map(read_weights, files)
    return last | {f"best {key}": value for key, value in best.items()}
