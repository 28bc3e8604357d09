"""What a report says of the run."""

from typing import Any

import pytest

from slowfast.evaluate.html.run_rows import rows_of_run

RUN: dict[str, Any] = {
    "weights": "/a/b.pdparams", "weights_sha256": "0123456789abcdef0123", "backend": "Paddle 3",
    "precision": "fp32", "decoder": "PyAV 17", "devices": ["EPYC"], "processes": 2, "threads": 1,
    "cores": 4, "versions": {"Paddle": "3.3.1"}, "system": "Linux", "seconds": 80.0,
    "computed": 160, "kept": 40, "ended": "2026-11-30",
}  # fmt: skip
SECTIONS: dict[str, Any] = {
    "model": {"name": "slowfast", "slow_depth": 50, "fast_depth": 50},
    "data": {"num_frames": 32, "sampling_stride": 2, "target_fps": 30.0, "val_list": "a/val.list"},
    "test": {"protocol": "pyslowfast"},
}


def test_all_that_was_recorded() -> None:
    found = dict(rows_of_run(RUN, SECTIONS, "videos", 30))
    assert found["Network"] == "slowfast: slow R50, fast R50"
    assert found["Clip"] == "32 frames, one of 2 at 30/s"
    assert found["Weights"] == "b.pdparams (SHA-256 0123456789abcdef\N{HORIZONTAL ELLIPSIS})"
    assert found["Processes"] == "2, 1 threads each, of 4 cores"
    assert found["Time"] == (
        "0:01:20 for 160 videos (40 more were there from before an interruption)"
    )
    assert found["Speed"] == "2 videos/s, 60 views/s"
    assert found["Versions"] == "Paddle 3.3.1" and None not in found.values()


def test_one_pathway_has_one_depth() -> None:
    model = SECTIONS["model"] | {"name": "slow_only"}
    assert dict(rows_of_run({}, {"model": model}, "videos", 1))["Network"] == "slow_only: slow R50"


def test_what_was_not_recorded_is_none() -> None:
    assert {value for _, value in rows_of_run({}, {}, "videos", 30)} == {None}
    assert {value for _, value in rows_of_run({}, {"data": None}, "videos", 30)} == {None}
    assert dict(rows_of_run(RUN, {}, "key frames", 1))["Speed"] == "2 key frames/s"
    assert dict(rows_of_run(RUN | {"computed": 0}, {}, "videos", 1))["Speed"] is None


@pytest.mark.parametrize("odd", [
    {"seconds": float("nan")}, {"seconds": float("inf")}, {"computed": "x"}, {"kept": "x"},
])  # fmt: skip
def test_numbers_that_are_none_are_not_recorded(odd: dict[str, Any]) -> None:
    found = dict(rows_of_run(RUN | odd, {}, "videos", 1))
    assert "kept" in odd or found["Time"] is found["Speed"] is None


def test_settings_that_are_no_numbers_are_not_recorded() -> None:
    data = {"num_frames": "x", "sampling_stride": 2, "target_fps": "z"}
    assert dict(rows_of_run({}, {"data": data}, "videos", 1))["Clip"] is None
