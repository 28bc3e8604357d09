"""The flags of main.py, and which of them go together."""

import argparse
from pathlib import Path

from slowfast.cli.command import program, whole_number
from slowfast.config.built_in import built_in_configs
from slowfast.metrics.accuracy import METRICS


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parses the flags, and checks that they go together."""
    parser = argparse.ArgumentParser(
        prog=program("slowfast"),
        description="Train, test and use SlowFast. Without --test, --infer or --summary it trains.",
        epilog=f"built-in configs: {', '.join(built_in_configs())}",
    )
    parser.add_argument(
        "-c", "--config", metavar="CFG",
        help="YAML file over the defaults, or the name of a built-in config: -c slowfast_8x8",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--override", metavar="K=V", action="append", nargs="+", default=[],
        help="config values over the file's: -o train.batch_size=16 optim.base_lr=0.05",
    )  # fmt: skip
    parser.add_argument("--validate", action="store_true", help="validate during training")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--test", action="store_true", help="multi-view test of the weights")
    mode.add_argument(
        "--infer", metavar="PATH", nargs="*",
        help="predict videos, folders of videos, folders of frames, or lists of paths",
    )  # fmt: skip
    mode.add_argument(
        "--summary", action="store_true", help="the network's stages and the schedule"
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="more paths for --infer")
    parser.add_argument("-w", "--weights", metavar="FILE", help="weights to start from or use")
    parser.add_argument(
        "--resume", metavar="auto|FILE", nargs="?", const="auto",
        help="continue from the furthest checkpoint of the output folder, or from FILE",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="replaces the config's seed")
    parser.add_argument(
        "--deterministic", action="store_true",
        help="cuDNN's repeatable kernels; those of the CPU always repeat",
    )  # fmt: skip
    parser.add_argument(
        "--amp", action="store_true", help="mixed precision: train.amp=O1, or --amp_level"
    )
    parser.add_argument("--amp_level", choices=("O1", "O2"), help="with --amp (default: O1)")
    parser.add_argument(
        "--multigrid", action="store_true", help="multigrid training: train.multigrid=true"
    )
    parser.add_argument(
        "--max_iters", type=whole_number(1), metavar="N", help="end training after N steps"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument(
        "--average-clips", choices=("prob", "score"), help="replaces test.average_clips"
    )
    parser.add_argument(
        "--eval", choices=tuple(METRICS), metavar="METRIC", nargs="+",
        help=f"what --test reports: {', '.join(METRICS)} (default: top_k_accuracy)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", type=_npz,
        help="file for each view's scores, .npz, for python -m slowfast.tools.score; an "
        "interrupted test continues from there",
    )  # fmt: skip
    args = parser.parse_args(argv)
    args.override = [item for group in args.override for item in group]
    if args.paths and args.infer is None:
        parser.error(f"unrecognized arguments: {' '.join(args.paths)}")
    if args.infer is not None:
        args.infer += args.paths
        if not args.infer:
            parser.error("--infer needs a video, a folder or a list")
    _check_mode(parser, args)
    return args


def _check_mode(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends the program if a flag does not belong to the mode."""
    trains = is_training(args)
    for flag in ("validate", "resume", "max_iters", "amp"):
        if getattr(args, flag) and not trains:
            parser.error(f"--{flag} is for training")
    if args.multigrid and not (trains or args.summary):
        parser.error("--multigrid is for training")
    if args.amp_level and not args.amp:
        parser.error("--amp_level is for --amp")
    for flag in ("eval", "out"):
        if getattr(args, flag) and not args.test:
            parser.error(f"--{flag} is for --test")
    if args.average_clips and (trains or args.summary):
        parser.error("--average-clips is for --test and --infer")
    if args.summary and args.weights:
        parser.error("--summary describes a config: leave out --weights")
    if args.resume and args.weights:
        parser.error("--resume has its own weights: leave out --weights")


def _npz(text: str) -> Path:
    if not text.endswith(".npz"):
        raise argparse.ArgumentTypeError(f"{text} does not end with .npz")
    return Path(text)


def is_training(args: argparse.Namespace) -> bool:
    """Whether no other mode was asked for."""
    return not (args.test or args.summary or args.infer is not None)


def overrides(args: argparse.Namespace) -> list[str]:
    """The flags that set config values, as ``section.key=value``."""
    found = list(args.override)
    if args.seed is not None:
        found.append(f"seed={args.seed}")
    if args.average_clips is not None:
        found.append(f"test.average_clips={args.average_clips}")
    if args.amp:
        found.append(f"train.amp={args.amp_level or 'O1'}")
    if args.multigrid:
        found.append("train.multigrid=true")
    return found
