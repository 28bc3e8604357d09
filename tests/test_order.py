"""Which process reads which sample: nothing twice, nothing lost, whatever their number."""

import pytest

from slowfast.data.annotations import ListError
from slowfast.data.order import shard_batches, train_batches


def batches(num_samples: int, batch_size: int, epoch: int, rank: int, world: int, seed: int = 7
            ) -> list[list[int]]:  # fmt: skip
    return train_batches(
        num_samples, batch_size=batch_size, seed=seed, epoch=epoch, rank=rank, world_size=world
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
