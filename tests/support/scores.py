"""What a file of scores holds, made up."""

from typing import Any


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
