"""The demo, run once for all tests that need a network that has learned something."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tiny_run import REPOSITORY


def copy_repository(folder: Path) -> None:
    """Copies what is or would be in git."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)


def run_in(folder: Path, *command: str) -> str:
    """What a command of a user says that ends well, with this Python first on the path."""
    keep = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "OMP_NUM_THREADS")}
    env = keep | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_demo(folder: Path) -> dict[str, Any]:
    """Runs run_demo.sh; returns its summary.json."""
    said = run_in(folder, "bash", "run_demo.sh")
    summary: dict[str, Any] = json.loads((folder / "output/demo/summary.json").read_text())
    assert f"top-1 {100 * summary['top1']:.1f} %" in said
    return summary
