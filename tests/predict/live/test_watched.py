"""A stream with its labels drawn in: the file is whole, and nothing waits for it."""

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from support.full_disk import largest_file

from slowfast.data.video.stream import StreamFrame
from slowfast.predict.live.watched import SCREEN, ScreenError, Watch, watched

pytestmark = pytest.mark.usefixtures("no_hang")


def frames(count: int, size: tuple[int, int] = (240, 320)) -> Iterator[StreamFrame]:
    for number in range(count):
        yield StreamFrame(number / 30, time.monotonic(), np.full((*size, 3), 99, np.uint8))


def test_nothing_is_drawn() -> None:
    with watched(None) as watch:
        for frame in frames(20):
            watch.add(frame, False)
    assert watch.left_out == 0


def test_a_file_with_labels(tmp_path: Path) -> None:
    """They change where the answer does; the frames keep their times."""
    with watched(tmp_path / "new") as watch:
        for number, frame in enumerate(frames(20)):
            if number == 10:
                watch.best = [("waving", 0.8)]
            watch.add(frame, False)
    (path,) = (tmp_path / "new").iterdir()
    assert path.name.startswith("live-") and path.suffix == ".mp4"
    with av.open(str(path)) as container:
        shown = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    np.testing.assert_allclose([t for t, _ in shown], np.arange(20) / 30, atol=1e-4)
    has_label = [bool(np.ptp(picture) > 60) for _, picture in shown]
    assert has_label == [False] * 10 + [True] * 10


def test_a_full_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with (
        pytest.raises(OSError, match="File too large") as caught,
        largest_file(500_000),
        watched(tmp_path) as watch,
    ):
        for number in range(500):
            noise = rng.integers(0, 256, (240, 320, 3), np.uint8)
            watch.add(StreamFrame(number / 30, time.monotonic(), noise), False)
    assert caught.value.filename.startswith(str(tmp_path / "live-"))
    (path,) = tmp_path.iterdir()
    with av.open(str(path)) as container, contextlib.suppress(av.InvalidDataError):  # cut off
        count = 0
        for frame in container.decode(video=0):
            assert frame.time == pytest.approx(count / 30)
            count += 1
    assert count > 5


class Slow:
    """Draws slowly; ``shown`` has the times of what it has drawn."""

    def __init__(self) -> None:
        self.shown: list[float] = []

    def __enter__(self) -> "Slow":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, picture: object, seconds: float) -> None:
        time.sleep(0.01)
        self.shown.append(seconds)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "waits"])
def test_live_frames_that_there_is_no_time_for_are_left_out(is_live: bool) -> None:
    slow = Slow()
    with Watch(slow, waiting=0) as watch:
        for frame in frames(30):
            watch.add(frame, is_live)
    assert len(slow.shown) + watch.left_out == 30
    assert slow.shown == sorted(slow.shown)
    assert (watch.left_out > 0) == is_live


def test_an_error_is_raised_where_frames_come_from() -> None:
    class Failing(Slow):
        def add(self, picture: object, seconds: float) -> None:
            raise OSError("full")

    with pytest.raises(OSError, match="full"), Watch(Failing()) as watch:
        for frame in frames(30):
            watch.add(frame, False)
    with pytest.raises(OSError, match="full"), Watch(Failing()) as watch:
        watch.add(next(frames(1)), False)  # and no other comes


def test_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    expected = "no window can be opened here .* name a folder"
    with pytest.raises(ScreenError, match=expected), watched(SCREEN):
        pass


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A display that nobody sees."""
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        monkeypatch.setenv("DISPLAY", f":{os.read(reading, 9).decode().strip()}")
        yield
        server.kill()
    for number in (reading, writing):
        os.close(number)


def test_a_window_on_the_screen(display: None) -> None:
    """To close it ends the run as Ctrl-C does."""
    with watched(SCREEN) as watch:
        for frame in frames(20):
            watch.add(frame, False)
    assert watch.error is None
    with pytest.raises(KeyboardInterrupt), watched(SCREEN) as watch:
        (window,) = multiprocessing.active_children()
        for frame in frames(200):
            watch.add(frame, False)
            if frame.seconds > 1:
                window.kill()
