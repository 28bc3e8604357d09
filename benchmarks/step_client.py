"""The processes that take the steps of benchmarks/train_step.py, as it sees them."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
"""As slowfast/machine.py sets it for training; here for torch too."""


class Server:
    """A process that takes the steps of one contender."""

    def __init__(self, python: str, framework: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [python, "-m", f"benchmarks.step_{framework}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )

    def step(
        self, contender: str, network: str, clips: int = CLIPS, gradients: Path | None = None
    ) -> dict[str, Any]:
        """Takes a step.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"contender": contender, "network": network, "clips": clips}
        file = None if gradients is None else str(gradients)
        self.process.stdin.write(json.dumps({**request, "gradients": file}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {contender} ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def server_of(options: argparse.Namespace, contender: str) -> Iterator[Server]:
    framework = CONTENDERS[contender.partition(":")[0]]
    env = dict(os.environ, **KEPT_MEMORY, OMP_NUM_THREADS=str(options.threads))
    if contender == "before":
        env["CHECKOUT"] = str(options.before)
    if framework == "torch":
        env["PYTHONPATH"] = str(Path(__file__).parents[1] / "tests" / "golden")
    python = sys.executable if framework == "paddle" else str(options.peers)
    server = Server(python, framework, env)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()
