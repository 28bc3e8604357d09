"""What a second reader process brings."""

import statistics
import time
from pathlib import Path

from benchmarks.report import Row
from benchmarks.timing import progress
from slowfast.config import DataConfig
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.samples import Sample
from slowfast.data.workers.loader import Loader

NUM_CLIPS, BATCH = 48, 4
ROUNDS = 5


def processes_row(path: Path, size: str, decoder: str) -> Row:
    """Seconds per training clip with 2 reader processes, against 1, not pinned to a core."""
    data = DataConfig(decoder=decoder)  # type: ignore[arg-type]
    read = TrainClips([Sample(str(path), 0)], data, seed=0)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for number in range(ROUNDS + 1):
        for workers, values in seconds.items():
            elapsed = _seconds_per_clip(read, workers)
            if number:
                values.append(elapsed)
        progress(f"reader processes, {size}: round {number} of {ROUNDS}")
    one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
    return Row(f"train clip, {size}, 2 reader processes over 1, {decoder}", "1 process", two, one)


def _seconds_per_clip(read: TrainClips, workers: int) -> float:
    keys = [TrainKey(epoch, 0) for epoch in range(NUM_CLIPS)]
    batches = [keys[i : i + BATCH] for i in range(0, NUM_CLIPS, BATCH)]
    with Loader(read, num_workers=workers) as loader:
        list(loader.run(batches[:workers]))  # the processes are up and have read
        begin = time.perf_counter()
        for items in loader.run(batches):
            for item in items:
                if isinstance(item, Exception):
                    raise item
        return (time.perf_counter() - begin) / NUM_CLIPS
