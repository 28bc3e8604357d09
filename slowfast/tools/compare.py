"""Compares training runs: their curves in one picture, and a table of what they came to.

    python -m slowfast.tools.compare output/a output/b --out compare.png --csv finals.csv

A run is the output_dir of a training, finished or not. Draws loss, top-1 or mAP, and the learning
rate over epochs and over hours; prints the best and the last validation, the test if there was one,
the cost, and the settings in which the runs differ. Needs no Paddle.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slowfast.cli.command import new_parser, run
from slowfast.files import write_csv, write_json
from slowfast.log import aligned, say, table
from slowfast.places import require_unread
from slowfast.train.finals import differing, finals, names_of, shown_setting
from slowfast.train.past_runs import CONFIG, METRICS, RESULT, PastRun, RunError, read_run

DIGITS = {"best": 4, "last": 4, "best EMA": 4, "test": 4, "loss": 3, "hours": 2, "clips/s": 1}
"""Of the table's numbers."""


def main(argv: list[str] | None = None) -> int:
    """0; 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run(lambda: compare(args), hint="")


def compare(args: argparse.Namespace) -> None:
    """Reads, prints and draws."""
    kept = [folder / name for folder in args.runs for name in (METRICS, CONFIG, RESULT)]
    kept += [file for folder in args.runs if folder.is_dir() for file in folder.iterdir()]
    for path in filter(None, (args.out, args.csv, args.json)):
        require_unread(path, kept)
        kept.append(path)
    if len({folder.resolve() for folder in args.runs}) < len(args.runs):
        raise RunError("a run is named twice: name each once")
    runs = [read_run(folder) for folder in args.runs]
    names = names_of(args.runs)
    found = [finals(each, name) for each, name in zip(runs, names, strict=True)]
    keys = differing(runs)
    say(*shown_table(found))
    if keys:
        say("", "settings that differ:", *settings_table(runs, names, keys))
    if args.csv:
        write_csv(args.csv, [
            {**row, **{key: shown_setting(own.settings, key) for key in keys}}
            for row, own in zip(found, runs, strict=True)
        ])  # fmt: skip
    if args.json:
        write_json(args.json, [
            {**row, "folder": str(own.folder), "settings": {k: own.settings.get(k) for k in keys}}
            for row, own in zip(found, runs, strict=True)
        ])  # fmt: skip
    from slowfast.pictures.run_curves import draw_runs  # here: matplotlib is slow to import
    from slowfast.train.run_panels import panels

    draw_runs(names, panels(runs), args.out)
    say("", f"curves in {args.out}")


def shown_table(found: Sequence[dict[str, Any]]) -> list[str]:
    """The finals as lines of text; columns that no run has are left out."""
    known = [key for key in found[0] if any(row[key] is not None for row in found)]
    return table([{key: _shown(key, row[key]) for key in known} for row in found])


def settings_table(runs: Sequence[PastRun], names: Sequence[str], keys: list[str]) -> list[str]:
    """A line for each setting, with each run's value."""
    rows = [[key, *(shown_setting(own.settings, key) for own in runs)] for key in keys]
    return aligned([["setting", *names], *rows], [True] * (len(names) + 1))


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.{DIGITS[key]}f}" if key in DIGITS else f"{value}"


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.compare", __doc__)
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="+", type=Path, help="output folders of training runs")
    add("--out", metavar="FILE", type=Path, default=Path("compare.png"),
        help="where the curves are drawn, a .png (%(default)s)")  # fmt: skip
    add("--csv", type=Path, metavar="FILE", help="write the table to a file")
    add("--json", type=Path, metavar="FILE", help="write the table to a file")
    args = parser.parse_args(argv)
    if args.out.suffix.lower() != ".png":
        parser.error(f"--out: {args.out} does not end with .png")
    return args


if __name__ == "__main__":
    sys.exit(main())
