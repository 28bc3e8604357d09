"""Says what happens in a stream while it happens: a line for each window."""

import contextlib
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from slowfast.config import Config
from slowfast.data.clips.stream_clips import StreamClips, Window
from slowfast.data.video.reader import VideoError
from slowfast.errors import masked_url
from slowfast.files import FolderError, write_json_rows
from slowfast.journal import Journal, entries_of
from slowfast.log import say
from slowfast.places import require_place
from slowfast.predict.annotate.answers import IN_STREAM
from slowfast.predict.answer import WIDEST, Answer, answer_of, best_fields, require_classifier
from slowfast.predict.live.watched import SCREEN, watched
from slowfast.predict.runtime.runtimes import Backend
from slowfast.predict.views import finite
from slowfast.signals import Terminated
from slowfast.start import is_read

LIVE = Path("data/results/live.json")
KEY = "live"
"""With this word each line of FILE.jsonl begins its key."""
OWN = re.compile(rb'\{"key": "%s |\[\s*\{"video_id": "(?:[^"\\]|\\.)*", "clock": ' % KEY.encode())
"""How the files of an earlier stream begin."""


def live(
    backend: Backend, path: str, labels: list[str] | None, cfg: Config, *,
    out: Path = LIVE, top: int, annotate: Path | None = None,
) -> None:  # fmt: skip
    """Predicts the windows of a stream, see ``StreamClips``, until it ends, or until Ctrl-C, which
    is how a live one ends, or until nobody reads the lines any more (``| head -5``).

    Prints a line for each window, adds a row to ``FILE.jsonl`` at once, where those of earlier runs
    are, and writes the rows of this run to ``FILE.json`` at the end, in whatever way it comes.

    Args:
        backend: its rows are probabilities.
        out: ``FILE.json``.
        top: number of best classes that a row has; a line shows two, or all that are predicted.
        annotate: also show the stream with its labels, see ``watched``.

    Raises:
        VideoError: the stream cannot be opened, or is lost.
        OSError: a file cannot be written.
    """
    stopped: KeyboardInterrupt | None = None
    require_classifier(cfg, "a stream")
    require_places(out, annotate)
    with _Rows(out, masked_url(path), labels) as rows:
        try:
            with (
                watched(annotate) as watch,
                StreamClips(path, cfg.data, cfg.test, cfg.timeline.every, watch.add) as clips,
            ):
                for window in clips:
                    found = _answer(backend, window, path, cfg, top)
                    rows.add(window, found)
                    watch.best = found.shown(labels)[: IN_STREAM[cfg.train.task]]
                    if not is_read():
                        break
        except KeyboardInterrupt as error:
            stopped = error
    if stopped is not None and (isinstance(stopped, Terminated) or not rows.count):
        raise stopped


def require_places(out: Path, annotate: Path | None) -> None:
    """Checks that the files of a stream can be written: ``FILE.json``, and those in ``annotate``.

    Raises:
        FolderError: one is there that is no stream's.
        OSError: one cannot be written; names it.
    """
    require_place(out)
    for path in (out, out.with_suffix(".jsonl")):
        begin = b""
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            begin = file.read(10_000)
        if begin and not OWN.match(begin):
            raise FolderError(
                f"{path} is there, and has no rows of a stream: name another file with --out, or "
                "delete it"
            )
    if annotate not in (None, SCREEN):
        require_place(annotate / "live.mp4")


def _answer(backend: Backend, window: Window, path: str, cfg: Config, top: int) -> Answer:
    row = finite(backend([backend.put(window.clip)]))
    if isinstance(row, VideoError):
        raise VideoError(f"{masked_url(path)}: {row}")
    return answer_of(row, cfg, top)


class _Rows(contextlib.ExitStack):
    """The rows of a run: on the screen, in ``FILE.jsonl``, and at the end in ``FILE.json``."""

    def __init__(self, out: Path, name: str, labels: list[str] | None) -> None:
        super().__init__()
        self._out, self._path = out, out.with_suffix(".jsonl")
        self._name, self._labels = name, labels
        self._key = f"{KEY} {datetime.now().astimezone().isoformat()}"
        self.count = self._dropped = 0
        self._end = self._longest = 0.0
        self._is_live = False
        self.callback(self._finish)  # after the journal is closed
        try:
            self._journal = self.enter_context(Journal(self._path, {self._key}))
        except FolderError as error:  # in use by another run
            raise FolderError(f"{error}, or name another file with --out") from error

    def add(self, window: Window, found: Answer) -> None:
        """Keeps and prints a window."""
        now = datetime.now().astimezone()
        row: dict[str, Any] = {"video_id": self._name, "clock": now.isoformat()}
        row |= {"start": round(window.start, 3), "end": round(window.end, 3)}
        lag = time.monotonic() - window.arrived
        if window.is_live:
            row |= {"lag": round(lag, 3), "dropped": window.dropped}
        self._journal.add(self._key, row | best_fields(found, self._labels, len(found.classes)))
        self.count, self._end, self._is_live = self.count + 1, window.end, window.is_live
        self._longest, self._dropped = max(self._longest, lag), self._dropped + window.dropped
        say(f"{now:%H:%M:%S} {self._line(window, found, lag)}")

    def _line(self, window: Window, found: Answer, lag: float) -> str:
        best = found.named(self._labels)
        width = min(max(map(len, self._labels or [best[0][0]])), WIDEST)
        if found.predicted is None:
            shown = [f"{name.ljust(width)} {100 * value:5.1f} %" for name, value in best[:2]]
        else:
            shown = [f"{name} {100 * value:.1f} %" for name, value in found.shown(self._labels)]
            shown = shown or [f"none (best: {best[0][0]} {100 * best[0][1]:.1f} %)"]
        line = f"{window.end:8.1f} s  {'  '.join(shown)}"
        if window.is_live:
            line += f"  lag {lag:.2f} s"
        return line + (f"  {window.dropped:,} frames dropped" if window.dropped else "")

    def _finish(self) -> None:
        if not self.count:
            return
        write_json_rows(self._out, self._rows())
        dropped = f", {self._dropped:,} frames dropped" if self._dropped else ""
        lag = f"; longest lag {self._longest:.2f} s{dropped}" if self._is_live else ""
        say(f"{self.count:,} windows in {self._end:.1f} s{lag}", self._out)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for entry in entries_of(self._path):
            if entry.pop("key") == self._key:
                yield entry
