"""Writes the features of clips that slide over each video: the input of the classifier.

    python -m slowfast.tools.extract_features VIDEO|FOLDER|LIST... -w ckpt.pdparams --out DIR

One .npy a video, named and placed below DIR as the video below its FOLDER or LIST's folder. Each
row is one clip: start and end (seconds) and features (float32), see docs/features.md. A run that
was interrupted goes on: files that are there are kept.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import math
import os
import sys
from pathlib import Path

from slowfast.cli.command import in_home, new_parser, number_between, run
from slowfast.data.find import find_videos
from slowfast.data.video.open import decoder_version
from slowfast.errors import UserError
from slowfast.log import logger


def main(argv: list[str] | None = None) -> int:
    """0 once all features are there; 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run(lambda: extract_features(args), with_paddle=True, together=True)


def extract_features(args: argparse.Namespace) -> None:
    """Reads config and lists, builds the network, extracts."""
    from slowfast.cli.network import network_of
    from slowfast.cli.run_config import config_for  # here and below: Paddle must be quiet by then
    from slowfast.predict.answer import require_classifier
    from slowfast.predict.features import extract
    from slowfast.predict.runtime.low_precision import settled

    flags = {"test.backend": args.backend, "test.precision": args.precision}
    overrides = args.override + [f"{key}={value}" for key, value in flags.items() if value]
    cfg = config_for(args.config, overrides, args.weights)
    require_classifier(cfg, "extract_features")  # the network takes its time
    version = decoder_version(cfg.data.decoder)
    named = find_videos(args.paths, cfg.data, args.root, several=cfg.train.task == "multi")
    videos = list({(v.name, os.path.realpath(v.sample.path)): v for v in named}.values())
    network = network_of(args.weights, cfg, args.device, any_classes=True)
    cfg = settled(network, cfg, "features")
    clip = cfg.data.num_frames * cfg.data.sampling_stride / cfg.data.target_fps
    every = args.every or clip
    logger.info(f"clips of {clip:g} s, one every {every:g} s, read through {version}")
    faults = extract(network, videos, args.out, cfg, every)
    if faults:
        count = f"{len(faults):,} of {len(videos):,} videos"
        raise UserError(f"{count} could not be read (first: {faults[0]})")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.extract_features", __doc__)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", type=in_home,
        help="videos, folders (all in them), frames, lists")  # fmt: skip
    add("-w", "--weights", metavar="FILE", type=in_home, required=True, help="weights to use")
    add("--out", metavar="DIR", type=Path, required=True, help="where to write")
    add("-c", "--config", metavar="CFG", type=in_home,
        help="YAML file or built-in config; default: the one with the weights")  # fmt: skip
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="config values over the file's")  # fmt: skip
    add("--every", metavar="SECONDS", type=number_between(0, math.inf, below=math.inf), default=0.0,
        help="from one clip's start to the next's; default: a clip's length")  # fmt: skip
    add("--root", type=Path, help="where a list's paths start from; default: its folder")
    add("--backend", choices=("auto", "eager", "paddle", "onnxruntime", "openvino"),
        help="what computes the network, default: the fastest one that is installed")  # fmt: skip
    add("--precision", choices=("auto", "fp32", "bf16"),
        help="numbers that the network is computed with; default: fp32")  # fmt: skip
    add("--device", choices=("auto", "cpu", "gpu"), default="auto")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
