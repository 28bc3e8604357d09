"""Which sample is read by which process, in which batch.

Samples in tar shards are ordered so that each process, and each of its readers, goes through
shards of its own::

    shuffled samples   | shard 7 | shard 2 | shard 9 | shard 4 | ...
    processes          |      rank 0       |      rank 1       |
    readers            |    0    |    1    |    0    |    1    |

A shard at a border is read by both sides.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Label, Sample, classes_of
from slowfast.data.shards import shard_of


class Pool(NamedTuple):
    """What the epochs of a run are drawn from."""

    num_samples: int
    shards: Sequence[int] | None = None
    """See ``shard_numbers``."""
    groups: Sequence[Sequence[int]] | None = None
    """See ``class_groups``: an epoch draws from them evenly; None: each sample once."""


class Stream(IntEnum):
    """First word of every seed, so that the uses of randomness share no stream."""

    ORDER = 1
    CLIP = 2
    DROPOUT = 3
    SUBSTITUTE = 4
    MIX = 5


def shard_numbers(samples: Sequence[Sample]) -> list[int] | None:
    """The number of each sample's shard, a file of its own being one; None if none is in a tar."""
    shards = [shard_of(sample.path) for sample in samples]
    if not any(shards):
        return None
    return _numbered(shard or sample.path for shard, sample in zip(shards, samples, strict=True))


def film_numbers(samples: Sequence[Sample]) -> list[int] | None:
    """The number of each key frame's film, which a test treats as a shard: a reader decodes what
    neighbouring key frames share once. None if these are no key frames."""
    if not any(sample.key for sample in samples):
        return None
    return _numbered(sample.path for sample in samples)


def _numbered(names: Iterable[str]) -> list[int]:
    """Numbers from 0 for the different names, in the order of their first appearance."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


def class_groups(labels: Sequence[Label]) -> list[list[int]]:
    """The places of the videos of each class that occurs, and of those without a label. With
    several labels a video is in several groups."""
    groups = defaultdict(list)
    for place, label in enumerate(labels):
        for own in classes_of(label) or (-1,):
            groups[own].append(place)
    return [groups[own] for own in sorted(groups)]


def batch_sizes(num_samples: int, sizes: Sequence[int], world_size: int) -> list[int]:
    """Clips in each of a process's batches of one epoch: ``sizes`` in turn, while samples last.
    Raises ListError if the first batches of all processes take more samples than there are."""
    found: list[int] = []
    left = num_samples
    for size in itertools.cycle(sizes):
        left -= size * world_size
        if left < 0:
            break
        found.append(size)
    if not found:
        raise ListError(
            f"{num_samples} samples do not fill one batch of {sizes[0]} x {world_size} processes"
            " (lower train.batch_size)"
        )
    return found


def train_batches(
    pool: Pool, *, sizes: Sequence[int], seed: int, epoch: int, rank: int, world_size: int,
    num_workers: int = 0, accumulate: int = 1,
) -> list[list[int]]:  # fmt: skip
    """One process's batches of one epoch, shuffled anew each epoch, of ``sizes`` in turn.

    The processes' n-th batches together are the n-th batch of a single process with their total
    batch size. The last samples that do not fill a batch are left out this epoch.

    With the pool's ``shards`` the shards are shuffled, and the samples within each;
    each process has a run of them, and so has each of its ``num_workers`` readers, of which the
    loader gives batch j to reader ``j % num_workers``. The n-th batches then depend on the number
    of processes and readers.

    With its ``groups`` the batches have ``balanced_draws`` in place of samples: as many as the
    processes take together in whole steps, of ``accumulate`` batches each.

    Raises ListError as ``batch_sizes`` does.
    """
    num_samples, shards, groups = pool
    own_sizes = batch_sizes(num_samples, sizes, world_size)
    if groups is not None:
        del own_sizes[len(own_sizes) // accumulate * accumulate :]
    own = sum(own_sizes)
    rng = np.random.default_rng([Stream.ORDER, seed, epoch])
    if groups is None:
        order = rng.permutation(num_samples)
    else:
        order = balanced_draws(own * world_size, num_samples, groups, rng)
    if shards is None:
        starts = world_size * (np.cumsum(own_sizes) - own_sizes) + rank * np.asarray(own_sizes)
        return _cut(order, starts, own_sizes)
    numbers = np.asarray(shards)
    place = rng.permutation(numbers.max() + 1)
    order = order[np.argsort(place[numbers[order % num_samples]], kind="stable")]
    own_run = order[rank * own : (rank + 1) * own]
    return _cut(own_run, _reader_starts(own_sizes, num_workers), own_sizes)


def balanced_draws(
    num_draws: int, num_samples: int, groups: Sequence[Sequence[int]], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draws of samples, shuffled, as many of each group; if that does not come out even, groups
    chosen at random have one more.

    Each group is gone through in shuffled rounds, so within it the numbers of draws differ by one
    at most. The n-th draw of a sample, from 0, is ``n * num_samples + sample``.
    """
    shares = np.full(len(groups), num_draws // len(groups))
    shares[rng.permutation(len(groups))[: num_draws % len(groups)]] += 1
    drawn = [
        np.concatenate([rng.permutation(group) for _ in range(0, share, len(group))])[:share]
        for group, share in zip(groups, shares.tolist(), strict=True)
        if share
    ]
    samples = rng.permutation(np.concatenate(drawn))
    by_sample = np.argsort(samples, kind="stable")
    rising, turns = samples[by_sample], np.empty_like(samples)
    turns[by_sample] = np.arange(num_draws) - np.searchsorted(rising, rising)
    return turns * num_samples + samples


def _reader_starts(sizes: Sequence[int], num_workers: int) -> NDArray[np.int64]:
    """Where each batch of ``sizes`` starts, if the readers that take turns each have a run."""
    by_reader = np.argsort(np.arange(len(sizes)) % max(num_workers, 1), kind="stable")
    starts = np.empty(len(sizes), np.int64)
    starts[by_reader] = np.cumsum(np.take(sizes, by_reader)) - np.take(sizes, by_reader)
    return starts


def _cut(order: NDArray[np.int64], starts: Iterable[int], sizes: list[int]) -> list[list[int]]:
    parts = zip(starts, sizes, strict=True)
    return [order[start : start + size].tolist() for start, size in parts]


def shard_batches(
    num_samples: int, *, batch_size: int, rank: int, world_size: int,
    shards: Sequence[int] | None = None, num_workers: int = 0,
) -> list[list[int]]:  # fmt: skip
    """One process's share of all samples, each exactly once over the processes, unshuffled.

    With ``shards``, which may be ``film_numbers``, each process and each of its readers has a run
    of them, as in ``train_batches``.
    """
    if shards is None:
        own = np.arange(rank, num_samples, world_size)
    else:
        by_shard = np.argsort(np.asarray(shards, np.int64), kind="stable")
        own = np.array_split(by_shard, world_size)[rank]
    starts = np.arange(0, len(own), batch_size)
    sizes = np.minimum(batch_size, len(own) - starts).tolist()
    return _cut(own, starts if shards is None else _reader_starts(sizes, num_workers), sizes)
