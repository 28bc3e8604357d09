"""The videos and files that paths on a command line and in a config name.

A path on the command line may name a video, a folder of videos, a folder of frames, or a list. A
relative path in a config starts from here, or else from ``data.root``.
"""

import filecmp
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from slowfast.config import Config, DataConfig
from slowfast.data.lists import folders, read_lists
from slowfast.data.lists.missing import are_all, missing_fault, missing_files
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Sample, seconds_text
from slowfast.data.video import frames
from slowfast.data.video.sources import is_stream
from slowfast.errors import masked_url
from slowfast.files import LONGEST_NAME
from slowfast.log import logger

Split = Literal["train", "val", "test"]


class Named(NamedTuple):
    """A video that a path names, and its name among all of them."""

    sample: Sample
    name: str


def find_videos(
    paths: Sequence[str], data: DataConfig, root: Path | None = None,
    results: Sequence[Path] = (), several: bool = False,
) -> list[Named]:  # fmt: skip
    """The videos that the paths name: files, folders of videos, folders of frames, lists.

    A video's name is its file's name; of one found in a folder, at any depth, its path below that;
    of one in a list its path below ``root``, or its whole path if it is elsewhere; of a part of a
    video with the part's seconds, ``a/x_1.5-9s.mp4``.

    Args:
        root: where a list's paths start from; None: its folder, or ``data.root`` if more of its
            videos are there.
        results: folders that the run writes into. What lies there, as of an earlier run, is no
            video of a folder around it.
        several: whether a list's lines may have several labels, or none.

    Raises:
        ListError: a list cannot be read, or none of its videos is there, a folder holds no video,
            or a path is a tar or a stream.
    """
    found: list[Named] = []
    for path in paths:
        if is_stream(path):
            raise ListError(
                f"{masked_url(path)} is a stream, which is watched as it comes: main.py --infer "
                "takes it, alone"
            )
        itself = Named(Sample(path), os.path.basename(os.path.abspath(path)))
        if os.path.isdir(path):
            names = _videos_in(path, data.frame_pattern, results)
            below = [Named(Sample(os.path.join(path, name)), name) for name in names]
            found += below or [itself]
        elif path.endswith(".tar"):  # FFmpeg would take it for a damaged video
            raise ListError(f"{path}: name a list of what is in it (build_list shards)")
        elif path.lower().endswith(".json"):
            raise ListError(f"{path}: no video: the name of a list of JSON objects ends in .jsonl")
        elif path.lower().endswith(read_lists.LIST_ENDINGS):
            roots = [root] if root else [Path(path).parent, Path(data.root)]
            found += _videos_of(path, roots, several)
        else:
            found.append(itself)
    return found


def _videos_in(folder: str, frame_pattern: str, results: Sequence[Path]) -> list[str]:
    """The videos in a folder, by their paths from there; none if the folder is one of frames, with
    no video beside them."""
    pattern = frames.own_pattern(folder, frame_pattern)
    names = frames.names_in(folder, pattern)
    if frames.frame_numbers(names, pattern) and not folders.list_videos(folder, deep=False)[0]:
        return []
    inside = (os.path.relpath(os.path.realpath(path), os.path.realpath(folder)) for path in results)
    written = tuple(f"{path}{os.sep}" for path in inside if path != os.curdir)
    if found := [name for name in folders.videos_below(folder) if not name.startswith(written)]:
        return found
    endings = ", ".join(folders.VIDEO_ENDINGS)
    likely = frames.likely_names(folder, names)
    raise ListError(f"{folder}: no video in this folder ({endings}){likely}")


def _videos_of(path: str, roots: list[Path], several: bool) -> list[Named]:
    """The videos of a list, with the root below which most are there, the first of them."""
    found: list[tuple[Path, list[Sample], list[str]]] = []
    task = "multi" if several else "single"
    for root in dict.fromkeys(roots):
        samples = [sample for _, sample in read_lists.read_entries(path, root, task)]
        found.append((root, samples, missing_files(samples)))
        if not found[-1][-1]:
            break
    start, samples, missing = min(found, key=lambda one: len(one[-1]))
    if fault := missing_fault(samples, missing):
        where = " or ".join(f"{root}/" for root in dict.fromkeys(roots))
        fault = f"{path}: {fault} (relative paths start from {where})"
        if are_all(samples, missing):
            raise ListError(fault)
        logger.warning(fault)
    elif start != roots[0]:
        logger.info(f"{path}: its paths start from data.root={start}")
    return [Named(sample, _name_below(sample, start)) for sample in samples]


def _name_below(sample: Sample, root: Path) -> str:
    name = os.path.relpath(sample.path, root)
    if name.split(os.sep)[0] == os.pardir:
        name = os.path.relpath(os.path.abspath(sample.path), os.sep)
    if not sample.part:
        return name
    stem, end = without_ending(name), sample.end
    until = "" if end is None else f"{seconds_text(end)}s"
    return f"{stem}_{seconds_text(sample.start or 0)}-{until}{name.removeprefix(stem)}"


def require_own_names(
    videos: Iterable[Named], file_of: Callable[[str], str] = "{}.npy".format
) -> None:
    """Raises ListError where one file would be for two videos, or its name would be too long.

    Args:
        file_of: from a video's name to that of the file that is written for it.
    """
    owners: dict[str, Sample] = {}
    advice = {
        True: "give the folder that holds both, or a list, or write to two folders",
        False: "run twice, and write to two folders",
    }
    for video in videos:
        file = os.path.basename(file_of(video.name))
        if (length := len(os.fsencode(file))) > LONGEST_NAME:
            raise ListError(
                f"{video.sample.path}: its name is too long, {file} would have {length} bytes, and "
                f"{LONGEST_NAME} is the most: give the video a shorter one"
            )
        other = owners.setdefault(file_of(video.name), video.sample)
        one, two = os.path.abspath(other.path), os.path.abspath(video.sample.path)
        if (one, other.span) != (two, video.sample.span):
            folders_differ = os.path.dirname(one) != os.path.dirname(two)
            raise ListError(
                f"{other.shown} and {video.sample.shown} would both be written to "
                f"{file_of(video.name)}: {advice[folders_differ]}"
            )


def without_ending(name: str) -> str:
    """A video's name without the ending of a video file: ``a/b.mp4`` becomes ``a/b``."""
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in folders.VIDEO_ENDINGS else name


def list_of(data: DataConfig, split: Split) -> tuple[str, str]:
    """The setting that names a split's list, and the list; a test has that of the validation if it
    has none of its own."""
    key = "val_list" if split == "test" and not data.test_list else f"{split}_list"
    return f"data.{key}", getattr(data, key)


def read_files_of(cfg: Config, split: Split) -> list[str]:
    """The files that a run reads of a split besides its videos, where they are."""
    data, detection = cfg.data, cfg.detection
    kind = "train" if split == "train" else "val"
    of_boxes = [getattr(detection, f"{kind}_{what}") for what in ("boxes", "excluded", "frames")]
    named = [list_of(data, split)[1], data.labels, *of_boxes, detection.scored]
    found = (find_listed(path, data.root, Path.is_file) for path in named if path)
    return [*filter(None, found)]


def find_listed(path: str, root: str, is_it: Callable[[Path], bool] = Path.exists) -> str | None:
    """Where a list or a label file is: at ``path`` from here, or else from ``root``. Raises
    ListError if it is in both places, and not the same."""
    found = [place for place in listed_places(path, root) if is_it(Path(place))]
    if len(found) == 2 and not os.path.samefile(*found):
        are_files = all(map(os.path.isfile, found))
        if not are_files or not filecmp.cmp(found[0], found[1], shallow=False):
            raise ListError(
                f"{' and '.join(found)} are both there, and differ: name the one that you mean by "
                "its whole path"
            )
    return found[0] if found else None


def listed_places(path: str, root: str) -> list[str]:
    """Where ``find_listed`` looks, in that order."""
    return list(dict.fromkeys((path, read_lists.resolve(path, root))))
