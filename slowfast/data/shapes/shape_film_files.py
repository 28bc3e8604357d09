"""Writes the films of two moving shapes to disk: films or frame folders, annotations in AVA's form,
and the boxes of a person detector as PySlowFast and as mmaction2 have them."""

import json
import os
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Box
from slowfast.data.shapes.moving_shapes_files import MARKER, SPLITS, is_marked, write_video
from slowfast.data.shapes.shape_films import ACTIONS, Moment, render_film
from slowfast.data.video.reader import Pictures, VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError

VERSION = 1  # to be raised with every change to the films, so that old files are replaced
FIRST_ID = 1
"""Number of the first action in the files, as in AVA."""
Films = Mapping[str, Sequence[Moment]]
"""The key seconds of each film, by its name."""


def write_frames(folder: Path, film: Pictures) -> None:
    """Writes uint8 RGB [T, H, W, 3] as img_00001.jpg and so on.

    Raises:
        UserError: one cannot be written; the message names it.
    """
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(film, start=1):
        path = folder / f"img_{number:05d}.jpg"
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        if not cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]), quality):
            raise UserError(f"cannot write {path}")


def film_name(split: str, index: int) -> str:
    """What the csv files call a film."""
    return f"{split}_{index:03d}"


def corners_text(box: Box) -> str:
    """The four corners of a csv row."""
    return ",".join(f"{value:.3f}" for value in box.corners)


def annotation_rows(films: Films) -> Iterable[str]:
    """AVA's csv: film, second, corners, action, person."""
    for film, moments in films.items():
        for moment in moments:
            for box in moment.truth:
                for label in box.labels:
                    action = FIRST_ID + label
                    yield f"{film},{moment.second:04d},{corners_text(box)},{action},{box.person}"


def excluded_rows(films: Films) -> Iterable[str]:
    """AVA's excluded timestamps: film, second."""
    for film, moments in films.items():
        yield from (f"{film},{own.second:04d}" for own in moments if own.is_excluded)


def detection_rows(films: Films) -> Iterable[str]:
    """PySlowFast's csv of detected boxes: film, second, corners, action or nothing, score."""
    for film, moments in films.items():
        for moment in moments:
            for box in moment.detected:
                place = f"{film},{moment.second:04d},{corners_text(box)}"
                for action in [str(FIRST_ID + label) for label in box.labels] or [""]:
                    yield f"{place},{action},{box.score:.3f}"


def proposals(films: Films) -> dict[str, NDArray[np.float32]]:
    """mmaction2's boxes: corners and score ``[K, 5]`` by film and second."""
    return {
        f"{film},{moment.second:04d}": np.array(
            [(*box.corners, box.score) for box in moment.detected], np.float32
        )
        for film, moments in films.items()
        for moment in moments
        if moment.detected
    }


def action_items() -> Iterable[str]:
    """AVA's action list, in the form of its 60 classes."""
    for number, name in enumerate(ACTIONS, start=FIRST_ID):
        yield f'item {{\n  name: "{name}"\n  id: {number}\n}}'


def changed(films: Films, change: Callable[[Sequence[Box]], tuple[Box, ...]]) -> Films:
    """The same films with other annotations."""
    return {
        film: [moment._replace(truth=change(moment.truth)) for moment in moments]
        for film, moments in films.items()
    }


def exchange(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Each box with the actions of the other."""
    pairs = zip(boxes, reversed(boxes), strict=True)
    return tuple(box._replace(labels=other.labels) for box, other in pairs)


def widen(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Each box as large as the picture, but that they can be told apart."""
    return tuple(
        box._replace(corners=(0.0, 0.0, 1.0, 1 - number / 1000)) for number, box in enumerate(boxes)
    )


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a text file."""
    path.write_text("".join(f"{line}\n" for line in lines))


def write_annotations(root: Path, split: str, films: Films) -> None:
    """Writes the csv files and the pickle of a split."""
    write_lines(root / f"{split}.csv", annotation_rows(films))
    write_lines(root / f"{split}_excluded.csv", excluded_rows(films))
    write_lines(root / f"{split}_boxes.csv", detection_rows(films))
    if split == "val":
        write_lines(root / "val_exchanged.csv", annotation_rows(changed(films, exchange)))
        write_lines(root / "val_whole.csv", annotation_rows(changed(films, widen)))
    (root / f"{split}_boxes.pkl").write_bytes(pickle.dumps(proposals(films), protocol=4))


def write_dataset(
    root: str | os.PathLike[str], *, num_train: int, num_val: int, last: int, seed: int,
    num_processes: int, as_frames: bool = False, report: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    """Writes films of the seconds 0 to ``last`` below ``root``, and beside them, for train and val:

    - ``val.csv``, ``val_excluded.csv`` and ``actions.pbtxt`` in AVA's form,
    - ``val_boxes.csv``, a person detector's boxes in PySlowFast's form; ``val_boxes.pkl``, the
      same in mmaction2's,
    - ``val_exchanged.csv``, which has each drop's actions at the other one's place, and
      ``val_whole.csv``, which has them in boxes as large as the picture.

    An earlier data set is kept if it is complete and has the same parameters, else written anew.
    `report(done, total)` is called after every film.

    Args:
        as_frames: write folders of frames, not video files.

    Raises:
        UserError, OSError: a file cannot be written, or its process was killed; names the file.
    """
    root = Path(root)
    params = {"version": VERSION, "num_train": num_train, "num_val": num_val, "last": last}
    params |= {"seed": seed, "as_frames": int(as_frames)}
    names = [(split, i) for split in SPLITS for i in range(params[f"num_{split}"])]
    paths = {name: root / (film_name(*name) + ("" if as_frames else ".mp4")) for name in names}
    if is_marked(root, params) and all(path.exists() for path in paths.values()):
        return
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).unlink(missing_ok=True)

    def write(name: tuple[str, int]) -> list[Moment]:
        split, index = name
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        film, moments = render_film(rng, last)
        (write_frames if as_frames else write_video)(paths[name], film)
        return moments

    found: dict[tuple[str, int], Sequence[Moment]] = {}
    with Loader(write, num_workers=num_processes, describe=lambda own: str(paths[own])) as writers:
        for name, moments in writers.as_ready(names):
            if isinstance(moments, VideoError):
                raise moments
            found[name] = moments
            if report:
                report(len(found), len(names))
    for split in SPLITS:
        films = {film_name(*name): found[name] for name in names if name[0] == split}
        write_annotations(root, split, films)
    write_lines(root / "actions.pbtxt", action_items())
    (root / MARKER).write_text(json.dumps(params))
