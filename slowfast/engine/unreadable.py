"""Videos that could not be read: counted, limited, and listed by name."""

from pathlib import Path

from slowfast import distributed
from slowfast.data.decode import VideoError
from slowfast.files import write_whole

LIST = "unreadable.txt"


class Unreadable:
    """What one process could not read, of an epoch or a test.

    Args:
        limit: how many videos may be unreadable; 0 for none.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._reasons: dict[int, str] = {}

    def note(self, index: int, path: str, error: VideoError) -> None:
        """Counts the list's video ``index``; twice the same is one.

        Raises:
            VideoError: there are more than the limit allows; the message is the last one's.
        """
        reason = str(error)
        self._reasons[index] = reason if reason.startswith(path) else f"{path}: {reason}"
        if len(self._reasons) > self._limit:
            count = len(self._reasons)
            more = (
                f" ({count} unreadable videos; data.max_errors={self._limit})" if count > 1 else ""
            )
            raise VideoError(f"{self._reasons[index]}{more}")

    def gather(self) -> list[str]:
        """The reasons of all processes, each naming its video, in the order of the list."""
        found: dict[int, str] = {}
        for part in distributed.gather(self._reasons):
            found |= part
        return [found[index] for index in sorted(found)]


def write_unreadable(folder: str, reasons: list[str]) -> str:
    """Writes ``unreadable.txt``, a line a video, or removes an earlier one if all were read.

    Returns:
        Its path.
    """
    path = Path(folder) / LIST
    if reasons:
        write_whole(path, "".join(f"{reason}\n" for reason in reasons))
    else:
        path.unlink(missing_ok=True)
    return str(path)
