"""Whatever happens to a reader process, all else is read; none outlives its parent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.paths import REPOSITORY
from support.readers import (
    BATCHES,
    all_items,
    check_pictures,
    crash,
    crash_at_seven,
    describe,
    picture,
    read_all,
    write_at_most,
)
from support.tiny_run import environment
from support.video_tools import is_running, wait_until

from slowfast.data.video.reader import Pulse, VideoError
from slowfast.data.workers.loader import Loader
from slowfast.data.workers.worker import ReaderDiedError, ReadError, Worker
from slowfast.errors import UserError

pytestmark = pytest.mark.usefixtures("no_hang", "shared_memory")


class UnpicklableError(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("cannot pickle this")


def fail_unpicklably(key: int) -> int:
    raise UnpicklableError


def exit_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        os._exit(3)
    return picture(key)


def hang_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(100)
    return picture(key)


def killed_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return picture(key)


@pytest.mark.parametrize(
    ("read", "fate"),
    [
        (exit_at_seven, "its reader process ended with status 3"),
        (killed_at_seven, "its reader process was killed by SIGKILL; out of memory?"),
        (crash_at_seven, "its reader process was killed by SIGSEGV"),
        (hang_at_seven, "no progress for 1.5 s (data.read_seconds)"),
    ],
)
@pytest.mark.parametrize("num_workers", [1, 2])
def test_what_a_reader_dies_at_is_an_error_and_all_else_is_read(
    read: Callable[[int], Any], fate: str, num_workers: int, shared_memory: Path
) -> None:
    with Loader(read, num_workers=num_workers, describe=describe, seconds=1.5) as batches:
        for _ in range(2):  # the second time without a death
            items = all_items(batches)
            assert isinstance(items[7], VideoError)
            assert str(items[7]) == f"video7.mp4: {fate}"
            assert len(items) == 30
            check_pictures(items, but=7)
    assert not list(shared_memory.iterdir())


def dies_often(key: int) -> NDArray[np.uint8]:
    if key % 3 == 1:
        crash()
    return picture(key)


def test_many_deaths(shared_memory: Path) -> None:
    items = read_all(dies_often)
    assert [isinstance(item, VideoError) for item in items] == [key % 3 == 1 for key in range(30)]
    assert not list(shared_memory.iterdir())


ODD_NAMES = [
    "é.mp4", "caf\udce9.mp4", "\udcc3\udca9.mp4", "\ud800", 4096 * "\udcff",
]  # fmt: skip
"""Bytes that are not UTF-8, in any locale; the third are those of é in an ASCII one."""


def dies_always(key: int) -> None:
    crash()


def test_a_file_of_any_name_costs_one_reader() -> None:
    with Loader(dies_always, num_workers=1, describe=ODD_NAMES.__getitem__) as batches:
        (items,) = batches.run([[*range(len(ODD_NAMES))]])
    fate = "its reader process was killed by SIGSEGV"
    assert [str(item) for item in items] == [f"{name}: {fate}" for name in ODD_NAMES]


def test_a_file_that_is_not_known_again_does_not_cost_readers_for_ever() -> None:
    with (
        Loader(dies_always, num_workers=1, describe=lambda key: 9999 * "x") as batches,
        pytest.raises(ReaderDiedError, match="again and again"),
    ):
        list(batches.run([[0]]))


def a_third(key: int) -> int:
    time.sleep(0.3)
    return key


def test_a_limit_is_for_each_file_and_not_for_all() -> None:
    with Loader(a_third, num_workers=1, seconds=1.5) as batches:
        assert list(batches.run([[*range(6)]])) == [[*range(6)]]


def gets_on_slowly(key: int) -> int:
    for _ in range(16):
        time.sleep(0.15)
        Pulse.beat()
    return key


def test_who_gets_on_has_all_the_time_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own alarm, and as the main process sees it."""
    monkeypatch.setattr(Worker, "patience", 1.5)
    with Loader(gets_on_slowly, num_workers=1, seconds=1.5) as batches:
        assert list(batches.run([[7]])) == [[7]]
    Pulse.beat()  # this process has no alarm


def test_a_reader_that_somebody_ends_is_replaced(shared_memory: Path) -> None:
    """Between two files: nothing is lost, also of what it takes back from the shared memory."""
    with Loader(picture, num_workers=1, describe=describe) as batches:
        items = []
        for number, batch in enumerate(batches.run(BATCHES)):
            items += batch
            if number in (1, 4, 6):
                time.sleep(0.3)  # it has read ahead
                os.kill(batches._workers[0]._process.pid or 0, signal.SIGTERM)
                time.sleep(0.1)
    check_pictures(items)
    assert len(items) == 30 and not list(shared_memory.iterdir())


def stop_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        os.kill(os.getpid(), signal.SIGSTOP)
    return picture(key)


def test_a_reader_that_gets_no_alarm_is_ended_from_outside(
    shared_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "patience", 2.0)
    for runs in ("in order", "as ready"):
        with Loader(stop_at_seven, num_workers=1, describe=describe, seconds=1.5) as loader:
            in_order = runs == "in order"
            items = all_items(loader) if in_order else [i for _, i in loader.as_ready(range(30))]
        assert str(items[7]) == "video7.mp4: no progress for 1.5 s (data.read_seconds)"
        assert len(items) == 30 and sum(isinstance(item, VideoError) for item in items) == 1
    assert not list(shared_memory.iterdir())


def interrupted(key: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return key


def test_ctrl_c_is_left_to_the_caller() -> None:
    assert read_all(interrupted) == [*range(30)]


def killed_while_writing(key: int) -> NDArray[np.uint8]:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    write_at_most(1000)
    return np.zeros(10**6, np.uint8)


def test_reader_killed_while_writing_leaves_nothing(shared_memory: Path) -> None:
    with pytest.raises(ReaderDiedError, match="SIGXFSZ"):
        read_all(killed_while_writing, num_workers=1)
    assert not list(shared_memory.iterdir())


def test_an_exception_that_cannot_be_pickled_is_told_in_a_line() -> None:
    with pytest.raises(ReadError, match="^UnpicklableError: $"):
        read_all(fail_unpicklably)


class TwoArgumentsError(UserError):
    """It can be pickled, and not unpickled."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} {where}")


def unpicklable_then_killed(key: int) -> Any:
    if key in (0, 2):
        raise (TwoArgumentsError if key else UnpicklableError)("here", "there")
    if key in (1, 3):
        os.kill(os.getpid(), signal.SIGKILL)
    return f"answer of {key}"


def test_no_item_gets_the_answer_of_another() -> None:
    """Where an answer cannot be unpickled here, or is an exception that cannot travel."""
    with Loader(unpicklable_then_killed, num_workers=1, describe=describe) as loader:
        items = dict(loader.as_ready(range(6)))
    assert str(items[0]) == "video0.mp4: UnpicklableError: ('here', 'there')"
    assert str(items[2]).startswith("video2.mp4: TypeError: ")
    assert all("killed by SIGKILL" in str(items[key]) for key in (1, 3))
    assert [items[4], items[5]] == ["answer of 4", "answer of 5"]


PARENT = """
import ctypes, multiprocessing, signal, sys, time
import numpy as np
from slowfast.data.workers import loader, shared_memory

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
shared_memory.SHARED_MEMORY = sys.argv[1]
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)

def read(key):
    if key == 10 and "hang" in sys.argv:  # where no signal interrupts it, and Python handles none
        libc.pthread_mutex_lock(mutex)
        libc.pthread_mutex_lock(mutex)
    return np.zeros(100_000)

batches = loader.Loader(read, num_workers=3)

def hold_the_pipes():  # as any process forked after the readers does
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(100)

multiprocessing.get_context("fork").Process(target=hold_the_pipes, daemon=True).start()
print(*(worker._process.pid for worker in batches._workers), flush=True)
for items in batches.run([[key] for key in range(100)]):
    print("ready", flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize(
    ("number", "to_all", "hangs"),
    [
        ("SIGKILL", False, False), ("SIGKILL", False, True), ("SIGTERM", False, False),
        ("SIGTERM", True, False), ("SIGINT", True, False),
    ],
)  # fmt: skip
def test_readers_end_with_their_parent_and_leave_nothing(
    shared_memory: Path, number: str, to_all: bool, hangs: bool
) -> None:
    with running_parent(shared_memory, *["hang"] * hangs) as parent:
        assert parent.stdout is not None
        readers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(readers) == 3
        assert parent.stdout.readline() == "ready\n"
        wait_until(
            lambda: len(list(shared_memory.glob("*-????????"))) == 5
        )  # two a reader, less the one
        (os.killpg if to_all else os.kill)(parent.pid, signal.Signals[number])
        parent.wait()
        wait_until(lambda: not any(map(is_running, readers)))
        assert not list(shared_memory.iterdir())


@contextlib.contextmanager
def running_parent(shared_memory: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """PARENT in a process group of its own, which is gone at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(shared_memory), *flags],
        cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    ) as parent:  # fmt: skip
        try:
            yield parent
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
