"""Thousands of reads and hundreds of saves in one process: memory and open files stay flat."""

import random
from pathlib import Path

from benchmarks import soak
from benchmarks import survival_runs as runs
from benchmarks.memory import SAMPLE_EVERY, Watch, quarters
from benchmarks.survival import Outcome, times
from benchmarks.timing import progress

READS, SAVES = 3000, 300
BOUND = 24.0
"""MiB by which memory may grow after the first quarter."""


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """An outcome for the reads and one for the saves."""
    files = soak.make_files(folder)
    reads = max(times(READS, scale), 4 * SAMPLE_EVERY)
    watch, outcomes = soak.soak(files, reads, "opencv", random.Random(seed))
    errors = sum(count for (_, outcome), count in outcomes.items() if outcome == "error")
    try:
        soak.check(watch, outcomes, files, BOUND)
        fault = ""
    except soak.SoakError as error:
        fault = f"; {error}"
    what = "reads of whole and broken files, some at which the reader crashes or hangs"
    told = f"{reads - errors:,} clips and {errors:,} errors, each of its file; "
    read = Outcome(what, reads, told + _told(watch) + fault, not fault)
    count = max(times(SAVES, scale), 8)
    watch = save(count, folder)
    return [read, Outcome("saves of a checkpoint with EMA", count, _told(watch), is_flat(watch))]


def save(count: int, folder: Path) -> Watch:
    """Saves so many checkpoints in this process, of which the last two stay."""
    from slowfast import machine

    machine.import_paddle()
    from slowfast.config import load_config
    from slowfast.models import build_model
    from slowfast.train.checkpoint import TrainState, save_checkpoint
    from slowfast.train.recipe.ema import Ema
    from slowfast.train.recipe.optim import build_optimizer

    overrides = [f"output_dir={folder / 'saves'}", "train.keep_last=2"]
    cfg, watch = load_config(runs.make_data(folder), overrides), Watch()
    model = build_model(cfg.model, cfg.data.crop_size)
    state = TrainState(model, build_optimizer(model, cfg.optim), ema=Ema(model, cfg.train.ema))
    (folder / "saves").mkdir()
    for number in range(count):
        state.epoch = number + 1
        save_checkpoint(state, cfg, is_best=number % 3 == 0)
        watch.look()
    progress(f"{count} saves")
    return watch


def is_flat(watch: Watch) -> bool:
    """Whether neither memory nor open files grow after the first quarter."""
    first, last = quarters(watch.mebibytes)
    before, after = quarters(watch.descriptors)
    return last - first <= BOUND and after <= before


def _told(watch: Watch) -> str:
    first, last = quarters(watch.mebibytes)
    before, after = quarters(watch.descriptors)
    return (
        f"memory {first:.1f} MiB in the second quarter and {last:.1f} in the last (bound "
        f"+{BOUND:g}), open files {before:g} and {after:g}"
    )
