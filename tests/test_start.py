"""What comes first: signals while Python imports, and a standard output that nobody reads."""

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.interrupted import run_interrupted
from support.paths import REPOSITORY
from support.tiny_run import environment

from slowfast import start

MAIN = str(REPOSITORY / "main.py")
TOOLS = sorted(path.stem for path in (REPOSITORY / "slowfast" / "tools").glob("[a-z]*.py"))
SCRIPT = "import sys; from slowfast.commands import score; sys.exit(score())"
"""As pip writes it."""


@pytest.mark.parametrize(("command", "number", "after"), [
    ([MAIN, "--summary"], signal.SIGINT, 20),
    ([MAIN, "--summary"], signal.SIGINT, 150),
    (["-m", "slowfast", "--summary"], signal.SIGINT, 60),
    (["-m", "slowfast.tools.check_videos", "x"], signal.SIGINT, 5),
    (["-m", "slowfast.tools.prepare_videos", "x", "y"], signal.SIGINT, 100),
    (["-c", SCRIPT], signal.SIGINT, 40),
])  # fmt: skip
def test_a_signal_while_python_imports_ends_a_command_without_a_word(
    command: list[str], number: int, after: int, tmp_path: Path
) -> None:
    done = run_interrupted(command, number, after, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")


def test_a_sigterm_while_python_imports_waits_until_it_can_be_told(tmp_path: Path) -> None:
    done = run_interrupted(["-m", "slowfast.tools.score", "x.npz"], signal.SIGTERM, 20, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_import_ends_a_command_without_a_traceback(
    number: int, tmp_path: Path
) -> None:
    """With those of Paddle and matplotlib."""
    for after in range(10, 1500, 150):
        done = run_interrupted([MAIN, "--summary"], number, after, tmp_path)
        ends = [(128 + number, "", "interrupted\n")]
        if number == signal.SIGINT:  # before ``run``
            ends.append((-number, "", ""))
        assert (done.returncode, done.stdout, done.stderr) in ends, after


@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_begins_before_its_imports(tool: str) -> None:
    path = REPOSITORY / "slowfast" / "tools" / f"{tool}.py"
    _, first, *_ = ast.parse(path.read_text(encoding="utf-8")).body
    assert ast.unparse(first) == (
        "if __name__ == '__main__':\n    from slowfast.start import begin\n    begin()"
    )


def test_a_sigterm_that_the_parent_has_blocked_stays_blocked(tmp_path: Path) -> None:
    text = "from slowfast.start import begin\nbegin()\nimport os, signal, sys\n"
    text += "from slowfast.cli.command import run\nos.kill(os.getpid(), signal.SIGTERM)\n"
    text += "sys.exit(run(lambda: print('goes on'), hint=''))"
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment(), capture_output=True, text=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


def test_an_ignored_ctrl_c_stays_ignored(tmp_path: Path) -> None:
    text = "from slowfast.start import begin\nbegin()\nimport os, signal\n"
    text += "os.kill(os.getpid(), signal.SIGINT)\nprint('goes on')"
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment(), capture_output=True, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


WORK = """
import sys
from slowfast.start import begin, is_read
begin()
from slowfast.cli.command import run
from slowfast.log import logger, say
def work():
    for i in range(3):
        say("a line")
        logger.info("a log line")
    with open("result", "w") as file:
        file.write(f"{file.fileno()} {is_read()} {is_read(2)}")
sys.exit(run(work, hint=""))
"""


def shell(redirected: str, folder: Path, *command: str) -> tuple[int, str]:
    """The status of Python with ``command``, redirected, and what is seen of it; ``{pipe}`` is one
    whose reader has ended."""
    reader, pipe = os.pipe()
    os.close(reader)
    line = f'"$0" "$@" {redirected.format(pipe=pipe)}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, *command],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=120,
        pass_fds=[pipe],
    )  # fmt: skip
    os.close(pipe)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("unbuffered", [[], ["-u"]], ids=["", "-u"])
@pytest.mark.parametrize(("redirected", "is_read"), [
    (">&{pipe}", "False True"), (">&{pipe} 2>&1", "False True"), (">&-", "True True"),
    (">&- 2>&-", "True True"), ("<&- >&- 2>&-", "True True"),
])  # fmt: skip
def test_a_command_finishes_its_work_if_nobody_reads_its_output(
    redirected: str, is_read: str, unbuffered: list[str], tmp_path: Path
) -> None:
    """And a file that is written has none of the numbers of the standard streams."""
    assert shell(redirected, tmp_path, *unbuffered, "-c", WORK) == (0, "")
    number, *found = (tmp_path / "result").read_text().split()
    assert int(number) > 2 and " ".join(found) == is_read


@pytest.mark.parametrize("command", [
    ["-m", "slowfast.tools.score", "--help"],
    [MAIN, "-c", "slowfast_8x8", "--max_iters", "x"],
])  # fmt: skip
@pytest.mark.parametrize("redirected", [">&{pipe} 2>&1", ">&- 2>&-"])
def test_flags_are_told_to_nobody(command: list[str], redirected: str, tmp_path: Path) -> None:
    assert shell(redirected, tmp_path, *command) == (2 if "x" in command else 0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_below_the_output_is_an_error(tmp_path: Path) -> None:
    """Once; then it is written no more."""
    status, seen = shell("> /dev/full", tmp_path, "-c", WORK)
    assert (status, seen) == (1, "error: standard output: No space left on device\n")


def test_a_terminal_that_is_gone_ends_no_command_and_a_faulty_disk_does(tmp_path: Path) -> None:
    """Both give EIO."""
    ours, theirs = os.openpty()
    os.close(ours)
    command = [sys.executable, "-c", WORK]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"") and (tmp_path / "result").exists()
    with open(tmp_path / "results.txt", "wb") as file:
        assert not start._nobody_reads(OSError(errno.EIO, ""), file.fileno())
