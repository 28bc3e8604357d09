"""In words: why a run cannot go on within an epoch."""

import pytest

from slowfast.train.plan import told_apart

PLAN = {"samples": 24, "list": 658282908, "total batch": 4, "seed": 0}
SHARDS = {"processes": 2, "data.num_workers": 3}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({}, {"seed": 1}, "seed 0 (now 1)"),
        ({}, {"total batch": 8, "seed": 3}, "total batch 4 (now 8), seed 0 (now 3)"),
        ({}, {"samples": 25, "list": 7}, "24 videos (now 25), another list of videos"),
        ({"balanced classes": 5}, {}, "train.sampling=balanced (now plain)"),
        ({}, {"balanced classes": 5}, "train.sampling=plain (now balanced)"),
        ({"balanced classes": 5}, {"balanced classes": 6}, "other videos of the classes"),
        ({}, {"multigrid": 5}, "train.multigrid=false (now true)"),
        ({"multigrid": 5}, {"multigrid": 6}, "other phases of train.multigrid"),
        (SHARDS, {"processes": 1, "data.num_workers": 0},
         "2 processes (now 1), data.num_workers=3 (now 0)"),
        (SHARDS, {"list": 8}, "another list of videos"),
        ({"boxes": 5}, {"boxes": 6}, "other boxes, or actions of them"),
        ({"novelty": 5}, {"novelty": 6}, "another novelty"),
    ],
    ids=[
        "seed", "batch", "list", "no longer balanced", "balanced", "classes", "multigrid", "phases",
        "shards", "no shards", "boxes", "new",
    ],
)  # fmt: skip
def test_what_differs_and_nothing_else(
    before: dict[str, int], now: dict[str, int], told: str
) -> None:
    assert told_apart(PLAN | before, PLAN | now) == (
        f"it stopped within an epoch of {told}: go on with the same, or from the checkpoint of a "
        "whole epoch into another output_dir"
    )
