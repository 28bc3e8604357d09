"""Re-encodes the videos of a list into smaller files that are read faster.

    python -m slowfast.tools.prepare_videos data/k400/train.good.list data/k400_256

H.264 in mp4 with a short side of --short-side (a smaller video keeps its size), a keyframe every 8
frames, no B-frames, no sound, tuned for fast decoding. Frame i of a new file is frame i of the
source, at the same time. Writes DST/PATH.mp4 for each video, the new list DST/LIST, whose paths
start from DST, and DST/prepared.jsonl: with it, an interrupted run continues, and a later one makes
only what has changed. Labels, parts and times are those of LIST. A video that fails is left
out and named in DST/LIST.failed. Several processes, on any machines, share the work: see
docs/scaling.md.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import contextlib
import functools
import importlib.util
import math
import operator
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast import distributed
from slowfast.cli.command import new_parser, number_between, run, whole_number
from slowfast.config import DataConfig
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.lists import jsonl_lists, read_lists
from slowfast.data.lists.read_lists import Entry as ListEntry
from slowfast.data.lists.read_lists import looker, read_entries
from slowfast.data.lists.text_lists import line_of
from slowfast.data.samples import Sample
from slowfast.data.shards import shard_of, state_of
from slowfast.data.unreadable import reason_of
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError
from slowfast.files import write_lines
from slowfast.journal import Entry, Journal, entries_of
from slowfast.log import Progress, say
from slowfast.shares import journals, left_to_do, merged, own_journal, shared_out

PATH_OF = operator.attrgetter("sample.path")
"""The file that a job reads."""
TIMED = 20
"""Number of videos for which reading a training clip is timed."""


class Job(NamedTuple):
    """A video to make."""

    name: str
    """Its path from DST."""
    sample: Sample


def main(argv: list[str] | None = None) -> int:
    """0; 1 with a line on stderr if a video failed, or nothing can be done; 130."""
    return run(lambda: prepare_list(parse_args(argv)))


def prepare_list(args: argparse.Namespace) -> None:
    """Makes what is not in the journal of this process's share; the process that finishes last
    writes the new list, and prints sizes, PSNR and times."""
    require_encoder()
    entries = read_entries(args.list, args.root, args.task)
    jobs = plan(entries, args)
    owners = shared_out((job.name, shard_of(path) or path) for path, job in jobs.items())
    rank, path = distributed.rank(), args.dst / "prepared.jsonl"
    _require_same_settings(path, args)
    by_name = {job.name: job for job in jobs.values()}
    with own_journal(path, owners) as journal:
        own = {name: job for name, job in by_name.items() if owners[name] == rank}
        make_all(own, journal, args)

    def is_of_now(name: str, entry: Entry) -> bool:
        return "failed" in entry or _is_done(by_name[name], entry, args.dst)

    with merged(path, owners, is_of_now) as entry_of:
        if entry_of:
            write_results(entries, jobs, entry_of, args)


def require_encoder() -> None:
    """Raises UserError unless PyAV is installed and has libx264."""
    if importlib.util.find_spec("av") is None:
        raise UserError("prepare_videos encodes with PyAV: pip install av")
    import av

    if "libx264" not in av.codecs_available:
        raise UserError("this PyAV has no libx264: pip install --only-binary av av")


def plan(entries: list[ListEntry], args: argparse.Namespace) -> dict[str, Job]:
    """The job of each video, by path. UserError if one would overwrite a source or a new file."""
    root, dst = os.path.abspath(args.root), os.path.abspath(args.dst)
    if os.path.realpath(root) == os.path.realpath(dst):
        raise UserError(f"{args.dst} is --root, where the sources are: give another DST")
    if read_lists.is_json(args.list_out) != read_lists.is_json(args.list):
        raise UserError(f"{args.list_out} and {args.list}: both must end in .jsonl, or none")
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
        jobs[sample.path] = Job(name, sample.whole())
    _require_apart(jobs, args.dst)
    return jobs


def _require_apart(jobs: dict[str, Job], dst: Path) -> None:
    """Raises UserError if a new file would overwrite a source, whatever links lead to it."""
    real = functools.cache(os.path.realpath)  # of the folders: for each file it would take long
    look = looker()

    def place(path: str) -> str:
        found = look(path)
        if found and found.is_symlink():
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        return os.path.join(real(folder), name)

    targets = {job.name: os.path.join(dst, job.name) for job in jobs.values()}
    folders = {real(os.path.dirname(target)) for target in targets.values()}
    sources = {source for source in map(place, jobs) if os.path.dirname(source) in folders}
    for name, target in targets.items():
        if sources and place(target) in sources:
            raise UserError(f"{dst}: {name} would overwrite a source: give another DST")


def make_all(jobs: dict[str, Job], journal: Journal, args: argparse.Namespace) -> None:
    """Makes the files, by name, that are missing; the journal says also which failed, and why."""
    from slowfast.data.video.encode import Settings, prepare_video  # needs PyAV

    settings = Settings(**_settings(args))

    def is_done(name: str, entry: Entry) -> bool:
        return _is_done(jobs[name], entry, args.dst)

    todo = [jobs[name] for name in left_to_do(journal, jobs, is_done, "videos are prepared")]
    progress, num_failed = Progress("prepare", len(todo)), 0
    partial = _own_partial(args.dst / ".partial")

    def make(job: Job) -> dict[str, Any]:
        state = state_of(job.sample.path)  # before: a source that changes is made again
        beside = partial / f"{os.getpid()}.mp4"
        try:
            answer = prepare_video(job.sample, args.dst / job.name, beside, settings)
        except OSError as error:  # a full disk, or similar: not this video's fault alone
            raise UserError(f"{error.filename or beside}: {error.strerror or error}") from error
        source = os.path.abspath(job.sample.path)
        return {"source": source, "state": state, "settings": _settings(args), **answer}

    try:
        with Loader(
            make, num_workers=min(args.workers, len(todo)), describe=PATH_OF,
            seconds=args.seconds, limit="--seconds",
        ) as loader:  # fmt: skip
            for done, (job, answer) in enumerate(loader.as_ready(todo), 1):
                if isinstance(answer, VideoError):
                    answer = {"failed": reason_of(job.sample.path, answer)}
                    num_failed += 1
                journal.add(job.name, answer)
                progress.update(done, f"{num_failed} failed")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process is at work there
            partial.parent.rmdir()
    progress.finish(f"{num_failed} failed")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """What decides how a new file looks."""
    from slowfast.data.video.encode import Settings  # needs PyAV

    return {name: getattr(args, name) for name in Settings.__annotations__}


def _require_same_settings(path: Path, args: argparse.Namespace) -> None:
    """Raises UserError if the files of this journal say that DST holds videos of other settings."""
    for file in journals(path):
        made = next((entry["settings"] for entry in entries_of(file) if "settings" in entry), None)
        # Settings that came later are not in the journals before.
        if made and _settings(args) | made != _settings(args):
            flags = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in made.items())
            raise UserError(f"{args.dst} holds videos made with {flags}: use these, or another DST")


def _own_partial(folder: Path) -> Path:
    """A folder of this process for unfinished videos; removes those that killed runs have left."""
    rank, world = distributed.rank(), distributed.world_size()
    for left in folder.glob("[0-9]*"):
        if left.name.isdecimal() and int(left.name) % world == rank:
            shutil.rmtree(left, ignore_errors=True)
    own = folder / str(rank)
    own.mkdir(parents=True, exist_ok=True)
    return own


def _is_done(job: Job, entry: Entry, dst: Path) -> bool:
    if "failed" in entry:
        return False
    source = os.path.abspath(job.sample.path)
    if entry["source"] != source and state_of(entry["source"]):
        raise UserError(f"{dst / job.name} is made of {entry['source']}, so not of {source} too")
    made = state_of(str(dst / job.name))
    is_whole = made is not None and made[0] == entry["bytes"]
    return is_whole and bool(entry["state"] == state_of(source))


def write_results(
    entries: list[ListEntry], jobs: dict[str, Job], entry_of: Callable[[str], Entry],
    args: argparse.Namespace,
) -> None:  # fmt: skip
    """Writes the new list and the reasons of what failed, and prints sizes, PSNR and times. Raises
    UserError if a video failed."""
    failed, sizes = {}, Sizes()
    for job in jobs.values():
        entry = entry_of(job.name)
        if "failed" in entry:
            failed[job.name] = entry["failed"]
        else:
            sizes.add(job.name, entry)
    lines = []
    for _, sample in entries:
        name = jobs[sample.path].name
        if name not in failed and read_lists.is_json(args.list):
            lines.append(jsonl_lists.line_of(sample._replace(path=name, num_frames=None)))
        elif name not in failed:
            lines.append(line_of(name, None, sample.label, read_lists.separator_of(args.list_out)))
    reasons = Path(f"{args.list_out}.failed")
    write_lines(reasons, list(failed.values()))
    if lines:
        write_lines(args.list_out, lines)
        say(f"{args.list_out}: {len(lines):,} of {len(entries):,} videos", *sizes.lines())
        time_clips([job for job in jobs.values() if job.name not in failed], args)
    if failed:
        raise UserError(f"{len(failed):,} of {len(jobs):,} videos failed, see {reasons}")


@dataclass
class Sizes:
    """Bytes and quality of the videos that were made."""

    count: int = 0
    before: int = 0
    after: int = 0
    psnr: float = 0.0
    worst: tuple[float, str] = (math.inf, "")

    def add(self, name: str, entry: Entry) -> None:
        """Counts a video."""
        self.count += 1
        self.before += entry["source_bytes"]
        self.after += entry["bytes"]
        self.psnr += entry["psnr"]
        self.worst = min(self.worst, (entry["psnr"], name))

    def lines(self) -> list[str]:
        """What is told of them."""
        before, after, (least, name) = self.before, self.after, self.worst
        return [
            f"size    {before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB, {after / before:.0%}",
            f"PSNR    {self.psnr / self.count:.1f} dB on average, {least:.1f} dB at worst ({name})",
            "        of 8 frames a video, RGB, against the source's frames resized to the new size",
        ]


def time_clips(jobs: list[Job], args: argparse.Namespace) -> None:
    """Prints the time to read a training clip, before and after."""
    chosen = [jobs[i] for i in np.linspace(0, len(jobs) - 1, min(TIMED, len(jobs))).astype(int)]
    data = DataConfig(
        frame_pattern=args.frame_pattern, frame_fps=args.frame_fps, frame_start=args.frame_start
    )

    def clip_times(job: Job) -> list[float]:
        clips = TrainClips([job.sample, Sample(str(args.dst / job.name))], data, seed=0)
        times = []
        for index in (0, 1, 0, 1):
            began = time.perf_counter()
            clips(TrainKey(0, index))
            times.append(1000 * (time.perf_counter() - began))
        return times[2:]  # the first two warm up

    with Loader(
        clip_times, num_workers=1, describe=PATH_OF, seconds=args.seconds, limit="--seconds"
    ) as loader:
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
    add("--task", choices=("single", "multi"), default="single",
        help="train.task, where it matters: with multi a line without labels is a video of no "
             "class; a line of several labels says multi, too")  # fmt: skip
    add("--list-out", metavar="FILE", type=Path, help="the new list; default: DST/LIST")
    add("--short-side", metavar="N", type=whole_number(16), default=256,
        help="short side in pixels (%(default)s)")  # fmt: skip
    add("--keyframe-every", metavar="N", type=whole_number(1), default=8,
        help="frames from one keyframe to the next (%(default)s)")  # fmt: skip
    add("--crf", type=whole_number(0, 51), default=21,
        help="0 to 51; lower is better quality and larger files (%(default)s)")  # fmt: skip
    add("--workers", metavar="N", type=whole_number(1), default=distributed.own_cores(),
        help="number of processes (%(default)s)")  # fmt: skip
    add("--seconds", type=times, default=300.0,
        help="a video that does not get on for so long counts as failed (%(default)s)")  # fmt: skip
    add("--frame-pattern", default=data.frame_pattern, help="names in frame folders (%(default)s)")
    add("--frame-fps", type=times, default=data.frame_fps, help="of frame folders (%(default)s)")
    add("--frame-start", metavar="N", type=whole_number(0), default=data.frame_start,
        help="number of the first frame in folders; default: 0 or 1, as is there")  # fmt: skip
    args = parser.parse_args(argv)
    args.root = args.root or args.list.parent
    args.list_out = args.list_out or args.dst / args.list.name
    return args


if __name__ == "__main__":
    sys.exit(main())
