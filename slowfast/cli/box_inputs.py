"""What a run with train.task=detection reads and is asked for."""

import argparse
import contextlib
import os
import re
from pathlib import Path

from slowfast.config import Config, ConfigError
from slowfast.data.boxes.ava import read_keyframes
from slowfast.data.boxes.boxes_files import ENDINGS
from slowfast.data.find import Split
from slowfast.data.lists import PATHS, ListError
from slowfast.data.samples import Sample
from slowfast.data.video.sources import is_stream
from slowfast.predict.answer import require_classifier
from slowfast.predict.infer import RESULT
from slowfast.predict.persons.person_rows import written_beside

OF_BOXES = re.compile(r"[^,]+,[0-9.]+(,-?[01]?\.[0-9]+){4},")
"""What a line of AVA's csv begins with: a video, a time, and corners."""


def read_key_frames(cfg: Config, path: str, split: Split) -> list[Sample]:
    """The key frames of a list; for a validation those that ``detection.val_every`` leaves."""
    if path and Path(path).suffix.lower() not in ENDINGS:
        raise ListError(
            f"{path}: the network classifies boxes (train.task=detection), and a list of them ends "
            f"in {', '.join(ENDINGS)}"
        )
    samples, every = read_keyframes(cfg, split), cfg.detection.val_every
    if split != "val":
        return samples
    left = [sample for sample in samples if sample.key and sample.key.time % every == 0]
    if not left:
        raise ListError(
            f"{path}: detection.val_every={every} leaves none of the {len(samples):,} key frames "
            "for validation"
        )
    return left


def require_no_boxes(path: str, task: str) -> None:
    """Raises a ListError if a list of videos has boxes, as AVA's csv does."""
    first = ""
    if Path(path).is_file():
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors=PATHS) as file:
            first = file.readline(1000)  # what is wrong with it tells whoever reads it all
    if OF_BOXES.match(first):
        raise ListError(
            f"{path}: has boxes, and the network classifies videos (train.task={task}): boxes need "
            "train.task=detection, and weights that were trained with it"
        )


def check_boxes_flags(args: argparse.Namespace, cfg: Config, weights: str) -> None:
    """Raises a ConfigError if a network of detection is not told where to look, or is asked for
    what it does not have; or if another one is told."""
    for flag in ("boxes", "detector"):
        if getattr(args, flag) == "":
            raise ConfigError(f"--{flag} '' names no file")
    if (task := cfg.train.task) != "detection":
        for flag in ("boxes", "detector"):
            if getattr(args, flag):
                raise ConfigError(
                    f"{weights} classifies videos, not boxes (train.task={task}): leave out "
                    f"--{flag}"
                )
        return
    for flag in ("timeline", "explain"):
        if getattr(args, flag):
            require_classifier(cfg, f"--{flag}")
    if any(map(is_stream, args.infer)):
        require_classifier(cfg, "a stream")
    if args.views:
        raise ConfigError(f"{weights} classifies boxes, of one view: leave out --views")
    if not (args.boxes or args.detector):
        raise ConfigError(
            f"{weights} classifies boxes: --boxes FILE has them, --detector MODEL finds persons, "
            "--boxes whole takes all of the picture"
        )
    _require_places(args)


def _require_places(args: argparse.Namespace) -> None:
    """Raises a ConfigError if a result cannot be written, or would be over the boxes."""
    for place in written_beside(args.out or RESULT):
        if args.boxes and os.path.realpath(place) == os.path.realpath(args.boxes):
            raise ConfigError(
                f"--boxes {args.boxes} would be written over: name another file with --out"
            )
        if place.is_dir():
            raise ConfigError(f"{place} is a folder: name another file with --out")
