"""What the tools that go through a list of videos share: its lines, processes, a journal, an end.

Each video has a process of its own, which the system ends when its time is up: a file that crashes
a decoder, or makes it wait for ever, costs that file alone. What is done is written down at once,
so a run that was interrupted goes on where it was.
"""

import argparse
import contextlib
import ctypes
import fcntl
import gc
import json
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import cv2

from slowfast.config import ConfigError
from slowfast.data.annotations import ListError, Sample, read_list, read_paths
from slowfast.data.shards import split_member
from slowfast.data.video import VideoError
from slowfast.data.worker import fate_of
from slowfast.files import error_line
from slowfast.quiet import quiet_libraries

ANY_CLASS = 10**9
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Item = TypeVar("Item")


class Entry(NamedTuple):
    """A line of a list as it stands there, and the video it names."""

    line: str
    sample: Sample


class ToolError(RuntimeError):
    """What a user can put right; the message says how."""


class KilledError(VideoError):
    """A video whose process crashed, or was ended as it took too long."""


def read_entries(list_path: Path, root: Path) -> list[Entry]:
    """The lines of a list with labels, or of one of bare paths: one where no line has a label.

    Raises:
        ListError: as ``read_list``.
    """
    paths = read_paths(str(list_path), str(root))
    text = list_path.read_text(encoding="utf-8-sig")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    separator = "," if list_path.suffix == ".csv" else " "
    if any(line.rpartition(separator)[2].isdecimal() for line in lines):
        samples = read_list(str(list_path), str(root), ANY_CLASS)
    else:
        samples = paths
    return [Entry(line, sample) for line, sample in zip(lines, samples, strict=True)]


def state_of(path: str) -> list[int] | None:
    """Size and time of the last change of a file, its shard or folder; None if there is none."""
    member = split_member(path)
    try:
        status = os.stat(member[0] if member else path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


class Journal:
    """What is done: a JSON object a line, by its ``key``; the last of a key counts.

    Lines are only ever added. One that was cut off as the machine went down does not count.

    Raises:
        ToolError: another run is writing it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ToolError(f"{path} is in use by another run: wait for it, or end it") from None
        self._file.seek(0)
        text = self._file.read()
        for line in text.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self.done[entry["key"]] = entry
        self._is_torn = not text.endswith(b"\n") and text != b""

    def add(self, key: str, entry: dict[str, Any]) -> None:
        """Writes an entry down.

        Raises:
            OSError: the disk is full, or similar; what was written before stays.
        """
        self.done[key] = {"key": key, **entry}
        line = json.dumps(self.done[key]).encode() + b"\n"
        try:
            if self._file.write(b"\n" + line if self._is_torn else line) < len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._is_torn = False

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def in_processes(
    work: Callable[[Item], Any], items: Sequence[Item], workers: int, seconds: float
) -> Generator[tuple[Item, Any], None, None]:
    """Each item with what ``work`` returns for it, as they become ready.

    For a video that fails a VideoError is returned in the answer's place, also if its process
    crashed or took more than ``seconds``; an OSError of another kind, such as a full disk, is
    raised. Leaving early ends the processes at once.
    """
    context = multiprocessing.get_context("fork")
    waiting = deque(items)
    running: dict[Connection, tuple[BaseProcess, Item]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                item = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                child: BaseProcess = context.Process(
                    target=_run, args=(work, item, seconds, theirs), daemon=True
                )
                signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)  # nobody is forgotten
                child.start()
                running[ours] = (child, item)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
                theirs.close()
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                answer = _answer(ready, running[ready][0], seconds)
                process, item = running.pop(ready)
                yield item, answer
    finally:
        for process, _ in running.values():
            process.kill()
            process.join()


def _run(work: Callable[[Item], Any], item: Item, seconds: float, theirs: Connection) -> None:
    """The life of a process: one item."""
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)  # the main process's to handle
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends it wherever it is, in a library too
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with contextlib.suppress(AttributeError, OSError):  # Linux: ends with the main process
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        return  # it has ended before we asked
    cv2.setNumThreads(0)
    gc.freeze()  # what came with the fork is not this process's to free
    try:
        answer = work(item)
    except VideoError as error:
        answer = error
    except OSError as error:
        answer = OSError(error.errno, error.strerror or str(error), error.filename)
    except Exception as error:  # whatever a damaged file leads to
        answer = VideoError(f"{type(error).__name__}: {' '.join(str(error).split())}")
    theirs.send(answer)


def _answer(ready: Connection, process: BaseProcess, seconds: float) -> Any:
    try:
        answer = ready.recv()
    except EOFError:
        process.join()
        return KilledError(fate_of(process.exitcode, seconds))
    finally:
        ready.close()
    process.join()
    if isinstance(answer, OSError) and not isinstance(answer, VideoError):
        raise answer
    return answer


def time_limit(text: str) -> float:
    """The value of --seconds.

    Raises:
        argparse.ArgumentTypeError: it is no time that a process can be given.
    """
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 10**6:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and up to 1,000,000")


def run_tool(tool: Callable[[], int]) -> int:
    """Runs a tool: 1 with one line on stderr for what is wrong, 130 if it was interrupted."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        for number in numbers:  # once is enough
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    quiet_libraries()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # as that: cv2 is imported
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    numbers = [n for n, handler in before.items() if handler != signal.SIG_IGN]  # nohup's
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        return tool()
    except (ConfigError, ListError, ToolError, OSError) as error:
        print(error_line(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from here", file=sys.stderr)
        return 130
    finally:
        for number in numbers:
            signal.signal(number, before[number])
