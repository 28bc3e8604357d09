"""Which videos the files of an output folder were made from, so that no other's are taken for them.

``videos.jsonl`` has a line for each: the file's name, the video's path, and the size and time of
its file. A line is written before the file is, by rank 0 alone; the last of a name counts.
"""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from slowfast.data.annotations import Sample
from slowfast.data.shards import shard_of

JOURNAL = "videos.jsonl"

State = tuple[int, int]


def state_of(sample: Sample) -> State | None:
    """Size and time of the last change of a video's file, shard or folder; None if it is gone."""
    try:
        status = os.stat(shard_of(sample.path) or sample.path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def read_sources(folder: Path) -> dict[str, tuple[str, State | None]]:
    """The path and the state of the video of each file, by the file's name; a damaged line does
    not count."""
    found: dict[str, tuple[str, State | None]] = {}
    try:
        text = (folder / JOURNAL).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return found
    for line in text.split("\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            size, time = row["size"], row["mtime_ns"]
            found[row["name"]] = row["video"], None if size is None else (int(size), int(time))
    return found


def add_sources(folder: Path, videos: Iterable[tuple[str, Sample]]) -> None:
    """Writes down which videos the files of these names are about to be made from.

    Raises:
        OSError: the disk is full, or similar.
    """
    rows = []
    for name, sample in videos:
        size, time = state_of(sample) or (None, None)
        path = os.path.abspath(sample.path)
        rows.append(json.dumps({"name": name, "video": path, "size": size, "mtime_ns": time}))
    if not rows:
        return
    try:
        with open(folder / JOURNAL, "a", encoding="utf-8") as file:
            file.write("".join(f"\n{row}" for row in rows))  # behind a line that was cut off, too
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder / JOURNAL)) from error
