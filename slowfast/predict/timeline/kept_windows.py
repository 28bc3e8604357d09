"""What the windows of each video come to, kept as it comes in ``NAME.jsonl`` beside its timeline.

A run that ends early, in whatever way, loses nothing, and other thresholds need no network. A line
is what some windows come to; its key has a digest of the weights, the settings, and the state of
the video's file, and the number of the first of them. At the end comes a line with the segments.
"""

import base64
import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast.config import Config
from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.find import Named, require_own_names, without_ending
from slowfast.data.samples import Sample
from slowfast.data.shards import state_of
from slowfast.files import FolderError
from slowfast.journal import Entry, Journal
from slowfast.places import require_of
from slowfast.predict.kept import OF_THE_HEAD, settings_of
from slowfast.predict.long_videos import Part
from slowfast.predict.timeline.segments import Segment
from slowfast.predict.timeline.timeline_files import ALL, ENDINGS, beside

KEY = "timeline"
"""With this word each line begins its key."""
GONE = "gone"
"""The state of a file that is not there."""


class Video(NamedTuple):
    """A video, and where its timeline goes."""

    sample: Sample
    path: Path
    """Of its files, without an ending."""
    key: str
    """Tells the weights, the settings of the windows, and the state of its file."""

    def journal(self) -> Journal:
        """What is kept of it."""
        return Journal(beside(self.path, ".jsonl"))


class Found(NamedTuple):
    """What is in a video."""

    segments: list[Segment]
    best: Segment
    """The window and class with the largest probability."""
    video: VideoTimes


def settings_of_windows(cfg: Config) -> dict[str, Any]:
    """The settings that windows depend on."""
    of_views = {f"test.{key}" for key in OF_THE_HEAD["test"]}
    settings = settings_of(cfg, with_head=True)
    own = {key: value for key, value in settings.items() if key not in of_views}
    return {**own, "timeline.every": cfg.timeline.every}


def videos_of(videos: Sequence[Named], weights: str, folder: Path, cfg: Config) -> list[Video]:
    """The videos, each once.

    Raises:
        ListError: two of them have the same name.
    """
    require_own_names(videos, lambda name: f"{_stem(name)}.jsonl")
    settings, found = sorted(settings_of_windows(cfg).items()), {}
    for sample, name in videos:
        path = os.path.abspath(sample.path)
        depends_on = repr([weights, settings, path, sample.num_frames, *sample.span])
        digest = hashlib.sha256(depends_on.encode(errors="surrogateescape")).hexdigest()[:16]
        state = "-".join(map(str, state_of(sample.path) or ())) or GONE
        found[name] = Video(sample, folder / _stem(name), f"{KEY} {digest} {state}")
    return list(found.values())


def _stem(name: str) -> str:
    """The name of a video's files; that of the files of all is taken."""
    stem = without_ending(name)
    return stem if stem != ALL else name


def begin(video: Video) -> Video:
    """Removes what is kept of other weights or settings, or of a file that has changed since. Of a
    video that is gone it stays, and counts: its key is then the one in there.

    Raises:
        FolderError: a file is there that is not of a timeline, or of another video.
    """
    path = beside(video.path, ".jsonl")
    there = [p for p in (path, *(beside(video.path, e) for e in ENDINGS)) if p.exists()]
    if not there:
        return video
    head = b""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        head = file.read(100)
    if not head.startswith(f'{{"key": "{KEY} '.encode()):
        raise FolderError(
            f"{there[0]} is there, and not of a timeline: name another DIR, or move it"
        )
    with video.journal() as journal:
        keys = [key.rpartition(" ")[0] for key in journal]
        for first in (journal.get(f"{key} 0") for key in keys):
            if first and "file" in first:
                require_of(there[0], first["file"], os.path.abspath(video.sample.path))
    if video.key in keys:
        return video
    if video.key.endswith(f" {GONE}"):
        of_same = (key for key in keys if key.rpartition(" ")[0] == video.key.rpartition(" ")[0])
        return video._replace(key=next(of_same, video.key))
    path.unlink()
    return video


def keep_part(journal: Journal, video: Video, first: int, part: Part) -> None:
    """Keeps what the windows from ``first`` on come to, if it can be used.

    Raises:
        OSError: the disk is full, or similar; what was kept before stays.
    """
    if np.isfinite(part.rows).all():
        rows = base64.b64encode(part.rows.astype("<f4").tobytes()).decode()
        entry = {"seconds": part.seconds.tolist(), "rows": rows, "video": list(part.video)}
        file = {} if first else {"file": os.path.abspath(video.sample.path)}
        journal.add(f"{video.key} {first}", {**entry, "is_last": part.is_last, **file})


def kept_parts(video: Video) -> list[Part]:
    """What is kept from the first window on, without a gap."""
    parts: list[Part] = []
    if not beside(video.path, ".jsonl").exists():
        return parts
    first = 0
    with video.journal() as journal:
        while entry := journal.get(f"{video.key} {first}"):
            parts.append(_part(entry))
            first += len(parts[-1].rows)
    return parts


def _part(entry: Entry) -> Part:
    seconds = np.array(entry["seconds"], np.float64)
    rows = np.frombuffer(base64.b64decode(entry["rows"]), "<f4").reshape(len(seconds), -1)
    return Part(seconds, rows, VideoTimes(*entry["video"]), entry["is_last"])


def keep_found(video: Video, found: Found, files: str) -> None:
    """Keeps that a video's files are there, and what is in them. ``files`` tells all that they
    depend on besides the windows."""
    segments = [list(segment) for segment in found.segments]
    entry = {"segments": segments, "best": list(found.best), "video": list(found.video)}
    with video.journal() as journal:
        journal.add(f"{video.key} found", {**entry, "files": files})


def kept_found(video: Video, files: str) -> Found | None:
    """What is in a video; None if its files are not all there, or not from what ``files`` tells."""
    if not all(beside(video.path, e).exists() for e in (".jsonl", *ENDINGS)):
        return None
    with video.journal() as journal:
        entry = journal.get(f"{video.key} found")
    if entry is None or entry["files"] != files:
        return None
    segments = [Segment(*segment) for segment in entry["segments"]]
    times = VideoTimes(*entry["video"])
    return Found(segments, Segment(*entry["best"]), times)
