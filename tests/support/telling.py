"""Processes that tell how many threads compute in them, as they end."""

import json
import os
from pathlib import Path
from typing import Any

from support.tiny_run import environment

TELL = """
import atexit, ctypes, json, os, pathlib, sys

def tell():
    maps = pathlib.Path("/proc/self/maps").read_text().splitlines()
    openmp = [line.split()[-1] for line in maps if line.endswith("libiomp5.so")]  # Paddle's
    if not openmp or os.getpid() != began:  # a reader process
        return
    told = {
        "command": sys.orig_argv,
        "threads": ctypes.CDLL(openmp[0]).omp_get_max_threads(),
        "mkl": os.environ.get("MKL_DEBUG_CPU_TYPE", ""),
    }
    pathlib.Path(__file__).with_name(f"{began}.json").write_text(json.dumps(told))

began = os.getpid()
atexit.register(tell)
"""


def telling(folder: Path) -> dict[str, str]:
    """Variables by which every Python process that imports Paddle tells, below ``folder``."""
    told = folder / "told"
    told.mkdir()
    (told / "sitecustomize.py").write_text(TELL, encoding="utf-8")
    return {"PYTHONPATH": f"{told}{os.pathsep}{environment()['PYTHONPATH']}"}


def started(folder: Path, what: str) -> list[dict[str, Any]]:
    """What each process told that Python was started for: a script, or a module after -m."""
    told = [json.loads(path.read_text()) for path in sorted((folder / "told").glob("*.json"))]
    return [each for each in told if what in each["command"][:5]]
