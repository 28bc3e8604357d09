"""Starts slowfast on every GPU, or with 2 CPU processes that share the cores.

    python -m slowfast.tools.launch multi  LOG_DIR  [slowfast's flags]
    python -m slowfast.tools.launch single LOG_DIR  [slowfast's flags]

multi goes through paddle.distributed.launch, whose workers log to LOG_DIR; single is one process.
A process is python -m slowfast, which does what main.py does and needs no clone. What the user has
set in the environment stays: CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS and the other variables of
machine.py, and PROCESSES for the number of CPU processes.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from slowfast import distributed
from slowfast.cli.command import in_home, new_parser, run
from slowfast.cli.flags import parse_args
from slowfast.log import logger
from slowfast.machine import environment
from slowfast.signals import end_with_parent


def main(argv: list[str] | None = None) -> int:
    """Starts the run; returns its exit status, 1 if it cannot start."""
    parser = new_parser("slowfast.tools.launch", __doc__)
    add = parser.add_argument
    add("how", choices=("multi", "single"), help="multi: as above; single: one process")
    add(
        "log_dir",
        metavar="LOG_DIR",
        type=in_home,
        help="folder for the processes' logs; single writes none",
    )
    add("flags", nargs=argparse.REMAINDER, help="see python -m slowfast --help")
    args = parser.parse_args(argv)

    def launch() -> int:
        flags = parse_args(args.flags)
        if args.how == "multi" and not flags.summary:
            from slowfast.cli.inputs import read_inputs  # here: one process does without

            logger.setLevel(logging.ERROR)  # the run itself tells the rest
            read_inputs(flags)  # what is wrong with them is said once, not by each process
        return start(args.how, args.log_dir, args.flags)

    return run(launch, hint="", with_paddle=args.how == "multi")


def start(how: str, log_dir: str, flags: list[str]) -> int:
    """Becomes the run; or runs the launcher of its processes, and returns its exit status."""
    env = environment()
    if how == "single":
        os.execve(sys.executable, [sys.executable, "-B", "-m", "slowfast", *flags], env)
    processes, gpus = distributed.num_processes(), distributed.num_gpus()
    launcher = [sys.executable, "-B", "-m", "slowfast.launcher", "--log_level=WARNING"]
    if not gpus:
        launcher.append(f"--nproc_per_node={processes}")
        if "CUDA_VISIBLE_DEVICES" in env:
            # Paddle's launcher takes the variable's list for the devices to start processes on,
            # also where there are none; this word alone means no list (run), and to CUDA no
            # device (not run).
            env["CUDA_VISIBLE_DEVICES"] = "all"
    log_dir = distributed.log_folder(log_dir)
    # What does not end with .py, it starts as it is. The threads are for its processes alone: with
    # more than one, it would itself show Paddle's advice to have one.
    threads = env.get("OMP_NUM_THREADS", str(max(distributed.own_cores() // processes, 1)))
    launcher += [f"--log_dir={log_dir}", "env", f"OMP_NUM_THREADS={threads}"]
    launcher += [sys.executable, "-u", "-m", "slowfast", *flags]
    logs = [Path(log_dir) / f"workerlog.{i}" for i in range(gpus or processes)]
    return run_launcher(launcher, env, logs)


def run_launcher(command: list[str], env: Mapping[str, str], logs: list[Path]) -> int:
    """Runs Paddle's launcher; returns its exit status, 128 + n after signal n.

    Ctrl-C and SIGTERM go on to it. It passes them to its processes, and shows no more of what
    these say, nor what others than rank 0 say: from their ``logs`` we show what ended the run.
    """
    asked: list[int] = []
    sizes = [log.stat().st_size if log.exists() else 0 for log in logs]  # of earlier runs

    def forward(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        process.send_signal(number)

    # A session of its own: else a terminal's Ctrl-C would reach it twice, and it would hurry.
    process = subprocess.Popen(
        command, env=env, start_new_session=True, preexec_fn=end_with_parent,
        stdout=subprocess.PIPE, text=True, errors="backslashreplace",
    )  # fmt: skip
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    assert process.stdout is not None
    for line in process.stdout:  # through us: the launcher would fail if nobody read it
        print(line, end="", flush=True)
    status = process.wait()
    if status or asked:
        said = [_read(log, size) for log, size in zip(logs, sizes, strict=True)]
        if words := last_words(said, is_asked=bool(asked)):
            print(words, file=sys.stderr)
    if asked:
        return 128 + asked[0]
    return status if status >= 0 else 128 - status


def last_words(said: list[str], *, is_asked: bool) -> str:
    """The line that tells what ended a run, of what each process has said; empty if it was shown.

    The launcher has shown what rank 0 said, unless the run was asked to end.
    """
    lines = [line for text in said for line in text.splitlines()]
    if is_asked:
        return next((line for line in lines if line.startswith(("interrupted", "error: "))), "")
    errors = [line for line in lines if line.startswith("error: ")]
    if errors:
        return "" if errors[0] in said[0] else errors[0]
    loud = ("Traceback", "terminate called", "interrupted")
    silent = [str(i) for i, text in enumerate(said) if not any(word in text for word in loud)]
    end = "of this machine ended without a word (killed? out of memory?)"
    return f"error: process {' and '.join(silent)} {end}" if silent else ""


def _read(path: str | Path, start: int = 0) -> str:
    try:
        return Path(path).read_bytes()[start:].decode(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
