"""What is imported when: nothing slow before it is needed, nothing that one may be without."""

import subprocess
import sys

from support.paths import REPOSITORY
from support.tiny_run import environment

HELP = """
import runpy, sys
slow = ("paddle", "visualdl", "matplotlib")
import slowfast.cli.main
print([name for name in slow if name in sys.modules])
sys.argv = ["main.py", "--help"]
try:
    runpy.run_path("main.py", run_name="__main__")
except SystemExit as end:
    print(end.code, [name for name in slow if name in sys.modules])
"""

WITHOUT = """
import sys
for name in ("visualdl", "matplotlib"):
    sys.modules[name] = None
from slowfast.models import slowfast_r50
import hubconf, paddle
print([name for name in ("visualdl", "matplotlib") if name in hubconf.dependencies])
net = paddle.hub.load(".", "slowfast_r50_4x16", source="local")
print(type(net).__name__)
"""


def said_by(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_help_waits_for_no_large_library() -> None:
    said = said_by(HELP)
    assert said[0] == "[]"
    assert said[1].startswith("usage: ")
    assert said[-1] == "0 []"


def test_networks_and_hub_need_neither_visualdl_nor_matplotlib() -> None:
    assert said_by(WITHOUT)[-2:] == ["[]", "SlowFast"]
