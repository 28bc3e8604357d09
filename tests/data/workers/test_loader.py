"""Batches come whole and in order, or items as they are ready; nothing is left behind."""

import contextlib
import errno
import os
import re
import shutil
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.readers import (
    BATCHES,
    all_items,
    check_pictures,
    crash_at_seven,
    describe,
    picture,
    read_all,
)
from support.video_tools import is_running, wait_until

from slowfast.data.video.reader import VideoError
from slowfast.data.workers import shared_memory as memory
from slowfast.data.workers.loader import Loader, workers_that_fit
from slowfast.data.workers.worker import KilledError, ReadError
from slowfast.errors import UserError

pytestmark = pytest.mark.usefixtures("no_hang", "shared_memory")
HERE_OR_NOT = pytest.mark.parametrize("num_workers", [0, 2])


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_items_come_in_order(num_workers: int) -> None:
    with Loader(picture, num_workers=num_workers) as batches:
        for _ in range(2):
            assert [len(items) for items in batches.run(BATCHES)] == [3] * 10
            check_pictures(all_items(batches))
        assert list(batches.run([])) == []
        assert [len(items) for items in batches.run([[1], [], [2, 3]])] == [1, 0, 2]


def slow_to_start(key: int) -> int:
    time.sleep(0.2 if key == 0 else 0)
    return key


def test_slow_reader_is_waited_for() -> None:
    assert read_all(slow_to_start) == [*range(30)]


@pytest.mark.parametrize("num_workers", [0, 1, 2])
def test_run_after_one_left_early(num_workers: int, shared_memory: Path) -> None:
    with Loader(picture, num_workers=num_workers) as batches:
        for seen, _ in enumerate(batches.run(BATCHES)):
            if seen == 2:
                break
        check_pictures(all_items(batches))
        assert not list(shared_memory.glob("*-????????"))


def odd_is_broken(key: int) -> int:
    if key % 2:
        raise VideoError(f"{describe(key)}: broken")
    return key


@HERE_OR_NOT
def test_video_error_is_yielded_in_its_place(num_workers: int) -> None:
    items = read_all(odd_is_broken, num_workers)
    assert [item for item in items if not isinstance(item, VideoError)] == items[::2]
    assert items[::2] == [*range(0, 30, 2)]
    assert [*map(str, items[1::2])] == [f"video{key}.mp4: broken" for key in range(1, 30, 2)]


def seven_fails(key: int) -> NDArray[np.uint8]:
    if key == 7:
        raise ZeroDivisionError("seven")
    return picture(key)


@HERE_OR_NOT
def test_other_exceptions_are_raised_here(num_workers: int, shared_memory: Path) -> None:
    with Loader(seven_fails, num_workers=num_workers) as batches:
        with pytest.raises((ZeroDivisionError, ReadError), match="seven") as caught:
            list(batches.run(BATCHES))
        assert (caught.type is ReadError) == (num_workers > 0)
        assert [len(items) for items in batches.run(BATCHES[5:])] == [3] * 5
    assert not list(shared_memory.iterdir())


def fails_in_other_ways(key: int) -> object:
    if key == 7:
        raise OSError(errno.EIO, "Input/output error")
    if key == 8:
        raise MemoryError("cannot allocate 1 TiB")
    return cv2.resize(np.zeros((0, 4, 3), np.uint8), (2, 2)) if key == 9 else key


@HERE_OR_NOT
def test_faults_of_a_file_that_no_decoder_names(num_workers: int) -> None:
    items = read_all(fails_in_other_ways, num_workers)
    assert str(items[7]) == "video7.mp4: OSError: [Errno 5] Input/output error"
    assert str(items[8]) == "video8.mp4: MemoryError: cannot allocate 1 TiB"
    assert str(items[9]).startswith("video9.mp4: OpenCV fails on it: ")
    assert "\n" not in str(items[9])
    assert all(isinstance(item, VideoError) for item in items[7:10])
    assert [*items[:7], *items[10:]] == [*range(7), *range(10, 30)]


def next_but_one(key: int, attempt: int) -> int:
    return key + attempt


@HERE_OR_NOT
def test_another_is_read_in_place_of_what_cannot_be(num_workers: int) -> None:
    with Loader(odd_is_broken, num_workers=num_workers, substitute=next_but_one) as batches:
        assert all_items(batches) == [key + key % 2 for key in range(30)]
        replaced = [(key, str(error)) for key, error in batches.replaced]
    assert replaced == [(key, f"video{key}.mp4: broken") for key in range(1, 30, 2)]


def test_another_is_read_in_place_of_what_a_reader_dies_at() -> None:
    with Loader(crash_at_seven, num_workers=2, substitute=next_but_one) as batches:
        np.testing.assert_array_equal(all_items(batches)[7], picture(8))
        ((key, error),) = batches.replaced
    assert key == 7 and "SIGSEGV" in str(error)


def all_broken(key: int) -> int:
    raise VideoError(f"{describe(key)}: broken")


def test_attempts_at_substitution_end() -> None:
    with Loader(all_broken, num_workers=1, substitute=next_but_one) as batches:
        ((item,),) = batches.run([[3]])
        assert batches.replaced == []
    assert isinstance(item, VideoError) and str(item) == "video3.mp4: broken"


def process_id(key: int) -> int:
    return os.getpid()


def test_readers_live_as_long_as_the_loader() -> None:
    with Loader(process_id, num_workers=2) as batches:
        first, second = ({*all_items(batches)} for _ in range(2))
        assert len(first) == 2
        assert first == second
        assert os.getpid() not in first
    assert not any(map(is_running, first))
    batches.close()
    batches.close()
    assert {*read_all(process_id, num_workers=0)} == {os.getpid()}


@pytest.mark.parametrize("fails", [True, False])
def test_nothing_is_left_of_a_run_under_way(shared_memory: Path, fails: bool) -> None:
    """Its batches are still in the shared memory when the loader is closed."""
    with contextlib.suppress(ZeroDivisionError), Loader(picture, num_workers=2) as batches:
        run = batches.run(BATCHES)
        next(run)
        wait_until(lambda: len(list(shared_memory.glob("*-????????"))) == 3)
        if fails:
            raise ZeroDivisionError
    assert not list(shared_memory.iterdir())


# ---------------------------------------------------------------------------- as they are ready


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_each_item_comes_once_with_its_key(num_workers: int, shared_memory: Path) -> None:
    with Loader(picture, num_workers=num_workers) as loader:
        for keys in (range(20), [], [7]):  # again and again
            items = dict(loader.as_ready(keys))
            assert sorted(items) == list(keys)
            for key, item in items.items():
                np.testing.assert_array_equal(item, picture(key))
        assert len(list(loader.run(BATCHES))) == len(BATCHES)
    assert not list(shared_memory.iterdir())


def test_a_slow_item_does_not_hold_up_the_others() -> None:
    with Loader(slow_to_start, num_workers=2) as loader:
        keys = [key for key, _ in loader.as_ready(range(10))]
    assert keys == [*range(1, 10), 0]


@HERE_OR_NOT
def test_whatever_an_item_leads_to_is_its_fault_alone(num_workers: int) -> None:
    with Loader(seven_fails, num_workers=num_workers, describe=describe) as loader:
        items = dict(loader.as_ready(range(20)))
    assert [key for key, item in items.items() if isinstance(item, VideoError)] == [7]
    assert str(items[7]) == "video7.mp4: ZeroDivisionError: seven"


def test_an_item_that_kills_its_reader_is_told_apart(shared_memory: Path) -> None:
    with Loader(crash_at_seven, num_workers=2, describe=describe) as loader:
        items = dict(loader.as_ready(range(20)))
    assert [key for key, item in items.items() if isinstance(item, KilledError)] == [7]
    assert len(items) == 20
    assert not list(shared_memory.iterdir())


def seven_ends_it(key: int) -> int:
    if key == 7:
        raise UserError("/disk is full")
    return key


@HERE_OR_NOT
def test_what_a_user_must_mend_ends_the_run(num_workers: int) -> None:
    loader = Loader(seven_ends_it, num_workers=num_workers)
    readers = [worker._process.pid or 0 for worker in loader._workers]
    with loader, pytest.raises(UserError, match="^/disk is full$"):
        list(loader.as_ready(range(1000)))
    assert not any(map(is_running, readers))


def hangs_from_three_on(key: int) -> int:
    time.sleep(100 if key > 2 else 0)
    return key


def test_leaving_early_ends_what_is_under_way() -> None:
    loader = Loader(hangs_from_three_on, num_workers=2)
    readers = [worker._process.pid or 0 for worker in loader._workers]
    for done, _ in enumerate(loader.as_ready(range(10)), 1):
        if done == 3:
            break
    wait_until(lambda: not any(map(is_running, readers)))
    loader.close()


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free_bytes))


def test_readers_that_fit(monkeypatch: pytest.MonkeyPatch, shared_memory: Path) -> None:
    free(monkeypatch, 2**26)
    assert workers_that_fit(0, 2**40, 1) == (0, "")
    assert workers_that_fit(4, 2**23, 1) == (4, "")
    workers, reason = workers_that_fit(5, 2**23, 1)
    assert workers == 0
    assert f"{shared_memory} has 64 MiB free and 5 readers need 80" in reason
    assert "--shm-size=2g" in reason and "data.num_workers" in reason
    assert workers_that_fit(2, 2**23, 2) == (2, "")
    assert "6 readers need 96" in workers_that_fit(3, 2**23, 2)[1]  # of both processes
    (size,) = re.findall(r"--shm-size=(\d+)g", workers_that_fit(8, 300 * 2**20, 1)[1])
    free(monkeypatch, int(size) * 2**30)  # which is enough
    assert workers_that_fit(8, 300 * 2**20, 1) == (8, "")


def test_machine_without_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SHARED_MEMORY", "/no/such/folder")
    workers, reason = workers_that_fit(4, 1, 1)
    assert workers == 0 and "there is no /no/such/folder here" in reason


def test_ctrl_c_does_not_wait_for_the_readers(no_hang: None) -> None:
    def read(key: int) -> None:
        time.sleep(600)

    with Loader(read, num_workers=2) as loader:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            list(loader.run([[key] for key in range(8)]))
