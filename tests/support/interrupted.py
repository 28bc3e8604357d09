"""Processes that get a signal while they import."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.tiny_run import environment

SEND = """
import os, sys

imports = 0

def hook(event, arguments):
    global imports
    if event == "import" and (imports or arguments[0] == "slowfast.start"):
        imports += 1
        if imports == 2 + at:  # the first is start itself, with its own
            os.kill(os.getpid(), number)

if "SIGNAL_AT" in os.environ:
    at, number = (int(os.environ.pop(name)) for name in ("SIGNAL_AT", "SIGNAL"))
    sys.addaudithook(hook)
"""


def run_interrupted(
    command: Sequence[str], number: int, after: int, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Runs Python with ``command``, which gets a signal as it begins an import, so many after that
    of ``slowfast.start``; not those that it starts. Not where Python has a sitecustomize.py of its
    own, which ours takes the place of."""
    (own := folder / "hook").mkdir(exist_ok=True)
    (own / "sitecustomize.py").write_text(SEND, encoding="utf-8")
    env = environment() | {"SIGNAL": str(int(number)), "SIGNAL_AT": str(after)}
    env["PYTHONPATH"] = f"{own}{os.pathsep}{env['PYTHONPATH']}"
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True,
        timeout=120, preexec_fn=_listen,
    )  # fmt: skip


def _listen() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first
        signal.signal(number, signal.SIG_DFL)
