"""Journals of finished work, in lines of JSON, so that the next run continues there; and how the
processes of a run share work through them.

Each process has a file of its own in a folder that all see, and they need no connection: they may
run on any machines, at any times. The one that finishes last finds all entries and puts them
together::

    owners = shared_out(...)                    which process does what, the same in all
    with own_journal(path, owners) as journal:
        ...                                     does its share, adds an entry for each key
    with merged(path, owners) as entry_of:
        if entry_of: ...                        this process is the last: writes the result
"""

import contextlib
import errno
import glob
import itertools
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from slowfast import distributed
from slowfast.files import locked

Entry = dict[str, Any]
CHUNK = 1024
"""Bytes that are read for an entry at first."""


class Entries:
    """The last entry of each key of a journal. Entries stay on the disk, and are read from there;
    memory holds where they are, about 0.3 KB for each.

    Args:
        keys: the keys that matter; None for all.
    """

    def __init__(self, file: IO[bytes], keys: Container[str] | None = None) -> None:
        self._file = file
        self._places: dict[str, int] = {}
        self._size, self._is_torn = 0, False
        # Not one more handle: to close it would give up the lock of the file.
        with open(file.fileno(), "rb", closefd=False) as lines:
            lines.seek(0)
            for line in lines:
                key = _entry(line).get("key")
                if isinstance(key, str) and (keys is None or key in keys):
                    self._places[key] = self._size
                self._size += len(line)
                self._is_torn = not line.endswith(b"\n")

    def get(self, key: str) -> Entry | None:
        """The entry of a key, if there is one."""
        if (place := self._places.get(key)) is None:
            return None
        size = CHUNK
        while b"\n" not in (text := os.pread(self._file.fileno(), size, place)):
            if len(text) < size:
                break
            size *= 2
        return _entry(text.partition(b"\n")[0])

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


class Journal(Entries, contextlib.ExitStack):
    """A file of JSON objects with a ``key`` each; the last object of a key counts.

    Lines are only appended. A line that was cut off by a crash is ignored. No other run may write
    the file until it is closed, at the end of the ``with`` block.

    Raises:
        FolderError: another run is writing the file.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, keys: Container[str] | None = None) -> None:
        contextlib.ExitStack.__init__(self)
        self.path = path
        busy = f"{path} is in use by another run: wait for it, or end it"
        Entries.__init__(self, self.enter_context(locked(path, busy)), keys)

    def add(self, key: str, entry: Entry) -> None:
        """Appends an entry.

        Raises:
            OSError: the disk is full, or similar; earlier entries stay.
        """
        torn = b"\n" * self._is_torn
        line = torn + json.dumps({"key": key, **entry}).encode() + b"\n"
        self._is_torn = True  # until all of it is written
        try:
            written = self._file.write(line)
            self._size += written
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._places[key] = self._size - len(line) + len(torn)
        self._is_torn = False


def shared_out(work: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Which process does what: the keys of ``work`` with the number of a process each, in turn.

    Args:
        work: keys, each with the file that it needs; neighbours that need the same file go to the
            same process.
    """
    owners: dict[str, int] = {}
    world = distributed.world_size()
    for number, (_, group) in enumerate(itertools.groupby(work, key=lambda pair: pair[1])):
        for key, _ in group:
            owners.setdefault(key, number % world)
    return owners


def journals(path: Path) -> list[Path]:
    """The files of a journal that are there: ``NAME.jsonl`` of a single process, and those of
    several, ``NAME.0-of-8.jsonl`` and so on."""
    names = glob.escape(str(path.with_suffix("")))
    found = [*glob.glob(f"{names}{path.suffix}"), *glob.glob(f"{names}.*-of-*{path.suffix}")]
    return sorted(map(Path, found))


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries of a file, in order; not of one that this process has locked and still needs: the
    lock is given up at the end."""
    with open(path, "rb") as lines:
        yield from filter(None, map(_entry, lines))


def own_journal(path: Path, owners: Mapping[str, int]) -> Journal:
    """This process's file of a journal, with the entries of its keys.

    Those that only other files have are copied to it: the last run may have been of another number
    of processes, and the list another. Raises what ``Journal`` raises.
    """
    rank = distributed.rank()
    own = {key for key, owner in owners.items() if owner == rank}
    journal = Journal(_file_of(path, rank), own)
    try:
        for other in journals(path):
            if other != journal.path:
                with open(other, "rb") as file:
                    entries = Entries(file, own)
                    for key in entries:
                        if key not in journal and (entry := entries.get(key)):
                            journal.add(key, entry)
    except BaseException:
        journal.close()
        raise
    return journal


@contextlib.contextmanager
def merged(path: Path, owners: Mapping[str, int]) -> Iterator[Callable[[str], Entry] | None]:
    """A function that gives each key's entry, for the process that finishes last; None for the
    others, and it is printed whose work is missing. Only one process at a time is in here."""
    files = [_file_of(path, rank) for rank in range(distributed.world_size())]
    with contextlib.ExitStack() as opened:
        opened.enter_context(locked(path, f"waiting for another process ({path})", wait=True))
        parts: list[Entries | dict[str, Entry]] = []
        for rank, name in enumerate(files):
            own = {key for key, owner in owners.items() if owner == rank}
            is_there = name.exists()
            parts.append(Entries(opened.enter_context(open(name, "rb")), own) if is_there else {})

        def entry_of(key: str) -> Entry:
            entry = parts[owners[key]].get(key)
            assert entry is not None, key
            return entry

        missing = [owner for key, owner in owners.items() if key not in parts[owner]]
        if missing:
            late = ", ".join(map(str, sorted({*missing})))
            print(
                f"process {distributed.rank()} has done its share; {len(missing):,} of "
                f"{len(owners):,} are not done yet, of process {late}: whichever of the "
                f"{len(files)} finishes last writes the result"
            )
        yield None if missing else entry_of


def _file_of(path: Path, rank: int) -> Path:
    world = distributed.world_size()
    return path if world == 1 else path.with_suffix(f".{rank}-of-{world}{path.suffix}")


def _entry(line: bytes) -> Entry:
    """The object in a line; an empty one if it was cut off, or is none."""
    with contextlib.suppress(ValueError):
        if isinstance(entry := json.loads(line), dict):
            return entry
    return {}
