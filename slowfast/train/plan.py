"""What the order of an epoch's clips depends on: a run goes on within an epoch only if it is equal.

``run.py`` fills a plan, and a checkpoint keeps it.
"""

from collections.abc import Mapping

NUMBERS = {
    "samples": "{} videos", "total batch": "total batch {}", "seed": "seed {}",
    "processes": "{} processes", "data.num_workers": "data.num_workers={}",
}  # fmt: skip
"""What is told with both values; the last two matter with tar shards alone."""
SETTINGS = {
    "multigrid": ("train.multigrid", "false", "true"),
    "balanced classes": ("train.sampling", "plain", "balanced"),
}
"""What a plan has only with a setting's last value."""
HASHES = {
    "list": "another list of videos", "actions": "other times of labels",
    "boxes": "other boxes, or actions of them",
    "multigrid": "other phases of train.multigrid",
    "balanced classes": "other videos of the classes",
}  # fmt: skip


def told_apart(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """How the epoch that a run stopped within differs from what it is now, in words."""
    told = []
    for key in {**before, **now}:
        was, own = before.get(key), now.get(key)
        if was == own:
            continue
        if key in SETTINGS and None in (was, own):
            name, *values = SETTINGS[key]
            told.append("{}={} (now {})".format(name, *values[:: 1 if was is None else -1]))
        elif key not in NUMBERS:
            told.append(HASHES.get(key, f"another {key}"))
        elif None not in (was, own):
            told.append(f"{NUMBERS[key].format(was)} (now {own})")
    return (
        f"it stopped within an epoch of {', '.join(told)}: go on with the same, or from the "
        "checkpoint of a whole epoch into another output_dir"
    )
