"""Finds the moments most similar to a clip, in videos whose features were extracted.

    python -m slowfast.tools.extract_features FOLDER -w ckpt.pdparams --out DIR
    python -m slowfast.tools.find_similar CLIP DIR -w ckpt.pdparams
    python -m slowfast.tools.find_similar FILM DIR -w ckpt.pdparams --at 61 64 --picture found.png

The weights must be those that DIR is from; its settings are taken from there (docs/features.md).
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast.cli.command import in_home, new_parser, run, whole_number
from slowfast.errors import printable
from slowfast.files import write_json
from slowfast.log import say
from slowfast.places import require_place
from slowfast.predict import similar
from slowfast.predict.similar import Moment, Query
from slowfast.predict.timeline.timeline_files import short_clock

LONGEST_NAME = 28
"""Letters of a file's name in the picture."""


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run(lambda: find(args), hint="")


def find(args: argparse.Namespace) -> None:
    """Computes the clip's features, looks for similar ones, and shows and writes what it finds."""
    from slowfast.cli.network import network_of
    from slowfast.cli.run_config import config_for
    from slowfast.predict.answer import require_classifier
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.runtime.low_precision import settled

    plan = similar.plan_in(args.folder)
    for path in filter(None, (args.out, args.picture)):
        require_place(path)
    flags = [f"test.backend={args.backend}"] if args.backend else []
    cfg = config_for(None, similar.overrides_of(plan) + flags + args.override, args.weights)
    require_classifier(cfg, "find_similar")  # the network takes its time
    network = network_of(args.weights, cfg, args.device, any_classes=True)
    cfg = settled(network, cfg, "features")
    similar.require_same(network, cfg, args.folder)
    backend = open_backend(network, cfg, "features")
    query = similar.query_of(backend, args.clip, cfg, plan["every"], args.at)
    moments, own = similar.find_similar(args.folder, query, args.top, what="search")
    say(*lines(query, moments, own))
    if args.out:
        write_json(args.out, [moment._asdict() for moment in moments])
        say(args.out)
    if args.picture:
        from slowfast.pictures.contact_sheet import contact_sheet  # here: it imports matplotlib

        parts = [Moment(query.path, query.start, query.end, 1.0), *moments]
        frames = [similar.middle_frame(part, cfg.data) for part in parts]
        contact_sheet(list(zip(frames, titles(parts), strict=True)), args.picture)
        say(args.picture)


def lines(query: Query, moments: Sequence[Moment], own: Sequence[str]) -> list[str]:
    """What is printed: what is looked for, and a line for each moment."""
    text = [f"similar to {query.path}, {span(query)}:"]
    for number, moment in enumerate(moments, 1):
        text.append(f"{number:>3}  {moment.similarity:.3f}  {span(moment)}  {moment.video}")
    return text + [f"left out: the clip itself, in {video}" for video in own]


def titles(parts: Sequence[Moment]) -> list[str]:
    """What stands above the picture of each part, the first of which is looked for."""
    heads = ["looked for", *(f"{i}: {part.similarity:.3f}" for i, part in enumerate(parts[1:], 1))]
    return [
        f"{head}\n{short_name(part.video)}\n{span(part)}"
        for head, part in zip(heads, parts, strict=True)
    ]


def short_name(path: str) -> str:
    """A file's name, without its middle if it is long."""
    name = printable(os.path.basename(os.path.abspath(path)))
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}...{name[-half + 3 :]}"


def span(part: Query | Moment) -> str:
    """``0:04.0 - 0:06.1``."""
    return f"{short_clock(part.start)} - {short_clock(part.end)}"


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.find_similar", __doc__)
    add = parser.add_argument
    add("clip", metavar="CLIP", type=in_home, help="the video to look for")
    add("folder", metavar="DIR", type=Path, help="features that extract_features has written")
    add("-w", "--weights", metavar="FILE", type=in_home, required=True,
        help="the weights that the features are from")  # fmt: skip
    add("--at", metavar=("START", "END"), nargs=2, type=_seconds,
        help="the seconds of the clip to look for; default: all of it")  # fmt: skip
    add("--top", metavar="N", type=whole_number(1), default=10, help="how many (default 10)")
    add("--out", metavar="FILE", type=Path, help="write the moments to a JSON file")
    add("--picture", metavar="FILE", type=Path, help="draw the moments into a PNG file")
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="config values, such as data.num_workers=0")  # fmt: skip
    add("--backend", choices=("auto", "eager", "paddle", "onnxruntime", "openvino"),
        help="what computes the network, default: the fastest one that is installed")  # fmt: skip
    add("--device", choices=("auto", "cpu", "gpu"), default="auto")
    args = parser.parse_args(argv)
    if args.at and args.at[0] >= args.at[1]:
        parser.error("--at: the end must be after the start")
    for flag, ending in (("out", ".json"), ("picture", ".png")):
        path = getattr(args, flag)
        if path and path.suffix.lower() != ending:
            parser.error(f"--{flag}: {path} does not end with {ending}")
    return args


if __name__ == "__main__":
    sys.exit(main())
