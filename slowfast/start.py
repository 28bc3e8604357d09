"""What every command does first, before its imports, which take seconds.

Standard library only, and little of that: a signal can come at any time.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # not typing's, whose import takes longer than all the others
    from typing import Any, TextIO

_unread: set[int] = set()
_held: set[int] = set()  # the signals that begin has blocked


def begin() -> None:
    """Lets Ctrl-C end this process at once, without a traceback, until ``command.run`` says more of
    it. A SIGTERM waits until then, see ``let_in``; a command that ends before, as ``--help`` does,
    ends as if none had come.

    A command then finishes its work even if nobody reads its output, or if output is closed
    (``>&-``).
    """
    # So that threads which libraries start now never get it: see machine.import_paddle.
    if signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]):
        _held.add(signal.SIGTERM)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file would get its number
        os.set_inheritable(free, True)
    os.close(free)
    sys.stdout, sys.stderr = _patient(sys.stdout, 1), _patient(sys.stderr, 2)


def let_in() -> None:
    """Lets the SIGTERM come that has waited since ``begin``, and later ones; not if the process
    that started this one has blocked them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _held)


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
            nobody_reads = _nobody_reads(error, self.fileno())
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            _unread.add(self.fileno())
            if not nobody_reads:
                name = {1: "standard output", 2: "standard error"}[self.fileno()]
                raise OSError(error.errno, error.strerror, name) from error
            return len(data)


def _nobody_reads(error: OSError, number: int) -> bool:
    """Whether a write has failed as the reader has ended, as ``head`` does, or as the terminal is
    gone. The latter's EIO is also what a faulty disk gives."""
    is_device = stat.S_ISCHR(os.fstat(number).st_mode)
    return error.errno == errno.EPIPE or error.errno == errno.EIO and is_device


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
