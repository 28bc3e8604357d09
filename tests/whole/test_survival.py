"""What a run survives: a short form of the figures in docs/reliability.md."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import environment

from benchmarks.survival import PARTS

SCALES = {"kills": 0.06, "videos": 0.005, "checkpoints": 0.005, "disk": 0.1, "flat": 0.1,
          "ranks": 0.2}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_all_that_is_promised_is_kept(part: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.survival", part, "--scale", str(SCALES[part])]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment() | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {part} |" in done.stdout
