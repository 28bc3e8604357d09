"""Packs the videos of a list into tar shards, and writes the list of what is in them.

    python -m slowfast.tools.write_shards LIST DST

Writes DST/NAME-000000.tar and so on, where NAME is that of LIST, with KEY.mp4 and KEY.cls for each
video, as WebDataset reads them, or KEY.json if LIST has several labels a video; and DST/NAME.list,
whose paths start from DST. The list is shuffled first: videos of one shard are read together, so
each shard must be a mixture.

A shard appears once it is complete. The same command, run again, continues where it was stopped.
Several processes, on any machines, share the work: see docs/scaling.md.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from slowfast.start import begin

    begin()

import argparse
import functools
import io
import itertools
import json
import os
import stat
import sys
import tarfile
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from slowfast import distributed
from slowfast.cli.command import new_parser, run, whole_number
from slowfast.data.lists import folders
from slowfast.data.lists.read_lists import ListError, read_entries
from slowfast.data.lists.shard_labels import ShardVideo, labelled_videos
from slowfast.data.lists.text_lists import line_of
from slowfast.data.lists.write_lists import fits
from slowfast.files import atomic, write_lines
from slowfast.log import Progress
from slowfast.shares import merged, own_journal, shared_out


class Packed(NamedTuple):
    """A video, and its name, size and label in the shard."""

    path: str
    video: ShardVideo


def main(argv: list[str] | None = None) -> int:
    """0; or 1 with one line on stderr."""
    args = parse_args(argv)
    return run(lambda: write_shards(args))


def write_shards(args: argparse.Namespace) -> None:
    """Writes the shards that are missing, and the list.

    Raises:
        ListError: a line cannot be packed; DST holds other shards of this name, or the list itself.
        OSError: a video is missing, and nothing is written; or a shard cannot be written.
    """
    source, dst = args.list, args.dst
    listed = dst / f"{source.stem}.list"
    if listed.exists() and listed.samefile(source):
        raise ListError(f"{listed} would be overwritten: DST must be another folder")
    packed = _pack(source, args.root, args.task)
    order = np.random.default_rng(args.seed).permutation(len(packed))
    shards = _cut([packed[i] for i in order], args.megabytes * 10**6)
    paths = [dst / f"{source.stem}-{number:06d}.tar" for number in range(len(shards))]
    for path in dst.glob(f"{source.stem}-*.tar"):
        if path not in paths:
            raise ListError(f"{path} is of another list, seed or size: remove it")
    owners = shared_out((path.name, path.name) for path in paths)
    journal, rank = dst / f".{source.stem}.jsonl", distributed.rank()
    with own_journal(journal, owners) as written:
        pairs = zip(paths, shards, strict=True)
        own = {path: shard for path, shard in pairs if owners[path.name] == rank}
        progress = Progress("write shards, MB", sum(map(_size, own.values())) / 1e6)
        done = 0
        for path, shard in own.items():
            if not path.exists():
                _write_shard(path, shard)
            elif labelled_videos(str(path), folders.is_video, []) != [one.video for one in shard]:
                raise ListError(f"{path} is of another list, seed or size: remove it")
            if path.name not in written:
                written.add(path.name, {})
            done += _size(shard)
            progress.update(done / 1e6, path.name)
    with merged(journal, owners, lambda name, _: (dst / name).exists()) as entry_of:
        if entry_of:
            named = zip(paths, shards, strict=True)
            videos = [(path.name, one.video) for path, shard in named for one in shard]
            rows = [(f"{name}/{video.name}", video.label) for name, video in videos]
            write_lines(listed, [line_of(path, None, label, " ") for path, label in rows])
            progress.finish(f"{len(videos):,} videos in {len(paths):,} shards: {listed}")


def _pack(source: Path, root: Path, task: str) -> list[Packed]:
    """The videos of the list, in its order, each under a name of its own."""
    packed: dict[str, Packed] = {}
    seen: set[str] = set()
    entries = read_entries(source, root, task)
    progress = Progress("look at files", len(entries))
    for line, sample in entries:
        path, label = sample.path, sample.label
        if label == -1 and task == "multi":
            label = ()
        if label == -1:
            raise ListError(f"{source}: no label in {line!r} (--task multi: a video needs none)")
        if sample.num_frames is not None or os.path.isdir(path):
            raise ListError(f"{path}: a folder of frames; only videos go into shards")
        if sample.part or sample.actions:
            raise ListError(
                f"{sample.shown}: a part of a video, or labels with times, which a shard does not "
                "hold: train from the files, or cut them first"
            )
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            raise ListError(f"{path}: not a file, or empty: no video for a shard")
        below = (part for part in Path(os.path.relpath(path, root)).parts if part != "..")
        key, ending = os.path.splitext(os.path.join(*below))
        if not folders.is_video(key + ending, functools.partial(folders.first_bytes, path)):
            endings = ", ".join(folders.VIDEO_ENDINGS)
            raise ListError(f"{path}: not named like a video ({endings}), or hidden")
        if not fits(line_of(key, None, label, " ")):
            raise ListError(f"{path}: no list can hold a line break or an outer space: rename it")
        folder, name = os.path.split(key)
        key = os.path.join(folder, name.replace(".", "_"))  # WebDataset ends keys at the first dot
        if path in seen:
            raise ListError(f"{path} is in the list twice")
        seen.add(path)
        names = itertools.chain([key], (f"{key}_{ending[1:]}{n or ''}" for n in itertools.count()))
        key = next(name for name in names if name not in packed)  # x.avi beside x.mp4 is x_avi.avi
        video = ShardVideo(f"{key}{ending}", status.st_size, label)
        packed[key] = Packed(path, video)
        progress.update(len(packed))
    progress.finish()
    return list(packed.values())


def _cut(packed: list[Packed], size: int) -> list[list[Packed]]:
    """Cuts into shards of at most ``size`` bytes of videos, or of one larger video."""
    shards: list[list[Packed]] = []
    filled = size
    for one in packed:
        if not shards or filled + one.video.size > size:
            shards.append([])
            filled = 0
        shards[-1].append(one)
        filled += one.video.size
    return shards


def _size(shard: list[Packed]) -> int:
    return sum(one.video.size for one in shard)


def _write_shard(path: Path, shard: list[Packed]) -> None:
    with atomic(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for source, (name, size, label) in shard:
            with open(source, "rb") as video:
                if os.fstat(video.fileno()).st_size != size:
                    raise ListError(f"{source} changed while it was read")
                _add(archive, name, size, video)
            ending, told = "cls", str(label)
            if isinstance(label, tuple):
                ending, told = "json", json.dumps({"labels": label})
            text = told.encode()
            _add(archive, f"{os.path.splitext(name)[0]}.{ending}", len(text), io.BytesIO(text))


def _add(archive: tarfile.TarFile, name: str, size: int, file: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    archive.addfile(info, file)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = new_parser("slowfast.tools.write_shards", __doc__)
    add = parser.add_argument
    add("list", metavar="LIST", type=Path, help="the list of videos, with labels")
    add("dst", metavar="DST", type=Path, help="the folder to write to")
    add("--root", type=Path, help="where LIST's paths start from; default: its folder")
    add("--task", choices=("single", "multi"), default="single",
        help="train.task, where it matters: with multi a line without labels is a video of no "
             "class; a line of several labels says multi, too")  # fmt: skip
    add("--megabytes", type=whole_number(1), default=1000, help="size of a shard (%(default)s)")
    add("--seed", type=whole_number(0), default=0, help="seed of the shuffle (%(default)s)")
    args = parser.parse_args(argv)
    args.root = args.root or args.list.parent
    return args


if __name__ == "__main__":
    sys.exit(main())
