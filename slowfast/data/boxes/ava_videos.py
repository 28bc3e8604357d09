"""Where the videos are that annotations in AVA's form name: films, folders of frames, or the frames
of PySlowFast's lists."""

import functools
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from slowfast.config import Config, DataConfig
from slowfast.data.find import without_ending
from slowfast.data.lists.read_lists import PATHS, ListError, resolve
from slowfast.data.video.frames import find_frames, likely_names, own_pattern
from slowfast.data.video.reader import VideoError
from slowfast.log import Progress

CUT = re.compile(r"(.{11})_(\d{6})_(\d{6})", re.ASCII)
"""A film of Kinetics: the id at YouTube, and the seconds from which and to which it was cut."""
HEADER = ["original_vido_id", "video_id", "frame_id", "path", "labels"]
"""Of PySlowFast's lists, as it spells them."""


class Place(NamedTuple):
    """Where a video is."""

    path: str
    num_frames: int | None
    """Of a folder of frames; None of a film, or where a folder cannot be used."""
    start: float
    """The time of its first frame, as annotated."""


class Places:
    """Finds videos by their ids: ``ID.mp4`` or with another ending, or a folder ``ID``, in
    ``data.root``; or by a list of frames. If a film and a folder are there, the film is taken.

    A film of Kinetics, ``ID_000010_000020.mp4``, is found by the id alone, too, for a time within
    it, and its first frame is at 10 s whatever ``detection.start`` says (AVA-Kinetics).

    Args:
        frame_list: PySlowFast's; empty: none.

    Raises:
        ListError: the list of frames is not understood, or does not agree with data.frame_pattern.
    """

    def __init__(self, cfg: Config, frame_list: str = "") -> None:
        self._data, self._start = cfg.data, cfg.detection.start
        self.listed = read_frame_list(frame_list, cfg.data) if frame_list else {}
        """Folder and number of frames of each video of the list of frames."""
        self.find = functools.cache(self._find)
        self._in_folder = functools.cache(_in_folder)
        self._counted = functools.cache(self._count)

    def of(self, video: str, time: float) -> Place:
        """Where the video is that has this time; the path is that of no file if it is missing."""
        path = self.find(video)
        start = self._start
        if path is None:
            path, start = self._cut(video, time)
        elif cut := CUT.fullmatch(without_ending(os.path.basename(path))):
            start = int(cut[2])
        if video in self.listed:
            return Place(path, self.listed[video][1], start)
        return Place(path, self._counted(path), start)

    def _find(self, video: str) -> str | None:
        if video in self.listed:
            return self.listed[video][0]
        folder, name = os.path.split(resolve(video, self._data.root))
        by_stem, _ = self._in_folder(folder)
        names = by_stem.get(name) or [n for n in by_stem.get(without_ending(name), ()) if n == name]
        films = [found for found in names if found != name]
        return os.path.join(folder, (films or names)[0]) if names else None

    def _cut(self, video: str, time: float) -> tuple[str, float]:
        path = resolve(video, self._data.root)
        folder, name = os.path.split(path)
        for first, last, found in self._in_folder(folder)[1].get(name, ()):
            if first <= time <= last:
                return os.path.join(folder, found), first
        return path, self._start

    def _count(self, path: str) -> int | None:
        if not os.path.isdir(path):
            return None
        try:
            return find_frames(path, self._data.frame_pattern, self._data.frame_start, None)[1]
        except VideoError:  # whoever looks into it says why
            return None


def _in_folder(
    folder: str,
) -> tuple[dict[str, list[str]], dict[str, list[tuple[int, int, str]]]]:
    """The names in a folder, by what they are without the ending of a film; and the films of
    Kinetics among them, by id."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    cuts: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        names = []
    for name in names:
        stem = without_ending(name)
        by_stem[stem].append(name)
        if cut := CUT.fullmatch(stem):
            cuts[cut[1]].append((int(cut[2]), int(cut[3]), name))
    return by_stem, cuts


def read_frame_list(path: str, data: DataConfig) -> dict[str, tuple[str, int]]:
    """PySlowFast's list of frames: the folder of each video, and how many frames it has.

    A line is ``original_vido_id video_id frame_id path labels``. The lines of a video are its
    frames in order, and their names must be those of data.frame_pattern, without a gap.

    Raises:
        ListError: something is not understood; the message has file and line.
    """
    found: dict[str, _Frames] = {}
    for number, line in _numbered_lines(path):
        fields = line.split(" ")
        if number == 1 and fields == HEADER:
            continue
        try:
            if number == 1 or len(fields) != len(HEADER):
                what = "the header" if number == 1 else "a line"
                raise ListError(f"{what} is not {' '.join(HEADER)!r}: {line[:80]!r}")
            video, name = fields[0], fields[3]
            if video not in found:
                found[video] = _Frames(name, data)
            found[video].add(name)
        except ListError as error:
            raise ListError(f"{path}:{number}: {error}") from error
    return {video: (resolve(one.folder, data.root), one.count) for video, one in found.items()}


class _Frames:
    """The frames of a video in a list, of which ``first`` is the first."""

    def __init__(self, first: str, data: DataConfig) -> None:
        self.folder, name = os.path.split(first)
        self.count = 0
        below = f"/{self.folder}"
        self._pattern = own_pattern(below, data.frame_pattern)
        start = max(data.frame_start, 0)
        self._first = next((i for i in (start, 1, 0) if self._pattern.format(i) == name), -1)
        if self._first < 0:
            likely = likely_names(below, [name]).replace("; 1 are", "; it is")
            raise ListError(
                f"{first} is not number 0 or 1 of data.frame_pattern={data.frame_pattern}{likely}"
            )

    def add(self, path: str) -> None:
        """Takes the next frame."""
        due = os.path.join(self.folder, self._pattern.format(self._first + self.count))
        if path != due:
            raise ListError(f"{path}, not {due}: the lines of a video are its frames in order")
        self.count += 1


def _numbered_lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, one after the other: there are millions."""
    try:
        size, done = os.path.getsize(path), 0
        progress = Progress(f"read {Path(path).name}", size, show=size > 10**7)
        with open(path, encoding="utf-8-sig", errors=PATHS, newline="\n") as file:
            for number, line in enumerate(file, 1):
                done += len(line)
                if number % 1000 == 0:
                    progress.update(done)
                if line.strip():
                    yield number, line.strip()
        progress.finish()
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error
