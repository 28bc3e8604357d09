"""The run on the record (docs/record.md): makes its videos, and trains and tests on them.

From the repository's root, in the project's environment:

    pip install -r benchmarks/requirements-record.txt
    python -m benchmarks.record --work record [--scale 0.02]

The motions come from PyBullet's source package, which pip downloads. What is done is not done
again: a stopped run goes on with the same command. ``--scale`` takes that share of the videos and
epochs.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.record_sets import NEW_PICTURES, PICTURES, splits
from benchmarks.record_videos import Sources, copy_pictures, write_split
from slowfast import machine
from slowfast.errors import UserError
from slowfast.files import write_json
from slowfast.log import Progress, table

PYBULLET = "pybullet==3.2.7"
MOTIONS = "examples/pybullet/gym/pybullet_data/data/motions"
CONFIG = "benchmarks/record.yaml"
BEST = "SlowFast_best.pdparams"


@dataclass(frozen=True)
class Run:
    """A training run; ``settings`` are what its config does not have."""

    name: str
    videos: str
    epochs: int
    begins_with: str = ""
    """The run whose last weights it begins with; random ones without."""
    settings: Mapping[str, object] = field(default_factory=dict)


RUNS = (
    Run("begin", "source", 24, settings={"optim.base_lr": 0.004, "train.val_interval": 4}),
    # One clip a video: a video is as long as a clip.
    Run("head", "target", 40, "begin", {
        "train.head_only": "true", "train.head_clips": 1, "train.batch_size": 16,
        "optim.base_lr": 0.00125, "optim.warmup_start_lr": 0.00025, "optim.grad_clip": 0,
    }),
    Run("whole", "target", 6, "head", {
        "optim.base_lr": 0.004, "train.histogram_interval": 2,
    }),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes what is missing; prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of all that is made")
    parser.add_argument("--scale", type=float, default=1.0, help="share of videos and epochs")
    parser.add_argument("--motions", type=Path, help="folder of humanoid3d_*.txt, not downloaded")
    parser.add_argument("--processes", type=int, default=2, help="that draw videos")
    parser.add_argument("--only-videos", action="store_true", help="no training")
    options = parser.parse_args(arguments)
    work: Path = options.work
    try:
        write_videos(work, options.motions, options.scale, options.processes)
        if options.only_videos:
            return 0
        rows = [run_and_test(run, work, options.scale) for run in RUNS]
    except (UserError, OSError, subprocess.CalledProcessError) as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    print(machine.processor(), *table(rows), sep="\n")
    write_json(work / "record.json", {"processor": machine.processor(), "runs": rows})
    return 0


def write_videos(work: Path, motions: Path | None, scale: float, processes: int) -> None:
    """The videos, lists and class names of all sets in ``work/source`` and ``work/target``."""
    motions = motions or downloaded_motions(work / "motions")
    (spec,) = importlib.util.find_spec("skimage").submodule_search_locations  # type: ignore[union-attr,misc]
    copy_pictures(Path(spec, "data"), work / "pictures", PICTURES + NEW_PICTURES)
    for split in splits(scale):
        progress = Progress(f"videos of {split.folder}/{split.name}", split.num_videos)
        sources = Sources(motions, work / "pictures")
        write_split(split, work, sources, processes, progress.update)
        progress.finish()


def downloaded_motions(folder: Path) -> Path:
    """A folder with the files of DeepMimic's motions, out of PyBullet's source package."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", beside]
        subprocess.run([*pip, "--no-binary", ":all:", PYBULLET], check=True)
        (package,) = Path(beside).glob("*.tar.gz")
        with tarfile.open(package) as archive:
            root = f"{package.name.removesuffix('.tar.gz')}/{MOTIONS}"
            found = [m for m in archive.getmembers() if m.name.startswith(f"{root}/")]
            archive.extractall(beside, found, filter="data")
        Path(beside, root).rename(folder)
    return folder


def run_and_test(run: Run, work: Path, scale: float) -> dict[str, Any]:
    """Trains a network and tests it; a row of the results."""
    output, data = work / "runs" / run.name, work / run.videos
    epochs = _epochs(run, scale)
    settings = {"data.root": data, "output_dir": output, "train.epochs": epochs, **run.settings}
    if run.begins_with:
        before = next(other for other in RUNS if other.name == run.begins_with)
        last = f"SlowFast_epoch_{_epochs(before, scale):06d}.pdparams"
        settings["model.pretrained"] = work / "runs" / before.name / last
    slowfast("--validate", "--resume", "auto", "-c", CONFIG, "-o", *_pairs(settings))
    return {"run": run.name, "epochs": epochs, **tested(output, data)}


def _epochs(run: Run, scale: float) -> int:
    return max(1, round(run.epochs * scale))


def tested(output: Path, data: Path) -> dict[str, float | None]:
    """The accuracies, in percent, of a run's best weights on the test's videos, if it has some."""
    if not (data / "test.list").exists():
        return dict.fromkeys(("test top1", "test top5"))
    if not (output / "test_result.json").exists():
        at = {"data.root": data, "data.test_list": "test.list", "output_dir": output}
        report = output / "report"
        slowfast("--test", "-w", output / BEST, "--report", report, "-o", *_pairs(at))
    result = json.loads((output / "test_result.json").read_text())
    return {f"test {key}": round(100 * result[key], 1) for key in ("top1", "top5")}


def slowfast(*arguments: object) -> None:
    """Runs the project's command."""
    command = [sys.executable, "-m", "slowfast", *map(str, arguments)]
    print("$ python -m slowfast", *arguments, flush=True)
    subprocess.run(command, check=True)


def _pairs(settings: Mapping[str, object]) -> list[str]:
    return [f"{key}={value}" for key, value in settings.items()]


if __name__ == "__main__":
    sys.exit(main())
