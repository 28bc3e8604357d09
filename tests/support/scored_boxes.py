"""A test of boxes by hand: its file of scores, and the annotations that it is compared with."""

from pathlib import Path
from typing import Any

import numpy as np
from support.tiny_run import tiny_config

from slowfast.data.samples import Box, Corners, KeyFrame
from slowfast.evaluate.box_scores import write_box_scores
from slowfast.evaluate.score_files import Files, read_files

LEFT, RIGHT, CORNER = (0.1, 0.1, 0.4, 0.8), (0.5, 0.1, 0.9, 0.8), (0.0, 0.9, 0.1, 1.0)
"""Boxes; nobody is ever annotated in the corner."""
NAMES = ["sit", "stand", "talk"]
SIT, STAND, TALK = range(1, 4)
"""Their numbers."""
Found = list[tuple[Corners, list[float]]]
"""Boxes with the scores of the actions."""
Annotated = list[tuple[Corners, list[int]]]
"""Boxes with the numbers of their actions, from 1."""


def write_test(
    folder: Path, frames: list[tuple[str, int, Found, Annotated]], *settings: str,
    excluded: tuple[str, int] | None = None, **others: Any,
) -> tuple[Path, Path]:  # fmt: skip
    """Writes ``scores.npz`` and ``truth.csv`` of these key frames: a video, a time, what is found
    and what is annotated. ``others`` are of the result."""
    lines, keys, rows = [], [], []
    for video, time, found, annotated in frames:
        lines += [
            ",".join(map(str, (video, time, *corners, label, person)))
            for person, (corners, labels) in enumerate(annotated) for label in labels
        ]  # fmt: skip
        boxes = tuple(Box(corners) for corners, _ in found)
        keys.append(KeyFrame(video, time, time, boxes, is_excluded=(video, time) == excluded))
        scores = [own for _, own in found]
        rows.append(np.array(scores, np.float32).reshape(-1, len(NAMES)))
    truth, scores_path = folder / "truth.csv", folder / "scores.npz"
    truth.write_text("".join(f"{line}\n" for line in lines))
    cfg = tiny_config(
        folder, "train.task=detection", f"model.num_classes={len(NAMES)}",
        f"data.val_list={truth}", "detection.start=0", "detection.valid=[]", *settings,
    )  # fmt: skip
    result = {"num_listed": len(frames), "unreadable": []} | others
    run = {"weights": "out/net.pdparams", "folder": str(folder)}
    write_box_scores(scores_path, rows, [*enumerate(keys)], result, NAMES, cfg, run)
    return scores_path, truth


def files_of(folder: Path, *frames: tuple[str, int, Found, Annotated]) -> Files:
    """What the report has of a test, see ``write_test``."""
    return read_files(*write_test(folder, [*frames]), None, None)
