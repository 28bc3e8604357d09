"""Looks at the annotations and detected boxes of a config with train.task=detection.

    python -m slowfast.tools.check_boxes CONFIG -o data.root=films data.val_list=ava_val_v2.2.csv

Says how many videos, key frames, boxes and actions there are, and what is odd about them: videos
that are missing, key frames outside detection.valid or behind the end of their video, annotated
boxes that no detected one overlaps, classes that are not annotated. Draws some key frames with
their boxes and labels. Where nothing fits together this is an error.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slowfast.cli.box_inputs import recall_of, require_found
from slowfast.cli.command import in_home, new_parser, run, whole_number
from slowfast.cli.inputs import require_labels
from slowfast.cli.run_config import class_names, config_for
from slowfast.config import Config, ConfigError, DataConfig
from slowfast.data.boxes.action_lists import class_numbers
from slowfast.data.boxes.ava import (
    Annotations,
    is_flat,
    is_valid,
    keyframes_of,
    read_annotations,
)
from slowfast.data.boxes.boxes_fields import BoxesAt
from slowfast.data.clips.datasets import frame_at
from slowfast.data.clips.window_reader import key_of, require_inside
from slowfast.data.find import read_files_of
from slowfast.data.lists.missing import are_all, missing_fault, missing_files
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample, seconds_text
from slowfast.data.video.films import Films
from slowfast.data.video.open import decoder_version
from slowfast.data.video.reader import Picture, VideoError
from slowfast.log import Progress, logger, say
from slowfast.overlap import IOU
from slowfast.places import require_unread
from slowfast.predict.annotate.drawn_boxes import Person, with_persons

SHOWN = 10
"""Missing videos, faults and classes that are named."""
SIDE = 480
"""Longer side of a key frame's picture, pixels."""
WIDE, MOST_TOLD = 42, 6
"""Letters of a line below a picture, and people who have one."""


def main(argv: list[str] | None = None) -> int:
    """0 if the files fit together; 1 with one line on stderr; 130."""
    args = parse_args(argv)
    return run(lambda: check_boxes(args), hint="")


def check_boxes(args: argparse.Namespace) -> None:
    """Reads, prints and draws."""
    cfg = config_for(args.config, args.override, None)
    if cfg.train.task != "detection":
        raise ConfigError(f"{args.config}: train.task={cfg.train.task}, not detection")
    picture = args.picture or Path(f"boxes_{args.split}.png")
    require_unread(picture, [args.config, *read_files_of(cfg, args.split)])
    decoder_version(cfg.data.decoder)
    numbers = class_numbers(cfg.detection, cfg.model.num_classes)
    names = class_names(cfg, None) or [f"action {number}" for number in numbers]
    found = read_annotations(cfg, args.split)
    samples = keyframes_of(cfg, args.split, found)
    missing = missing_files(samples)
    if are_all(samples, missing):
        fault = missing_fault(samples, missing)
        raise ListError(f"{found.source}: {fault} (data.root={cfg.data.root})")
    films, gone = Films(cfg.data), {*missing}
    good, faults = looked_at([s for s in samples if s.path not in gone], films, cfg)
    lines = [
        f"{args.split}: {found.source}", *of_videos(samples, gone),
        *of_key_frames(cfg, samples, found, len(good)), *_first(faults),
        *of_boxes(cfg, found), *of_classes(found, names),
    ]  # fmt: skip
    say(*lines)
    if not good:
        raise VideoError(f"none of the key frames can be read: {faults[0]}")
    from slowfast.pictures.contact_sheet import contact_sheet  # here: it imports matplotlib
    from slowfast.pictures.fonts import shortened

    tiles = [
        (tile, "\n".join(shortened(line, WIDE) for line in text.split("\n")))
        for tile, text in tiles_of(good, found, cfg.data, names, args.count)
    ]
    contact_sheet(tiles, picture, marks_first=False)
    say(f"{picture} shows some key frames: annotated boxes with numbers, detected ones in white")
    require_found(cfg, args.split, found, samples)
    if args.split != "train":
        require_labels(cfg, found.source, samples)


def looked_at(
    samples: Sequence[Sample], films: Films, cfg: Config
) -> tuple[list[Sample], list[str]]:
    """The key frames that are inside of videos that can be read, and what is wrong with others."""
    good, faults = [], Counter[str]()
    progress, unreadable = Progress("look at the videos", len(samples)), dict[str, str]()
    for done, sample in enumerate(samples, 1):
        progress.update(done)
        if sample.path in unreadable:
            faults[unreadable[sample.path]] += 1
            continue
        try:
            reader = films.reader(sample)
        except VideoError as error:
            unreadable[sample.path] = str(error)
            faults[str(error)] += 1
            continue
        try:
            require_inside(sample, reader, 1 / cfg.detection.rate)
            good.append(sample)
        except VideoError as error:
            faults[str(error)] += 1
        finally:
            reader.close()
    progress.finish()
    return good, [
        f"{fault} ({count:,} key frames)" if count > 1 else fault for fault, count in faults.items()
    ]


def of_videos(samples: Sequence[Sample], gone: set[str]) -> list[str]:
    """How many of the videos are there, and which are not."""
    videos = {key_of(sample).video: sample.path for sample in samples}
    missing = [f"missing: {video}" for video, path in videos.items() if path in gone]
    return [
        f"videos      {len(videos) - len(missing):,} of {len(videos):,} are there",
        *_first(missing),
    ]


def of_key_frames(
    cfg: Config, samples: Sequence[Sample], found: Annotations, num_good: int
) -> list[str]:
    """How many key frames there are, which of them are used, and how many can be read."""
    moments = {*found.annotated, *found.detected}
    outside = sum(not is_valid(time, cfg.detection) for _, time in moments)
    boxes = sum(len(key_of(sample).boxes) for sample in samples)
    return [
        f"key frames  {len(moments):,}",
        f"    {len(samples):,} are used, with {boxes:,} boxes",
        *(
            [f"    {num_good:,} of these can be read (a run needs data.on_error=skip)"]
            if num_good < len(samples)
            else []
        ),
        f"    {outside:,} are outside detection.valid={list(cfg.detection.valid)}",
        *([f"    {len(moments & found.excluded):,} are excluded"] if found.excluded else []),
    ]


def of_boxes(cfg: Config, found: Annotations) -> list[str]:
    """The annotated and the detected boxes, and which share of the annotated ones is found."""
    lines = _of_file("annotated", found.annotated)
    if not found.detected_in:
        return [*lines, "detected    no file of boxes is given"]
    least = cfg.detection.box_score
    enough = sum(box.score >= least for own in found.detected.values() for box in own)
    at_both = len(found.annotated.keys() & found.detected.keys())
    lines += [
        *_of_file("detected", found.detected),
        f"    {enough:,} have a score of {least:g} or more (detection.box_score)",
        f"    {at_both:,} of {len(found.annotated):,} annotated key frames have a detected box",
    ]
    # As a test of these files has it, whatever the split.
    recall = recall_of([key_of(sample) for sample in keyframes_of(cfg, "val", found)])
    of = "the annotated boxes are found"
    share = "none" if np.isnan(recall) else f"{recall:.1%}"
    return [*lines, f"recall      {share} of {of}, without excluded key frames (IoU {IOU:g})"]


def of_classes(found: Annotations, names: Sequence[str]) -> list[str]:
    """How often each class is annotated, the most frequent one first."""
    counts = Counter(n for own in found.annotated.values() for box in own for n in box.labels)
    lacking = [f"not annotated: {name}" for label, name in enumerate(names) if label not in counts]
    return [
        f"actions     {counts.total():,} of {len(counts):,} classes, of {len(names):,}",
        *(f"    {count:>9,}  {names[label]}" for label, count in counts.most_common()),
        *_first(lacking),
    ]


def tiles_of(
    samples: Sequence[Sample], found: Annotations, data: DataConfig, names: Sequence[str], most: int
) -> list[tuple[Picture | None, str]]:
    """Key frames, evenly from all over the list, with what they show; of those without boxes only
    if there are no others."""
    told = [s for s in samples if key_of(s).boxes or key_of(s).truth] or samples
    tiles: list[tuple[Picture | None, str]] = []
    for place in np.linspace(0, len(told) - 1, min(most, len(told))).astype(int):
        sample = told[place]
        key = key_of(sample)
        moment = key.video, key.time
        truth = found.annotated.get(moment, ())
        lines = [f"{key.video} at {seconds_text(key.time)}"]
        for number, box in enumerate(truth[:MOST_TOLD], 1):
            lines.append(f"{number} {', '.join(names[label] for label in box.labels)}")
        try:
            picture = frame_at(sample, data, key.seconds, SIDE)
        except VideoError as error:
            logger.warning(error)
            tiles.append((None, "\n".join(lines)))
        else:
            annotated = [Person(number, box.corners, ()) for number, box in enumerate(truth, 1)]
            own = {box.corners for box in truth}
            others = [box.corners for box in key.boxes if box.corners not in own]
            tiles.append((with_persons(picture, annotated, others), "\n".join(lines)))
    return tiles


def _of_file(what: str, boxes_at: BoxesAt) -> list[str]:
    boxes = [box for own in boxes_at.values() for box in own]
    flat = sum(map(is_flat, boxes))
    beyond = sum(min(box.corners) < 0 or max(box.corners) > 1 for box in boxes)
    return [
        f"{what:<12}{len(boxes):,} boxes",
        *([f"    {flat:,} are without area"] if flat else []),
        *([f"    {beyond:,} are beyond the picture's edge"] if beyond else []),
    ]


def _first(texts: Sequence[str]) -> list[str]:
    more = [f"    and {len(texts) - SHOWN:,} more"] if len(texts) > SHOWN else []
    return [*(f"    {text}" for text in texts[:SHOWN]), *more]


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.check_boxes", __doc__)
    add = parser.add_argument
    add("config", metavar="CONFIG", type=in_home, help="YAML file or built-in config")
    add("-o", "--override", metavar="K=V", action="extend", nargs="+", default=[],
        help="config values over the file's")  # fmt: skip
    add("--split", choices=("train", "val", "test"), default="val",
        help="which list and boxes are looked at (%(default)s)")  # fmt: skip
    add("--picture", metavar="FILE", type=Path,
        help="where key frames are drawn, a .png (boxes_SPLIT.png)")  # fmt: skip
    add("--count", metavar="N", type=whole_number(1, 100), default=12,
        help="how many are drawn (%(default)s)")  # fmt: skip
    args = parser.parse_args(argv)
    if args.picture and args.picture.suffix.lower() != ".png":
        parser.error(f"--picture: {args.picture} does not end with .png")
    return args


if __name__ == "__main__":
    sys.exit(main())
