"""The flags of main.py, and which of them go together."""

import argparse
import re
from pathlib import Path

from slowfast.cli.command import Parser, in_home, number_between, program, whole_number
from slowfast.config.built_in import built_in_configs
from slowfast.evaluate.scores import SCORES
from slowfast.metrics import accuracy, average_precision, frame_map

TIMELINES, EXPLAINED = Path("data/results/timeline"), Path("data/results/explained")
"""Where results go without a DIR."""


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parses the flags, and checks that they go together."""
    parser = Parser(
        prog=program("slowfast"),
        description="Train, test, use and export SlowFast. Without a mode it trains.",
        epilog=f"built-in configs: {', '.join(built_in_configs())}",
    )
    for add_flags in (_add_modes, _add_weights_and_training, _add_test, _add_results, _add_boxes):
        add_flags(parser)
    args = parser.parse_args(argv)
    if args.report and args.test:
        args.out = args.out or args.report / SCORES
    if args.infer is not None:
        args.infer += args.paths
    elif args.paths:
        parser.error(f"unrecognized arguments: {' '.join(args.paths)}")
    for fault, is_there in _faults(args).items():
        if is_there:
            parser.error(fault)
    return args


def _add_modes(parser: argparse.ArgumentParser) -> None:
    """What there is to do, and the config."""
    add = parser.add_argument
    add("-c", "--config", metavar="CFG", type=in_home,
        help="YAML file that replaces defaults, or a built-in config: slowfast_8x8")  # fmt: skip
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="values that replace the config's: optim.base_lr=0.05 seed=1")  # fmt: skip
    add("--validate", action="store_true", help="validate during training")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--test", action="store_true", help="multi-view test of the weights")
    mode.add_argument(
        "--infer", metavar="PATH", nargs="*", type=in_home,
        help="predict videos, folders of videos, folders of frames, or lists; or one stream, until "
        "it ends or Ctrl-C: 0 (a webcam's number), an rtsp:// or http:// url, a pipe, - (stdin)"
    )  # fmt: skip
    mode.add_argument(
        "--summary", action="store_true", help="print the network's stages and the learning rates"
    )
    mode.add_argument(
        "--export", metavar="DIR", type=Path,
        help="write the network into a new folder, for use without this project (docs/deploy.md)"
    )  # fmt: skip
    add("paths", metavar="PATH", nargs="*", type=in_home, help="more paths for --infer")


def _add_weights_and_training(parser: argparse.ArgumentParser) -> None:
    """The weights, and how training runs."""
    add = parser.add_argument
    add("-w", "--weights", metavar="FILE", type=in_home,
        help="weights to use, or to start training from")  # fmt: skip
    add("--resume", metavar="auto|FILE", nargs="?", const="auto", type=in_home,
        help="continue from FILE, or from the furthest checkpoint in output_dir")  # fmt: skip
    add("--seed", type=int, help="replaces the config's seed")
    add("--deterministic", action="store_true",
        help="use cuDNN's repeatable kernels (CPU kernels always are)")  # fmt: skip
    add("--amp", action="store_true", help="mixed precision, as train.amp=O1")
    add("--amp_level", choices=("O1", "O2"), help="level for --amp (default: O1)")
    add("--multigrid", action="store_true", help="multigrid training, as train.multigrid=true")
    add("--max_iters", type=whole_number(1), metavar="N", help="end training after N steps")
    add("--device", choices=("auto", "cpu", "gpu"), default="auto", help="default: a GPU if any")


def _add_test(parser: argparse.ArgumentParser) -> None:
    """What is computed of videos, and with which numbers."""
    add = parser.add_argument
    add("--average-clips", choices=("prob", "score", "max"), help="replaces test.average_clips")
    add("--views", type=_views, metavar="auto|NxM",
        help="N clips x M crops of each video; auto, the default of --infer: as many as the answer "
        "needs (default of --test: the config's, 10x3)")  # fmt: skip
    add("--backend", choices=("auto", "eager", "paddle", "onnxruntime", "openvino"),
        help="what computes the network (default: the fastest one that is installed)")  # fmt: skip
    add("--precision", choices=("auto", "fp32", "bf16", "int8"),
        help="numbers that the network is computed with (default of --test: fp32; of --infer: "
        "auto, bf16 if the processor has it and the answers stay near fp32)")  # fmt: skip
    add("--calibration", metavar="LIST", type=in_home,
        help="videos to calibrate int8 on, replaces test.calibration_list; for --test the default "
        "is the list that it tests")  # fmt: skip
    names = dict.fromkeys([*accuracy.METRICS, *average_precision.METRICS, *frame_map.METRICS])
    add("--eval", choices=tuple(names), metavar="METRIC", nargs="+",
        help=f"what --test reports: {', '.join(accuracy.METRICS)} (default: top_k_accuracy); with "
        f"several labels a video: {', '.join(average_precision.METRICS)} (default: both); of "
        f"actions in boxes: {', '.join(frame_map.METRICS)} (default: both)"
    )  # fmt: skip


def _add_results(parser: argparse.ArgumentParser) -> None:
    """What becomes of the answers."""
    add = parser.add_argument
    add("--out", metavar="FILE", type=Path,
        help="with --test, write each view's (or box's) scores to FILE.npz, for python -m "
        "slowfast.tools.score; with --infer, write FILE.json instead of data/results/result.json "
        "(of a stream: live.json); the same command continues an interrupted run")  # fmt: skip
    add("--report", metavar="DIR", type=_folder,
        help="with --test, also write DIR/report.html, a page of what the network does well and "
        "badly; without --out the scores go to DIR/scores.npz (docs/report.md)")  # fmt: skip
    add("--top", metavar="K", type=whole_number(1),
        help="the best classes that --infer gives for a video (default: 5)")  # fmt: skip
    add("--annotate", metavar="DIR", type=_folder,
        help="with --infer, also write each video into DIR with its label drawn in, and a picture "
        "of its answer; of a stream a video, or with 'window' a window on the screen")  # fmt: skip
    add("--timeline", metavar="DIR", nargs="?", const=TIMELINES, type=_folder,
        help="with --infer, find what happens when: windows slide over each video, and DIR gets "
        f"its segments, subtitles and a picture (default: {TIMELINES})")  # fmt: skip
    add("--explain", metavar="DIR", nargs="?", const=EXPLAINED, type=_folder,
        help="with --infer, show why: DIR gets a picture of where each pathway looks, and its "
        f"share in the decision (default: {EXPLAINED})")  # fmt: skip


def _add_boxes(parser: argparse.ArgumentParser) -> None:
    """Where a network of detection looks."""
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--boxes", metavar="FILE|whole", type=in_home,
        help="with --infer and a network of detection: whose actions to tell: the boxes of FILE "
        "(.csv of AVA, .pkl of mmaction2, .jsonl), or 'whole', all of the picture"
    )  # fmt: skip
    where.add_argument(
        "--detector", metavar="MODEL", type=in_home,
        help="the same with the boxes of a person detector, MODEL.onnx, or 'ssdlite', which is "
        "small and weak (docs/answers.md)"
    )  # fmt: skip
    add("--every", metavar="SECONDS", type=number_between(0.01, 10**6),
        help="with --boxes whole and --detector, from one key frame to the next (default: 1)"
    )  # fmt: skip


def _faults(args: argparse.Namespace) -> dict[str, bool]:
    """What can be wrong with flags for their mode, and whether it is."""
    trains, ending = is_training(args), ".npz" if args.test else ".json"
    tests = args.test or args.infer is not None
    return {
        "--infer needs a video, a folder or a list": args.infer == [],
        "--validate is for training": args.validate and not trains,
        "--resume is for training": args.resume and not trains,
        "--max_iters is for training": args.max_iters and not trains,
        "--amp is for training": args.amp and not trains,
        "--multigrid is for training": args.multigrid and not (trains or args.summary),
        "--amp_level is for --amp": args.amp_level and not args.amp,
        "--eval is for --test": args.eval and not args.test,
        "--out is for --test and --infer": args.out and not tests,
        f"--out: {args.out} does not end with {ending}": args.out and args.out.suffix != ending,
        "--report is for --test": args.report and not args.test,
        "--top is for --infer": args.top and args.infer is None,
        "--annotate is for --infer": args.annotate and args.infer is None,
        "--timeline is for --infer": args.timeline and args.infer is None,
        "--explain is for --infer": args.explain and args.infer is None,
        "--explain explains one answer for a video: leave out --timeline":
            args.explain and args.timeline,
        "--explain writes pictures of its own: leave out --annotate":
            args.explain and args.annotate,
        "--timeline and --explain write into their DIR: leave out --out":
            (args.timeline or args.explain) and args.out,
        "--timeline and --annotate write files of the same names: name two folders":
            args.timeline and args.annotate == args.timeline,
        "--timeline computes one view of each window, its probabilities: leave out --views and "
        "--average-clips": args.timeline and (args.views or args.average_clips),
        "--average-clips is for --test and --infer":
            args.average_clips and not tests,
        "--views is for --test and --infer": args.views and not tests,
        "--backend is for --test and --infer": args.backend and not tests,
        "--precision is for --test and --infer": args.precision and not tests,
        "--calibration is for --test and --infer": args.calibration and not tests,
        "--boxes is for --infer": args.boxes and args.infer is None,
        "--detector is for --infer": args.detector and args.infer is None,
        "--every is for --boxes whole and --detector": args.every
        and not (args.detector or args.boxes == "whole"),
        "--test computes all views, as published accuracies are measured: --views auto is for "
        "--infer": args.views == "auto" and args.test,
        "--export computes on the CPU: leave out --device": args.export and args.device == "gpu",
        "--summary describes a config: leave out --weights": args.summary and args.weights,
        "--resume has its own weights: leave out --weights": args.resume and args.weights,
    }  # fmt: skip


def _folder(text: str) -> Path:
    path = Path(in_home(text))
    if not text:
        raise argparse.ArgumentTypeError("a folder has a name")
    if path.is_file():
        raise argparse.ArgumentTypeError(
            f"{text} is a file, not a folder: put this flag behind the videos, or name a folder"
        )
    return path


def _views(text: str) -> str:
    if not re.fullmatch(r"auto|[1-9]\d*x[13]", text):
        raise argparse.ArgumentTypeError(
            f"{text} is not auto or CLIPSxCROPS, with 1 or 3 crops: 10x3, 1x1"
        )
    return text


def is_training(args: argparse.Namespace) -> bool:
    """Whether no other mode was asked for."""
    return not (args.test or args.summary or args.export or args.infer is not None)


def overrides(args: argparse.Namespace) -> list[str]:
    """The flags that set config values, as ``section.key=value``."""
    clips, crops = None, None
    if args.views not in (None, "auto"):
        clips, crops = args.views.split("x")
    values = {
        "seed": args.seed,
        "test.num_clips": clips,
        "test.num_crops": crops,
        "test.average_clips": args.average_clips,
        "test.backend": args.backend,
        "test.precision": args.precision,
        "test.calibration_list": args.calibration,
        "train.amp": (args.amp_level or "O1") if args.amp else None,
        "train.multigrid": "true" if args.multigrid else None,
    }
    return args.override + [f"{key}={value}" for key, value in values.items() if value is not None]
