"""Detection: our evaluator beside mmaction2's, our network beside PyTorchVideo's, and our reading
of key frames beside mmaction2's.

From the repository's root, in the project's environment, with the peers' beside it
(requirements-peers.txt):

    python -m benchmarks.detection --peers .venv-peers/bin/python --json FILE --markdown FILE

- evaluator: files of a million rows, read and scored by mmaction2's rule (evaluators.py); both come
  to the same number, or nothing is told. mmaction2 starts 32 processes, whatever the machine.
- forward: SlowFast R50 8x8 on a picture of 256 x 256 with 8 boxes, on all cores that this process
  may use; weights by name, the logits of two clips are compared first. Of torch's forms the fastest
  counts (boxes_torch.py); what it does for RoIAlign stands below the table.
- reading: key_windows.py, in the peers' environment, on one core.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import evaluators
from benchmarks.inference import TORCH, Bench, MismatchError
from benchmarks.processes import Server, run_command
from benchmarks.report import Row, tell
from benchmarks.timing import progress
from slowfast import machine

ROOT = Path(__file__).parents[1]
ROWS = ("evaluator", "forward", "reading")
TARGETS = {"evaluator": 5.0, "minute": 1.0, "forward": 1.5}
"""The ratios that the project aims at."""
OURS = ("auto", "eager")
SAME_MAP, SAME_LOGITS = 1e-9, 1e-4
"""Largest differences: of mAP; of logits, as a share of the largest."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    rows: list[Row] = []
    try:
        if not options.peers.is_file():
            raise ValueError(f"--peers {options.peers}: no such file")
        with tempfile.TemporaryDirectory(prefix="detection-") as folder:
            sets = ", ".join(machine.instruction_sets())
            about = f"{machine.processor()} ({sets}), {machine.threads()} threads."
            bench = Bench(options, Path(folder), [about])
            for name in options.rows:
                rows += {"evaluator": _evaluator, "forward": _forward, "reading": _reading}[name](
                    bench
                )
    except (ValueError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"detection: {error}", file=sys.stderr)
        return 1
    tell(rows, bench.notes, options)
    return 0


def _evaluator(bench: Bench) -> list[Row]:
    """Seconds and memory of a file of detections, by turns."""
    number = evaluators.write_files(bench.folder, bench.options.number)
    sides = {
        "ours": [sys.executable], "ours, all rules": [sys.executable],
        "mmaction2": [str(bench.options.peers)],
    }  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for turn in range(1, bench.options.rounds + 1):
        for side, python in sides.items():
            command = [*python, "-m", "benchmarks.evaluators", side, str(bench.folder)]
            env = _peers_env(bench) if side == "mmaction2" else bench.env(ROOT)
            ran = run_command(command, env, lambda _, said: json.loads(said.splitlines()[-1]))
            found[side].append(ran.result)
            progress(f"evaluator, round {turn}: {side} {ran.result['seconds']:.2f} s")
    numbers = {side: runs[0]["mAP"] for side, runs in found.items()}
    bench.note(f"{number:,} rows: mAP {numbers}; mmaction2's 32 processes share "
               f"{machine.threads()} cores.")  # fmt: skip
    if not abs(numbers["ours"] - numbers["mmaction2"]) <= SAME_MAP:
        raise MismatchError(f"evaluator: the sides come to {numbers}")

    def median(side: str, key: str) -> float:
        return statistics.median(run[key] for run in found[side])

    what, peer = f"mAP of {number:,} rows", f"{found['mmaction2'][0]['about']}, ava_eval"
    ours, theirs = (median(side, "seconds") for side in ("ours", "mmaction2"))
    every = median("ours, all rules", "seconds")
    peaks = (median(side, "mebibytes") for side in ("ours", "mmaction2"))
    return [
        Row(f"{what}, s", peer, ours, theirs, TARGETS["evaluator"]),
        Row(f"{what} by all four rules, s", "a minute", every, 60.0, TARGETS["minute"]),
        Row(f"MiB at the peak of {what}", f"{peer}, without its 32 processes", *peaks),
    ]


def _peers_env(bench: Bench) -> dict[str, str]:
    more = [Path(path) for path in bench.options.peers_path]
    return bench.env(ROOT, ROOT / "tests" / "golden", *more)


def _server(bench: Bench, contender: str) -> Server:
    """The process of a contender; its C library keeps memory for the next call, as ours does."""
    if contender in OURS:
        env = bench.env(ROOT, ROOT / "tests" / "golden")
        return Server([sys.executable, "-m", "benchmarks.boxes_ours"], env, bench.folder)
    env = _peers_env(bench)
    env |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
    command = [str(bench.options.peers), "-m", "benchmarks.boxes_torch"]
    return Server(command, env, bench.folder)


def _forward(bench: Bench) -> list[Row]:
    """Seconds of a clip with 8 boxes, of the sides in turn."""
    contenders = [name for name in (*TORCH, *OURS) if name not in bench.options.without]
    seconds: dict[str, list[float]] = {}
    expected: Any = None
    with ExitStack() as opened:
        servers: dict[str, Server] = {}
        for name in contenders:
            server = _server(bench, name)
            opened.callback(server.end)
            file = bench.folder / "rows.npy"
            answer = server.ask(name if name in OURS else f"check {name}", "8x8", rows=file)
            if "fault" in answer:
                bench.note(f"forward: no {name} ({answer['fault']}).")
                server.end()
                continue
            expected = _same(bench, name, np.load(file), expected)
            servers[name], seconds[name] = server, []
        elsewhere = 0.0
        for turn in range(1, bench.options.rounds + 1):
            for name, server in servers.items():
                answer = server.ask(name, "8x8")
                if "fault" in answer:
                    raise RuntimeError(f"{name}: {answer['fault']}")
                if turn == 1:
                    bench.note(f"forward: {name} is {answer['about']}.")
                seconds[name].append(answer["seconds"])
                elsewhere = max(elsewhere, answer["elsewhere"])
                progress(f"forward, round {turn}: {name} {answer['seconds']:.3f} s")
    bench.note(f"forward: other processes used at most {elsewhere:.2f} cores meanwhile.")
    median = {name: statistics.median(own) for name, own in seconds.items()}
    bench.note(f"forward, s: {', '.join(f'{n} {s:.3f}' for n, s in median.items())}.")
    best = min((n for n in TORCH if n in median), key=lambda name: median[name], default="")
    if not best or "auto" not in median:
        raise RuntimeError("forward: one of the sides is missing")
    what, peer = "R50 8x8, 8 boxes, 256 x 256, fp32, s", f"slowfast_r50_detection, {best}"
    return [
        Row(f"{what} ({name})", peer, median[name], median[best],
            TARGETS["forward"] if name == "auto" else None)
        for name in OURS if name in median
    ]  # fmt: skip


def _same(bench: Bench, name: str, rows: Any, expected: Any) -> Any:
    """The logits that all others are compared with: the first ones."""
    if expected is None:
        half = len(rows) // 2
        if np.abs(rows[:half] - rows[half:]).max() < 0.05 * np.abs(rows).max():
            raise MismatchError("forward: two clips have the same logits: nothing was compared")
        return rows
    difference = float(np.abs(rows - expected).max() / np.abs(expected).max())
    bench.note(f"forward: logits of {name} differ by {difference:.1e} of the largest.")
    if not difference <= SAME_LOGITS:
        raise MismatchError(f"forward: {name} does not agree with torch ({SAME_LOGITS:g})")
    return expected


def _reading(bench: Bench) -> list[Row]:
    """The rows of key_windows.py."""
    file, options = bench.folder / "windows.json", bench.options
    command = [str(options.peers), "-m", "benchmarks.key_windows", "--json", str(file)]
    command += ["--minutes", str(options.minutes), "--rounds", str(options.rounds)]
    command += ["--video", str(options.video.resolve())] if options.video else []
    run_command(command, _peers_env(bench), lambda _, said: said)
    rows = json.loads(file.read_text())
    return [
        Row(**{key: row[key] for key in ("what", "peer", "ours", "theirs", "target")})
        for row in rows
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="detection", description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--peers", type=Path, required=True, help="Python of the peers' environment")
    add("--peers-path", nargs="*", default=[], help="more folders of the peers' packages")
    add("--rows", nargs="+", choices=ROWS, default=ROWS, help="what to measure (default: all)")
    add("--rounds", type=int, default=3, help="timed rounds (default: 3)")
    add("--number", type=int, default=10**6, help="rows of the evaluator (default: a million)")
    add("--minutes", type=int, default=15, help="length of the film that is read (default: 15)")
    add("--video", type=Path, help="clip for that film (default: moving textures)")
    add("--without", nargs="+", default=[], help="contenders to leave out")
    add("--json", type=Path, help="file for the rows")
    add("--markdown", type=Path, help="file for the table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
