"""The whole way once, on the built-in data: write it, train, test, predict, draw, explain.

    bash run_demo.sh [--several | --detection] [--compare]

With --several a video has two classes, one after the other; with --detection a picture has two
shapes, and boxes say where. Everything goes through the same commands, list files and readers as a
run on Kinetics or AVA would. What is there already, from an earlier run with the same config, is
used again.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import sys
from pathlib import Path
from types import ModuleType

from slowfast.cli.command import new_parser, run
from slowfast.config import load_config
from slowfast.demos import actions_in_boxes, one_label, several_labels
from slowfast.demos.steps import train_and_test


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; returns the exit status."""
    parser = new_parser("slowfast.tools.demo", __doc__)
    about = "videos with two motions, one after the other: several labels a video"
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--several", action="store_true", help=about)
    about = "films of two shapes at a time, and boxes: who does what"
    forms.add_argument("--detection", action="store_true", help=about)
    about = "also train each pathway alone in the same way"
    parser.add_argument("--compare", action="store_true", help=about)
    args = parser.parse_args(argv)

    def work() -> None:
        form: ModuleType = one_label
        if args.several:
            form = several_labels
            several_labels.run_several_labels()
        elif args.detection:
            form = actions_in_boxes
            actions_in_boxes.run_actions_in_boxes()
        else:
            one_label.run_one_label()
        if args.compare:
            compare_pathways(form)

    return run(work, hint="run it again, finished steps and epochs stay", with_paddle=True)


def compare_pathways(form: ModuleType) -> None:
    """Trains each pathway alone in the same way, and prints the three side by side."""
    cfg, rows = load_config(form.CONFIG), []
    for name in ("slowfast", "slow_only", "fast_only"):
        out = cfg.output_dir + ("" if name == "slowfast" else f"_{name}")
        overrides = [f"model.name={name}", f"output_dir={out}"]
        train_and_test(form.CONFIG, overrides, name.replace("_", " "))
        rows.append((name, form.shares_of(Path(out))))
    print("\nnetwork   " + "".join(f"{column:>10s}" for column in form.COLUMNS))
    for name, shares in rows:
        print(f"{name:10s}" + "".join(f"{100 * share:9.1f}%" for share in shares))


if __name__ == "__main__":
    sys.exit(main())
