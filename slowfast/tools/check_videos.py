"""Decodes every video of a list, says which cannot be used, and describes the others.

    python -m slowfast.tools.check_videos data/k400/train.list

Writes beside the list, or into --out: train.good.list and train.bad.list with the list's own lines,
train.videos.csv with a row for each video, and train.checked.jsonl: with it, an interrupted run
continues, and a later one only decodes what has changed. Several processes, on any machines, share
the work: see docs/scaling.md.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import contextlib
import os
import statistics
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from slowfast import distributed
from slowfast.cli.command import new_parser, number_between, run, whole_number
from slowfast.config import DataConfig
from slowfast.data.lists.read_lists import Entry as ListEntry
from slowfast.data.lists.read_lists import read_entries
from slowfast.data.samples import Sample
from slowfast.data.shards import shard_of, state_of
from slowfast.data.unreadable import reason_of
from slowfast.data.video.open import chosen_decoder, decoder_version, open_video
from slowfast.data.video.part import times_in
from slowfast.data.video.reader import VideoError, no_frame
from slowfast.data.workers.loader import Loader
from slowfast.errors import escaped
from slowfast.files import write_csv, write_lines
from slowfast.journal import Entry, Journal
from slowfast.log import Progress, say
from slowfast.shares import left_to_do, merged, own_journal, shared_out

SOUND_ONLY = 0.5
"""Sound may go on for so long after the last picture; the container's duration has it, seconds."""
FAR_APART = 16
"""From this mean distance between keyframes, in frames, prepare_videos is recommended."""
SHOWN = 10
"""Bad videos named on the screen; the csv names all."""


@dataclass
class Video:
    """A row of the csv."""

    path: str
    start: float | None = None
    """Of the part, seconds; None: it begins, or ends, with the video."""
    end: float | None = None
    status: str = "good"
    """good; short: fewer frames, or a shorter film, than the file says, still usable; bad."""
    reason: str = ""
    frames: int = 0
    """Frames that could be decoded."""
    frames_said: int = 0
    """Frames that there are by the file's packets, or in the folder."""
    seconds: float = 0.0
    """From the first frame to the end of the last."""
    seconds_said: float = 0.0
    """What the container says; 0 if it does not."""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    codec: str = ""
    keyframes: int = 0
    mean_gap: float = 0.0
    """Frames from one keyframe to the next."""
    longest_gap: int = 0


def main(argv: list[str] | None = None) -> int:
    """0 once every video is checked, bad ones or not; 1 with one line on stderr; 130."""
    return run(lambda: check_list(parse_args(argv)))


def check_list(args: argparse.Namespace) -> None:
    """Checks what is not in the journal of this process's share; the process that finishes last
    writes the lists and the csv, and prints a summary."""
    decoder_version(args.decoder)
    entries = read_entries(args.list, args.root, args.task)
    keys = [_key(entry.sample, args) for entry in entries]
    files = (shard_of(entry.sample.path) or entry.sample.path for entry in entries)
    owners = shared_out(zip(keys, files, strict=True))
    samples = {key: entry.sample.whole() for key, entry in zip(keys, entries, strict=True)}
    rank, path = distributed.rank(), args.out / f"{args.list.stem}.checked.jsonl"
    with own_journal(path, owners) as journal:
        check_all({key: s for key, s in samples.items() if owners[key] == rank}, journal, args)

    def is_of_now(key: str, about: Entry) -> bool:
        return about["state"] is None or about["state"] == state_of(samples[key].path)

    with merged(path, owners, is_of_now) as entry_of:
        if entry_of:
            write_results(entries, (entry_of(key)["video"] for key in keys), args)


def check_all(samples: dict[str, Sample], journal: Journal, args: argparse.Namespace) -> None:
    """Brings the journal up to date with the files of these samples."""

    def is_done(key: str, about: Entry) -> bool:
        state = about["state"]
        return state is not None and bool(state == state_of(samples[key].path))

    todo = left_to_do(journal, samples, is_done, "videos are checked")
    progress = Progress("check", len(todo))
    num_bad = 0

    def check(key: str) -> tuple[list[int] | None, Video]:
        sample = samples[key]
        state = state_of(sample.path)  # before: a file that changes meanwhile is checked again
        try:
            return state, check_video(sample, args)
        except VideoError as error:
            return state, unreadable(sample.path, error)

    def path_of(key: str) -> str:
        return samples[key].path

    with Loader(
        check, num_workers=min(args.workers, len(todo)), describe=path_of,
        seconds=args.seconds, limit="--seconds",
    ) as loader:  # fmt: skip
        for done, (key, answer) in enumerate(loader.as_ready(todo), 1):
            if isinstance(answer, VideoError):  # a crash, a hang, the disk's fault: without state,
                answer = None, unreadable(path_of(key), answer)  # it is tried again
            state, video = answer
            row = asdict(video)
            for own in ("path", "start", "end"):  # of a line, not of the file
                del row[own]
            journal.add(key, {"state": state, "video": row})
            num_bad += judged(video, args.max_lost).status == "bad"
            progress.update(done, f"{num_bad} bad")
    progress.finish(f"{num_bad} bad")


def check_video(sample: Sample, args: argparse.Namespace) -> Video:
    """Decodes all of one video. Raises VideoError if it cannot be opened, or no frame decoded."""
    how = args.frame_pattern, args.frame_fps, args.decoder, args.frame_start
    with contextlib.closing(open_video(sample, *how)) as reader:
        said = reader.num_frames
        frames, (width, height) = reader.decode_all()
        if not frames:
            raise no_frame(sample.path)
        (last,) = reader.seconds(np.array([reader.num_frames - 1]))
        packets, keys = reader.keyframes()
    video = Video(sample.path, frames=frames, frames_said=said)
    video.seconds = round(float(last) + 1 / reader.fps, 3)
    video.seconds_said, video.fps = round(reader.seconds_said, 3), reader.fps
    video.width, video.height, video.codec = width, height, reader.codec
    if len(keys):
        video.keyframes, video.mean_gap = len(keys), round(packets / len(keys), 1)
        video.longest_gap = int(np.diff(keys, append=packets).max())
    return video


def unreadable(path: str, error: VideoError | str) -> Video:
    """The row of a video that cannot be read."""
    reason = reason_of(path, error).removeprefix(f"{escaped(path)}: ")
    return Video(path, status="bad", reason=reason)


def judged(video: Video, max_lost: float) -> Video:
    """The video, if it could be read, with its status: short if a part is missing, bad if that is
    more than ``max_lost`` of it."""
    if video.status == "bad":
        return video
    lost, reasons = 0.0, []
    if video.frames < video.frames_said:
        lost = 1 - video.frames / video.frames_said
        reasons.append(f"{video.frames} of {video.frames_said} frames could be decoded")
    if video.seconds < video.seconds_said - SOUND_ONLY:
        lost = max(lost, 1 - video.seconds / video.seconds_said)
        reasons.append(f"{video.seconds:g} s where the container says {video.seconds_said:g}")
    if reasons:
        video.status, video.reason = "bad" if lost > max_lost else "short", ", ".join(reasons)
    return video


def of_part(video: Video, sample: Sample) -> Video:
    """The row of a part of a video, of which it has the seconds; bad if it, or an action of the
    sample, is outside."""
    if video.status != "bad":
        try:
            start, end = times_in(sample, video.seconds)
        except VideoError as error:
            video = unreadable(sample.path, str(error).removeprefix(f"{sample.shown}: "))
        else:
            video.seconds = round(end - start, 3)
    video.start, video.end = sample.start, sample.end
    return video


def write_results(
    entries: list[ListEntry], found: Iterable[dict[str, Any]], args: argparse.Namespace
) -> None:
    """Writes the csv and the lists of the good and the bad, and prints the summary. ``found`` has
    what the journal says of each entry; in memory there is one at a time."""
    progress, summary, are_bad = Progress("write", len(entries)), Summary(), bytearray()

    def rows() -> Iterator[dict[str, Any]]:
        for entry, about in zip(entries, found, strict=True):
            video = judged(Video(entry.sample.path, **about), args.max_lost)
            video = of_part(video, entry.sample)
            summary.add(video)
            are_bad.append(video.status == "bad")
            progress.update(len(are_bad))
            yield asdict(video)

    stem, ending = args.list.stem, args.list.suffix
    good, bad = args.out / f"{stem}.good{ending}", args.out / f"{stem}.bad{ending}"
    table = args.out / f"{stem}.videos.csv"
    write_csv(table, rows())
    progress.finish()
    for path, wanted in ((good, False), (bad, True)):
        lines = zip(entries, are_bad, strict=True)
        write_lines(path, [entry.line for entry, is_bad in lines if is_bad == wanted])
    say(*summary.lines(good, bad, table))


@dataclass
class Summary:
    """What is told of the videos of a list; 24 bytes for each."""

    bad: list[str] = field(default_factory=list)
    """The first ``SHOWN`` bad ones, and why."""
    num_bad: int = 0
    num_short: int = 0
    codecs: Counter[str] = field(default_factory=Counter)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    fps: "array[float]" = field(default_factory=lambda: array("d"))
    short_sides: "array[float]" = field(default_factory=lambda: array("d"))
    """Of the usable ones, as are the others here."""
    num_keyframes: int = 0
    between_keyframes: float = 0.0
    longest_gap: int = 0

    def add(self, video: Video) -> None:
        """Counts a video."""
        if video.status == "bad":
            self.num_bad += 1
            if self.num_bad <= SHOWN:
                sample = Sample(video.path, start=video.start, end=video.end)
                self.bad.append(f"{sample.shown}: {video.reason}")
            return
        self.num_short += video.status == "short"
        self.codecs[video.codec] += 1
        self.seconds.append(video.seconds)
        self.fps.append(video.fps)
        self.short_sides.append(min(video.width, video.height))
        self.num_keyframes += video.keyframes
        self.between_keyframes += video.mean_gap * video.keyframes
        self.longest_gap = max(self.longest_gap, video.longest_gap)

    def lines(self, good: Path, bad: Path, table: Path) -> list[str]:
        """The lines of the summary."""
        count = len(self.seconds)
        lines = [f"{count:,} good{f': {good}' if count else ''}"]
        lines += [f"{self.num_bad:,} bad{f': {bad}' if self.num_bad else ''}"]
        lines += [f"    {line}" for line in self.bad]
        if self.num_bad > SHOWN:
            lines.append(f"    and {self.num_bad - SHOWN:,} more")
        if self.num_short:
            lines.append(f"{self.num_short:,} of the good hold less than they say")
        if count:
            codecs = ", ".join(f"{name} {number:,}" for name, number in self.codecs.most_common())
            hours = sum(self.seconds) / 3600
            lines += [
                f"length      {_range(self.seconds)} s, {hours:.2f} hours in all",
                f"frame rate  {_range(self.fps)} fps",
                f"short side  {_range(self.short_sides)} pixels",
                f"codec       {codecs}",
            ]
        if self.num_keyframes:
            mean = self.between_keyframes / self.num_keyframes
            lines.append(f"keyframes   every {mean:.1f} frames, {self.longest_gap} at most")
            if mean >= FAR_APART:
                lines.append(
                    "    python -m slowfast.tools.prepare_videos makes files that read faster"
                )
        return [*lines, f"{table} has a row for each"]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):g} to {max(values):g} (median {statistics.median(values):g})"


def _key(sample: Sample, args: argparse.Namespace) -> str:
    """The key of a result in the journal: all that it depends on, but for the file's state."""
    how = f"{chosen_decoder(args.decoder)} {args.frame_pattern} {args.frame_fps:g}"
    place = f"{args.frame_start} {os.path.abspath(sample.path)}"
    return f"{how} {place}{'' if sample.num_frames is None else f' {sample.num_frames}'}"


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags, with the folders they default to."""
    parser = new_parser("slowfast.tools.check_videos", __doc__)
    data, times = DataConfig(), number_between(0, 10**6)
    add = parser.add_argument
    add("list", metavar="LIST", type=Path, help="a list of videos, with labels or bare paths")
    add("--root", type=Path, help="where the list's paths start from; default: its folder")
    add("--task", choices=("single", "multi"), default="single",
        help="train.task, where it matters: with multi a line without labels is a video of no "
             "class; a line of several labels says multi, too")  # fmt: skip
    add("--out", metavar="DIR", type=Path, help="where to write; default: the list's folder")
    add("--workers", metavar="N", type=whole_number(1), default=distributed.own_cores(),
        help="number of processes (%(default)s)")  # fmt: skip
    add("--seconds", type=times, default=300.0,
        help="a video that does not get on for so long is bad (%(default)s)")  # fmt: skip
    add("--max-lost", metavar="SHARE", type=number_between(0, 1), default=0.5,
        help="a video that lacks more of its frames or seconds is bad (%(default)s)")  # fmt: skip
    add("--decoder", choices=("auto", "pyav", "opencv"), default=data.decoder,
        help="default: %(default)s")  # fmt: skip
    add("--frame-pattern", default=data.frame_pattern, help="names in frame folders (%(default)s)")
    add("--frame-fps", type=times, default=data.frame_fps, help="of frame folders (%(default)s)")
    add("--frame-start", metavar="N", type=whole_number(0), default=data.frame_start,
        help="number of the first frame in frame folders; default: 0 or 1, as found")  # fmt: skip
    args = parser.parse_args(argv)
    args.root = args.root or args.list.parent
    args.out = args.out or args.list.parent
    return args


if __name__ == "__main__":
    sys.exit(main())
