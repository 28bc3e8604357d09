"""environment.sh with stand-ins for python, for machines that are not this one."""

import os
import subprocess
from pathlib import Path

from tiny_run import REPOSITORY

STAND_IN = """#!/usr/bin/env bash
# A python whose cv2 lacks libGL until opencv-python-headless is installed.
echo "$@" >> calls.txt
case "$*" in
"-c import cv2")
    grep -q "opencv-python-headless" calls.txt && exit 0
    echo "ImportError: ERROR_TEXT: cannot open shared object file" >&2
    exit 1 ;;
esac
exit 0
"""

RUN = 'set -euo pipefail; . "$0/slowfast/tools/environment.sh"; echo "python is $python"'


def source(folder: Path, stand_in: str) -> subprocess.CompletedProcess[str]:
    """Sources environment.sh in ``folder``, where ``python3`` is the stand-in."""
    python = folder / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(stand_in)
    python.chmod(0o755)
    env = {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(folder)}
    command = ["bash", "-c", RUN, str(REPOSITORY)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_without_libgl_the_headless_wheel_replaces_the_usual_one(tmp_path: Path) -> None:
    done = source(tmp_path, STAND_IN.replace("ERROR_TEXT", "libGL.so.1"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "OpenCV needs libGL, which is not here: replacing opencv-python by opencv-python-headless.",
        f"python is {tmp_path}/bin/python3",
    ]
    calls = (tmp_path / "calls.txt").read_text()
    assert "pip uninstall --quiet --yes opencv-python\n" in calls


def test_another_fault_of_cv2_is_shown_and_nothing_is_replaced(tmp_path: Path) -> None:
    done = source(tmp_path, STAND_IN.replace("ERROR_TEXT", "numpy is broken"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: import cv2 fails: ImportError: numpy is broken")
    assert "pip" not in (tmp_path / "calls.txt").read_text()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = '#!/usr/bin/env bash\n[ "$1" = --version ] && echo "Python 3.9.1" && exit 0\nexit 1\n'
    for name in ("python3.10", "python3.11", "python3.12", "python3.13"):
        (tmp_path / name).write_text(old)
        (tmp_path / name).chmod(0o755)
    env_path = os.environ["PATH"]
    os.environ["PATH"] = f"{tmp_path}:{env_path}"
    try:
        done = source(tmp_path, old)
    finally:
        os.environ["PATH"] = env_path
    assert done.returncode == 1
    assert "python3 from 3.10 to 3.13 is needed (this one: Python 3.9.1)" in done.stderr
