"""The processes that take the steps of benchmarks/train_step.py, as it sees them."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import Server

CONTENDERS = {
    "ours": "paddle",
    "before": "paddle",
    "conv3d": "paddle",
    "contiguous": "torch",
    "channels_last_3d": "torch",
}
PEERS = {
    "before": "the earlier version",
    "conv3d": "Paddle's conv3d",
    "contiguous": "torch",
    "channels_last_3d": "torch channels_last_3d",
}
CLIPS = 2
"""Of a batch."""
FOREIGN_CORES = 0.15
"""A step is taken again if other processes used more than so many cores meanwhile."""
RETRIES = 30
"""How often, before the quietest of them counts."""
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""As slowfast/machine.py sets it for training; here for torch too."""


class StepServer(Server):
    """A process that takes the steps of one contender."""

    def step(
        self, contender: str, network: str, clips: int = CLIPS, gradients: Path | None = None
    ) -> dict[str, Any]:
        """Takes a step, before it another that is not measured unless ``gradients`` is given.

        Raises:
            RuntimeError: the process has ended.
        """
        answer = self.ask(contender, network, clips=clips, gradients=gradients)
        if "fault" in answer:
            raise RuntimeError(f"{contender}: {answer['fault']}")
        return answer

    def quiet_step(
        self, contender: str, network: str, clips: int = CLIPS, tries: int = RETRIES
    ) -> dict[str, Any]:
        """The first step that nothing disturbs, with ``foreign``: cores that others used meanwhile.

        Raises:
            RuntimeError: the process has ended.
        """
        steps: list[dict[str, Any]] = []
        for _ in range(tries):
            answer = self.step(contender, network, clips)
            foreign = (answer["busy_seconds"] - answer["cpu_seconds"]) / answer["seconds"]
            steps.append({**answer, "foreign": max(foreign, 0.0)})
            if foreign <= FOREIGN_CORES:
                break
        return min(steps, key=lambda step: (step["foreign"], step["seconds"]))


@contextmanager
def server_of(options: argparse.Namespace, contender: str) -> Iterator[StepServer]:
    """The process of a contender, which ends with the context."""
    framework = CONTENDERS[contender.partition(":")[0]]
    env = dict(os.environ, **KEPT_MEMORY, OMP_NUM_THREADS=str(options.threads))
    if contender == "before":
        env["CHECKOUT"] = str(options.before)
    if framework == "torch":
        env["PYTHONPATH"] = str(Path(__file__).parents[1] / "tests" / "golden")
    python = sys.executable if framework == "paddle" else str(options.peers)
    server = StepServer([python, "-m", f"benchmarks.step_{framework}"], env)
    try:
        yield server
    finally:
        server.end()
