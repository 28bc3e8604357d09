"""Shows what the loader of a training or a test really yields.

    python -m slowfast.tools.browse -c CFG -o data.root=videos data.train_list=my.list
    python -m slowfast.tools.browse -c CFG --split test --count 2 --out views.png

By default the clips of training step 1, through the same loader with the same draws. A picture of
each: its frames, those of the slow pathway marked, their numbers and times, what of the picture was
cut, how it was augmented, its labels and boxes. Needs no Paddle.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from slowfast.cli.command import in_home, new_parser, run, whole_number
from slowfast.cli.inputs import read_split
from slowfast.cli.run_config import config_for
from slowfast.config import Config, ConfigError
from slowfast.data.find import Split, find_videos, list_of, read_files_of
from slowfast.data.samples import Sample
from slowfast.data.unreadable import reason_of
from slowfast.data.video.open import decoder_version
from slowfast.data.video.reader import VideoError
from slowfast.log import say
from slowfast.models.slow_frames import slow_frames_of
from slowfast.pictures.cards import Card, Sheet
from slowfast.places import require_unread
from slowfast.train.browsing.clip_cards import DOT, clip_card, fault_card, views_card
from slowfast.train.browsing.keys import OF_TEST, Place, chosen, read
from slowfast.weights.save import own_config

PER_PAGE = 12
"""Clips on a page."""


def main(argv: list[str] | None = None) -> int:
    """0 if something can be read; 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run(lambda: browse(args), hint="")


def browse(args: argparse.Namespace) -> None:
    """Reads and draws."""
    cfg, samples, names = inputs(args)
    place = Place(args.epoch, args.step)
    keys, title = chosen(cfg, samples, args.split, place, args.count, in_order=bool(args.paths))
    # Here: matplotlib is slow to import.
    from slowfast.pictures.clip_sheet import write_sheet

    faults: list[str] = []
    with contextlib.closing(cards_of(args, cfg, samples, names, keys, faults)) as cards:
        pages = write_sheet(sheet_of(args, cfg, title), cards, len(keys), args.out, PER_PAGE)
    say(*(f"unreadable: {fault}" for fault in faults))
    if len(faults) == len(keys):
        raise VideoError(f"none of them can be read (first: {faults[0]})")
    say(f"{title}: {len(keys):,} in {', '.join(map(str, pages))}")


def cards_of(
    args: argparse.Namespace, cfg: Config, samples: list[Sample], names: list[str] | None,
    keys: list[Any], faults: list[str],
) -> Generator[Card, None, None]:  # fmt: skip
    """The card of each key once it is read; adds what cannot be read to ``faults``."""
    for number, (sample, item, replaced) in enumerate(read(args.split, keys, samples, cfg), 1):
        if isinstance(item, VideoError):
            faults.append(reason_of(sample.shown, item))
            yield fault_card(sample, number, names, faults[-1])
            continue
        own = samples[item.index]
        if args.split == "test" and cfg.train.task != "detection":
            card = views_card(item, own, number, cfg, names)
        else:
            card = clip_card(item, own, number, cfg, names, args.frames)
        told = [f"in place of: {error}" for error in replaced]
        yield dataclasses.replace(card, lines=(*card.lines, *told))


def inputs(args: argparse.Namespace) -> tuple[Config, list[Sample], list[str] | None]:
    """Config, samples and class names; of bare videos there are no labels.

    Raises:
        UserError: something is missing or does not fit.
    """
    split: Split = args.split
    added = [f"seed={args.seed}"] if args.seed is not None else []
    if args.list:
        added.append(f"data.{split}_list={args.list}")
    cfg = config_for(
        args.config, [*args.override, *added], None, lambda cfg: own_config(cfg.model.pretrained)
    )
    require_unread(args.out, [args.config, *read_files_of(cfg, split), *args.paths])
    decoder_version(cfg.data.decoder)
    if not args.paths:
        return read_split(cfg, split)
    if cfg.train.task == "detection":
        raise ConfigError("train.task=detection reads key frames, of a list: leave out PATH")
    found = find_videos(args.paths, cfg.data, several=cfg.train.task == "multi")
    return cfg, [named.sample for named in found], None


def sheet_of(args: argparse.Namespace, cfg: Config, title: str) -> Sheet:
    """The head of the pages."""
    data, model = cfg.data, cfg.model
    source = ", ".join(args.paths) if args.paths else list_of(data, args.split)[1]
    notes = [DOT.join([args.config or "the default config", source, f"seed {cfg.seed}"])]
    if args.split == "train":
        mixes = {"train.mixup": cfg.train.mixup, "train.cutmix": cfg.train.cutmix}
        used = [f"{key}={value:g}" for key, value in mixes.items() if value]
        mixed = f" {' and '.join(used)} mix these clips, and" if used else ""
        notes.append(f"Later, on the device:{mixed} pixels become numbers (data.mean, data.std).")
    count, slow = data.num_frames, len(slow_frames_of(model, data.num_frames))
    legend = {
        "slow_only": [(f"slow pathway: {slow} of {count} frames", True), ("not seen", False)],
        "fast_only": [(f"fast pathway: {count} frames", False)],
    }.get(model.name) or [
        (f"slow pathway: {slow} of {count} frames, alpha {model.alpha}", True),
        (f"fast pathway: all {count}", False),
    ]
    return Sheet(title[0].upper() + title[1:], tuple(notes), tuple(legend))


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.browse", __doc__)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="*", type=in_home,
        help="videos, folders, frames or lists in place of the config's list, without labels"
    )  # fmt: skip
    add("-c", "--config", metavar="CFG", type=in_home, help="YAML file or built-in config")
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="config values over the file's")  # fmt: skip
    add("--split", choices=("train", "val", "test"), default="train",
        help="which loader: training, validation, or the test with its views (%(default)s)"
    )  # fmt: skip
    add("--list", metavar="LIST", type=in_home, help="the list, in place of the config's")
    add("--epoch", metavar="N", type=whole_number(1), default=1, help="of training (%(default)s)")
    add("--step", metavar="N", type=whole_number(1), default=1,
        help="the first step, or batch, that is shown (%(default)s)")  # fmt: skip
    add("--count", metavar="N", type=whole_number(1, 1000),
        help=f"how many clips, or videos of a test (a step's batch; of a test {OF_TEST})"
    )  # fmt: skip
    add("--frames", metavar="N", type=whole_number(1, 1000), default=16,
        help="frames of a clip that are shown at most (%(default)s)")  # fmt: skip
    add("--seed", type=whole_number(0), help="replaces the config's seed")
    add("--out", metavar="FILE", type=Path, default=Path("browse.png"),
        help="where it is drawn, a .png (%(default)s); more pages are FILE-2.png ...")  # fmt: skip
    args = parser.parse_args(argv)
    if args.out.suffix.lower() != ".png":
        parser.error(f"--out: {args.out} does not end with .png")
    if args.paths and args.list:
        parser.error("--list is in place of PATH: give one of them")
    return args


if __name__ == "__main__":
    sys.exit(main())
