"""Several processes of one run, started as Paddle's launcher starts them, without its seconds of
waiting. Tests of what the launcher does use the launcher.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LOG_DIR = "launch_log"


def run_processes(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], processes: int,
    *, have_launcher: bool = True,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Runs Python with ``command`` as so many processes over gloo, which log to ``LOG_DIR``.

    Once one has failed, the others are ended, as by a launcher; without one, as on other machines,
    they must end by themselves. Returns what the first process has said, and the status of the
    first that failed.
    """
    places = [f"127.0.0.1:{port}" for port in free_ports(processes + 1)]
    (cwd / LOG_DIR).mkdir(exist_ok=True)
    logs = [cwd / LOG_DIR / f"workerlog.{rank}" for rank in range(processes)]
    running = []
    for rank, log in enumerate(logs):
        own = {
            "PADDLE_MASTER": places[-1],
            "PADDLE_LOCAL_SIZE": str(processes),
            "PADDLE_TRAINERS_NUM": str(processes),
            "PADDLE_TRAINER_ID": str(rank),
            "PADDLE_CURRENT_ENDPOINT": places[rank],
            "PADDLE_TRAINER_ENDPOINTS": ",".join(places[:-1]),
            "PADDLE_DISTRI_BACKEND": "gloo",
            "PADDLE_LOG_DIR": str(cwd / LOG_DIR),
        }
        with log.open("wb") as file:
            running.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    cwd=cwd, env={**env, **own}, stdout=file, stderr=subprocess.STDOUT,
                )
            )  # fmt: skip
    status = _wait(running, have_launcher)
    said = logs[0].read_text(encoding="utf-8", errors="replace")
    return subprocess.CompletedProcess(list(command), status, said, "")


def _wait(
    running: list["subprocess.Popen[bytes]"], have_launcher: bool, seconds: float = 240.0
) -> int:
    """The first status that is not 0, once all have ended; none is left behind."""
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            states = [process.poll() for process in running]
            failed = [status for status in states if status]
            if (failed and have_launcher) or None not in states:
                break
            time.sleep(0.02)
        else:
            raise TimeoutError(f"{running[0].args!r} takes more than {seconds:g} s")
        with contextlib.suppress(subprocess.TimeoutExpired):
            running[0].wait(timeout=10)  # it says why
        return failed[0] if failed else 0
    finally:
        for process in running:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
