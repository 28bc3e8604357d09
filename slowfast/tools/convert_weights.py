"""Turns another system's weights into ours, with the config that makes them score as at home.

    python -m slowfast.tools.convert_weights SLOWFAST_8x8_R50.pyth k400/r50_8x8.pdparams
    python main.py --test -w k400/r50_8x8.pdparams

SRC is a file of PaddleVideo, the older Paddle entry, PySlowFast (.pyth, .pkl), PyTorchVideo or
mmaction2, in any of their formats or .safetensors; or the name of published weights (docs/zoo.md),
or a URL. Beside DST.pdparams goes DST.yaml, which main.py then finds: the network, told from the
tensors, and the system's preprocessing and test. What no tensor tells is taken from the config in
the file, or asked for; of published weights it is known.
"""

import argparse
import sys
from pathlib import Path

from slowfast.tools.pool import ToolError, run_tool

FLAGS = {
    "model.alpha": "alpha",
    "data.num_frames": "num_frames",
    "data.sampling_stride": "sampling_stride",
    "data.labels": "labels",
}
"""The settings that can be given."""


def main(argv: list[str]) -> int:
    """0; 1 with one line on stderr, or 130, and then nothing is written."""
    args = parse_args(argv)
    return run_tool(lambda: convert_weights(args))


def convert_weights(args: argparse.Namespace) -> int:
    """Converts, and says what was recognised.

    Raises:
        ToolError, ConfigError, ListError, OSError: one line each.
    """
    import paddle  # here and below: after the libraries are quiet

    from slowfast.engine.convert import convert
    from slowfast.weights import WeightsError

    paddle.disable_signal_handler()  # it reports on a SIGTERM as on a crash
    given = {key: getattr(args, flag) for key, flag in FLAGS.items()}
    given = {key: value for key, value in given.items() if value is not None}
    try:
        for line in convert(args.src, args.dst, given, force=args.force):
            print(line)
    except WeightsError as error:
        raise ToolError(str(error)) from error
    except MemoryError as error:
        raise ToolError(f"weights {args.src} do not fit into memory") from error
    return 0


def parse_args(argv: list[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        prog="python -m slowfast.tools.convert_weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "src", metavar="SRC", help="a file, a published name (docs/zoo.md), or a URL"
    )
    parser.add_argument("dst", metavar="DST.pdparams", type=Path, help="the file to write")
    parser.add_argument("--alpha", type=_positive, metavar="N", help="fast frames per slow frame")
    parser.add_argument("--num_frames", type=_positive, metavar="N", help="frames of a clip")
    parser.add_argument(
        "--sampling_stride", type=_positive, metavar="N",
        help="frames of the video per frame of the clip (default: the file's, or 2)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="FILE", help="kinetics400, ..., or a file of class names"
    )
    parser.add_argument("--force", action="store_true", help="overwrite DST.pdparams and DST.yaml")
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
