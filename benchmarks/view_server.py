"""What the processes of benchmarks/inference.py share; NumPy only.

Requests are lines of JSON on stdin, answers lines of JSON on stdout:

    {"contender", "network", "rows": a file, or nothing}
    {"seconds", "elsewhere", "about", "value"}    or    {"fault": why there is no such contender}

A folder, the only argument, has the weights of both networks and ``video.mp4``.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from name_seeded import patterned_frames
from numpy.typing import NDArray

from benchmarks.step_server import busy_seconds

SIDE, NUM_FRAMES = 256, 32
ALPHA = {"8x8": 4, "4x16": 8}
MEAN, STD = 0.45, 0.225
"""Of both systems, for each colour."""
Clip = NDArray[np.uint8]
Compute = Callable[[int], Any]
"""From the number of a clip, 0 or 1, to its row of 400 logits ``[1, 400]``, or to what else is
timed."""
Build = Callable[[str, str, Path], tuple[Compute, str]]
"""Contender, network and folder to its function, and what it is; raises what it raises."""


def clips() -> list[Clip]:
    """Two clips, uint8 ``[1, T, H, W, 3]``: moving bars, and noise."""
    noise = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, SIDE, SIDE, 3), np.uint8)
    return [patterned_frames(NUM_FRAMES, SIDE, SIDE)[None], noise[None]]


def serve(build: Build) -> int:
    """Answers requests until stdin ends; a contender is built when it is first asked for."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    folder, built = Path(sys.argv[1]), {}
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        key = request["contender"], request["network"]
        try:
            if key not in built:
                built[key] = build(*key, folder)
            answer = _answer(*built[key], request.get("rows"))
        except Exception as error:  # of any library: it is a row that is not there
            text = str(error).strip().splitlines() or [""]
            answer = {"fault": f"{type(error).__name__}: {text[0][:200]}"}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), file=answers, flush=True)
    return 0


def _answer(compute: Compute, about: str, rows: str | None) -> dict[str, Any]:
    if rows:
        np.save(rows, np.concatenate([compute(number) for number in (0, 1)]))
    else:
        compute(0)  # as in a run: right after another, not after a rest
    begin, cpu_begin, busy_begin = time.perf_counter(), time.process_time(), busy_seconds()
    value = compute(0)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu_begin
    elsewhere = max(busy_seconds() - busy_begin - cpu, 0.0) / seconds
    number = value if isinstance(value, float) else None
    return {"seconds": seconds, "elsewhere": elsewhere, "about": about, "value": number}
