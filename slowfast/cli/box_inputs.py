"""What a run with train.task=detection reads and is asked for."""

import argparse
import os

from slowfast.config import Config, ConfigError
from slowfast.data.boxes.ava import read_keyframes
from slowfast.data.find import Split
from slowfast.data.lists import ListError
from slowfast.data.samples import Sample
from slowfast.data.video.sources import is_stream
from slowfast.predict.answer import require_classifier
from slowfast.predict.infer import RESULT
from slowfast.predict.persons.person_rows import written_beside


def read_key_frames(cfg: Config, path: str, split: Split) -> list[Sample]:
    """The key frames of a list; for a validation those that ``detection.val_every`` leaves."""
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


def check_boxes_flags(args: argparse.Namespace, cfg: Config, weights: str) -> None:
    """Raises a ConfigError if a network of detection is not told where to look, or is asked for
    what it does not have; or if another one is told."""
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
    for place in written_beside(args.out or RESULT):
        if args.boxes and os.path.realpath(place) == os.path.realpath(args.boxes):
            raise ConfigError(
                f"--boxes {args.boxes} would be written over: name another file with --out"
            )
