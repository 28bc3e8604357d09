"""A disk that is full at any write of a training run, of ``--test`` and of ``--infer``; and a
folder that is read-only at the end of a test or prediction.

The disk is a tmpfs of so many kilobytes, and the read-only folder a bind mount: both take root.
Then there is room again, and the same command, in training with ``--resume auto``, goes on.
"""

import contextlib
import errno
import json
import os
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import survival_runs as runs
from benchmarks.survival import Outcome, times
from benchmarks.timing import progress

SIZES = 20
"""Disks of other sizes for each verb."""
ROOM = 64 * 1024
"""Kilobytes with which a command can finish."""
FULL, READ_ONLY = os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)


class Verb(NamedTuple):
    """A command that writes, and what it has written at its end."""

    name: str
    words: list[str]
    results: Callable[[Path], Any]
    """Of the folder that it ran in."""
    journal: str = ""
    """What is there, by a pattern, once work has begun that a later run need not repeat."""


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """An outcome for each verb and for each of the files that are appended to."""
    what = "a full disk, and a read-only folder"
    if not _may_mount(folder / "try"):
        return [Outcome(what, 0, "not done: a tmpfs cannot be mounted here", True)]
    config, rng = runs.make_data(folder), random.Random(seed)
    words = ["-c", str(config), "-o", "output_dir=disk"]
    train = Verb("training", ["--validate", *words, "train.save_steps=4"], _trained)
    _finish(train, folder / "trained")
    weights = str(folder / "trained/disk/SlowFast_best.pdparams")
    test = Verb(
        "--test", ["--test", "-w", weights, *words, "--out", "disk/scores.npz"], _tested,
        "kept/scores.npz.partial/*",
    )  # fmt: skip
    infer = Verb(
        "--infer", ["--infer", str(folder / "data/val"), "-w", weights, *words, "--out",
                    "disk/rows.json"], _inferred, "disk/rows.jsonl",
    )  # fmt: skip
    outcomes = [fill(verb, times(SIZES, scale), folder, rng) for verb in (train, test, infer)]
    outcomes += [fill_one(train, name, folder) for name in ("metrics.jsonl", "log.txt", "vdl")]
    test = test._replace(words=[*test.words[:-1], "kept/scores.npz"])  # where it can be written
    return [*outcomes, *(write_protect(verb, folder) for verb in (test, infer))]


def fill(verb: Verb, count: int, folder: Path, rng: random.Random) -> Outcome:
    """Runs the verb on disks of so many sizes, and again with room."""
    expected = _finish(verb, folder / f"{verb.name}-whole")
    most = sum(f.stat().st_size for f in (folder / f"{verb.name}-whole").rglob("*") if f.is_file())
    faults, places = list[str](), Counter[str]()
    for number in range(count):
        kilobytes = int((number + rng.random()) / count * most / 1024) + 4
        place = folder / f"{verb.name}-{number}"
        with disk(place / "disk", kilobytes):
            status = _run(verb, place)
            if status == 0:  # there was room enough
                places["no error: room enough"] += 1
                continue
            name, fault = _told(place, status, FULL)
            places[name] += 1
            faults += [f"{kilobytes} KiB: {fault}"] if fault else []
            resize(place / "disk", ROOM)
            if _finish(verb, place) != expected:
                faults.append(f"{kilobytes} KiB: other results")
        progress(f"{verb.name}, {kilobytes} KiB: {name}")
    return _outcome(f"a disk that is full during {verb.name}, then room", count, places, faults)


def fill_one(verb: Verb, name: str, folder: Path) -> Outcome:
    """Runs the verb with one of its files, or folders, on a full disk; and again without."""
    expected, place = _finish(verb, folder / f"{verb.name}-whole"), folder / f"only-{name}"
    own, full = place / "disk" / name, place / "full"
    own.parent.mkdir(parents=True)
    with disk(full, 4):
        (full / name).mkdir() if name == "vdl" else (full / name).touch()
        (full / "zeros").write_bytes(bytes(4096))
        own.symlink_to(full / name)
        status = _run(verb, place)
        said = (place / "said.txt").read_text()
        if name == "vdl":  # which says it itself, and does without
            fault = "" if status == 0 and said.count(FULL) == 1 else f"{status}, {said[-200:]}"
            told = "VisualDL's own warning, and training goes on"
        else:
            told, fault = _told(place, status, FULL)
        own.unlink()
    faults = [fault] if fault else []
    if _finish(verb, place) != expected:
        faults.append("other results")
    return _outcome(f"a disk that is full for {name} alone", 1, Counter([told]), faults)


def write_protect(verb: Verb, folder: Path) -> Outcome:
    """Runs the verb, makes its output folder read-only meanwhile, and runs it again."""
    expected, place = (
        _finish(verb, folder / f"{verb.name}-whole"),
        folder / f"{verb.name}-protected",
    )
    process = runs.start([*runs.ALONE, *verb.words], place)
    with runs.ended(process):
        while process.poll() is None and not any(place.glob(verb.journal)):
            time.sleep(0.001)
        with read_only(place / "disk"):
            told, fault = _told(place, process.wait(), READ_ONLY)
    faults = [fault] if fault else []
    if _finish(verb, place) != expected:
        faults.append("other results")
    what = f"a folder that is read-only at the end of {verb.name}"
    return _outcome(what, 1, Counter([told]), faults)


def _outcome(what: str, count: int, places: Counter[str], faults: Sequence[str]) -> Outcome:
    told = ", ".join(f"{number} {place}" for place, number in places.most_common())
    result = (
        f"{told}; each in one line, status 1; the same command then ended with the same results"
    )
    return Outcome(
        what, count, f"NOT: {'; '.join(faults)} ({told})" if faults else result, not faults
    )


def _run(verb: Verb, place: Path) -> int:
    process = runs.start([*runs.ALONE, *verb.words], place)
    with runs.ended(process):
        return process.wait()


def _finish(verb: Verb, place: Path) -> Any:
    """The results of the verb, of a run that must end well."""
    again = verb._replace(
        words=[*verb.words, "--resume", "auto"] if verb.name == "training" else verb.words
    )
    if not (place / "finished").exists():
        if status := _run(again, place):
            raise RuntimeError(
                f"{place.name} ended with {status}: {runs.last_error(place / 'said.txt')}"
            )
        (place / "finished").touch()
    return verb.results(place / "disk")


def _told(place: Path, status: int, reason: str) -> tuple[str, str]:
    """Which file the one line of the error names, and what is not as promised about it."""
    said = (place / "said.txt").read_text(errors="replace")
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    match = re.fullmatch(rf"error: (.+): {re.escape(reason)}.*", lines[0]) if lines else None
    if status != 1 or len(lines) != 1 or not match or "Traceback" in said:
        return "?", f"status {status}, {said[-300:]!r}"
    return re.sub(r"\d+", "N", re.sub(r".*\.npy", "a video's scores", Path(match[1]).name)), ""


def _trained(disk: Path) -> dict[str, bytes]:
    names = ("SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002_ema.pdparams",
             "SlowFast_epoch_000002.pdopt", "SlowFast_best.pdparams")  # fmt: skip
    return {name: (disk / name).read_bytes() for name in names}


def _tested(disk: Path) -> Any:
    return json.loads((disk / "test_result.json").read_text())["predictions"]


def _inferred(disk: Path) -> Any:
    return json.loads((disk / "rows.json").read_text())


def _may_mount(place: Path) -> bool:
    try:
        with disk(place, 4):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextlib.contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[None]:
    """A disk of its own at a path."""
    place.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def resize(place: Path, kilobytes: int) -> None:
    """Gives a disk another size."""
    _mount("-o", f"remount,size={kilobytes}k", str(place))


@contextlib.contextmanager
def read_only(place: Path) -> Iterator[None]:
    """A folder in which no file can be written any more, but those that are open."""
    _mount("--bind", str(place), str(place))
    try:
        _mount("-o", "remount,ro,bind", str(place))
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)
