"""Starts main.py well: every GPU or 2 CPU processes, with the threads and flags that fit.

    python -m slowfast.tools.launch multi  LOG_DIR  [main.py flags]
    python -m slowfast.tools.launch single LOG_DIR  [main.py flags]

``multi`` goes through paddle.distributed.launch, whose workers log to LOG_DIR; ``single`` runs
main.py itself. What the user has set in the environment stays: CUDA_VISIBLE_DEVICES,
OMP_NUM_THREADS, MKL_DEBUG_CPU_TYPE, and PROCESSES for the number of CPU processes.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import paddle

from slowfast.cli import USER_ERRORS, parse_args
from slowfast.config import ConfigError
from slowfast.files import error_line
from slowfast.inputs import read_inputs

DESCRIPTION = "Starts main.py well: every GPU or 2 CPU processes, with the threads that fit."
MAIN = Path(__file__).parents[2] / "main.py"


def main(argv: list[str]) -> int:
    """Replaces this process by the run; returns only if it cannot start."""
    parser = argparse.ArgumentParser(prog="slowfast.tools.launch", description=DESCRIPTION)
    parser.add_argument("how", choices=("multi", "single"))
    parser.add_argument("log_dir")
    parser.add_argument("flags", nargs=argparse.REMAINDER, help="main.py's")
    args = parser.parse_args(argv)
    try:
        flags = parse_args(args.flags)
        if not flags.summary:
            read_inputs(flags)  # what is wrong with them is said once, not by each process
        start(args.how, args.log_dir, args.flags)
    except (*USER_ERRORS, OSError) as error:
        print(error_line(error), file=sys.stderr)
    return 1


def start(how: str, log_dir: str, flags: list[str]) -> NoReturn:
    """Becomes main.py, or the launcher of several of it."""
    processes = num_processes() if how == "multi" else 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    env = os.environ | settings(os.environ, cores or 1, processes)
    command = [sys.executable, "-B", str(MAIN), *flags]
    if how == "multi":
        launcher = ["-m", "paddle.distributed.launch", "--log_level=WARNING"]
        if not _num_gpus():
            launcher.append(f"--nproc_per_node={processes}")
            if "CUDA_VISIBLE_DEVICES" in env:
                # Paddle's launcher takes the variable's list for the devices to start processes on,
                # also where there are none; this word alone means no list (run), and to CUDA no
                # device (not run).
                env["CUDA_VISIBLE_DEVICES"] = "all"
        command = [sys.executable, "-B", *launcher, f"--log_dir={log_dir}", *command[2:]]
    os.execve(sys.executable, command, env)


def settings(env: Mapping[str, str], cores: int, processes: int) -> dict[str, str]:
    """Environment variables that make CPU work fast, for those that ``env`` does not set."""
    wanted = {
        # Paddle takes one thread unless told otherwise.
        "OMP_NUM_THREADS": str(max(cores // processes, 1)),
    }
    cpu_type = mkl_cpu_type(_read("/proc/cpuinfo"))
    if cpu_type:
        wanted["MKL_DEBUG_CPU_TYPE"] = cpu_type
    return {name: value for name, value in wanted.items() if name not in env}


def mkl_cpu_type(cpuinfo: str) -> str:
    """What to tell Paddle's MKL on AMD, where it takes a slow path by itself (3x in sgemm).

    6 for its AVX-512 code, measured; 5 for its AVX2 code, not run; empty on other processors.
    """
    if "AuthenticAMD" not in cpuinfo:
        return ""
    return "6" if " avx512f " in cpuinfo else "5" if " avx2 " in cpuinfo else ""


def num_processes() -> int:
    """How many processes ``multi`` starts: one a GPU, else PROCESSES on the CPU, 2 by default."""
    if _num_gpus():
        return _num_gpus()
    text = os.environ.get("PROCESSES", "2")
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"PROCESSES={text} is not a positive whole number")
    return int(text)


def _num_gpus() -> int:
    return paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
