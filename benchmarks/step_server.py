"""What both frameworks' processes of benchmarks/train_step.py share; NumPy only.

Requests are lines of JSON on stdin, answers lines of JSON on stdout:

    {"contender", "network", "clips", "gradients": a file, or null}
    {"seconds", "cpu_seconds", "loss", "peak_mib", "versions"}
"""

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "golden"))
from name_seeded import name_seeded, seeded_clip  # noqa: E402

CLIP = (3, 32, 224, 224)
"""``[3, T, H, W]``."""
LABELS = (7, 301, 5, 44)
"""Of the clips of a batch."""
Answer = tuple[float, dict[str, NDArray[np.float32]]]
"""The loss, and the gradients by our names, in PyTorch's layout."""
Step = Callable[[bool], Answer]
"""Forward, loss, backward, SGD; with True it also gives the gradients."""


def draw(name: str, shape: Sequence[int]) -> NDArray[np.float32]:
    """The values of a tensor, by its name in our state dict and its shape in PyTorch's layout."""
    return name_seeded(name, tuple(shape))


def fast_clips(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A batch ``[N, 3, T, H, W]``, and its labels."""
    return seeded_clip(0, (count, *CLIP)), np.array(LABELS[:count])


def serve(build: Callable[[str, str, int], Step], versions: str) -> int:
    """Answers requests until stdin ends; a contender is built when it is first asked for."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    steps: dict[tuple[str, str, int], Step] = {}
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        key = request["contender"], request["network"], request["clips"]
        if key not in steps:
            steps[key] = build(*key)
        if not request["gradients"]:
            steps[key](False)  # as in a run: right after another, not after a rest
        begin, cpu_begin, busy_begin = time.perf_counter(), time.process_time(), busy_seconds()
        loss, gradients = steps[key](bool(request["gradients"]))
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu_begin
        busy = busy_seconds() - busy_begin
        if request["gradients"]:
            np.savez(request["gradients"], **gradients)  # type: ignore[arg-type]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer: dict[str, Any] = {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "busy_seconds": busy,
            "loss": loss,
        }
        answer |= {"peak_mib": peak, "versions": versions}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), file=answers, flush=True)
    return 0


def busy_seconds() -> float:
    """Of all cores since the machine started (Linux); 0 where that is not known."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")
