"""Processes that benchmarks/inference.py measures: servers of views, and whole commands."""

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SAMPLE_SECONDS = 0.05
"""Between two looks at a command's memory."""


class Server:
    """A process that computes views when it is asked to, see benchmarks/view_server.py."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        with open(folder / "server.log", "a") as log:
            self.process = subprocess.Popen(
                [*command, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env=dict(env), cwd=folder,
            )  # fmt: skip

    def ask(self, contender: str, network: str, rows: Path | None = None) -> dict[str, Any]:
        """The answer, with ``fault`` where there is no such contender, or its process ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"contender": contender, "network": network, "rows": rows and str(rows)}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        except (BrokenPipeError, ValueError):
            return {"fault": f"its process ended with {self.process.wait()}"}
        return answer

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()


class Ran(NamedTuple):
    """What a command took, from its start to its end."""

    seconds: float
    mebibytes: float
    """Peak resident memory: the sum of the peaks of its processes; shared pages count for each."""
    result: Any


def run_command(
    command: Sequence[str], env: Mapping[str, str], read: Callable[[Path, str], Any]
) -> Ran:
    """Runs a command in a new folder, from which (and from its stdout) ``read`` gets the result.

    Raises:
        RuntimeError: it fails; the message has its last line.
    """
    peaks: dict[int, int] = {}
    with tempfile.TemporaryDirectory(prefix="inference-run-") as folder:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(env),
            cwd=folder,
        )  # fmt: skip
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, peaks, ended))
        watch.start()
        said, complaints = process.communicate()
        seconds = time.perf_counter() - begin
        ended.set()
        watch.join()
        if process.returncode:
            last = (complaints.strip() or said.strip()).splitlines()[-1:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {last}")
        return Ran(seconds, sum(peaks.values()) / 1024, read(Path(folder), said))


def _watch(root: int, peaks: dict[int, int], ended: threading.Event) -> None:
    """Keeps the peak of each process below ``root``, kibibytes, until the command has ended."""
    while not ended.wait(SAMPLE_SECONDS):
        for pid in tree(root):
            peaks[pid] = max(peaks.get(pid, 0), _peak_kibibytes(pid))


def tree(root: int) -> list[int]:
    """The process and all below it."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it ended just now
                continue
    return found


def _peak_kibibytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
