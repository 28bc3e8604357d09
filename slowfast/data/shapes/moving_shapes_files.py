"""Writes the moving shapes to disk: video files, lists and class names."""

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from slowfast.data.lists import jsonl_lists
from slowfast.data.samples import Action, Sample
from slowfast.data.shapes.moving_shapes import (
    CLASS_NAMES,
    FPS,
    FRAMES,
    HOWS,
    WHATS,
    parts_of,
    render_clip,
)
from slowfast.data.video.reader import Pictures, VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError

MARKER = "moving_shapes.json"  # written last: what stands beside it is complete
VERSION = 1  # to be raised with every change to the pictures, so that old files are replaced
SPLITS = ("train", "val")


def write_video(path: Path, clip: Pictures) -> None:
    """Encodes uint8 RGB [T, H, W, 3] as MPEG-4; the file appears under its name when complete.

    Raises:
        UserError: it cannot be written in full; the message names it.
    """
    part = path.with_suffix(".part.mp4")
    size = (clip.shape[2], clip.shape[1])
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    for frame in clip:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    reader = cv2.VideoCapture(str(part))
    num_written = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
    reader.release()
    if num_written != len(clip):
        part.unlink(missing_ok=True)
        raise UserError(
            f"cannot write {path}: {num_written} of {len(clip)} frames are there "
            "(is the disk full, the folder writable, MPEG-4 in this OpenCV?)"
        )
    os.replace(part, path)


def labels_of(index: int, num_motions: int) -> tuple[int, ...]:
    """The classes of a clip, one after the other: clips take all of them in turn, so that any
    number of clips is balanced."""
    hows = list(itertools.permutations(range(len(HOWS)), num_motions))
    what, motions = divmod(index % (len(WHATS) * len(hows)), len(hows))
    return tuple(len(HOWS) * what + how for how in hows[motions])


def write_clip(clip_id: tuple[str, int], root: Path, seed: int, num_motions: int) -> None:
    """Writes clip number `index` of a split; it depends on (seed, split, index) and the number of
    motions only."""
    split, index = clip_id
    labels = labels_of(index, num_motions)
    hows = [HOWS[label % len(HOWS)] for label in labels]
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    clip = render_clip(WHATS[labels[0] // len(HOWS)], hows, rng, FRAMES[num_motions])
    write_video(root / clip_path(split, index), clip)


def line_of(split: str, index: int, num_motions: int) -> str:
    """A clip's line of its list: with several classes, JSON that says when each is seen."""
    labels, path = labels_of(index, num_motions), clip_path(split, index)
    if num_motions == 1:
        return f"{path} {labels[0]}"
    parts = parts_of(FRAMES[num_motions], num_motions)
    timed = zip(labels, parts, strict=True)
    actions = [Action(label, first / FPS, (end - 1) / FPS) for label, (first, end) in timed]
    sample = Sample(path, tuple(sorted(labels)), actions=tuple(actions))
    return jsonl_lists.line_of(sample)


def list_name(split: str, num_motions: int) -> str:
    """The file name of a split's list."""
    return f"{split}.list" if num_motions == 1 else f"{split}.jsonl"


def clip_path(split: str, index: int) -> str:
    """Path of a clip relative to the data set's root, as in its list file."""
    return f"{split}/{index:06d}.mp4"


def is_marked(root: Path, params: dict[str, int]) -> bool:
    """Whether a data set of exactly these parameters was written to its end."""
    marker = root / MARKER
    return marker.is_file() and marker.read_text() == json.dumps(params)


def is_complete(root: Path, params: dict[str, int]) -> bool:
    """Whether a data set of exactly these parameters was written to its end and is still there."""
    if not is_marked(root, params):
        return False
    names = ["labels.txt", *(list_name(split, params.get("num_motions", 1)) for split in SPLITS)]
    names += [clip_path(split, i) for split in SPLITS for i in range(params[f"num_{split}"])]
    return all((root / name).is_file() for name in names)


def write_dataset(
    root: str | os.PathLike[str], *, num_train: int, num_val: int, seed: int, num_processes: int,
    num_motions: int = 1, report: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    """Writes train/*.mp4, val/*.mp4, a list of each and labels.txt below `root`.

    A video has one motion, and the lists are train.list and val.list; or two motions, one after the
    other, and the lists train.jsonl and val.jsonl say when. An earlier data set is kept if it is
    complete and has the same parameters, else written anew.
    `report(done, total)` is called after every clip.

    Raises:
        UserError, OSError: a file cannot be written, or its process was killed; names the file.
    """
    root = Path(root)
    params = {"version": VERSION, "num_train": num_train, "num_val": num_val, "seed": seed}
    if num_motions > 1:
        params["num_motions"] = num_motions
    if is_complete(root, params):
        return
    for split in SPLITS:
        (root / split).mkdir(parents=True, exist_ok=True)
    (root / MARKER).unlink(missing_ok=True)
    clip_ids = [(split, i) for split in SPLITS for i in range(params[f"num_{split}"])]

    def write(clip_id: tuple[str, int]) -> None:
        write_clip(clip_id, root, seed, num_motions)

    def path_of(clip_id: tuple[str, int]) -> str:
        return str(root / clip_path(*clip_id))

    with Loader(write, num_workers=num_processes, describe=path_of) as writers:
        for done, (_, error) in enumerate(writers.as_ready(clip_ids), start=1):
            if isinstance(error, VideoError):
                raise error
            if report:
                report(done, len(clip_ids))
    for split in SPLITS:
        lines = [f"{line_of(of, i, num_motions)}\n" for of, i in clip_ids if of == split]
        (root / list_name(split, num_motions)).write_text("".join(lines))
    (root / "labels.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES))
    (root / MARKER).write_text(json.dumps(params))
