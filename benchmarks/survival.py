"""What a run survives, in figures: kills, broken files, a full disk, a process that is missing.

From the repository's root, in the project's environment (Linux):

    python -m benchmarks.survival [PART ...] [--scale 0.1] [--seed 0] [--json FILE]

Without a PART, all of them: see docs/reliability.md. Files are made on the spot, drawn from the
seed, and deleted. The exit status is 1 if something promised was not kept.
"""

# ruff: noqa: E402  (libraries are told to be quiet before they are imported)
from slowfast.log import quiet_libraries

quiet_libraries()

import argparse
import importlib
import importlib.metadata
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.timing import progress
from slowfast import machine
from slowfast.log import duration

PARTS = ("kills", "videos", "checkpoints", "disk", "flat", "ranks")
"""Each is the function ``run(seed, scale, folder)`` of the module ``benchmarks.survival_PART``."""
PACKAGES = ("paddlepaddle", "numpy", "opencv-python", "av", "visualdl", "safetensors")
COLUMNS = "| part | what was done | times | what came of it | kept |\n|---|---|--:|---|---|"


class Outcome(NamedTuple):
    """What one kind of trouble came to."""

    what: str
    """What was done."""
    times: int
    result: str
    """What came of it, and the bound that it had to keep."""
    kept: bool
    """Whether all that is promised was kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts; returns the exit status: 1 if a promise was broken."""
    options = _options(arguments)
    outcomes: list[tuple[str, Outcome]] = []
    for part in PARTS if "all" in options.parts else options.parts:
        begin = time.monotonic()
        run = importlib.import_module(f"benchmarks.survival_{part}").run
        with tempfile.TemporaryDirectory(prefix="survival-") as folder:
            outcomes += [(part, each) for each in run(options.seed, options.scale, Path(folder))]
        progress(f"{part}: {duration(time.monotonic() - begin)}")
    table = "\n".join([COLUMNS, *(_line(*outcome) for outcome in outcomes), "", _about(options)])
    print(table)
    if options.markdown:
        options.markdown.write_text(f"{table}\n", encoding="utf-8")
    if options.json:
        rows = [{"part": part, **outcome._asdict()} for part, outcome in outcomes]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return int(not all(outcome.kept for _, outcome in outcomes))


def times(count: int, scale: float) -> int:
    """A share of a part's count, at least 1."""
    return max(round(scale * count), 1)


def _line(part: str, outcome: Outcome) -> str:
    kept = "yes" if outcome.kept else "**no**"
    return f"| {part} | {outcome.what} | {outcome.times:,} | {outcome.result} | {kept} |"


def _about(options: argparse.Namespace) -> str:
    """The seed, and what the figures depend on."""
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return (
        f"Seed {options.seed}, scale {options.scale:g}; {machine.processor()}, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}; {versions}."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="survival", description=__doc__.partition("\n")[0])
    choices = (*PARTS, "all")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", choices=choices, default="all", help=", ".join(choices)
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--scale", type=float, default=1, help="share of each count (default: 1)")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
