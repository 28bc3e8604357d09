"""What a test costs beside the network's views: reading, and whole pictures in place of crops.

    python -m benchmarks.test_costs -w CKPT VIDEO [--rounds 3] [--clips 2] [--json FILE]

``VIDEO`` is tested as three videos. "Computing alone" has their views in memory; beside it the same
views are read from the file, the next video while one is computed. A whole picture is computed once
in place of 3 crops, see ``test.spatial``. Rounds are interleaved; the ratios are of medians.
"""

import argparse
import dataclasses
import statistics
import sys
import time
from pathlib import Path

from benchmarks.report import Row, markdown, write_json
from slowfast import machine
from slowfast.cli.network import network_of
from slowfast.cli.run_config import config_for
from slowfast.config import Config
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.predict.runtime.backends import open_backend
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import rows_of_videos, rows_of_views

VIDEOS = 3


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status, 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("-w", "--weights", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=2, help="of each video (default: 2)")
    parser.add_argument("--json", type=Path, help="file for the rows")
    options = parser.parse_args(arguments)
    crops = config_for(None, [f"test.num_clips={options.clips}"], options.weights)
    whole = dataclasses.replace(crops, test=dataclasses.replace(crops.test, spatial="whole"))
    backend = open_backend(network_of(options.weights, crops, "cpu"), crops, "prob")
    samples = [Sample(str(options.video))] * VIDEOS
    seconds: dict[str, list[float]] = {"computing alone": [], "read": [], "whole": []}
    for _ in range(options.rounds + 1):  # the first one is not counted
        for name, found in seconds.items():
            found.append(_seconds(name, backend, samples, whole if name == "whole" else crops))
    alone, read, pictures = (statistics.median(found[1:]) for found in seconds.values())
    what = f"{VIDEOS} videos of {options.clips} x 3 views"
    rows = [
        Row(f"{what}, read from files", "computing alone", read, alone),
        Row(f"{VIDEOS} videos of {options.clips} whole pictures", what, pictures, read),
    ]
    sets = ", ".join(machine.instruction_sets())
    notes = [f"{machine.processor()} ({sets}); {backend.about}."]
    print(markdown(rows, notes), end="")
    if options.json:
        write_json(rows, options.json)
    return 0


def _seconds(name: str, backend: Backend, samples: list[Sample], cfg: Config) -> float:
    videos = [MultiViewVideos(samples, cfg.data, cfg.test)(i) for i in range(len(samples))]
    begin = time.perf_counter()
    if name == "computing alone":
        for video in videos:
            rows_of_views(backend, [video], cfg)
    else:
        for _ in rows_of_videos(backend, samples, cfg, what=""):
            pass
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
