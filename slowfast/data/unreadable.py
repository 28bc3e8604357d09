"""Videos that could not be read: they are counted, limited in number, and listed in a file."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.errors import UserError, one_line
from slowfast.files import write_lines

LIST = "unreadable.txt"


@dataclass(frozen=True)
class UnreadableVideo:
    """A video of a list, and why it could not be read."""

    index: int
    """Its place in the list."""
    path: str
    """The file, and which part of it, see ``Sample.shown``."""
    error: str

    def line(self) -> str:
        """The reason, which names the video."""
        return reason_of(self.path, self.error)


def reason_of(path: str, error: Exception | str) -> str:
    """Why a video cannot be read, or used: one line, which begins with its path, or with what it
    is called as a part of a video."""
    line = one_line(error)
    if isinstance(error, Exception) and not isinstance(error, UserError):
        line = f"{type(error).__name__}: {line}"
    return line if line.startswith(path) else f"{path}: {line}"


def noted(samples: Sequence[Sample], index: int) -> tuple[int, str]:
    """For which place of a list, and as what, it is noted that its sample ``index`` cannot be read:
    the key frames of a video, which follow each other, together as that video."""
    sample = samples[index]
    if sample.key is None:
        return index, sample.shown
    while index and samples[index - 1].path == sample.path:
        index -= 1
    return index, sample.path


class Unreadable:
    """The videos that one process could not read in an epoch or a test: ``limit`` at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.videos: dict[int, UnreadableVideo] = {}
        """By place in the list."""

    def note(self, index: int, path: str, error: VideoError) -> UnreadableVideo:
        """Counts the list's video ``index``, each once. Raises VideoError if there are more than
        the limit allows, with the message of the last one."""
        video = UnreadableVideo(index, path, one_line(error))
        self.videos[index] = video
        count = len(self.videos)
        if count > self._limit:
            more = f" ({count} unreadable videos; data.max_errors={self._limit})"
            raise VideoError(f"{video.line()}{more if count > 1 else ''}")
        return video


def in_order(parts: Iterable[Mapping[int, UnreadableVideo]]) -> list[UnreadableVideo]:
    """The videos of all processes, in the order of the list."""
    found = dict(itertools.chain.from_iterable(part.items() for part in parts))
    return [found[index] for index in sorted(found)]


def write_unreadable(folder: str, reasons: list[str], name: str = LIST) -> str:
    """Writes the list, a line for each video, or removes an earlier one if all were read. Returns
    its path."""
    path = Path(folder) / name
    write_lines(path, reasons)
    return str(path)
