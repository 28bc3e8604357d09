"""Arrays arrive as they were, can be written, and their memory is given back."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.readers import check_pictures, picture, read_all, write_at_most

from slowfast.data.video.reader import VideoError
from slowfast.data.workers import loader
from slowfast.data.workers.loader import Loader
from slowfast.data.workers.shared_memory import (
    SharedMemoryError,
    claimed,
    free_bytes,
    put_shared,
    remove_shared,
    take_shared,
)

pytestmark = pytest.mark.usefixtures("no_hang", "shared_memory")


BIG = 3_000_000


def big_arrays(key: int) -> dict[str, Any]:
    """Bytes before numbers, and a view that is not contiguous: alignment, copying."""
    noise = np.random.default_rng(key).integers(0, 256, BIG + key, np.uint8)
    numbers, none = np.arange(1000.0), np.zeros((0, 3))
    return {"bytes": noise, "numbers": numbers, "turned": noise[:99:-1], "none": none, "key": key}


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
            assert item["none"].shape == (0, 3)


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
        for key, items in enumerate(batches.run([[key] for key in range(20)])):
            np.testing.assert_array_equal(items[0], key)
            assert shared_megabytes(shared_memory) > 3.9
            most = max(most, shared_megabytes(shared_memory))
        del items
        # Batches under way (two a reader), the one in hand, the one handed over.
        assert most < 4.1 * (2 * loader.BATCHES_AHEAD + 2)
        assert shared_megabytes(shared_memory) == 0


def test_array_outlives_its_loader() -> None:
    check_pictures(read_all(picture, num_workers=1))


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
    check_pictures(read_all(FullDisk(), num_workers=1))
    assert not list(shared_memory.iterdir())
    assert f"{shared_memory}: File too large: read by the main process" in caplog.text
    assert "video0.mp4, video1.mp4, video2.mp4" in caplog.text


def test_what_nobody_takes_can_be_removed(shared_memory: Path) -> None:
    arrays = {"a": np.arange(100), "b": np.zeros((0, 3))}
    header, sizes, name = put_shared(arrays, "mine-")
    assert [path.name for path in shared_memory.iterdir()] == [Path(name).name]
    taken = take_shared(header, sizes, name)
    assert not list(shared_memory.iterdir())
    np.testing.assert_array_equal(taken["a"], arrays["a"])
    assert taken["b"].shape == (0, 3)
    put_shared(arrays, "mine-")
    _, _, others = put_shared(arrays, "yours-")
    remove_shared("mine-")
    assert [str(path) for path in shared_memory.iterdir()] == [others]


def test_without_arrays_nothing_is_put_there(shared_memory: Path) -> None:
    header, sizes, name = put_shared(["text", 1], "mine-")
    assert name == "" and not list(shared_memory.iterdir())
    assert take_shared(header, sizes, name) == ["text", 1]
    assert take_shared(*put_shared(np.zeros((0, 3)), "mine-")).shape == (0, 3)


def test_a_folder_that_is_not_there_is_an_error(shared_memory: Path) -> None:
    assert free_bytes() > 0
    shared_memory.rmdir()
    with pytest.raises(SharedMemoryError) as caught:
        put_shared(np.zeros(3), "mine-")
    assert caught.value.filename == str(shared_memory)
    with pytest.raises(OSError, match="No such file"):
        free_bytes()


def test_what_a_killed_reader_left_is_removed_by_the_next_loader(shared_memory: Path) -> None:
    for prefix in ("slowfast-gone-", "slowfast-alive-"):
        put_shared(np.zeros(100), prefix)
    claimed("slowfast-gone-").close()
    with claimed("slowfast-alive-"), Loader(big_arrays, num_workers=1):
        names = {path.name.split("-")[1] for path in shared_memory.iterdir()}
        assert "gone" not in names and "alive" in names
