"""Converts another system's weights, with the config that reproduces their published accuracy.

    python -m slowfast.tools.convert_weights SLOWFAST_8x8_R50.pyth k400/r50_8x8.pdparams
    python -m slowfast --test -w k400/r50_8x8.pdparams

SRC is a file of PaddleVideo, the older Paddle entry, PySlowFast (.pyth, .pkl), PyTorchVideo or
mmaction2, in any of their formats or .safetensors; or the name of published weights (docs/zoo.md),
or a URL. DST.yaml beside DST.pdparams describes the network, which the tensors tell, and the
system's preprocessing and test; --test finds it there. The tensors do not tell alpha and the number
of frames. They come from the file's config, from the table of published weights, or from --alpha
and --num_frames; for a slow pathway alone, from --num_frames and --sampling_stride. Detectors (AVA)
are told by their names or their config, else by --task detection.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import sys
from pathlib import Path

from slowfast.cli.command import in_home, new_parser, run, whole_number
from slowfast.errors import UserError
from slowfast.log import say

FLAGS = {
    "model.alpha": "alpha",
    "data.num_frames": "num_frames",
    "data.sampling_stride": "sampling_stride",
    "data.labels": "labels",
    "train.task": "task",
}
"""The settings that can be given."""


def main(argv: list[str] | None = None) -> int:
    """0; 1 with one line on stderr, or 130, and then nothing is written."""
    args = parse_args(argv)
    return run(lambda: convert_weights(args), hint="", with_paddle=True)


def convert_weights(args: argparse.Namespace) -> None:
    """Converts, and says what was recognised.

    Raises:
        UserError, OSError: one line each.
    """
    from slowfast.zoo.convert import convert  # here: it imports Paddle, which must be quiet by then

    given = {key: getattr(args, flag) for key, flag in FLAGS.items()}
    given = {key: value for key, value in given.items() if value is not None}
    try:
        say(*convert(args.src, args.dst, given, force=args.force))
    except MemoryError as error:
        raise UserError(f"weights {args.src} do not fit into memory") from error


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.convert_weights", __doc__)
    add, number = parser.add_argument, whole_number(1)
    add("src", metavar="SRC", type=in_home, help="a file, a published name (docs/zoo.md), or a URL")
    add("dst", metavar="DST.pdparams", type=Path, help="the file to write")
    add("--alpha", type=number, metavar="N", help="fast frames per slow frame")
    add("--num_frames", type=number, metavar="N", help="frames of a clip")
    add("--sampling_stride", type=number, metavar="N",
        help="frames of the video per frame of the clip (default: the file's, or 2)")  # fmt: skip
    add("--labels", metavar="FILE", type=in_home, help="kinetics400, ..., or a file of class names")
    add(
        "--task",
        choices=("single", "multi", "detection"),
        help="one class in a video, any number of them, or any number in each box (default: the "
        "file's, or single)",
    )
    add("--force", action="store_true", help="overwrite DST.pdparams and DST.yaml")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
