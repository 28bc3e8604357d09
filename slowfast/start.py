"""What every command does first, before its imports, which take seconds.

Standard library only, and little of that: a signal can come at any time.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # not typing's, whose import takes longer than all the others
    from typing import Any, TextIO

NOBODY_READS = (errno.EPIPE, errno.EIO)
"""Of a write: the reader has ended, as ``head`` does; the terminal is gone."""
_unread: set[int] = set()


def begin() -> None:
    """Lets Ctrl-C end this process at once, without a traceback, until ``command.run`` says more of
    it; a SIGTERM waits until then. And makes standard output and error such that a command ends its
    work, and writes its files, also if nobody reads what it says, or if they are closed
    (``>&-``)."""
    # So that threads which libraries start now never get it: see machine.import_paddle.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file would get its number
        os.set_inheritable(free, True)
    os.close(free)
    sys.stdout, sys.stderr = _patient(sys.stdout, 1), _patient(sys.stderr, 2)


def is_read(number: int = 1) -> bool:
    """Whether somebody still reads standard output (1) or error (2), as far as is known."""
    return number not in _unread


class _Unread(io.FileIO):
    """A standard stream that becomes /dev/null once it cannot be written."""

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Raises an OSError, once, if bytes are lost that somebody waits for: a full disk."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            _unread.add(self.fileno())
            if error.errno not in NOBODY_READS:
                name = {1: "standard output", 2: "standard error"}[self.fileno()]
                raise OSError(error.errno, error.strerror, name) from error
            return len(data)


def _patient(stream: TextIO | None, number: int) -> io.TextIOWrapper:
    """The same stream, see ``_Unread``; a new one if Python has found it closed."""
    raw: Any = _Unread(number, "w", closefd=False)
    writes_at_once = isinstance(stream, io.TextIOWrapper) and stream.write_through
    is_raw = stream is not None and isinstance(stream.buffer, io.RawIOBase)  # python -u
    return io.TextIOWrapper(
        raw if is_raw else io.BufferedWriter(raw),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
        write_through=writes_at_once,
    )
