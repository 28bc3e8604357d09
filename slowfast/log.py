"""Log lines and the progress bar. Without libraries."""

import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from slowfast.errors import printable

logger = logging.getLogger("slowfast")


def start_logging(rank: int, output_dir: str | None = None) -> None:
    """Sends log lines to the screen, and on rank 0 also to ``output_dir/log.txt``.

    Other ranks only show warnings. What the screen cannot show, as where it is ASCII, is shown
    escaped from now on, and is so in the log: ``\\xe9``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logger.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    logger.propagate = False
    for handler in logger.handlers:
        handler.close()
    logger.handlers = [Lines(sys.stdout)]
    logger.handlers[0].setFormatter(Printable())
    if output_dir is not None and rank == 0:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        log = Path(output_dir) / "log.txt"
        handler = LogFile(log, encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(Printable("[%(asctime)s] %(message)s", "%m/%d %H:%M:%S"))
        logger.addHandler(handler)


class Printable(logging.Formatter):
    """Log lines in which names cannot begin a new one, move the cursor or colour the screen. A
    traceback below keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line of a record."""
        return printable(super().formatMessage(record))


class Lines(logging.StreamHandler[TextIO]):
    """Log lines on the screen. If the screen cannot be written, a command ends. A training run goes
    on: its log is in a file. Without this, each line would become a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Is called where the error is handled."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)
        elif len(logger.handlers) == 1:
            raise


class LogFile(logging.FileHandler):
    """Log lines in a file. That it cannot be written, as on a full disk, ends a run with an OSError
    that names it; without this, each line would become a traceback, and the run go on unseen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Is called where the error is handled."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        raise OSError(error.errno, error.strerror, self.baseFilename) from error


def say(*lines: object) -> None:
    """Prints lines, each as the screen can show it, see ``printable``: one line stays one, whatever
    the names in it. For all lines that may hold a name, of a file, a class or a user; ``print`` is
    for fixed texts and numbers."""
    for line in lines:
        print(printable(str(line)), flush=True)


class Progress:
    """Shows progress and the time left: a bar on a terminal, else up to 100 lines."""

    def __init__(self, what: str, total: float, *, show: bool = True) -> None:
        self._what, self._total, self._show = what, total, show
        self._terminal = sys.stdout.isatty()
        self._began = time.monotonic()
        self._said_at, self._said_done = self._began, 0.0
        self._width = 0

    def update(self, done: float, note: str = "") -> None:
        """Shows that ``done`` of the total is done, then a short note."""
        now = time.monotonic()
        seconds, step = (0.1, 0.0) if self._terminal else (2.0, self._total / 100)
        is_due = now - self._said_at >= seconds and done - self._said_done >= step
        if not self._show or not is_due:
            return
        self._said_at, self._said_done = now, done
        left = (now - self._began) * (self._total - done) / done if done else 0.0
        text = f"{self._what}: {done:.0f}/{self._total:.0f}, {duration(left)} left"
        if self._terminal:
            full = int(24 * min(done / self._total, 1.0))
            text = f"{self._what} [{'#' * full}{'.' * (24 - full)}] {duration(left)} left"
        self._print(f"{text}  {note}".rstrip(), end="\r" if self._terminal else "\n")

    def finish(self, note: str = "") -> None:
        """Replaces the bar by a final line."""
        if self._show:
            took = duration(time.monotonic() - self._began)
            self._print(f"{self._what}: done in {took}  {note}".rstrip(), end="\n")

    def _print(self, text: str, end: str) -> None:
        text = printable(text)
        padded = text.ljust(self._width) if self._terminal else text
        self._width = len(text)
        print(padded, end=end, flush=True)


def over_bar(text: str) -> str:
    """The text, on a terminal in the place of the bar that is there."""
    return f"\r\033[J{text}" if sys.stdout.isatty() else text


def duration(seconds: float) -> str:
    """``1:23:45``."""
    minutes, seconds = divmod(max(int(seconds), 0), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows of the same columns as lines of text, names to the left and numbers to the right."""
    texts = [[*rows[0]], *([*map(_text, row.values())] for row in rows)]
    return aligned(texts, [isinstance(value, str) for value in rows[0].values()])


def aligned(texts: Sequence[Sequence[str]], is_left: Sequence[bool]) -> list[str]:
    """Rows of texts as lines, in columns that are aligned to the left or to the right."""
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if left else text.rjust(width)
            for text, width, left in zip(line, widths, is_left, strict=True)
        ).rstrip()
        for line in texts
    ]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.5f}" if isinstance(value, float) else f"{value}"


def quiet_libraries() -> None:
    """Hides library messages that do not help users; our own name the file and the remedy.

    From Paddle: the missing ccache, batch norm's note in training, notes of its C++ part. From
    OpenCV and FFmpeg: why a file cannot be opened. Child processes are quiet too.
    """
    ignored = ("No ccache found", "When training, we now always track global mean")
    for message in ignored:
        warnings.filterwarnings("ignore", message=message)
    here = [f"ignore:{message.partition(',')[0]}:UserWarning" for message in ignored]
    os.environ.setdefault("PYTHONWARNINGS", ",".join(here))
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if cv2 := sys.modules.get("cv2"):  # it is imported, and has read its level already
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
