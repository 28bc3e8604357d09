"""The memory of a training step, with and without what backward computes again."""

import argparse

from benchmarks.report import Row
from benchmarks.step_client import PEERS, server_of
from benchmarks.timing import progress

RECOMPUTED = ("", ":stages", ":blocks")
CLIPS = 4
OF_BEFORE = {"": 1 / 0.85, ":stages": None, ":blocks": 1 / 0.45}
"""Aimed at for the memory of the earlier version over ours."""


def memory(options: argparse.Namespace) -> list[Row]:
    """The peak of each setting, and the time of its steps, of the first network."""
    peak: dict[str, float] = {}
    seconds: dict[str, float] = {}
    names = [f"{name}{units}" for name in ("ours", "contiguous") for units in RECOMPUTED]
    for contender in names + ["before"] * bool(options.before):
        with server_of(options, contender) as server:
            steps = [server.step(contender, options.networks[0], CLIPS)]
            steps += [server.step(contender, options.networks[0], CLIPS)]
        peak[contender], seconds[contender] = steps[-1]["peak_mib"], steps[-1]["seconds"]
        progress(f"{contender}: {peak[contender]:.0f} MiB, {seconds[contender]:.2f} s")
    rows = []
    for units in RECOMPUTED:
        what = f"R50 {options.networks[0]}, batch {CLIPS}, recompute {units[1:] or 'none'}"
        mine = f"ours{units}"
        rows.append(
            Row(f"{what}, MiB", "torch, the same", peak[mine], peak[f"contiguous{units}"], 1.0)
        )
        if options.before:
            aim = 1 / 1.35 if units == ":blocks" else None
            rows += [
                Row(f"{what}, MiB", PEERS["before"], peak[mine], peak["before"], OF_BEFORE[units]),
                Row(f"{what}, s", PEERS["before"], seconds[mine], seconds["before"], aim),
            ]
    return rows
