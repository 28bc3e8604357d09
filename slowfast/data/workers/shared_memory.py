"""Arrays from one process to another, through files in memory that both map.

Each sender's files have a prefix of their own, so that those that nobody takes can be removed. It
holds a lock while it lives: what a sender leaves that was killed, the next loader removes.
"""

import contextlib
import fcntl
import itertools
import mmap
import os
import pickle
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

SHARED_MEMORY = "/dev/shm"
ALIGNMENT = 64
"""Arrays begin at multiples of this many bytes."""


class SharedMemoryError(OSError):
    """The arrays do not fit into the shared memory."""


def free_bytes() -> int:
    """The free bytes. Raises OSError if there is no shared memory here."""
    return shutil.disk_usage(SHARED_MEMORY).free


def put_shared(answer: Any, prefix: str) -> tuple[bytes, list[int], str]:
    """Pickles ``answer`` with its arrays' bytes in a file of the shared memory. Raises
    SharedMemoryError if there is no room."""
    buffers: list[pickle.PickleBuffer] = []
    header = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    raws = [buffer.raw() for buffer in buffers]
    sizes = [raw.nbytes for raw in raws]
    if not any(sizes):
        return header, sizes, ""
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=SHARED_MEMORY)
        with open(handle, "wb") as file:
            for raw, offset in zip(raws, _offsets(sizes), strict=True):
                file.seek(offset)
                file.write(raw)
    except OSError as error:
        if name:
            os.unlink(name)
        raise SharedMemoryError(error.errno, error.strerror, SHARED_MEMORY) from error
    return header, sizes, name


def take_shared(header: bytes, sizes: list[int], name: str) -> Any:
    """What ``put_shared`` was given; its arrays stay in the shared memory while they are in use."""
    if not name:
        return pickle.loads(header, buffers=[bytearray() for _ in sizes])
    with open(name, "r+b") as file:
        os.unlink(name)
        view = memoryview(mmap.mmap(file.fileno(), 0))
    places = zip(_offsets(sizes), sizes, strict=True)
    return pickle.loads(header, buffers=[view[start : start + size] for start, size in places])


def _offsets(sizes: list[int]) -> list[int]:
    """Where each buffer begins in the file."""
    padded = (-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)
    return list(itertools.accumulate(padded, initial=0))[:-1]


def remove_shared(prefix: str) -> None:
    """Removes the files of one reader that nobody has taken."""
    for path in Path(SHARED_MEMORY).glob(f"{prefix}*"):
        path.unlink(missing_ok=True)


def claimed(prefix: str) -> IO[bytes]:
    """Marks a prefix as that of a living process, until this one ends or closes the file."""
    file = open(Path(SHARED_MEMORY, f"{prefix}{_LOCK}"), "wb")  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def remove_orphans() -> None:
    """Removes what processes have left in the shared memory that were killed."""
    for prefix in orphans():
        remove_shared(prefix)


def orphans() -> list[str]:
    """The prefixes of processes that were killed."""
    found = []
    for path in Path(SHARED_MEMORY).glob(f"*{_LOCK}"):
        with contextlib.suppress(OSError), open(path, "rb") as file:  # another user's stays
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.append(path.name.removesuffix(_LOCK))
    return found


_LOCK = "slowfast-lock"
