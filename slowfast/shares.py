"""How the processes of a run share a list's work through the files of a journal.

Each process has a file of its own in a folder that all see, and they need no connection: they may
run on any machines, at any times. The one that finishes last finds all entries and puts them
together::

    owners = shared_out(...)                    which process does what, the same in all
    with own_journal(path, owners) as journal:
        ...                                     does its share, adds an entry for each key
    with merged(path, owners, is_done) as entry_of:
        if entry_of: ...                        this process is the last: writes the result
"""

import contextlib
import glob
import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from slowfast import distributed
from slowfast.files import locked
from slowfast.journal import Entries, Entry, Journal
from slowfast.log import Progress, logger, say


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


def own_journal(path: Path, owners: Mapping[str, int]) -> Journal:
    """This process's file of a journal, with the entries of its keys.

    Those that only other files have are copied to it: the last run may have been of another number
    of processes, and the list another. Raises what ``Journal`` raises.
    """
    rank = distributed.rank()
    own = {key for key, owner in owners.items() if owner == rank}
    journal = Journal(part_of(path, rank), own)
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


def left_to_do(
    journal: Journal, keys: Collection[str], is_done: Callable[[str, Entry], bool], done: str
) -> list[str]:
    """The keys of this process that have no entry in the journal, or one that ``is_done`` takes
    for out of date. Says how many are not among them, which are ``done`` already."""
    looking, found = Progress("compare", len(keys), show=len(journal) > 0), []
    for number, key in enumerate(keys, 1):
        entry = journal.get(key)
        if entry is None or not is_done(key, entry):
            found.append(key)
        looking.update(number)
    looking.finish(f"{len(keys) - len(found):,} of {len(keys):,} {done} already")
    return found


@contextlib.contextmanager
def merged(
    path: Path, owners: Mapping[str, int], is_done: Callable[[str, Entry], bool]
) -> Iterator[Callable[[str], Entry] | None]:
    """A function that gives each key's entry, for the process that finishes last; None for the
    others, and it is printed whose work is missing. Only one process at a time is in here.

    Args:
        is_done: whether another process's entry is of this run's files: it may be of an earlier
            run, and that process may not have begun.
    """
    files = [part_of(path, rank) for rank in range(distributed.world_size())]
    with contextlib.ExitStack() as opened:
        opened.enter_context(locked(path, f"waiting for another process ({path})", wait=True))
        parts = []
        for rank, name in enumerate(files):
            own = {key for key, owner in owners.items() if owner == rank}
            # Created if need be: a network disk's cache may not know yet that it is there.
            parts.append(Entries(opened.enter_context(open(name, "a+b")), own))

        def entry_of(key: str) -> Entry:
            entry = parts[owners[key]].get(key)
            assert entry is not None, key
            return entry

        rank = distributed.rank()
        missing = [
            owner
            for key, owner in owners.items()
            if key not in parts[owner] or owner != rank and not is_done(key, entry_of(key))
        ]
        if missing:
            late = ", ".join(map(str, sorted({*missing})))
            say(
                f"process {distributed.rank()} has done its share; {len(missing):,} of "
                f"{len(owners):,} are not done yet, of process {late}: whichever of the "
                f"{len(files)} finishes last writes the result"
            )
        else:
            logger.setLevel(logging.INFO)  # it speaks for all, whichever it is
        yield None if missing else entry_of


def part_of(path: Path, rank: int) -> Path:
    """The file of a journal that a process of this run writes."""
    world = distributed.world_size()
    return path if world == 1 else path.with_suffix(f".{rank}-of-{world}{path.suffix}")
