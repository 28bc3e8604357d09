"""Batches come whole and in order, whatever happens to a reader; nothing is left behind."""

import contextlib
import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.paths import REPOSITORY

from slowfast.data.video.reader import VideoError
from slowfast.data.workers import loader
from slowfast.data.workers import shared_memory as memory
from slowfast.data.workers.loader import Loader, workers_that_fit
from slowfast.data.workers.worker import ReaderDiedError, Worker

BATCHES = [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(10)]

pytestmark = pytest.mark.usefixtures("no_hang")


@pytest.fixture(autouse=True)
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /dev/shm, so that what is left in it is this test's."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(memory, "SHARED_MEMORY", str(folder))
    return folder


def picture(key: int) -> NDArray[np.uint8]:
    return np.random.default_rng(key).integers(0, 256, (50 + key, 7, 3), np.uint8)


def describe(key: int) -> str:
    return f"video{key}.mp4"


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_items_come_in_order(num_workers: int) -> None:
    with Loader(picture, num_workers=num_workers) as batches:
        for _ in range(2):
            found = list(batches.run(BATCHES))
            assert len(found) == len(BATCHES)
            for keys, items in zip(BATCHES, found, strict=True):
                for key, item in zip(keys, items, strict=True):
                    np.testing.assert_array_equal(item, picture(key))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_empty_run_and_batches_of_one(num_workers: int) -> None:
    with Loader(picture, num_workers=num_workers) as batches:
        assert list(batches.run([])) == []
        assert [len(items) for items in batches.run([[1], [], [2, 3]])] == [1, 0, 2]


def slow_to_start(key: int) -> int:
    time.sleep(0.2 if key == 0 else 0)
    return key


def test_slow_reader_is_waited_for() -> None:
    with Loader(slow_to_start, num_workers=2) as batches:
        assert list(batches.run(BATCHES)) == BATCHES


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_run_after_one_left_early(num_workers: int, shared_memory: Path) -> None:
    with Loader(picture, num_workers=num_workers) as batches:
        for seen, _ in enumerate(batches.run(BATCHES)):
            if seen == 2:
                break
        for keys, items in zip(BATCHES[4:], batches.run(BATCHES[4:]), strict=True):
            np.testing.assert_array_equal(items[2], picture(keys[2]))
        assert not list(shared_memory.iterdir())


def odd_is_broken(key: int) -> int:
    if key % 2:
        raise VideoError(f"{describe(key)}: broken")
    return key


@pytest.mark.parametrize("num_workers", [0, 2])
def test_video_error_is_yielded_in_its_place(num_workers: int) -> None:
    with Loader(odd_is_broken, num_workers=num_workers) as batches:
        items = [item for batch in batches.run(BATCHES) for item in batch]
    for key, item in enumerate(items):
        if key % 2:
            assert isinstance(item, VideoError)
            assert str(item) == f"video{key}.mp4: broken"
        else:
            assert item == key
    assert len(items) == 30


def seven_fails(key: int) -> NDArray[np.uint8]:
    if key == 7:
        raise ZeroDivisionError("seven")
    return picture(key)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_other_exceptions_are_raised_here(num_workers: int, shared_memory: Path) -> None:
    with Loader(seven_fails, num_workers=num_workers) as batches:
        with pytest.raises(ZeroDivisionError, match="seven"):
            list(batches.run(BATCHES))
        assert [len(items) for items in batches.run(BATCHES[5:])] == [3] * 5
    assert not list(shared_memory.iterdir())


class UnpicklableError(Exception):
    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("cannot pickle this")


def fail_unpicklably(key: int) -> int:
    raise UnpicklableError


def test_exception_that_cannot_travel_does_not_hang() -> None:
    with Loader(fail_unpicklably, num_workers=1) as batches, pytest.raises(ReaderDiedError):
        list(batches.run(BATCHES))


def exit_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        os._exit(3)
    return picture(key)


def crash() -> None:
    """As a decoder would, but without pytest's report of it."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        crash()
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
        (hang_at_seven, "not read within 0.5 s"),
    ],
)
@pytest.mark.parametrize("num_workers", [1, 2])
def test_what_a_reader_dies_at_is_an_error_and_all_else_is_read(
    read: Callable[[int], Any], fate: str, num_workers: int, shared_memory: Path
) -> None:
    with Loader(read, num_workers=num_workers, describe=describe, seconds=0.5) as batches:
        for _ in range(2):  # the second time without a death
            items = [item for items in batches.run(BATCHES) for item in items]
            for key, item in enumerate(items):
                if key == 7:
                    assert isinstance(item, VideoError)
                    assert str(item) == f"video7.mp4: {fate}"
                else:
                    np.testing.assert_array_equal(item, picture(key))
            assert len(items) == 30
    assert not list(shared_memory.iterdir())


def dies_often(key: int) -> NDArray[np.uint8]:
    if key % 3 == 1:
        crash()
    return picture(key)


def test_many_deaths(shared_memory: Path) -> None:
    with Loader(dies_often, num_workers=2, describe=describe) as batches:
        items = [item for items in batches.run(BATCHES) for item in items]
    assert [isinstance(item, VideoError) for item in items] == [key % 3 == 1 for key in range(30)]
    assert not list(shared_memory.iterdir())


def test_a_limit_is_for_each_file_and_not_for_all() -> None:
    with Loader(a_tenth, num_workers=1, seconds=0.4) as batches:
        assert list(batches.run([[*range(6)]])) == [[*range(6)]]


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
    for key, item in enumerate(items):
        np.testing.assert_array_equal(item, picture(key))
    assert not list(shared_memory.iterdir())


def stop_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        os.kill(os.getpid(), signal.SIGSTOP)
    return picture(key)


def test_a_reader_that_gets_no_alarm_is_ended_from_outside(
    shared_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "_patience", lambda worker: 0.5)
    with Loader(stop_at_seven, num_workers=1, describe=describe, seconds=0.3) as batches:
        items = [item for items in batches.run(BATCHES) for item in items]
    assert str(items[7]) == "video7.mp4: not read within 0.3 s"
    assert len(items) == 30 and sum(isinstance(item, VideoError) for item in items) == 1
    assert not list(shared_memory.iterdir())


def has_a_bad_disk(key: int) -> int:
    if key == 7:
        raise OSError(errno.EIO, "Input/output error")
    if key == 8:
        raise MemoryError("cannot allocate 1 TiB")
    return key


@pytest.mark.parametrize("num_workers", [0, 1])
def test_faults_of_a_file_that_no_decoder_names(num_workers: int) -> None:
    with Loader(has_a_bad_disk, num_workers=num_workers, describe=describe) as batches:
        items = [item for items in batches.run(BATCHES) for item in items]
    assert str(items[7]) == "video7.mp4: OSError: [Errno 5] Input/output error"
    assert str(items[8]) == "video8.mp4: MemoryError: cannot allocate 1 TiB"
    assert [*items[:7], *items[9:]] == [*range(7), *range(9, 30)]


def a_tenth(key: int) -> int:
    time.sleep(0.1)
    return key


def next_but_one(key: int, attempt: int) -> int:
    return key + attempt


@pytest.mark.parametrize("num_workers", [0, 2])
def test_another_is_read_in_place_of_what_cannot_be(num_workers: int) -> None:
    with Loader(odd_is_broken, num_workers=num_workers, substitute=next_but_one) as batches:
        items = [item for items in batches.run(BATCHES) for item in items]
        replaced = batches.replaced
    assert items == [key + key % 2 for key in range(30)]
    assert [(key, str(error)) for key, error in replaced] == [
        (key, f"video{key}.mp4: broken") for key in range(1, 30, 2)
    ]


def test_another_is_read_in_place_of_what_a_reader_dies_at() -> None:
    with Loader(
        crash_at_seven, num_workers=2, describe=describe, substitute=next_but_one
    ) as batches:
        items = [item for items in batches.run(BATCHES) for item in items]
        np.testing.assert_array_equal(items[7], picture(8))
        ((key, error),) = batches.replaced
    assert key == 7 and "SIGSEGV" in str(error)


def test_attempts_at_substitution_end() -> None:
    with Loader(all_broken, num_workers=1, substitute=next_but_one) as batches:
        ((item,),) = batches.run([[3]])
        assert batches.replaced == []
    assert isinstance(item, VideoError) and str(item) == "video3.mp4: broken"


def all_broken(key: int) -> int:
    raise VideoError(f"{describe(key)}: broken")


def interrupted(key: int) -> int:
    os.kill(os.getpid(), signal.SIGINT)
    return key


def test_ctrl_c_is_left_to_the_caller() -> None:
    with Loader(interrupted, num_workers=2) as batches:
        assert list(batches.run(BATCHES)) == BATCHES


def process_id(key: int) -> int:
    return os.getpid()


def test_readers_live_as_long_as_the_loader() -> None:
    with Loader(process_id, num_workers=2) as batches:
        first = {pid for items in batches.run(BATCHES) for pid in items}
        second = {pid for items in batches.run(BATCHES) for pid in items}
        assert len(first) == 2
        assert first == second
        assert os.getpid() not in first
    assert not any(is_running(int(str(pid))) for pid in first)
    batches.close()
    batches.close()


def is_running(pid: int) -> bool:
    """Whether the process is there, and not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_without_readers_the_caller_reads() -> None:
    with Loader(process_id, num_workers=0) as batches:
        assert list(batches.run([[1]])) == [[os.getpid()]]


BIG = 10_000_000


def big_arrays(key: int) -> dict[str, Any]:
    """Bytes before numbers, and a view that is not contiguous: alignment, copying."""
    noise = np.random.default_rng(key).integers(0, 256, BIG + key, np.uint8)
    return {"bytes": noise, "numbers": np.arange(1000.0), "turned": noise[:99:-1], "key": key}


def test_big_arrays_arrive_intact_and_can_be_written() -> None:
    with Loader(big_arrays, num_workers=1) as batches:
        for (item,) in batches.run([[1], [2]]):
            assert not isinstance(item, VideoError)
            expected = big_arrays(item["key"])
            for name in ("bytes", "numbers", "turned"):
                np.testing.assert_array_equal(item[name], expected[name])
                assert item[name].flags.aligned
                item[name][0] = 1
                assert item[name][0] == 1


def no_pictures(key: int) -> NDArray[np.uint8]:
    return np.zeros((0, 3), np.uint8)


def test_empty_arrays_arrive() -> None:
    with Loader(no_pictures, num_workers=1) as batches:
        assert all(np.asarray(item).shape == (0, 3) for (item,) in batches.run([[1], [2]]))


def shared_megabytes(folder: Path) -> float:
    """What lies in ``folder``, and what of it is unlinked but still mapped by this process."""
    mapped = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        if str(folder) in line:
            start, end = re.match(r"(\w+)-(\w+)", line).groups()  # type: ignore[union-attr]
            mapped += int(end, 16) - int(start, 16)
    return (mapped + sum(path.stat().st_size for path in folder.iterdir())) / 1e6


def four_megabytes(key: int) -> NDArray[np.uint8]:
    return np.full(4_000_000, key, np.uint8)


def test_memory_is_given_back(shared_memory: Path) -> None:
    most = 0.0
    with Loader(four_megabytes, num_workers=2) as batches:
        for key, items in enumerate(batches.run([[key] for key in range(40)])):
            np.testing.assert_array_equal(items[0], key)
            assert shared_megabytes(shared_memory) > 3.9
            most = max(most, shared_megabytes(shared_memory))
        del items
        # Batches under way (two a reader), the one in hand, the one handed over.
        assert most < 4.1 * (2 * loader.BATCHES_AHEAD + 2)
        assert shared_megabytes(shared_memory) == 0


def test_array_outlives_its_loader() -> None:
    with Loader(picture, num_workers=1) as batches:
        kept = [item for items in batches.run(BATCHES) for item in items]
    for key, item in enumerate(kept):
        np.testing.assert_array_equal(item, picture(key))


def test_nothing_is_left_when_the_caller_fails(shared_memory: Path) -> None:
    """The batches under way are still in the shared memory when the loader is closed."""
    with contextlib.suppress(ZeroDivisionError), Loader(picture, num_workers=2) as batches:
        for _ in batches.run(BATCHES):
            wait_until(lambda: len(list(shared_memory.iterdir())) == 3)
            raise ZeroDivisionError
    assert not list(shared_memory.iterdir())


def test_nothing_is_left_of_a_run_that_is_still_under_way(shared_memory: Path) -> None:
    batches = Loader(picture, num_workers=2)
    run = batches.run(BATCHES)
    next(run)
    wait_until(lambda: len(list(shared_memory.iterdir())) == 3)
    batches.close()
    assert not list(shared_memory.iterdir())


def write_at_most(num_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))


class FullDisk:
    """Reads pictures; a reader process that does so can then write no more than 1000 bytes."""

    def __init__(self) -> None:
        self.main = os.getpid()

    def __call__(self, key: int) -> NDArray[np.uint8]:
        if os.getpid() != self.main:
            write_at_most(1000)
        return picture(key)


def test_what_does_not_fit_into_shared_memory_is_read_without(
    shared_memory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Loader(FullDisk(), num_workers=1, describe=describe) as batches:
        for keys, items in zip(BATCHES, batches.run(BATCHES), strict=True):
            for key, item in zip(keys, items, strict=True):
                np.testing.assert_array_equal(item, picture(key))
        assert not list(shared_memory.iterdir())
    assert f"{shared_memory}: File too large: read by the training process itself" in caplog.text
    assert "video0.mp4, video1.mp4, video2.mp4" in caplog.text


def fails_in_opencv(key: int) -> NDArray[np.uint8]:
    return cv2.resize(np.zeros((0, 4, 3), np.uint8), (2, 2))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_what_opencv_refuses_is_an_error_of_the_video(num_workers: int) -> None:
    with Loader(fails_in_opencv, num_workers=num_workers, describe=lambda k: f"{k}.mp4") as batches:
        ((item,),) = batches.run([[7]])
    assert isinstance(item, VideoError)
    assert str(item).startswith("7.mp4: OpenCV fails on it: ") and "\n" not in str(item)


def killed_while_writing(key: int) -> NDArray[np.uint8]:
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    write_at_most(1000)
    return np.zeros(10**6, np.uint8)


def test_reader_killed_while_writing_leaves_nothing(shared_memory: Path) -> None:
    dies = pytest.raises(ReaderDiedError, match="SIGXFSZ")
    with dies, Loader(killed_while_writing, num_workers=1) as batches:
        list(batches.run(BATCHES))
    assert not list(shared_memory.iterdir())


PARENT = """
import multiprocessing, signal, sys, time
import numpy as np
from slowfast.data import loader, shared_memory

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
shared_memory.SHARED_MEMORY = sys.argv[1]
batches = loader.Loader(lambda key: np.zeros(100_000), num_workers=3)

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
    ("number", "to_all"),
    [("SIGKILL", False), ("SIGTERM", False), ("SIGTERM", True), ("SIGINT", True)],
)
def test_readers_end_with_their_parent_and_leave_nothing(
    shared_memory: Path, number: str, to_all: bool
) -> None:
    with running_parent(shared_memory) as parent:
        assert parent.stdout is not None
        readers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(readers) == 3
        assert parent.stdout.readline() == "ready\n"
        wait_until(lambda: len(list(shared_memory.iterdir())) == 5)  # two a reader, less the one
        if to_all:
            os.killpg(parent.pid, signal.Signals[number])
        else:
            parent.send_signal(signal.Signals[number])
        parent.wait()
        wait_until(lambda: not any(map(is_running, readers)))
        assert not list(shared_memory.iterdir())


@contextlib.contextmanager
def running_parent(shared_memory: Path) -> Iterator[subprocess.Popen[str]]:
    """PARENT in a process group of its own, which is gone at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(shared_memory)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            yield parent
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.05)


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free_bytes))


def test_readers_that_fit(monkeypatch: pytest.MonkeyPatch, shared_memory: Path) -> None:
    free(monkeypatch, 2**26)
    assert workers_that_fit(0, 2**40, 1) == (0, "")
    assert workers_that_fit(4, 2**23, 1) == (4, "")
    workers, reason = workers_that_fit(5, 2**23, 1)
    assert workers == 0
    assert f"{shared_memory} has 64 MiB free and 5 readers need 80" in reason
    assert "--shm-size=2g" in reason
    assert "data.num_workers" in reason
    assert workers_that_fit(2, 2**23, 2) == (2, "")
    assert "6 readers need 96" in workers_that_fit(3, 2**23, 2)[1]  # of both processes


def test_size_to_ask_for_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 2**26)
    _, reason = workers_that_fit(8, 300 * 2**20, 1)
    match = re.search(r"--shm-size=(\d+)g", reason)
    assert match
    free(monkeypatch, int(match[1]) * 2**30)
    assert workers_that_fit(8, 300 * 2**20, 1) == (8, "")


def test_machine_without_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SHARED_MEMORY", "/no/such/folder")
    workers, reason = workers_that_fit(4, 1, 1)
    assert workers == 0
    assert "there is no /no/such/folder here" in reason
