"""Which process reads which sample: nothing twice, nothing lost, whatever their number."""

from collections import defaultdict

import numpy as np
import pytest

from slowfast.data.lists import ListError, Sample
from slowfast.data.order import batch_sizes, shard_batches, shard_numbers, train_batches


def batches(num_samples: int, batch_size: int, epoch: int, rank: int, world: int, seed: int = 7
            ) -> list[list[int]]:  # fmt: skip
    return train_batches(
        num_samples, sizes=[batch_size], seed=seed, epoch=epoch, rank=rank, world_size=world
    )


@pytest.mark.parametrize(("world", "batch_size"), [(1, 12), (2, 6), (3, 4), (4, 3)])
def test_processes_together_do_what_one_does(world: int, batch_size: int) -> None:
    alone = batches(101, 12, epoch=3, rank=0, world=1)
    ranks = [batches(101, batch_size, epoch=3, rank=rank, world=world) for rank in range(world)]
    together: list[list[int]] = [sum(parts, []) for parts in zip(*ranks, strict=True)]
    assert together == alone
    assert len(alone) == 101 // 12


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_sample_is_read_at_most_once_an_epoch(world: int) -> None:
    seen = [
        index
        for rank in range(world)
        for batch in batches(100, 7, epoch=0, rank=rank, world=world)
        for index in batch
    ]
    assert len(seen) == len(set(seen)) == 100 // (7 * world) * (7 * world)
    assert set(seen) <= set(range(100))
    assert all(type(index) is int for index in seen)


def test_a_whole_number_of_batches_reads_everything() -> None:
    seen = sum(batches(60, 12, epoch=0, rank=0, world=1), [])
    assert sorted(seen) == list(range(60))
    assert seen != sorted(seen)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first = batches(100, 10, epoch=0, rank=0, world=1)
    assert batches(100, 10, epoch=0, rank=0, world=1) == first
    others = [
        batches(100, 10, epoch=1, rank=0, world=1),
        batches(100, 10, epoch=0, rank=0, world=1, seed=8),
    ]
    assert all(other != first for other in others)
    assert others[0] != others[1]


def test_what_is_left_out_of_an_epoch_changes() -> None:
    left_out = [
        set(range(25)) - set(sum(batches(25, 8, epoch, rank=0, world=1), [])) for epoch in range(40)
    ]
    assert all(len(left) == 1 for left in left_out)
    assert len(set.union(*left_out)) > 12


@pytest.mark.parametrize(("num_samples", "batch_size", "world"), [(15, 8, 2), (0, 1, 1), (7, 8, 1)])
def test_too_few_samples_for_a_batch(num_samples: int, batch_size: int, world: int) -> None:
    with pytest.raises(ListError) as caught:
        batches(num_samples, batch_size, epoch=0, rank=0, world=world)
    assert str(caught.value) == (
        f"{num_samples} samples do not fill one batch of {batch_size} x {world} processes "
        "(lower train.batch_size)"
    )


def test_just_enough_samples_for_a_batch() -> None:
    assert len(batches(16, 8, epoch=0, rank=1, world=2)) == 1


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("num_samples", [0, 1, 2, 7, 29])
def test_shards_hold_every_sample_exactly_once(num_samples: int, world: int) -> None:
    shards = [
        shard_batches(num_samples, batch_size=4, rank=rank, world_size=world)
        for rank in range(world)
    ]
    seen = [index for shard in shards for batch in shard for index in batch]
    assert sorted(seen) == list(range(num_samples))
    for shard in shards:
        assert all(len(batch) == 4 for batch in shard[:-1])
        assert all(1 <= len(batch) <= 4 for batch in shard[-1:])
        assert sum(shard, []) == sorted(sum(shard, []))
    sizes = [sum(map(len, shard)) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


# ---------------------------------------------------------------------------- tar shards

SHARDS = [int(i) for i in np.random.default_rng(5).integers(0, 9, 120)]
"""Of 120 samples, those of a shard not even neighbours in the list."""


def in_shards(
    batch_size: int, epoch: int, rank: int, world: int, num_workers: int, seed: int = 7
) -> list[list[int]]:
    return train_batches(
        len(SHARDS), sizes=[batch_size], seed=seed, epoch=epoch, rank=rank, world_size=world,
        shards=SHARDS, num_workers=num_workers,
    )  # fmt: skip


def readers_of_shards(
    own: list[list[list[int]]], num_workers: int
) -> dict[int, set[tuple[int, int]]]:
    """The (process, reader) pairs that read of each shard, given each process's batches."""
    readers = defaultdict(set)
    for rank, batches in enumerate(own):
        for number, batch in enumerate(batches):
            for index in batch:
                readers[SHARDS[index]].add((rank, number % max(num_workers, 1)))
    return readers


@pytest.mark.parametrize(("batch_size", "world"), [(1, 1), (5, 1), (3, 2), (4, 3), (7, 3), (60, 2)])
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3, 8])
def test_each_reader_has_shards_of_its_own(batch_size: int, world: int, num_workers: int) -> None:
    own = [in_shards(batch_size, 2, rank, world, num_workers) for rank in range(world)]
    steps = 120 // (batch_size * world)
    assert [[len(batch) for batch in batches] for batches in own] == [[batch_size] * steps] * world
    seen = [index for batches in own for batch in batches for index in batch]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(120))
    if 120 % (batch_size * world) == 0:
        assert len(seen) == 120
    readers = readers_of_shards(own, num_workers)
    borders = sum(len(pairs) - 1 for pairs in readers.values())
    assert borders <= max(num_workers, 1) * world - 1


def test_a_reader_goes_through_one_shard_after_the_other() -> None:
    batches = in_shards(2, 0, rank=0, world=1, num_workers=3)
    for reader in range(3):
        shards = [SHARDS[index] for batch in batches[reader::3] for index in batch]
        changes = sum(one != other for one, other in zip(shards, shards[1:], strict=False))
        assert changes == len(set(shards)) - 1


def test_going_on_within_an_epoch_keeps_readers_apart() -> None:
    batches = in_shards(3, 1, rank=0, world=1, num_workers=4)
    readers = readers_of_shards([batches[7:]], 4)
    assert sum(len(pairs) - 1 for pairs in readers.values()) <= 3


def test_shards_and_what_is_in_them_are_shuffled_anew() -> None:
    first = sum(in_shards(10, 0, rank=0, world=1, num_workers=0), [])
    assert sum(in_shards(10, 0, rank=0, world=1, num_workers=0), []) == first
    others = [
        sum(in_shards(10, 1, rank=0, world=1, num_workers=0), []),
        sum(in_shards(10, 0, rank=0, world=1, num_workers=0, seed=8), []),
    ]
    for other in others:
        assert list(dict.fromkeys(SHARDS[i] for i in other)) != list(
            dict.fromkeys(SHARDS[i] for i in first)
        )
        of_one = [[i for i in order if SHARDS[i] == 0] for order in (first, other)]
        assert of_one[0] != of_one[1]
        assert sorted(of_one[0]) == sorted(of_one[1])


def test_the_place_of_every_sample_is_as_likely() -> None:
    """Over epochs, each of 3 shards of 2 samples comes first as often, and each sample."""
    first = [
        train_batches(
            6, sizes=[1], seed=0, epoch=epoch, rank=0, world_size=1, shards=[0, 0, 1, 1, 2, 2]
        )[0][0]
        for epoch in range(3000)
    ]
    assert np.abs(np.bincount(first, minlength=6) - 500).max() < 90  # 4.4 standard deviations


def test_other_orders_are_what_they_were() -> None:
    assert train_batches(8, sizes=[2], seed=3, epoch=1, rank=1, world_size=2, num_workers=3) == (
        train_batches(8, sizes=[2], seed=3, epoch=1, rank=1, world_size=2)
    )
    order = np.random.default_rng([1, 3, 1]).permutation(8)
    alone = train_batches(8, sizes=[8], seed=3, epoch=1, rank=0, world_size=1)
    assert alone == [order.tolist()]


@pytest.mark.parametrize(("batch_size", "world"), [(1, 1), (4, 1), (1, 3), (7, 2), (50, 4)])
@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_a_test_reads_shards_apart_and_everything_once(
    batch_size: int, world: int, num_workers: int
) -> None:
    own = [
        shard_batches(
            120, batch_size=batch_size, rank=rank, world_size=world,
            shards=SHARDS, num_workers=num_workers,
        )
        for rank in range(world)
    ]  # fmt: skip
    seen = [index for batches in own for batch in batches for index in batch]
    assert sorted(seen) == list(range(120))
    sizes = [sum(map(len, batches)) for batches in own]
    assert max(sizes) - min(sizes) <= 1
    assert all(1 <= len(batch) <= batch_size for batches in own for batch in batches)
    borders = sum(len(pairs) - 1 for pairs in readers_of_shards(own, num_workers).values())
    assert borders <= max(num_workers, 1) * world - 1


def test_more_processes_than_samples_in_shards() -> None:
    own = [
        shard_batches(2, batch_size=1, rank=rank, world_size=3, shards=[0, 0], num_workers=2)
        for rank in range(3)
    ]
    assert own == [[[0]], [[1]], []]


def test_shards_are_numbered_by_their_paths() -> None:
    paths = ["b.tar/1.mp4", "a.tar/1.mp4", "1.mp4", "b.tar/sub/2.mp4", "2.mp4"]
    assert shard_numbers([Sample(path) for path in paths]) == [0, 1, 2, 0, 3]
    assert shard_numbers([Sample("a.mp4"), Sample("a.tar", 0, 12)]) is None
    assert shard_numbers([]) is None


# ---------------------------------------------------------------------------- batches in turn


@pytest.mark.parametrize("world", [1, 2, 3])
def test_batches_of_several_sizes_in_turn(world: int) -> None:
    """Multigrid training's short cycle; the processes together still do what one does."""
    sizes = [4, 2, 1]
    own = [
        train_batches(100, sizes=sizes, seed=7, epoch=3, rank=rank, world_size=world)
        for rank in range(world)
    ]
    for batches in own:
        assert [len(batch) for batch in batches] == batch_sizes(100, sizes, world)
        assert [len(batch) for batch in batches[:4]] == [4, 2, 1, 4]
    together: list[list[int]] = [sum(parts, []) for parts in zip(*own, strict=True)]
    order = np.random.default_rng([1, 7, 3]).permutation(100)
    seen = sum(together, [])
    assert seen == order[: len(seen)].tolist()
    assert 100 - len(seen) < 4 * world


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_several_sizes_from_shards(num_workers: int) -> None:
    own = [
        train_batches(
            120, sizes=[4, 2, 1], seed=7, epoch=2, rank=rank, world_size=2, shards=SHARDS,
            num_workers=num_workers,
        )
        for rank in range(2)
    ]  # fmt: skip
    assert all([len(b) for b in batches] == batch_sizes(120, [4, 2, 1], 2) for batches in own)
    seen = [index for batches in own for batch in batches for index in batch]
    assert len(seen) == len(set(seen)) > 120 - 8
    borders = sum(len(pairs) - 1 for pairs in readers_of_shards(own, num_workers).values())
    assert borders <= max(num_workers, 1) * 2 - 1
