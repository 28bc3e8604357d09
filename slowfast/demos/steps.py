"""The steps of a demo: data, training, test, inference, as a user would run them.

The commands of main.py are started through the launcher. What is there already, from an earlier run
with the same config, is used again.
"""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from slowfast import distributed
from slowfast.config import Config, dump_config, load_config
from slowfast.data.shapes import moving_shapes_files
from slowfast.errors import UserError
from slowfast.files import sole_writer
from slowfast.log import Progress, say
from slowfast.machine import environment
from slowfast.train import folder
from slowfast.weights import save

NUM_TRAIN, NUM_VAL = 1920, 240
DATA_SEED = 0
STEPS = 60
"""Of an epoch, about: by these a step's progress is told."""
SCORES = "scores.npz"
EVERY = "timeline.every=0.25"


class StepFailedError(UserError):
    """A command of the demo ended with an error; the message has its last lines."""


def write_data(cfg: Config, num_motions: int) -> None:
    """Writes the video files and lists where the config expects them."""
    progress = Progress("write videos", NUM_TRAIN + NUM_VAL)
    with sole_writer(Path(cfg.data.root), "writing videos"):
        moving_shapes_files.write_dataset(
            cfg.data.root, num_train=NUM_TRAIN, num_val=NUM_VAL, seed=DATA_SEED, num_processes=2,
            num_motions=num_motions, report=lambda done, total: progress.update(done),
        )  # fmt: skip
    progress.finish(cfg.data.root)


def train_and_test(config: Path, overrides: list[str], what: str) -> Path:
    """Trains and tests with a config of the demo; returns the last epoch's weights."""
    total_batch = load_config(config).optim.base_batch_size
    own_batch = max(total_batch // distributed.num_processes(), 1)
    overrides = [*overrides, f"train.batch_size={own_batch}"]
    cfg = load_config(config, overrides)
    out = Path(cfg.output_dir)
    weights = out / f"{folder.PREFIX}_epoch_{cfg.train.epochs:06d}.pdparams"
    own_config, data = out / save.CONFIG, Path(cfg.data.root) / moving_shapes_files.MARKER
    if own_config.exists():
        same = own_config.read_text(encoding="utf-8") == dump_config(cfg)
        if not same or own_config.stat().st_mtime < data.stat().st_mtime:  # other videos by now
            aside = out.with_name(f"{out.name}-{time.strftime('%Y%m%d-%H%M%S')}")
            say(f"{what}: {out} is of other videos or settings, moved to {aside}")
            out.rename(aside)
    flags = ["-c", str(config), "-o", *overrides]
    if weights in folder.checkpoints(cfg.output_dir):
        say(f"{what}: reusing {weights}")
    else:
        launch(what, ["multi", "log_slowfast", "--validate", "--resume", "auto", *flags])
    tested = out / "test_result.json"
    if tested.exists() and tested.stat().st_mtime > weights.stat().st_mtime:
        say(f"test: reusing {tested}")
    else:
        (out / SCORES).unlink(missing_ok=True)
        keeps = ["--out", str(out / SCORES)] if cfg.train.task == "multi" else []
        launch("test", ["multi", "log_slowfast_test", "--test", "-w", str(weights), *keeps])
    return weights


def infer(what: str, weights: Path, *flags: str) -> None:
    """Runs --infer, see ``launch``."""
    launch(what, ["single", "log_slowfast_infer", "--infer", *flags, "-w", str(weights)])


def launch(what: str, flags: list[str]) -> None:
    """Runs the launcher, showing how far it is; its whole output goes to a file in output/."""
    log = Path("output") / f"demo_{what.replace(' ', '_')}.txt"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "slowfast.tools.launch", *flags]
    progress = Progress(what, 100)
    lines = []
    started: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started["env"] = environment()  # the threads of this process are not for those that it starts
    with open(log, "w", encoding="utf-8") as file, subprocess.Popen(command, **started) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                lines.append(line.rstrip())
                if found := progress_of(line):
                    progress.update(*found)
        except BaseException:  # Ctrl-C, or what main makes of SIGTERM and SIGHUP
            process.terminate()
            raise
    if process.returncode:
        errors = dict.fromkeys(line for line in lines if line.startswith("error:")) or lines[-5:]
        raise StepFailedError(f"{what} failed (all of it in {log}): {' / '.join(list(errors)[:3])}")
    progress.finish()


def progress_of(line: str) -> tuple[float, str] | None:
    """How far a step is, in percent, and what to show behind the bar, by a line of its output."""
    place = r"epoch:\[ *(\d+)/(\d+) *\] train step:(\d+) .*?(loss: \S+).*?((?:top1|f1): \S+)"
    if train := re.match(place, line):
        epoch, epochs, step = map(int, train.groups()[:3])
        done = (epoch - 1 + step / STEPS) / epochs
        return 100 * done, f"epoch {epoch}/{epochs}, {train[4]}, {train[5]}"
    bar = re.match(r"\w+: (\d+)/(\d+), ", line)
    return (100 * int(bar[1]) / int(bar[2]), "") if bar else None
