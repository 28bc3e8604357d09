"""What training should come to on 1, 8 and 64 GPUs: arithmetic, nothing measured by it.

    python -m benchmarks.predict_scaling                           # the tables of docs/scaling.md
    python -m benchmarks.predict_scaling --check docs/scaling.md   # are they what it prints?

Change a constant, or add a GPU, and run it again. A step takes ``compute + exchange``: nothing of
the exchange is counted as hidden behind the backward pass, of which Paddle does hide some.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

GMAC = 27.639
"""1e9 multiply-adds of a clip at 224, SlowFast R50 4x16 (tests/test_models.py). 8x8: 50.309."""
PARAMETERS = 34.48e6
"""Of the same network (tests/test_models.py); gradients are float32, with mixed precision, too."""
BATCH = 16
"""Clips per GPU and step (train.batch_size): 1,024 on 64 GPUs, as in the paper."""
CLIPS, EPOCHS = 234_619, 196
"""PaddleVideo's copy of Kinetics-400 (docs/data.md) and recipe."""
GPUS_PER_MACHINE = 8

PADDLEVIDEO = 99.5
"""Clips per second on 8 V100: PaddleVideo, docs/en/benchmark.md, SlowFast, 16 x 8."""
ASSUMED_SHARE = 0.3
"""ASSUMED: share of the peak that arithmetic reaches in bfloat16 on A100 and H100."""
VALUES = 90.5e6
"""Numbers that a clip's convolutions put out in one forward pass at 224, counted. 8x8: 136.6e6."""
PASSES = 16
"""ASSUMED: times that each of them crosses the GPU's memory in a step. Convolution, batch norm,
ReLU and the next convolution read or write it some 7 times forward, some 10 backward."""
LINK_SHARE = 0.8
"""ASSUMED: share of a link's bandwidth that an all-reduce reaches."""
SMALL_SUM = 1e-4
"""ASSUMED: seconds of the step's small sum (6 numbers): latency alone."""
SECOND_PROCESS = 1.86
"""Two reader processes against one, on 2 cores (docs/benchmarks.md)."""
CORES_PER_GPU = 16
"""ASSUMED: 128 cores for 8 GPUs."""

GFLOP = GMAC * 2 * 3
"""Of a training clip: 2 operations a multiply-add; backward takes twice what forward does."""


class Gpu(NamedTuple):
    """A GPU, as NVIDIA's data sheets have it: V100 SXM2, A100 SXM 80 GB, H100 SXM."""

    name: str
    peak: float
    """1e12 operations per second, without sparsity."""
    share: float
    """Of the peak, in training."""
    memory: float
    """1e9 bytes per second."""
    value_bytes: int
    """Of a number between layers."""
    nvlink: float
    """1e9 bytes per second and direction."""
    links: tuple[int, ...]
    """Gbit/s between machines, per machine."""


V100_SHARE = PADDLEVIDEO / 8 * GFLOP / 15_700
GPUS = (
    Gpu("V100, float32", 15.7, V100_SHARE, 900, 4, 150, (100,)),
    Gpu("A100, bfloat16", 312, ASSUMED_SHARE, 2_039, 2, 300, (100, 200, 1600)),
    Gpu("H100, bfloat16", 989, ASSUMED_SHARE, 3_350, 2, 450, (100, 200, 1600)),
)
FILES = (
    ("1280x720", 0.534),
    ("340x256", 0.075),
    ("prepared from 1280x720", 0.029),
    ("prepared from 340x256", 0.023),
)
"""Seconds of one core for a training clip, OpenCV (docs/benchmarks.md)."""


def clips_alone(gpu: Gpu) -> float:
    """Clips per second that one GPU computes: as its arithmetic or its memory allows."""
    arithmetic = gpu.peak * 1e3 * gpu.share / GFLOP
    return min(arithmetic, gpu.memory * 1e9 / (VALUES * PASSES * gpu.value_bytes))


def exchange_seconds(num_gpus: int, gigabytes_per_second: float) -> float:
    """A ring all-reduce of the gradients over the slowest link of the ring, and the small sum."""
    if num_gpus == 1:
        return 0.0
    sent = 2 * (num_gpus - 1) / num_gpus * PARAMETERS * 4
    return sent / (gigabytes_per_second * 1e9 * LINK_SHARE) + SMALL_SUM


def reader_clips(seconds: float) -> float:
    """Clips per second that the cores of one GPU read."""
    return CORES_PER_GPU * (SECOND_PROCESS / 2) / seconds


def hours(clips_per_second: float) -> str:
    """Of the whole training, without validation."""
    return f"{EPOCHS * CLIPS / clips_per_second / 3600:,.1f}"


def rate(clips_per_second: float) -> str:
    """To three digits; no more is known."""
    return f"{float(f'{clips_per_second:.3g}'):,g}"


def compute_table() -> list[str]:
    """A row for each GPU, number of them, and link."""
    rows = [
        "| GPU | GPUs | link | compute, ms | exchange, ms | clips/s | efficiency | hours |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for gpu in GPUS:
        compute = BATCH / clips_alone(gpu)
        cases = [(1, "-", 1.0), (GPUS_PER_MACHINE, f"NVLink, {gpu.nvlink:.0f} GB/s", gpu.nvlink)]
        cases += [(64, f"{link:,} Gbit/s", link / 8) for link in gpu.links]
        for number, link, bandwidth in cases:
            exchange = exchange_seconds(number, bandwidth)
            clips = number * BATCH / (compute + exchange)
            rows.append(
                f"| {gpu.name} | {number} | {link} | {compute * 1e3:.1f} | {exchange * 1e3:.1f} | "
                f"{rate(clips)} | {compute / (compute + exchange):.0%} | {hours(clips)} |"
            )
    return rows


def reader_table() -> list[str]:
    """A row for each kind of file: what the cores deliver, and how many the GPUs want."""
    names = [gpu.name.partition(",")[0] for gpu in GPUS]
    rows = [
        "| files | ms a clip | clips/s with 1, 8, 64 GPUs | hours with 1, 8, 64 | "
        f"efficiency, {names[-1]} | cores a GPU for {', '.join(names)} |",
        "|---|--:|---|---|--:|---|",
    ]
    for name, seconds in FILES:
        clips = reader_clips(seconds)
        wanted = (clips_alone(gpu) / clips * CORES_PER_GPU for gpu in GPUS)
        rows.append(
            f"| {name} | {seconds * 1e3:.0f} | {', '.join(rate(n * clips) for n in (1, 8, 64))} | "
            f"{', '.join(hours(n * clips) for n in (1, 8, 64))} | "
            f"{min(clips / clips_alone(GPUS[-1]), 1):.0%} | "
            f"{', '.join(f'{cores:,.1f}' for cores in wanted)} |"
        )
    return rows


def main() -> int:
    """Prints the tables, or checks that a file has them; returns the exit status."""
    parser = argparse.ArgumentParser(prog="predict_scaling", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", type=Path, help="a file that must have the tables as they are")
    options = parser.parse_args()
    tables = ["\n".join(compute_table()), "\n".join(reader_table())]
    if options.check is None:
        print("\n\n".join(tables))
        return 0
    text = options.check.read_text(encoding="utf-8")
    if all(table in text for table in tables):
        return 0
    print(f"{options.check}: not the tables that predict_scaling prints", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
