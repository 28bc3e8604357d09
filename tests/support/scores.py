"""Files of scores, made up."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluate.scores import write_scores

NAMES = ["walk", "run", "jump", "höhe", "sit"]


def members(num_videos: int = 4, **other: Any) -> dict[str, Any]:
    """The members of a file of so many videos and one more that could not be read."""
    return {
        "labels": [2] * num_videos,
        "indices": list(range(num_videos)),
        "paths": [f"höhe {i}.mp4" for i in range(num_videos)],
        "num_listed": num_videos + 1,
        "unreadable_indices": [num_videos],
        "unreadable_paths": ["gone.mp4"],
        "unreadable_errors": ["gone.mp4: No such file"],
        "num_clips": 2,
        "num_crops": 3,
        "average_clips": "prob",
        "class_names": list("abcde"),
        "config": "seed: 0\n",
    } | other


def make_scores(num_videos: int = 60, views: int = 30) -> NDArray[np.float32]:
    """Probabilities of 5 classes, of which the right one is often the highest."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (num_videos, views, 5)) + rng.normal(0, 1, (num_videos, 1, 5))
    logits += 1.5 * np.eye(5)[labels_of(num_videos)][:, None]
    powers = np.exp(logits)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def labels_of(num_videos: int) -> list[int]:
    return [i * i % 4 for i in range(num_videos)]  # 0 and 1 only


def write_file(path: Path, **other: Any) -> NDArray[np.float32]:
    """A file of 60 videos with 10 x 3 views each; returns their scores."""
    scores = make_scores()
    facts = {"labels": labels_of(60), "num_clips": 10, "class_names": NAMES}
    write_scores(path, scores, scores.shape, **members(60, **(facts | other)))
    return scores


MULTI = "train: {task: multi}\ntest: {threshold: 0.4}\n"
"""The config of a file with several labels a video."""


def truth_of(num_videos: int = 60) -> NDArray[np.uint8]:
    """Which of 5 classes each video has; some have none, and none has class 3."""
    truth = (np.random.default_rng(1).random((num_videos, 5)) < 0.4).astype(np.uint8)
    truth[:, 3], truth[::9] = 0, 0
    return truth


def write_several(path: Path, **other: Any) -> NDArray[np.float32]:
    """As ``write_file``, with several labels a video; returns the views' probabilities."""
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (60, 30, 5)) + 1.5 * truth_of()[:, None] - 1
    scores: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).astype(np.float32)
    facts = {"labels": truth_of(), "num_clips": 10, "class_names": NAMES, "config": MULTI}
    write_scores(path, scores, scores.shape, **members(60, **(facts | other)))
    return scores


def top1(scores_NVK: NDArray[np.float32]) -> float:
    """Of these views' mean."""
    return float((scores_NVK.mean(axis=1).argmax(axis=1) == labels_of(60)).mean())
