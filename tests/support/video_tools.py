"""Runs of the tools that go through a list of videos, as processes of their own."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.paths import REPOSITORY
from support.tiny_run import environment


def write_list(folder: Path, *lines: str, name: str = "train.list") -> Path:
    return write(folder / name, "".join(f"{line}\n" for line in lines))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_hanging(path: Path) -> Path:
    """A list of videos in FFmpeg's format, whose one video is a pipe that nobody writes to."""
    os.mkfifo(path.with_name("pipe.mp4"))
    path.write_text("ffconcat version 1.0\nfile pipe.mp4\n")
    return path


@contextlib.contextmanager
def start(
    tool: str, *args: object, most_bytes: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Runs a tool; ``most_bytes`` limits its files, which fails as a full disk does."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    process = subprocess.Popen(
        [sys.executable, "-m", f"slowfast.tools.{tool}", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        preexec_fn=prepare,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def children(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return list(map(int, path.read_text().split()))


def reader_at(process: subprocess.Popen[str], video: Path) -> int:
    """The child process of a tool that has this file open, once one has."""
    found: list[int] = []

    def is_found() -> bool:
        assert process.poll() is None, "the tool has ended"
        found[:] = [pid for pid in children(process) if str(video) in open_files(pid)]
        return bool(found)

    wait_until(is_found)
    return found[0]


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed by now
            found.add(os.readlink(path))
    return found


def is_running(pid: int) -> bool:
    """Whether the process is there, and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


def error_line(capsys: pytest.CaptureFixture[str], status: int) -> str:
    """The one line on stderr of a command that has failed."""
    text = capsys.readouterr().err
    assert status == 1 and text.startswith("error: ") and text.count("\n") == 1, text
    return text


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
