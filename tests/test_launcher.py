"""Paddle's launcher, as we start it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.interrupted import run_interrupted
from support.tiny_run import environment

LAUNCH = ["-m", "slowfast.launcher", "--log_level=WARNING", "--nproc_per_node=1", "--log_dir=log"]
WAIT = """
import pathlib, sys, time
print("first", flush=True)
for _ in range(100):
    if pathlib.Path("seen").exists():
        sys.exit()
    time.sleep(0.1)
sys.exit("the first line is not seen")
"""

pytestmark = pytest.mark.usefixtures("no_hang")


def test_each_line_is_shown_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, *LAUNCH, "env", sys.executable, "-c", WAIT],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "first\n"
        (tmp_path / "seen").touch()
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "after"), [
    (signal.SIGINT, 5),
    pytest.param(signal.SIGINT, 400, marks=pytest.mark.slow),
    pytest.param(signal.SIGTERM, 5, marks=pytest.mark.slow),
    pytest.param(signal.SIGTERM, 400, marks=pytest.mark.slow),
])  # fmt: skip
def test_a_signal_while_it_imports_ends_it_without_a_word(
    number: int, after: int, tmp_path: Path
) -> None:
    """Nor with Paddle's report of a crash, which it makes of a SIGTERM while it is imported."""
    done = run_interrupted([*LAUNCH, "env", "true"], number, after, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
