"""From the videos that a data set names to the files of its lists: where each is, and its line."""

import functools
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from slowfast.data.labels import label_lines
from slowfast.data.lists import jsonl_lists, read_lists
from slowfast.data.lists.annotations import Listed
from slowfast.data.lists.folders import VIDEO_ENDINGS, list_videos, tell_left_out
from slowfast.data.lists.read_lists import ListError
from slowfast.data.lists.text_lists import line_of
from slowfast.data.samples import Sample
from slowfast.files import write_texts
from slowfast.log import Progress, logger, say

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")
Rows = list[tuple[str, Sample | None]]
"""The videos that a data set names: a name, and the sample, or None where the video is missing."""


def find_samples(root: Path, listed: Sequence[Listed]) -> Rows:
    """Where the videos, or folders of their frames, are below ``root``. Raises ListError if none
    is."""
    left_out: list[str] = []
    short: list[str] = []

    @functools.cache
    def videos(folder: str) -> dict[str, str]:
        there = not folder or (root / folder).is_dir()
        return _by_name(root, left_out, folder) if there else {}

    def sample(name: str, video: Listed) -> Sample | None:
        folder, own = os.path.split(name)
        stem = name.rpartition(".")[0] if name.lower().endswith(VIDEO_ENDINGS) else name
        for key in (own, os.path.basename(stem)):
            if key in videos(folder):
                return Sample(videos(folder)[key], video.label, actions=video.actions)
        frames = root / stem
        num_frames = _num_pictures(frames) if frames.is_dir() else 0
        if video.num_frames and 0 < num_frames < video.num_frames:
            short.append(f"{frames} has {num_frames} of {video.num_frames}")
        num_frames = min(num_frames, video.num_frames or num_frames)
        return Sample(stem, video.label, num_frames, actions=video.actions) if num_frames else None

    videos("")  # an error if there is no such folder
    rows: Rows = []
    progress = Progress("find videos", len(listed))
    for video in listed:
        samples = (sample(name, video) for name in video.names)
        rows.append((video.names[0], next(filter(None, samples), None)))
        progress.update(len(rows))
    progress.finish()
    tell_left_out(root, left_out)
    if short:
        logger.warning(f"{len(short):,} folders lack frames at their end, the first: {short[0]}")
    if not any(found for _, found in rows):
        example = f", such as {rows[0][0]}" if rows else ""
        raise ListError(f"{root}: none of the {len(rows):,} videos is there{example}")
    return rows


def _by_name(root: Path, left_out: list[str], folder: str) -> dict[str, str]:
    """The videos directly in ROOT/FOLDER: paths from ROOT by the file's name, with its ending and
    without it. Adds to ``left_out`` files that are no videos, and hidden folders."""
    names, others = list_videos(root / folder, deep=False)
    meant = [name for name in others if name[0] == "." or not name.endswith("/")]
    left_out += [os.path.join(folder, name) for name in meant]
    paths = {name: os.path.join(folder, name) for name in names}
    return {name.rpartition(".")[0]: path for name, path in paths.items()} | paths


def _num_pictures(folder: Path) -> int:
    """The frames of a folder; hidden files are not meant."""
    names = (name.lower() for name in os.listdir(folder) if name[0] != ".")
    return sum(name.endswith(PICTURE_ENDINGS) for name in names)


def write_lists(written: dict[Path, Rows], labels: Path | None, classes: list[str]) -> None:
    """Writes each list and what it misses, and the class names unless the user gave them, and
    prints how many there are. Raises ListError, before anything is written, for what no list can
    hold."""
    texts, said = {labels: label_lines(classes)} if labels else {}, []
    for path, rows in written.items():
        lines = [_line(sample, path) for _, sample in rows if sample]
        missing = [name for name, sample in rows if not sample]
        texts[path] = [line for line in lines if fits(line)]
        if unfit := [line for line in lines if not fits(line)]:
            fault = (
                f"{path}: no list can hold {len(unfit):,} of {len(lines):,} names, with a line "
                f"break or an outer space, the first is {unfit[0]!r}: rename them"
            )
            if not texts[path]:
                raise ListError(fault)
            logger.warning(f"{fault}; left out")
        texts[Path(f"{path}.missing")] = missing  # none removes an earlier run's
        note = f"; {len(missing):,} missing, listed in {path}.missing" if missing else ""
        said.append(f"{path}: {len(lines):,} of {len(rows):,} videos found{note}")
    for line in itertools.chain.from_iterable(texts.values()):
        if not fits(line):  # a class's name, or that of a missing video
            raise ListError(f"{line!r} has a line break or an outer space")
    for name in classes:
        if len(name.splitlines()) != 1:  # of a form feed, or of Unicode: ``read_labels`` refuses it
            raise ListError(f"{name!r} has a line break: no name for a class")
        if name.encode(errors="replace") != name.encode(errors=read_lists.PATHS):
            raise ListError(f"{name!r} has bytes that are not UTF-8: no name for a class")
    write_texts(texts)
    say(*said, *([f"{labels}: {len(classes):,} classes"] if labels else []))


def _line(sample: Sample, path: Path) -> str:
    """The line of a list, an object in a ``.jsonl`` one."""
    if not read_lists.is_json(path):
        return line_of(sample.path, sample.num_frames, sample.label, read_lists.separator_of(path))
    return jsonl_lists.line_of(sample)


def fits(line: str) -> bool:
    """Whether a list or a file of names can hold a line; those are stripped as they are read."""
    return line == line.strip() and "\n" not in line and "\r" not in line
