"""One of two processes is missing: killed, stopped, cut off, or ended by an error at the start.

No launcher is there to end the other, as on two machines. The network that hangs is that of a
network namespace, which takes root: its card is taken down, so connections stay and nothing comes.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import survival_runs as runs
from benchmarks.processes import tree
from benchmarks.survival import Outcome, times
from benchmarks.timing import progress
from slowfast.heartbeat import GRACE
from slowfast.weights.save import write_pickles

REPEATS = 5
"""Of each case."""
LOST_AFTER = 15
"""What the runs have for SLOWFAST_LOST_AFTER."""
MARGIN = 10.0
"""Seconds for the end of Python and of the readers."""
AT_ONCE = GRACE + MARGIN
"""Seconds in which all end if a process is gone: its connection breaks."""
LATER = LOST_AFTER + AT_ONCE
"""Seconds in which all end if a process is silent."""
START = 60.0
"""Seconds from the start to the first step, at most."""

Pair = list["subprocess.Popen[bytes]"]


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """An outcome for each case; nothing is drawn from the seed."""
    del seed
    repeats, config = times(REPEATS, scale), runs.make_data(folder)
    other = folder / "other.pdparams"
    write_pickles({other: {"of.another.network": np.zeros(1, np.float32)}})
    missing = ["-o", f"data.train_list={folder / 'missing.list'}"]
    faults = {
        "an error before the processes connect": missing,
        "an error between this and the first step": ["-w", str(other)],
    }
    killed, stopped = signal_to(signal.SIGKILL), signal_to(signal.SIGSTOP)
    cases: list[tuple[str, float, Callable[[Path, int], Case]]] = [
        ("SIGKILL of one of two processes", AT_ONCE, lambda f, r: missed(f, config, r, killed)),
        (f"SIGSTOP of one (SLOWFAST_LOST_AFTER={LOST_AFTER})", LATER,
         lambda f, r: missed(f, config, r, stopped)),
        *((f"{what} in one", START, lambda f, r, flags=flags: failed(f, config, r, flags))
          for what, flags in faults.items()),
    ]  # fmt: skip
    outcomes = [case_outcome(*case, repeats, folder) for case in cases]
    what = f"a network that hangs (SLOWFAST_LOST_AFTER={LOST_AFTER})"
    with network() as space:
        if not space:
            return [*outcomes, Outcome(what, 0, "not done: no network namespaces here", True)]

        def cut(folder: Path, rank: int) -> Case:
            _ip("-n", space, "link", "set", "lo", "up")
            down = ("-n", space, "link", "set", "lo", "down")
            return missed(folder, config, rank, lambda pair, rank: _ip(*down), space)

        return [*outcomes, case_outcome(what, LATER, cut, repeats, folder)]


class Case(NamedTuple):
    """What one trial came to."""

    seconds: float
    """From the fault to the end of all that were not stopped; infinite if they did not end."""
    said: list[str]
    """What each of these gave as the reason."""
    named: str
    """What each reason had to have in it."""
    are_failures: bool
    """Whether each status was an error's."""


def case_outcome(
    what: str, bound: float, trial: Callable[[Path, int], Case], repeats: int, folder: Path
) -> Outcome:
    """Runs the trials, in turn with process 0 and 1."""
    cases = []
    for number in range(repeats):
        place = folder / f"{what.split()[0]}-{len(os.listdir(folder))}"
        cases.append(trial(place, number % 2))
        progress(f"{what}: {cases[-1].seconds:.1f} s; {' | '.join(cases[-1].said)}")
    slowest = max(case.seconds for case in cases)
    unnamed = [text for case in cases for text in case.said if case.named not in text]
    kept = slowest <= bound and not unnamed and all(case.are_failures for case in cases)
    result = f"all ended within {slowest:.1f} s (bound {bound:g}), each with a line that names it"
    return Outcome(what, repeats, f"{result}; not: {unnamed}" if unnamed else result, kept)


def missed(
    folder: Path,
    config: Path,
    rank: int,
    act: Callable[[Pair, int], None],
    space: str = "",
) -> Case:
    """A run in which a process goes missing after some steps."""
    flags = ["-o", "train.epochs=1000", "train.log_interval=1"]
    pair = start_pair(folder, config, [flags, flags], space)
    with runs.ended(*pair):
        log = folder / "out" / "log.txt"
        while not log.exists() or log.read_text().count("train step") < 3:
            if any(process.poll() is not None for process in pair):
                raise RuntimeError(f"a process ended before its time: {reasons(folder)}")
            time.sleep(0.05)
        act(pair, rank)
        if space:  # both miss each other
            return _end(folder, pair, [0, 1], "process ")
        case = _end(folder, pair, [1 - rank], f"process {rank} (")
        runs.kill([pair[rank].pid], signal.SIGCONT)
        rest = runs.seconds_to_end(tree(pair[rank].pid), AT_ONCE)  # once it can go on, it ends, too
        return case._replace(seconds=max(case.seconds, rest))


def failed(folder: Path, config: Path, rank: int, flags: Sequence[str]) -> Case:
    """A run in which one process ends with an error before the first step."""
    pair = start_pair(folder, config, [flags if rank == own else [] for own in (0, 1)], "")
    with runs.ended(*pair):
        return _end(folder, pair, [0, 1], Path(flags[-1]).name)


def _end(folder: Path, pair: Pair, ranks: Sequence[int], named: str) -> Case:
    pids = [pid for rank in ranks for pid in tree(pair[rank].pid)]
    seconds = runs.seconds_to_end(pids, 2 * LATER + START)
    have_ended = seconds < float("inf")
    are_failures = have_ended and all(pair[rank].wait(MARGIN) > 0 for rank in ranks)
    said = reasons(folder)
    return Case(seconds, [said[rank] for rank in ranks], named, are_failures)


def reasons(folder: Path) -> list[str]:
    """The error that each process told."""
    return [runs.last_error(folder / f"rank{rank}.txt") for rank in (0, 1)]


def start_pair(folder: Path, config: Path, flags: Sequence[Sequence[str]], space: str) -> Pair:
    """Two processes of a run, as a launcher on each of two machines would start them."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    ends = [f"127.0.0.1:{port}" for port in ports]
    pair = []
    for rank in (0, 1):
        own = {
            "PADDLE_MASTER": ends[2],
            "PADDLE_TRAINERS_NUM": "2", "PADDLE_TRAINER_ID": str(rank), "PADDLE_LOCAL_SIZE": "1",
            "PADDLE_CURRENT_ENDPOINT": ends[rank], "PADDLE_TRAINER_ENDPOINTS": ",".join(ends[:2]),
            "SLOWFAST_LOST_AFTER": str(LOST_AFTER),
        }  # fmt: skip
        inside = ["ip", "netns", "exec", space] if space else []
        words = [*runs.ALONE, "-c", str(config), "-o", "output_dir=out", *flags[rank]]
        env, said = runs.environment(**own), f"rank{rank}.txt"
        pair.append(runs.start(words, folder, env=env, inside=inside, said=said))
    return pair


def signal_to(number: int) -> Callable[[Pair, int], None]:
    """What sends a signal to the process of a rank, and not to its readers."""
    return lambda pair, rank: runs.kill([pair[rank].pid], number)


@contextmanager
def network() -> Iterator[str]:
    """A network namespace; empty where this is not allowed."""
    space = f"survival-{os.getpid()}"
    try:
        _ip("netns", "add", space)
    except (OSError, subprocess.CalledProcessError) as error:
        progress(f"no network namespaces: {error}")
        yield ""
        return
    try:
        yield space
    finally:
        _ip("netns", "del", space)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
