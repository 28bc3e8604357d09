"""The videos and files that paths on a command line and in a config name, and which are missing.

A path on the command line may name a video, a folder of videos, a folder of frames, or a list. A
relative path in a config starts from here, or else from ``data.root``.
"""

import filecmp
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from slowfast.data import lists
from slowfast.data.lists import ListError, Sample
from slowfast.data.shards import shard_of


class Named(NamedTuple):
    """A video that a path names, and its name among all of them."""

    sample: Sample
    name: str


def find_videos(paths: Sequence[str], frame_pattern: str, root: Path | None = None) -> list[Named]:
    """The videos that the paths name: files, folders of videos, folders of frames, lists.

    A video's name is its file's name; of one found in a folder, at any depth, its path below that;
    of one in a list its path below ``root``, or its whole path if it is elsewhere.

    Args:
        root: where a list's paths start from; None: its folder.

    Raises:
        ListError: a list cannot be read, a folder holds no video, or a path is a tar.
    """
    found: list[Named] = []
    for path in paths:
        if os.path.isdir(path) and not os.path.exists(os.path.join(path, frame_pattern.format(1))):
            names = lists.videos_below(path)
            if not names:
                endings = ", ".join(lists.VIDEO_ENDINGS)
                raise ListError(f"{path}: no video in this folder ({endings})")
            found += [Named(Sample(os.path.join(path, name)), name) for name in names]
        elif path.endswith(".tar"):  # FFmpeg would take it for a damaged video
            raise ListError(f"{path}: name a list of what is in it (build_list shards)")
        elif path.lower().endswith(lists.LIST_ENDINGS):
            start = root or Path(path).parent
            samples = [sample for _, sample in lists.read_entries(path, start)]
            found += [Named(sample, _name_below(sample.path, start)) for sample in samples]
        else:
            found.append(Named(Sample(path), os.path.basename(os.path.abspath(path))))
    return found


def _name_below(path: str, root: Path) -> str:
    name = os.path.relpath(path, root)
    if name.split(os.sep)[0] == os.pardir:
        name = os.path.relpath(os.path.abspath(path), os.sep)
    return name


def require_own_names(videos: Iterable[Named]) -> None:
    """Raises ListError where two videos have one name, so that one file would be for both."""
    owners: dict[str, str] = {}
    for video in videos:
        other = owners.setdefault(video.name, video.sample.path)
        if other != video.sample.path:
            raise ListError(
                f"{other} and {video.sample.path} would both be written to {video.name}.npy: give "
                "the folder that holds both, or a list, or write to two folders"
            )


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
    return list(dict.fromkeys((path, lists.resolve(path, root))))


def missing_files(samples: Iterable[Sample]) -> list[str]:
    """The files, frame folders and shards that are missing, in the samples' order.

    Each folder is listed once: to look at each file takes long on a network disk.
    """
    listing = functools.cache(_names_in)
    missing: dict[str, None] = {}
    for sample in samples:
        path = shard_of(sample.path) or sample.path
        folder, name = os.path.split(path.rstrip("/"))
        # The second look is for folders that cannot be listed, and for other spellings of a name.
        if path not in missing and name not in listing(folder) and not os.path.exists(path):
            missing[path] = None
    return list(missing)


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder or "."))
    except OSError:
        return set()
