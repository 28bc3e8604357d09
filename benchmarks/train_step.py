"""A training step on the CPU beside PyTorchVideo's SlowFast in torch: forward to SGD.

From the repository's root, in the project's environment, with the peers' beside it
(requirements-peers.txt):

    python -m benchmarks.train_step --peers .venv-peers/bin/python --json FILE --markdown FILE

With ``--before FOLDER``, a checkout of an earlier version, that is a contender, too. Both
frameworks hold the same weights and see the same batch: 2 clips of 32 frames of 224 x 224, float32,
no dropout. Losses and gradients are compared before anything is timed. Each contender has a process
of its own, since two in one take each other's place on the heap; only one computes at a time. The C
library of all keeps the memory that a step has used for the next one. A step during which other
processes were busy is taken again: threads that wait for each other make little of half a core.

Memory is the peak of a fresh process that takes three steps of 4 clips, with and without what
backward computes again.

With the variables ONEDNN_MAX_CPU_ISA=AVX2, ATEN_CPU_CAPABILITY=avx2 and MKL_DEBUG_CPU_TYPE=5 a
processor with AVX-512 uses AVX2 alone, in both frameworks.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import Row, tell
from benchmarks.step_client import CLIPS, CONTENDERS, KEPT_MEMORY, PEERS, Server, server_of
from benchmarks.step_memory import memory
from benchmarks.timing import progress
from slowfast import machine

TARGETS = {
    "avx512": {"contiguous": 1.0, "channels_last_3d": 0.9, "before": 1.25},
    "avx2": {"contiguous": 1.2, "channels_last_3d": 1.1, "before": 1.1},
}
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 2e-2
"""Relative. A gradient's is the norm of the difference over all parameters: what is all but zero
in front of a ReLU falls to either side, and that grows from layer to layer."""
FOREIGN_CORES = 0.15
"""A step is taken again if other processes used more than so many cores meanwhile."""
RETRIES = 30
"""How often, before the quietest of them counts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    try:
        if not options.peers.is_file():
            raise ValueError(f"--peers {options.peers}: no such file")
        if options.rounds < 1:
            raise ValueError(f"--rounds {options.rounds} is below 1")
        about = f"{machine.processor()} ({_sets()}), {options.threads} threads, float32."
        rows, notes = [], [about]
        for network in options.networks:
            notes += _compare(options, network)
            rows += _measure(options, network)
        if options.memory:
            rows += memory(options)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"train_step: {error}", file=sys.stderr)
        return 1
    settings_of_all = " ".join(f"{name}={value}" for name, value in KEPT_MEMORY.items())
    notes.append(f"A process for each contender, all with {settings_of_all}.")
    notes.append(
        f"Medians of {options.rounds} interleaved rounds after one that is not counted; each step "
        "is timed right after another."
    )
    tell(rows, notes, options)
    return 0


def _compare(options: argparse.Namespace, network: str) -> list[str]:
    """One step of each contender in a fresh process: gradients against torch's, and memory.

    Raises:
        ValueError: they do not agree.
    """
    notes, found = [], {}
    for contender in reversed(_contenders(options)):
        with tempfile.TemporaryDirectory() as folder, server_of(options, contender) as server:
            file = Path(folder) / "gradients.npz"
            answer = server.step(contender, network, gradients=file)
            with np.load(file) as arrays:
                gradients = dict(arrays)
        found[contender] = answer["loss"], gradients
        loss, reference = found["channels_last_3d"]
        off = abs(answer["loss"] / loss - 1)
        each = {name: _distance({name: g}, reference) for name, g in gradients.items()}
        worst = max(each, key=lambda name: each[name])
        total = _distance(gradients, reference)
        notes.append(
            f"{network}, {contender} ({answer['versions']}): peak {answer['peak_mib']:.0f} MiB in "
            f"a first step; loss {answer['loss']:.6f}, {off:.1e} from channels_last_3d's; "
            f"gradients {total:.1e} from its, at most {each[worst]:.1e} ({worst})."
        )
        progress(notes[-1])
        if gradients.keys() != reference.keys():
            raise ValueError(f"{contender} has gradients of other tensors than torch")
        if not (off < LOSS_TOLERANCE and total < GRADIENT_TOLERANCE):
            raise ValueError(f"{network}: {contender} does not agree with torch, see above")
    return notes


def _distance(gradients: dict[str, Any], reference: dict[str, Any]) -> float:
    """The norm of the difference of all together, relative."""
    of_difference = sum(float(((g - reference[n]) ** 2).sum()) for n, g in gradients.items())
    of_reference = sum(float((reference[n] ** 2).sum()) for n in gradients)
    return float(np.sqrt(of_difference / of_reference))


def _measure(options: argparse.Namespace, network: str) -> list[Row]:
    names = _contenders(options)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server_of(options, name)) for name in names}
        for number in range(options.rounds + 1):
            for contender, server in servers.items():
                elapsed, foreign = _quiet_step(server, contender, network, number)
                if number:
                    seconds[contender].append(elapsed)
                progress(
                    f"{network}, round {number}: {contender} {elapsed:.2f} s, "
                    f"{foreign:.2f} cores busy elsewhere"
                )
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    what = f"training step, SlowFast R50 {network}, batch {CLIPS}"
    targets = TARGETS["avx512" if "avx512f" in _sets() else "avx2"]
    return [
        Row(what, PEERS[name], medians["ours"], medians[name], targets.get(name))
        for name in names
        if name != "ours"
    ]


def _contenders(options: argparse.Namespace) -> list[str]:
    return [name for name in CONTENDERS if name != "before" or options.before]


def _sets() -> str:
    """The instruction sets that are used."""
    sets = machine.instruction_sets()
    if os.environ.get("ONEDNN_MAX_CPU_ISA") == "AVX2":
        sets = tuple(name for name in sets if "512" not in name)
    return ", ".join(sets)


def _quiet_step(server: Server, contender: str, network: str, number: int) -> tuple[float, float]:
    """Seconds of the first step that nothing disturbs, and cores that others used meanwhile.

    The first round, which does not count, takes one step whatever happens.
    """
    tries: list[tuple[float, float]] = []
    for _ in range(RETRIES if number else 1):
        answer = server.step(contender, network)
        foreign = answer["busy_seconds"] - answer["cpu_seconds"]
        tries.append((max(foreign / answer["seconds"], 0.0), answer["seconds"]))
        if tries[-1][0] <= FOREIGN_CORES:
            break
    foreign, seconds = min(tries)
    return seconds, foreign


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train_step", description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", type=Path, required=True, help="the peers' python")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier version")
    parser.add_argument("--no-memory", dest="memory", action="store_false", help="only times")
    parser.add_argument("--networks", nargs="+", choices=("8x8", "4x16"), default=["8x8", "4x16"])
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    parser.add_argument("--threads", type=int, default=2, help="of each framework (default: 2)")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
