"""Work on what people upload: each request in a process of its own, the network in this one.

A damaged file can crash a decoder or hang it, so nothing of it is opened in the server. The
processes come from a fork server: one that has no threads, and the imports behind it. What they
need the network for comes back here through a pipe, and takes its turn batch by batch: a long
request lets a short one in between.
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from numpy.typing import NDArray

from slowfast.errors import UserError, error_line, one_line
from slowfast.log import logger
from slowfast.predict.runtime.built import Row
from slowfast.predict.runtime.runtimes import Backend, BackendError
from slowfast.signals import end_with_parent

PATIENCE = 240.0
"""Seconds for which a process may say nothing before it is ended."""
AT_ONCE = 4
"""Views that are computed in one turn, at most: one more request waits for them."""
STEP_EVERY = 0.25
"""Seconds from one Step to the next; those between are not sent."""


class JobError(UserError):
    """What a person on the page is told: one sentence."""


class Step(NamedTuple):
    """How far a request is."""

    share: float
    """Up to 1."""
    what: str


OpenKind = Callable[[str], Backend]
"""Gives the backend of a kind, see ``graph.KINDS``."""
Tell = Callable[[Any], None]
"""Sends a Step, or a result, to whoever asked."""
Work = Callable[..., None]
"""A function of a module, called with an ``OpenKind``, a ``Tell``, and what else it needs; what it
takes and tells can be pickled."""


class Desk:
    """Runs requests, and computes the network for them.

    Args:
        open_kind: opens a backend, see ``graph.KINDS``; each kind is opened once.
    """

    def __init__(self, open_kind: OpenKind) -> None:
        self._open_kind = open_kind
        self._backends: dict[str, Backend] = {}
        self._turn = threading.Lock()
        self._opening = threading.Lock()
        self._running: set[Any] = set()

    def backend(self, kind: str) -> Backend:
        """The backend of a kind; not to be used by two at once."""
        with self._opening:
            if kind not in self._backends:
                self._backends[kind] = self._open_kind(kind)
            return self._backends[kind]

    def run(self, work: Work, *args: Any) -> Iterator[Any]:
        """What ``work`` tells, from a process of its own, which ends with the iterator.

        Raises:
            JobError: the work raised an error that a person can mend, or its process crashed, or
                hung.
        """
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(work, args, theirs))
        process.start()
        theirs.close()
        self._running.add(process)
        try:
            yield from self._answers(ours)
        finally:
            ours.close()
            process.kill()
            process.join()
            self._running.discard(process)

    def close(self) -> None:
        """Ends all requests."""
        for process in list(self._running):
            process.kill()

    def _answers(self, connection: Connection) -> Iterator[Any]:
        while True:
            if not connection.poll(PATIENCE):
                raise JobError("This took too long, and was given up: the file may be damaged.")
            try:
                message, content = connection.recv()
            except (EOFError, OSError) as error:
                raise JobError("The process that read this file crashed.") from error
            if message == "end":
                return
            if message == "error":
                raise JobError(content)
            if message == "item":
                yield content
            else:
                with contextlib.suppress(OSError):  # it has died, as the next turn notices
                    connection.send(self._computed(message, content))

    def _computed(self, message: str, content: Any) -> Any:
        """The answer to a ``Remote``; an error as such."""
        try:
            if message == "open":
                backend = self.backend(content)
                return backend.about, min(backend.views_at_once, AT_ONCE), backend.columns
            kind, inputs = content
            backend = self.backend(kind)
            with self._turn:
                return backend.run(*inputs)
        except (UserError, MemoryError, RuntimeError) as error:
            return BackendError(f"the network cannot be computed: {one_line(error)}")


class Remote(Backend):
    """A backend of the server's, in a request's process."""

    def __init__(self, kind: str, connection: Connection) -> None:
        self._kind, self._connection = kind, connection
        self.about, self.views_at_once, self.columns = self._asked("open", kind)

    def run(self, *inputs: NDArray[Any]) -> Row:
        return self._asked("run", (self._kind, inputs))

    def _asked(self, message: str, content: Any) -> Any:
        self._connection.send((message, content))
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def start_fork_server(modules: list[str]) -> None:
    """Starts what the processes are forked from, with these modules imported. To be called before
    there are threads. Raises a UserError where the path of TMPDIR is too long for a socket."""
    multiprocessing.set_forkserver_preload(modules)
    try:
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        if "path too long" not in str(error):
            raise
        raise UserError(
            f"{tempfile.gettempdir()} is too long a path for the sockets that are put there: set "
            "TMPDIR to a folder with a shorter one, such as /tmp"
        ) from error


def _serve(work: Work, args: tuple[Any, ...], connection: Connection) -> None:
    """The life of a request's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's
    end_with_parent()
    logger.setLevel(logging.WARNING)
    logger.propagate = False  # Paddle would print each line
    last_step = -STEP_EVERY

    def tell(item: Any) -> None:
        nonlocal last_step
        now = time.monotonic()
        if not isinstance(item, Step) or now - last_step >= STEP_EVERY:
            last_step = now
            connection.send(("item", item))

    try:
        work(lambda kind: Remote(kind, connection), tell, *args)
        connection.send(("end", None))
    except (UserError, OSError, MemoryError) as error:
        with contextlib.suppress(OSError):
            connection.send(("error", error_line(error).removeprefix("error: ")))
    except EOFError:  # nobody waits for it any more
        pass
    sys.stdout.flush()
    os._exit(0)  # at once, whatever threads libraries have
