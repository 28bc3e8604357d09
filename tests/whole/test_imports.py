"""What is imported when: nothing slow before it is needed."""

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


def test_help_waits_for_no_large_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, usage, *_, last = done.stdout.splitlines()
    assert (first, usage[:7], last) == ("[]", "usage: ", "0 []")


TOOLS = """
import importlib, pkgutil, sys
import slowfast.tools
for module in pkgutil.iter_modules(slowfast.tools.__path__):
    importlib.import_module(f"slowfast.tools.{module.name}")
print("slowfast.tools.demo" in sys.modules, "paddle" in sys.modules)
"""


def test_tools_wait_with_paddle_until_its_settings_are_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOOLS],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "True False\n", done.stderr
