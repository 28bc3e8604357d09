"""Videos that could not be read: they are counted, limited in number, and listed in a file."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.errors import UserError, escaped, one_line
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
    num_key_frames: int = 0
    """Its key frames that could not be read, if it is of these; ``error`` is that of the first."""

    def line(self) -> str:
        """The reason, which names the video."""
        others = self.num_key_frames - 1
        more = f" (and {others:,} more of its key frames)" if others > 0 else ""
        return f"{reason_of(self.path, self.error)}{more}"

    def row(self) -> dict[str, Any]:
        """The same for test_result.json."""
        row = dataclasses.asdict(self)
        return row if self.num_key_frames else {k: row[k] for k in ("index", "path", "error")}

    def more(self, count: int) -> "UnreadableVideo":
        """With so many more key frames that could not be read."""
        return dataclasses.replace(self, num_key_frames=self.num_key_frames + count)


def reason_of(path: str, error: Exception | str) -> str:
    """Why a video cannot be read, or used: one line, which begins with its path, or with what it
    is called as a part of a video."""
    line = _line(path, error)
    if isinstance(error, Exception) and not isinstance(error, UserError):
        line = f"{type(error).__name__}: {line}"
    name = escaped(path)
    return line if line.startswith(name) else f"{name}: {line}"


def _line(path: str, error: Exception | str) -> str:
    """An error's text in one line. Line breaks of the path are shown as ``\\n``, not as spaces."""
    return one_line(str(error).replace(path, escaped(path)))


def _noted(samples: Sequence[Sample], index: int) -> tuple[int, str]:
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

    def note(
        self, samples: Sequence[Sample], index: int, error: VideoError
    ) -> UnreadableVideo | None:
        """Counts the video of the list's sample ``index``, each once; returns it if it is a new
        one. Raises VideoError if there are more than the limit allows, with the message of the last
        one."""
        place, path = _noted(samples, index)
        is_key = samples[index].key is not None
        if (known := self.videos.get(place)) is not None:
            self.videos[place] = known.more(int(is_key))
            return None
        self.videos[place] = video = UnreadableVideo(place, path, _line(path, error), int(is_key))
        count = len(self.videos)
        if count > self._limit:
            more = f" ({count} unreadable videos; data.max_errors={self._limit})"
            raise VideoError(f"{video.line()}{more if count > 1 else ''}")
        return video


def in_order(parts: Iterable[Mapping[int, UnreadableVideo]]) -> list[UnreadableVideo]:
    """The videos of all processes, in the order of the list."""
    found: dict[int, UnreadableVideo] = {}
    for part in parts:
        for index, video in part.items():
            known = found.get(index)  # key frames of one video may be read by two processes
            found[index] = video if known is None else known.more(video.num_key_frames)
    return [found[index] for index in sorted(found)]


def write_unreadable(folder: str, reasons: list[str], name: str = LIST) -> str:
    """Writes the list, a line for each video, or removes an earlier one if all were read. Returns
    its path."""
    path = Path(folder) / name
    write_lines(path, reasons)
    return str(path)
