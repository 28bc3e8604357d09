"""Re-encodes the videos of a list into smaller files that are read faster.

    python -m slowfast.tools.prepare_videos data/k400/train.good.list data/k400_256

H.264 in mp4 with a short side of --short-side (a smaller video keeps its size), a keyframe every 8
frames, no B-frames, no sound, tuned for fast decoding. Frame i of a new file is frame i of the
source, at the same time. Writes DST/PATH.mp4 for each video, the new list DST/LIST, whose paths
start from DST, and DST/prepared.jsonl: with it, an interrupted run continues, and a later one makes
only what has changed. A video that fails is left out and named in DST/LIST.failed.
"""

import argparse
import importlib.util
import operator
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast.cli.command import new_parser, number_between, run, whole_number
from slowfast.config import DataConfig
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.lists import Entry, Sample, read_entries, separator_of
from slowfast.data.shards import state_of
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError
from slowfast.files import write_lines
from slowfast.journal import Journal
from slowfast.log import Progress

PATH_OF = operator.attrgetter("sample.path")
"""The file that a job reads."""
TIMED = 20
"""Number of videos for which reading a training clip is timed."""


class Job(NamedTuple):
    """A video to make."""

    name: str
    """Its path from DST."""
    sample: Sample
    state: list[int] | None


def main(argv: list[str] | None = None) -> int:
    """0; 1 with a line on stderr if a video failed, or nothing can be done; 130."""
    args = parse_args(argv)
    return run(lambda: prepare_list(args))


def prepare_list(args: argparse.Namespace) -> None:
    """Makes what is not in the journal, writes the new list, prints sizes, PSNR and times."""
    require_encoder()
    entries = read_entries(args.list, args.root)
    jobs = plan(entries, args)
    with Journal(args.dst / "prepared.jsonl") as journal:
        failed = make_all(jobs, journal, args)
        made = {job.name: journal.done[job.name] for job in jobs.values() if job.name not in failed}
    lines = []
    for _, sample in entries:
        name, label = jobs[sample.path].name, sample.label
        if name in made:
            lines.append(name if label < 0 else f"{name}{separator_of(args.list_out)}{label}")
    reasons = Path(f"{args.list_out}.failed")
    write_lines(reasons, list(failed.values()))
    if made:
        write_lines(args.list_out, lines)
        print(f"{args.list_out}: {len(lines):,} of {len(entries):,} videos")
        tell(made, [job for job in jobs.values() if job.name in made], args)
    if failed:
        raise UserError(f"{len(failed):,} of {len(jobs):,} videos failed, see {reasons}")


def require_encoder() -> None:
    """Raises UserError unless PyAV is installed and has libx264."""
    if importlib.util.find_spec("av") is None:
        raise UserError("prepare_videos encodes with PyAV: pip install av")
    import av

    if "libx264" not in av.codecs_available:
        raise UserError("this PyAV has no libx264: pip install --only-binary av av")


def plan(entries: list[Entry], args: argparse.Namespace) -> dict[str, Job]:
    """The job of each video, by path. UserError if one would overwrite a source or a new file."""
    root, dst = os.path.abspath(args.root), os.path.abspath(args.dst)
    if os.path.realpath(root) == os.path.realpath(dst):
        raise UserError(f"{args.dst} is --root, where the sources are: give another DST")
    if args.list_out.resolve() == args.list.resolve():
        raise UserError(f"{args.list} would be overwritten: give --list-out")
    jobs: dict[str, Job] = {}
    by_name: dict[str, str] = {}
    for _, sample in entries:
        name = os.path.relpath(os.path.abspath(sample.path), root)
        if name.startswith(os.pardir + os.sep):
            raise UserError(f"{sample.path} is not below --root {args.root}: give a --root that is")
        name = name if name.lower().endswith(".mp4") else f"{name}.mp4"
        if by_name.setdefault(name, sample.path) != sample.path:
            raise UserError(f"{by_name[name]} and {sample.path} would both become {name}")
        jobs[sample.path] = Job(name, sample, state_of(sample.path))
    sources = {os.path.realpath(path) for path in jobs}
    for job in jobs.values():
        if os.path.realpath(os.path.join(dst, job.name)) in sources:
            raise UserError(f"{args.dst}: {job.name} would overwrite a source: give another DST")
    return jobs


def make_all(jobs: dict[str, Job], journal: Journal, args: argparse.Namespace) -> dict[str, str]:
    """Makes the files that are missing; returns the reasons of those that failed, by name."""
    from slowfast.data.video.encode import Settings, prepare_video  # needs PyAV, an extra

    settings = Settings(**{name: getattr(args, name) for name in Settings.__annotations__})
    for entry in journal.done.values():
        if entry["settings"] != asdict(settings):
            flags = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in entry["settings"].items())
            raise UserError(f"{args.dst} holds videos made with {flags}: use these, or another DST")
    todo = [job for job in jobs.values() if not _is_done(job, journal, args.dst)]
    if len(todo) < len(jobs):
        print(f"{len(jobs) - len(todo):,} of {len(jobs):,} videos are prepared already")
    progress, failed = Progress("prepare", len(todo)), {}
    partial = args.dst / ".partial"
    partial.mkdir(exist_ok=True)

    def make(job: Job) -> dict[str, Any]:
        beside = partial / f"{os.getpid()}.mp4"
        try:
            return prepare_video(job.sample, args.dst / job.name, beside, settings)
        except OSError as error:  # a full disk, or similar: not this video's fault alone
            raise UserError(f"{error.filename or beside}: {error.strerror or error}") from error

    try:
        readers = min(args.workers, len(todo))
        with Loader(make, num_workers=readers, describe=PATH_OF, seconds=args.seconds) as loader:
            for done, (job, answer) in enumerate(loader.as_ready(todo), 1):
                if isinstance(answer, VideoError):
                    failed[job.name] = reason_of(job.sample.path, answer)
                else:
                    source = os.path.abspath(job.sample.path)
                    about = {"source": source, "state": job.state, "settings": asdict(settings)}
                    journal.add(job.name, {**about, **answer})
                progress.update(done, f"{len(failed)} failed")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    progress.finish(f"{len(failed)} failed")
    return failed


def _is_done(job: Job, journal: Journal, dst: Path) -> bool:
    if not (entry := journal.done.get(job.name)):
        return False
    source = os.path.abspath(job.sample.path)
    if entry["source"] != source and state_of(entry["source"]):
        raise UserError(f"{dst / job.name} is made of {entry['source']}, so not of {source} too")
    made = state_of(str(dst / job.name))
    return entry["state"] == job.state and made is not None and made[0] == entry["bytes"]


def tell(made: dict[str, dict[str, Any]], jobs: list[Job], args: argparse.Namespace) -> None:
    """Prints sizes, PSNR, and the time to read a training clip."""
    before, after = (sum(row[key] for row in made.values()) for key in ("source_bytes", "bytes"))
    worst = min(made, key=lambda name: made[name]["psnr"])
    psnr = float(np.mean([entry["psnr"] for entry in made.values()]))
    print(f"size    {before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB, {after / before:.0%}")
    print(f"PSNR    {psnr:.1f} dB on average, {made[worst]['psnr']:.1f} dB at worst ({worst})")
    print("        of 8 frames a video, RGB, against the source's frames resized to the new size")
    chosen = [jobs[i] for i in np.linspace(0, len(jobs) - 1, min(TIMED, len(jobs))).astype(int)]
    data = DataConfig(frame_pattern=args.frame_pattern, frame_fps=args.frame_fps)

    def clip_times(job: Job) -> list[float]:
        clips = TrainClips([job.sample, Sample(str(args.dst / job.name))], data, seed=0)
        times = []
        for index in (0, 1, 0, 1):
            began = time.perf_counter()
            clips(TrainKey(0, index))
            times.append(1000 * (time.perf_counter() - began))
        return times[2:]  # the first two warm up

    with Loader(clip_times, num_workers=1, describe=PATH_OF, seconds=args.seconds) as loader:
        answers = [answer for _, answer in loader.as_ready(chosen)]
    times = [answer for answer in answers if not isinstance(answer, VideoError)]
    if times:
        old, new = np.mean(times, axis=0)
        print(f"reading {old:.0f} ms -> {new:.0f} ms for a training clip (mean of {len(times)})")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags, with the paths they default to."""
    parser = new_parser("slowfast.tools.prepare_videos", __doc__)
    data, times = DataConfig(), number_between(0, 10**6)
    add = parser.add_argument
    add("list", metavar="LIST", type=Path, help="a list of videos, with labels or bare paths")
    add("dst", metavar="DST", type=Path, help="the folder of the new videos")
    add("--root", type=Path, help="where the list's paths start from; default: its folder")
    add("--list-out", metavar="FILE", type=Path, help="the new list; default: DST/LIST")
    add("--short-side", metavar="N", type=whole_number(16), default=256,
        help="short side in pixels (%(default)s)")  # fmt: skip
    add("--keyframe-every", metavar="N", type=whole_number(1), default=8,
        help="frames from one keyframe to the next (%(default)s)")  # fmt: skip
    add("--crf", type=whole_number(0, 51), default=21,
        help="0 to 51; lower is better quality and larger files (%(default)s)")  # fmt: skip
    add("--workers", metavar="N", type=whole_number(1), default=os.cpu_count(),
        help="number of processes (%(default)s)")  # fmt: skip
    add("--seconds", type=times, default=1800.0,
        help="time limit per video; a slower one counts as failed (%(default)s)")  # fmt: skip
    add("--frame-pattern", default=data.frame_pattern, help="names in frame folders (%(default)s)")
    add("--frame-fps", type=times, default=data.frame_fps, help="of frame folders (%(default)s)")
    args = parser.parse_args(argv)
    args.root = args.root or args.list.parent
    args.list_out = args.list_out or args.dst / args.list.name
    return args


if __name__ == "__main__":
    sys.exit(main())
