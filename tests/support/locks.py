"""Locks that another process has, and those that it cannot get."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def lock_held(path: Path) -> Iterator[None]:
    """While entered, another process holds the lock on a file, which is made if need be."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            other.communicate()


TRY = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("refused")
"""


def locked_when_renamed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """From now on: by its new name, whether a part file was locked until it got that name."""
    found, rename = {}, os.replace

    def replace(old: str | Path, new: str | Path) -> None:
        done = subprocess.run(
            [sys.executable, "-c", TRY, str(old)], capture_output=True, check=True
        )
        found[Path(new).name] = done.stdout == b"refused\n"
        rename(old, new)

    monkeypatch.setattr("os.replace", replace)
    return found
