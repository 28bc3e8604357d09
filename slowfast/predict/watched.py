"""A stream with its labels drawn in: in a file, or in a window on the screen."""

import contextlib
import queue
import subprocess
import sys
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
from slowfast.predict.annotate import with_labels

SCREEN = Path("window")
"""In the place of a folder: a window."""
TITLE = "slowfast"
ESCAPE = 27
WAITING = 4
"""Frames that may wait to be drawn."""


class ScreenError(UserError):
    """There is no screen."""


class Watch:
    """Draws frames in a thread of its own, so that nothing waits for it.

    Args:
        drawn: opens what has ``add(picture, seconds)``, see ``Writer``; None: nothing is drawn.
    """

    def __init__(self, drawn: contextlib.AbstractContextManager[Any] | None) -> None:
        self.best: list[tuple[str, float]] = []
        """The labels that are drawn into the frames that come."""
        self.left_out = 0
        """Frames that there was no time for."""
        self.error: BaseException | None = None
        self._drawn = drawn
        self._waiting: queue.Queue[tuple[StreamFrame, Any] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._draw, name="watch", daemon=True)

    def add(self, frame: StreamFrame, is_live: bool) -> None:
        """Draws a frame; a live one that comes too soon is left out. Raises what went wrong with
        those before."""
        if self.error is not None:
            raise self.error
        if self._drawn is None:
            return
        try:
            self._waiting.put((frame, self.best), block=not is_live)
        except queue.Full:
            self.left_out += 1

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._waiting.put(None)
        self._thread.join()
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
        _require_screen()
        with Watch(_Screen()) as watch:
            yield watch
    else:
        from slowfast.data.video.write import Writer  # needs PyAV, which need not be there

        path = where / f"live-{datetime.now():%Y%m%d-%H%M%S}.mp4"
        with Watch(Writer(path, is_live=True)) as watch:
            yield watch
        left_out = f" ({watch.left_out:,} frames left out: no time)" if watch.left_out else ""
        logger.info(f"{path}{left_out}")


def _require_screen() -> None:
    """A process of its own tries: where there is no display, Qt ends the process."""
    tried = "import cv2; cv2.namedWindow('slowfast'); cv2.pollKey()"
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, check=False)
    if done.returncode:
        raise ScreenError(
            "--annotate window: no window can be opened here (no display, or opencv-python-headless"
            "): name a folder"
        )


class _Screen(contextlib.AbstractContextManager["_Screen"]):
    """A window; all is called in one thread."""

    def add(self, picture: Picture, seconds: float) -> None:
        """Shows a picture. Raises KeyboardInterrupt if the user closes the window."""
        cv2.imshow(TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        key = cv2.pollKey() & 0xFF
        if key in (ord("q"), ESCAPE) or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            raise KeyboardInterrupt

    def __exit__(self, *unused: object) -> None:
        cv2.destroyAllWindows()
