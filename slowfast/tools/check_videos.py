"""Decodes every video of a list, says which cannot be used, and describes the others.

    python -m slowfast.tools.check_videos data/k400/train.list

Writes beside the list, or into --out: train.good.list and train.bad.list with the list's own lines,
train.videos.csv with a row for each video, and train.checked.jsonl: with it, an interrupted run
continues, and a later one only decodes what has changed.
"""

import argparse
import os
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from slowfast.cli.command import new_parser, number_between, run, whole_number
from slowfast.config import DataConfig
from slowfast.data.lists import Entry, Sample, read_entries
from slowfast.data.shards import state_of, video_url
from slowfast.data.unreadable import reason_of
from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.open import decoder_version, open_video
from slowfast.data.video.reader import VideoError, no_frame
from slowfast.data.workers.loader import Loader
from slowfast.data.workers.worker import KilledError
from slowfast.files import write_csv, write_lines
from slowfast.journal import Journal
from slowfast.log import Progress

FEW_FRAMES = 3
"""It is usual that a container promises up to this many frames too many."""
FAR_APART = 16
"""From this mean distance between keyframes, in frames, prepare_videos is recommended."""
SHOWN = 10
"""Bad videos named on the screen; the csv names all."""


@dataclass
class Video:
    """A row of the csv."""

    path: str
    status: str = "good"
    """good; short: fewer frames than the container says, still usable; bad."""
    reason: str = ""
    frames: int = 0
    """Frames that could be decoded."""
    frames_said: int = 0
    """Frames that the container, or the list, says there are."""
    seconds: float = 0.0
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
    args = parse_args(argv)
    return run(lambda: check_list(args))


def check_list(args: argparse.Namespace) -> None:
    """Checks what is not in the journal, writes the lists and the csv, prints a summary."""
    decoder_version(args.decoder)
    entries = read_entries(args.list, args.root)
    out, stem, ending = args.out, args.list.stem, args.list.suffix
    with Journal(out / f"{stem}.checked.jsonl") as journal:
        check_all(entries, journal, args)
        rows = [journal.done[_key(e.sample, args)]["video"] for e in entries]
    videos = [Video(**{**row, "path": e.sample.path}) for e, row in zip(entries, rows, strict=True)]
    good, bad = out / f"{stem}.good{ending}", out / f"{stem}.bad{ending}"
    for path, are_bad in ((good, False), (bad, True)):
        chosen = zip(entries, videos, strict=True)
        write_lines(path, [e.line for e, v in chosen if (v.status == "bad") == are_bad])
    table = out / f"{stem}.videos.csv"
    write_csv(table, [asdict(video) for video in videos])
    print("\n".join(summary(videos, good, bad, table)))


def check_all(entries: list[Entry], journal: Journal, args: argparse.Namespace) -> None:
    """Brings the journal up to date with these entries' files."""
    samples = {_key(entry.sample, args): entry.sample for entry in entries}
    states = {key: state_of(sample.path) for key, sample in samples.items()}
    todo = [key for key in samples if not _is_done(journal.done.get(key), states[key])]
    if len(todo) < len(samples):
        print(f"{len(samples) - len(todo):,} of {len(samples):,} videos are checked already")
    progress = Progress("check", len(todo))
    num_bad = 0

    def check(key: str) -> Video:
        return check_video(samples[key], args.decoder, args.frame_pattern, args.frame_fps)

    def path_of(key: str) -> str:
        return samples[key].path

    readers = min(args.workers, len(todo))
    with Loader(check, num_workers=readers, describe=path_of, seconds=args.seconds) as loader:
        for done, (key, video) in enumerate(loader.as_ready(todo), 1):
            again, path = isinstance(video, KilledError), path_of(key)
            if isinstance(video, VideoError):
                video = Video(path, "bad", reason_of(path, video).removeprefix(f"{path}: "))
            num_bad += video.status == "bad"
            journal.add(key, {"state": states[key], "again": again, "video": asdict(video)})
            progress.update(done, f"{num_bad} bad")
    progress.finish(f"{num_bad} bad")


def check_video(sample: Sample, decoder: str, frame_pattern: str, frame_fps: float) -> Video:
    """Decodes all of one video. Raises VideoError if it cannot be opened, or no frame decoded."""
    reader = open_video(sample, frame_pattern, frame_fps, decoder)
    if isinstance(reader, FrameFolderReader):
        return _check_folder(reader)
    frames, size = (_decode_pyav if decoder == "pyav" else _decode)(sample.path)
    if not frames or size is None:
        raise no_frame(sample.path)
    said, fps = reader.num_frames, reader.fps
    video = Video(sample.path, "good", "", frames, said, round(frames / fps, 3), fps, *size)
    if said > frames + FEW_FRAMES:
        video.status = "short"
        video.reason = f"{frames} frames where the container says {said}"
    _measure_keyframes(video)
    return video


def _decode(path: str) -> tuple[int, tuple[int, int] | None]:
    """How many frames there are, and width and height as shown."""
    count, size = 0, None
    capture = cv2.VideoCapture(video_url(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while capture.grab():
        count += 1
        if size is None:
            is_picture, picture = capture.retrieve()
            size = picture.shape[1::-1] if is_picture else None
    return count, size


def _decode_pyav(path: str) -> tuple[int, tuple[int, int] | None]:
    from slowfast.data.video.pyav import PyAVReader  # an extra, which need not be there

    count, size = 0, None
    for frame in PyAVReader(path).every_frame():
        count += 1
        if size is None:
            is_upright = frame.rotation % 180 == 0
            size = (frame.width, frame.height) if is_upright else (frame.height, frame.width)
    return count, size


def _measure_keyframes(video: Video) -> None:
    """Fills in codec and keyframes: reads the packets without decoding them."""
    capture = cv2.VideoCapture(video_url(video.path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    video.codec = codec.decode("latin-1").strip("\0 ")
    are_keys = []
    while capture.grab():
        are_keys.append(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) != 0)
    places = np.flatnonzero(are_keys)
    if len(places):
        video.keyframes = len(places)
        video.mean_gap = round(len(are_keys) / len(places), 1)
        video.longest_gap = int(np.diff(places, append=len(are_keys)).max())


def _check_folder(reader: FrameFolderReader) -> Video:
    shape: tuple[int, ...] = ()
    for index in range(reader.num_frames):  # one in memory at a time
        (picture,) = reader.onward(np.array([index]))
        shape = shape or picture.shape
        reader.require_size(index, picture, shape)
    count, fps = reader.num_frames, reader.fps
    height, width, _ = shape
    size, codec = (width, height), "frames"
    return Video(reader.folder, "good", "", count, count, count / fps, fps, *size, codec)


def summary(videos: list[Video], good: Path, bad: Path, table: Path) -> list[str]:
    """The lines of the summary."""
    usable = [v for v in videos if v.status != "bad"]
    unusable = [v for v in videos if v.status == "bad"]
    num_short = sum(v.status == "short" for v in videos)
    lines = [f"{len(usable):,} good{f': {good}' if usable else ''}"]
    lines += [f"{len(unusable):,} bad{f': {bad}' if unusable else ''}"]
    lines += [f"    {v.path}: {v.reason}" for v in unusable[:SHOWN]]
    if len(unusable) > SHOWN:
        lines.append(f"    and {len(unusable) - SHOWN:,} more")
    if num_short:
        lines.append(f"{num_short:,} of the good hold fewer frames than their container says")
    if usable:
        seconds = [v.seconds for v in usable]
        codecs = Counter(v.codec for v in usable).most_common()
        lines += [
            f"length      {_range(seconds)} s, {sum(seconds) / 3600:.2f} hours in all",
            f"frame rate  {_range([v.fps for v in usable])} fps",
            f"short side  {_range([min(v.width, v.height) for v in usable])} pixels",
            f"codec       {', '.join(f'{name} {count:,}' for name, count in codecs)}",
        ]
    spaced = [v for v in usable if v.keyframes]
    if spaced:
        mean = sum(v.mean_gap * v.keyframes for v in spaced) / sum(v.keyframes for v in spaced)
        longest = max(v.longest_gap for v in spaced)
        lines.append(f"keyframes   every {mean:.1f} frames, {longest} at most")
        if mean >= FAR_APART:
            lines.append("    python -m slowfast.tools.prepare_videos makes files that read faster")
    return [*lines, f"{table} has a row for each"]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):g} to {max(values):g} (median {statistics.median(values):g})"


def _key(sample: Sample, args: argparse.Namespace) -> str:
    """The key of a result in the journal; its entry has the file's state, too."""
    frames = "" if sample.num_frames is None else f" {sample.num_frames}"
    return f"{args.decoder} {os.path.abspath(sample.path)}{frames}"


def _is_done(entry: dict[str, object] | None, state: list[int] | None) -> bool:
    return bool(entry and state and entry.get("state") == state and not entry.get("again"))


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags, with the folders they default to."""
    parser = new_parser("slowfast.tools.check_videos", __doc__)
    data, times = DataConfig(), number_between(0, 10**6)
    add = parser.add_argument
    add("list", metavar="LIST", type=Path, help="a list of videos, with labels or bare paths")
    add("--root", type=Path, help="where the list's paths start from; default: its folder")
    add("--out", metavar="DIR", type=Path, help="where to write; default: the list's folder")
    add("--workers", metavar="N", type=whole_number(1), default=os.cpu_count(),
        help="number of processes (%(default)s)")  # fmt: skip
    add("--seconds", type=times, default=300.0,
        help="time limit per video; a slower one counts as bad (%(default)s)")  # fmt: skip
    add("--decoder", choices=("opencv", "pyav"), default=data.decoder, help="default: %(default)s")
    add("--frame-pattern", default=data.frame_pattern, help="names in frame folders (%(default)s)")
    add("--frame-fps", type=times, default=data.frame_fps, help="of frame folders (%(default)s)")
    args = parser.parse_args(argv)
    args.root = args.root or args.list.parent
    args.out = args.out or args.list.parent
    return args


if __name__ == "__main__":
    sys.exit(main())
