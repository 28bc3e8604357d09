"""A training run of two processes that is killed again and again, and resumed each time."""

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

from benchmarks import survival_runs as runs
from benchmarks.processes import tree
from benchmarks.survival import Outcome, times
from benchmarks.timing import progress
from slowfast.data.workers.shared_memory import orphans

KILLS = 50
EPOCHS_A_KILL = 3
"""Epochs of the run for each kill, so that it does not end before the last."""
BOUND = 30.0
"""Seconds in which the others must have ended after one rank was killed."""
WITHIN = 6.0
"""A kill comes up to so many seconds after training goes on."""
FLAGS = (
    "--validate", "-o", "train.save_steps=2", "train.keep_last=2", "train.log_interval=1000",
    "output_dir=out",
)  # fmt: skip
SAME = ("_epoch_{:06d}.pdparams", "_epoch_{:06d}.pdopt", "_epoch_{:06d}_ema.pdparams",
        "_best.pdparams")  # fmt: skip
"""The files that must be those of the uninterrupted run, byte for byte."""


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """One outcome: how the weights at the end compare."""
    kills, rng = times(KILLS, scale), random.Random(seed)
    config, epochs = runs.make_data(folder), EPOCHS_A_KILL * kills + 4
    words = [*runs.LAUNCHED, "-c", config, *FLAGS, f"train.epochs={epochs}"]
    words += ["--resume", "auto"]
    whole, killed = Killed(words, folder / "whole"), Killed(words, folder / "killed")
    whole.to_the_end()
    for number in range(kills):
        moment = ("any", "save", "validation")[number % 3]
        progress(f"kill {number + 1} of {kills}: {killed.kill(moment, rng)}")
    killed.to_the_end()
    names = [f"SlowFast{name.format(epochs)}" for name in SAME]
    files = [[each.out / name for each in (whole, killed)] for name in names]
    differ = [one.name for one, other in files if one.read_bytes() != other.read_bytes()]
    left = orphans()
    states = ", ".join(f"{count} during {state}" for state, count in killed.states.most_common())
    targets = ", ".join(f"{count} of {target}" for target, count in killed.targets.most_common())
    same = f"other bytes in {', '.join(differ)}" if differ else "the same files, byte for byte"
    others = f"after a rank alone, the others ended within {killed.slowest:.1f} s (bound {BOUND:g})"
    result = f"{same}, after {epochs} epochs; {targets}; {states}; {others}; "
    result += f"shared memory of {len(left)} readers left at the end"
    kept = not differ and not left and killed.slowest <= BOUND
    what = "SIGKILL of a 2-process run with validation, precise batch norm and EMA, then resumed"
    return [Outcome(what, kills, result, kept)]


class Killed:
    """The run in a folder, and what has become of it."""

    def __init__(self, words: list[str | Path], folder: Path) -> None:
        self._words, self._folder, self.out = words, folder, folder / "out"
        self.states, self.targets = Counter[str](), Counter[str]()
        """What was under way when a kill came, and what was killed."""
        self.slowest = 0.0
        """Seconds from the kill of one rank to the end of all."""
        self._start = 10.0  # seconds to the first step; the last start tells better

    def to_the_end(self) -> None:
        """Runs until it ends by itself. Raises a RuntimeError if it fails."""
        process = runs.start(self._words, self._folder)
        with runs.ended(process):
            if process.wait():
                said = runs.last_error(self._folder / "said.txt")
                raise RuntimeError(f"the run ended with {process.returncode}: {said}")

    def kill(self, moment: str, rng: random.Random) -> str:
        """Starts it, and kills it; returns what was under way."""
        log = self.out / "log.txt"
        before = log.stat().st_size if log.exists() else 0
        process = runs.start(self._words, self._folder)
        with runs.ended(process):
            self._wait(process, moment, rng, before)
            state = self._state(before)
            target = rng.choice(("all", "rank 0", "rank 1"))
            rank = None if target == "all" else runs.rank_process(process.pid, int(target[-1]))
            pids = tree(process.pid)
            runs.kill([rank] if rank else pids)
            seconds = runs.seconds_to_end(pids, 2 * BOUND)
        self.states[state] += 1
        self.targets[target if rank else "all"] += 1
        self.slowest = max(self.slowest, seconds)
        return f"{target if rank else 'all'}, during {state}; all ended after {seconds:.1f} s"

    def _wait(
        self, process: "subprocess.Popen[bytes]", moment: str, rng: random.Random, before: int
    ) -> None:
        """Waits for the moment of the kill."""
        began = time.monotonic()
        if moment == "any":
            until = rng.uniform(0, self._start + WITHIN)
            while time.monotonic() - began < until and process.poll() is None:
                time.sleep(0.01)
        else:
            while process.poll() is None and "train step" not in self._said(before):
                time.sleep(0.01)
            self._start = time.monotonic() - began
            time.sleep(rng.uniform(0, WITHIN / 2))
            aim = "a save" if moment == "save" else "validation"
            while process.poll() is None and self._state(before) != aim:
                time.sleep(0.001)
        if process.poll() is not None:
            said = runs.last_error(self._folder / "said.txt")
            raise RuntimeError(f"the run ended before it was killed: {said}")

    def _state(self, before: int) -> str:
        """What is under way, as far as files tell."""
        if any(self.out.glob(".*.partial")):
            return "a save"
        lines = [line for line in self._said(before).splitlines() if "] " in line]
        if not any("train step" in line for line in lines):
            return "the start"
        if " train loss" in lines[-1]:
            return "precise batch norm"
        return "validation" if "batch norm's statistics" in lines[-1] else "training"

    def _said(self, before: int) -> str:
        log = self.out / "log.txt"
        return log.read_bytes()[before:].decode() if log.exists() else ""
