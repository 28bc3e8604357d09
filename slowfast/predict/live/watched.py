"""A stream with its labels drawn in: in a file, or in a window on the screen."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2

from slowfast.data.video.reader import Picture
from slowfast.data.video.stream import StreamFrame
from slowfast.errors import UserError
from slowfast.log import logger
from slowfast.predict.annotate.drawn_labels import with_labels

SCREEN = Path("window")
"""In the place of a folder: a window."""
TITLE = "slowfast"
ESCAPE = 27
WAITING, LEAST = 256 * 2**20, 4
"""Bytes of frames that may wait to be drawn, as many may come at once: 3 seconds of 1280x720; and
the number of frames that may wait in any case."""


class ScreenError(UserError):
    """There is no screen."""


class Watch:
    """Draws frames in a thread of its own, so that nothing waits for it.

    Args:
        drawn: opens what has ``add(picture, seconds)``, see ``Writer``; None: nothing is drawn.
        goodbye: seconds to wait for the thread at the end; None: as long as it takes.
        waiting: bytes of frames that may wait for it.
    """

    def __init__(
        self, drawn: contextlib.AbstractContextManager[Any] | None,
        goodbye: float | None = None, waiting: int = WAITING,
    ) -> None:  # fmt: skip
        self.best: list[tuple[str, float]] = []
        """The labels that are drawn into the frames that come."""
        self.left_out = 0
        """Frames that there was no time for."""
        self.error: BaseException | None = None
        self._drawn, self._goodbye, self._bytes = drawn, goodbye, waiting
        self._waiting: queue.Queue[tuple[StreamFrame, Any] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._draw, name="watch", daemon=True)

    def add(self, frame: StreamFrame, is_live: bool) -> None:
        """Draws a frame; a live one that comes too soon is left out. Raises what went wrong with
        those before."""
        if self.error is not None:
            raise self.error
        if self._drawn is None:
            return
        self._waiting.maxsize = max(LEAST, self._bytes // frame.picture.nbytes)
        try:
            self._waiting.put((frame, self.best), block=not is_live)
        except queue.Full:
            self.left_out += 1

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=self._goodbye)
        self._thread.join(self._goodbye)
        if self.error is not None and error is None:
            raise self.error

    def _draw(self) -> None:
        if self._drawn is None:
            return
        try:
            with self._drawn as drawn:
                while item := self._waiting.get():
                    frame, best = item
                    drawn.add(with_labels(frame.picture, best), frame.seconds)
        except BaseException as error:
            self.error = error
            while self._waiting.get():  # or who adds would wait
                pass


@contextlib.contextmanager
def watched(where: Path | None) -> Iterator[Watch]:
    """What shows a stream: a new file ``live-DATE-TIME.mp4`` in a folder, whole in whatever way the
    run ends; or a window on the screen, where ``q`` ends the run; or nothing.

    Raises:
        ScreenError: no window can be opened here.
        OSError: the file cannot be written; names it.
    """
    if where is None:
        with Watch(None) as watch:
            yield watch
    elif where == SCREEN:
        with (
            contextlib.closing(_Screen()) as screen,
            Watch(contextlib.nullcontext(screen), goodbye=1.0, waiting=0) as watch,
        ):
            yield watch
    else:
        from slowfast.data.video.write import Writer  # needs PyAV, which need not be there

        path = where / f"live-{datetime.now():%Y%m%d-%H%M%S}.mp4"
        watch = Watch(Writer(path, is_live=True))
        try:
            with watch:
                yield watch
        finally:
            left_out = f" ({watch.left_out:,} frames left out: no time)" if watch.left_out else ""
            if path.exists():
                logger.info(f"{path}{left_out}")


class _Screen:
    """A window, in a process of its own: where there is no display, Qt ends the process, and some
    systems open windows in a main thread only.

    Raises:
        ScreenError: no window can be opened.
    """

    def __init__(self) -> None:
        new = multiprocessing.get_context("spawn")
        self._pictures, theirs = new.Pipe()
        self._process = new.Process(target=_show, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._pictures.recv()
        except EOFError as error:
            raise ScreenError(
                "--annotate window: no window can be opened here (no display, or an OpenCV without "
                "windows, opencv-python-headless): name a folder"
            ) from error

    def add(self, picture: Picture, seconds: float) -> None:
        """Shows a picture. Raises KeyboardInterrupt if the user has closed the window."""
        try:
            self._pictures.send(picture)
        except OSError as error:
            raise KeyboardInterrupt from error

    def close(self) -> None:
        """Closes the window."""
        self._process.kill()
        self._process.join()
        self._pictures.close()


def _show(pictures: Any) -> None:
    """What the process of a window does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to it as well
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Qt's complaints
    cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    pictures.send("open")
    with contextlib.suppress(EOFError):
        while True:
            cv2.imshow(TITLE, cv2.cvtColor(pictures.recv(), cv2.COLOR_RGB2BGR))
            is_open = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
            if cv2.pollKey() & 0xFF in (ord("q"), ESCAPE) or not is_open:
                return
