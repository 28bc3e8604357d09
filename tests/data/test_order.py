"""Which process reads which sample: nothing twice, nothing lost, whatever their number."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest

from slowfast.data.lists.read_lists import ListError
from slowfast.data.order import (
    Pool,
    balanced_draws,
    batch_sizes,
    class_groups,
    shard_batches,
    shard_numbers,
    train_batches,
)
from slowfast.data.samples import Sample

SHARDS = [int(i) for i in np.random.default_rng(5).integers(0, 9, 120)]
"""Of 120 samples, those of a shard not even neighbours in the list."""


def train(
    num: int, *sizes: int, epoch: int = 0, seed: int = 7, world: int = 1, num_workers: int = 0,
    accumulate: int = 1, **pool: Any,
) -> list[list[list[int]]]:  # fmt: skip
    """The batches of each of ``world`` processes."""
    options: dict[str, Any] = {"sizes": sizes, "seed": seed, "epoch": epoch, "world_size": world}
    options |= {"num_workers": num_workers, "accumulate": accumulate}
    return [train_batches(Pool(num, **pool), rank=rank, **options) for rank in range(world)]


def in_shards(*sizes: int, num_workers: int = 0, **options: Any) -> list[list[list[int]]]:
    return train(len(SHARDS), *sizes, shards=SHARDS, num_workers=num_workers, **options)


def shares(num: int, batch_size: int, world: int, **shards: Any) -> list[list[list[int]]]:
    """The batches of a test, of each of ``world`` processes."""
    options: dict[str, Any] = {"batch_size": batch_size, "world_size": world, **shards}
    return [shard_batches(num, rank=rank, **options) for rank in range(world)]


def together(own: list[list[list[int]]]) -> list[list[int]]:
    """What the processes read at each step."""
    return [sum(parts, []) for parts in zip(*own, strict=True)]


def read_by(own: list[list[list[int]]]) -> list[int]:
    return [index for batches in own for batch in batches for index in batch]


def shards_read_twice(own: list[list[list[int]]], num_workers: int) -> int:
    """How many more (process, reader) pairs read of a shard than the one that must."""
    readers = defaultdict(set)
    for rank, batches in enumerate(own):
        for number, batch in enumerate(batches):
            for index in batch:
                readers[SHARDS[index]].add((rank, number % max(num_workers, 1)))
    return sum(len(pairs) - 1 for pairs in readers.values())


@pytest.mark.parametrize(("world", "batch_size"), [(1, 12), (2, 6), (3, 4), (4, 3)])
def test_processes_together_do_what_one_does(world: int, batch_size: int) -> None:
    order = np.random.default_rng([1, 7, 3]).permutation(101).tolist()
    expected = [order[start : start + 12] for start in range(0, 96, 12)]
    assert together(train(101, batch_size, epoch=3, world=world)) == expected
    assert together(train(101, batch_size, epoch=3, world=world, num_workers=3)) == expected


@pytest.mark.parametrize(("num", "world"), [(100, 1), (100, 2), (100, 3), (98, 2)])
def test_every_sample_is_read_at_most_once_an_epoch(num: int, world: int) -> None:
    seen = read_by(train(num, 7, world=world))
    assert len(seen) == len(set(seen)) == num // (7 * world) * (7 * world)
    assert set(seen) <= set(range(num)) and seen != sorted(seen)
    assert all(type(index) is int for index in seen)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    first, *others = (train(100, 10), train(100, 10, epoch=1), train(100, 10, seed=8))
    assert train(100, 10) == first
    assert first not in others and others[0] != others[1]


def test_what_is_left_out_of_an_epoch_changes() -> None:
    left_out = [set(range(25)) - set(read_by(train(25, 8, epoch=epoch))) for epoch in range(40)]
    assert all(len(left) == 1 for left in left_out)
    assert len(set.union(*left_out)) > 12


@pytest.mark.parametrize(("num", "batch_size", "world"), [(15, 8, 2), (0, 1, 1), (7, 8, 1)])
def test_too_few_samples_for_a_batch(num: int, batch_size: int, world: int) -> None:
    with pytest.raises(ListError) as caught:
        train(num, batch_size, world=world)
    assert str(caught.value) == (
        f"{num} samples do not fill one batch of {batch_size} x {world} processes "
        "(lower train.batch_size)"
    )
    enough = train(batch_size * world, batch_size, world=world)
    assert [len(batches) for batches in enough] == [1] * world


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("num", [0, 1, 2, 7, 29])
def test_a_test_reads_every_sample_exactly_once(num: int, world: int) -> None:
    own = shares(num, 4, world)
    assert sorted(read_by(own)) == list(range(num))
    for batches in own:
        assert all(len(batch) == 4 for batch in batches[:-1])
        assert all(1 <= len(batch) <= 4 for batch in batches[-1:])
        assert sum(batches, []) == sorted(sum(batches, []))
    sizes = [sum(map(len, batches)) for batches in own]
    assert max(sizes) - min(sizes) <= 1


# ---------------------------------------------------------------------------- tar shards


@pytest.mark.parametrize(("batch_size", "world"), [(1, 1), (5, 1), (3, 2), (4, 3), (7, 3), (60, 2)])
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3, 8])
def test_each_reader_has_shards_of_its_own(batch_size: int, world: int, num_workers: int) -> None:
    own = in_shards(batch_size, epoch=2, world=world, num_workers=num_workers)
    steps = 120 // (batch_size * world)
    assert [[len(batch) for batch in batches] for batches in own] == [[batch_size] * steps] * world
    seen = read_by(own)
    assert len(set(seen)) == len(seen) and set(seen) <= set(range(120))
    assert shards_read_twice(own, num_workers) <= max(num_workers, 1) * world - 1


def test_a_reader_goes_through_one_shard_after_the_other() -> None:
    (batches,) = in_shards(2, num_workers=3)
    for reader in range(3):
        shards = [SHARDS[index] for batch in batches[reader::3] for index in batch]
        changes = sum(one != other for one, other in zip(shards, shards[1:], strict=False))
        assert changes == len(set(shards)) - 1


def test_going_on_within_an_epoch_keeps_readers_apart() -> None:
    (batches,) = in_shards(3, epoch=1, num_workers=4)
    assert shards_read_twice([batches[7:]], 4) <= 3


def test_shards_and_what_is_in_them_are_shuffled_anew() -> None:
    first = read_by(in_shards(10))
    assert read_by(in_shards(10)) == first
    for other in (read_by(in_shards(10, epoch=1)), read_by(in_shards(10, seed=8))):
        shards = [list(dict.fromkeys(SHARDS[i] for i in order)) for order in (first, other)]
        assert shards[0] != shards[1]
        of_one = [[i for i in order if SHARDS[i] == 0] for order in (first, other)]
        assert of_one[0] != of_one[1]
        assert sorted(of_one[0]) == sorted(of_one[1])


def test_the_place_of_every_sample_is_as_likely() -> None:
    """Over epochs, each of 3 shards of 2 samples comes first as often, and each sample."""
    shards = [0, 0, 1, 1, 2, 2]
    first = [train(6, 1, seed=0, epoch=epoch, shards=shards)[0][0][0] for epoch in range(3000)]
    assert np.abs(np.bincount(first, minlength=6) - 500).max() < 90  # 4.4 standard deviations


@pytest.mark.parametrize(("batch_size", "world"), [(1, 1), (4, 1), (1, 3), (7, 2), (50, 4)])
@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_a_test_reads_shards_apart_and_once(batch_size: int, world: int, num_workers: int) -> None:
    own = shares(120, batch_size, world, shards=SHARDS, num_workers=num_workers)
    assert sorted(read_by(own)) == list(range(120))
    sizes = [sum(map(len, batches)) for batches in own]
    assert max(sizes) - min(sizes) <= 1
    assert all(1 <= len(batch) <= batch_size for batches in own for batch in batches)
    assert shards_read_twice(own, num_workers) <= max(num_workers, 1) * world - 1


def test_more_processes_than_samples_in_shards() -> None:
    assert shares(2, 1, 3, shards=[0, 0], num_workers=2) == [[[0]], [[1]], []]


def test_shards_are_numbered_by_their_paths() -> None:
    paths = ["b.tar/1.mp4", "a.tar/1.mp4", "1.mp4", "b.tar/sub/2.mp4", "2.mp4"]
    assert shard_numbers([Sample(path) for path in paths]) == [0, 1, 2, 0, 3]
    assert shard_numbers([Sample("a.mp4"), Sample("a.tar", 0, 12)]) is None
    assert shard_numbers([]) is None


# ---------------------------------------------------------------------------- batches in turn


@pytest.mark.parametrize("world", [1, 2, 3])
def test_batches_of_several_sizes_in_turn(world: int) -> None:
    """Multigrid training's short cycle; the processes together still do what one does."""
    own = train(100, 4, 2, 1, epoch=3, world=world)
    for batches in own:
        assert [len(batch) for batch in batches] == batch_sizes(100, [4, 2, 1], world)
        assert [len(batch) for batch in batches[:4]] == [4, 2, 1, 4]
    seen = sum(together(own), [])
    assert seen == np.random.default_rng([1, 7, 3]).permutation(100)[: len(seen)].tolist()
    assert 100 - len(seen) < 4 * world


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_several_sizes_from_shards(num_workers: int) -> None:
    own = in_shards(4, 2, 1, epoch=2, world=2, num_workers=num_workers)
    assert all([len(b) for b in batches] == batch_sizes(120, [4, 2, 1], 2) for batches in own)
    seen = read_by(own)
    assert len(seen) == len(set(seen)) > 120 - 8
    assert shards_read_twice(own, num_workers) <= max(num_workers, 1) * 2 - 1


# ---------------------------------------------------------------------------- balanced sampling

UNEQUAL = [0] * 57 + [1] * 3 + [2] * 20 + [5]
"""The labels of 81 videos; classes 3 and 4 have none."""


def test_the_groups_are_the_classes_that_occur() -> None:
    assert class_groups([2, 0, 2, 7]) == [[1], [0, 2], [3]]
    assert class_groups([(0, 3), (), (3,), ()]) == [[1, 3], [0], [0, 2]]
    assert class_groups([]) == []


@pytest.mark.parametrize("epoch", range(5))
def test_an_epoch_has_as_many_draws_of_each_class(epoch: int) -> None:
    groups = class_groups(UNEQUAL)
    draws = balanced_draws(81, 81, groups, np.random.default_rng([1, 7, epoch])).tolist()
    assert len(draws) == len(set(draws)) == 81
    samples = Counter(draw % 81 for draw in draws)
    for draw in draws:  # the n-th draw of each sample is there once, for all n
        assert draw < 81 or draw - 81 in draws
    of_group = [sum(samples[i] for i in group) for group in groups]
    assert sorted(of_group) == [20, 20, 20, 21]
    for group in groups:
        counts = [samples[i] for i in group]
        assert max(counts) - min(counts) <= 1


def test_which_class_has_one_more_and_which_videos_are_drawn_changes() -> None:
    groups = class_groups(UNEQUAL)
    more, seen = Counter[int](), Counter[int]()
    for epoch in range(400):
        draws = balanced_draws(81, 81, groups, np.random.default_rng(epoch)) % 81
        sizes = [np.isin(draws, group).sum() for group in groups]
        more[int(np.argmax(sizes))] += 1
        seen.update(draws.tolist())
    assert all(abs(more[group] - 100) < 40 for group in range(4))  # 4.6 standard deviations
    assert all(abs(seen[i] - 400 * 20.25 / 57) < 60 for i in range(57))


def test_a_video_of_several_classes_is_drawn_for_each_of_them() -> None:
    labels = [(0, 1), (0,), (0,), (0,), ()]
    draws = balanced_draws(5, 5, class_groups(labels), np.random.default_rng(0)).tolist()
    samples = Counter(draw % 5 for draw in draws)
    assert samples[4] in (1, 2) and samples[0] >= 1 and sum(samples.values()) == 5
    assert [samples[i] for i in (1, 2, 3)].count(0) >= 1
    assert len(set(draws)) == 5


def test_more_classes_than_draws() -> None:
    draws = balanced_draws(2, 2, [[0], [1], [0, 1], [0]], np.random.default_rng(3))
    assert len(draws) == 2 and {*(draws % 2).tolist()} <= {0, 1}


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(6,), (4, 2)], ids=["one size", "sizes in turn"])
def test_processes_together_draw_what_one_does(world: int, sizes: tuple[int, ...]) -> None:
    groups = class_groups(UNEQUAL)
    found = [
        sum(together(train(81, *sizes, epoch=e, world=world, groups=groups)), []) for e in (3, 3, 4)
    ]
    num = sum(batch_sizes(81, sizes, world)) * world
    order = balanced_draws(num, 81, groups, np.random.default_rng([1, 7, 3])).tolist()
    assert found[0] == found[1] == order
    assert 81 - num < sizes[0] * world
    assert found[2] != found[0]


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize(
    ("sizes", "accumulate"), [((32,), 1), ((10,), 3), ((12, 6, 4), 1), ((6, 6, 2, 2), 2)],
    ids=["batches", "accumulated", "multigrid", "multigrid accumulated"],
)  # fmt: skip
@pytest.mark.parametrize("shards", [None, [i % 7 for i in range(48)]], ids=["files", "shards"])
def test_the_clips_that_are_taken_are_balanced(
    world: int, num_workers: int, sizes: tuple[int, ...], accumulate: int, shards: list[int] | None
) -> None:
    """Not those of which a tail that fills no step is cut off: then a class may have none."""
    labels = [0] * 25 + [1] * 13 + [*range(2, 12)]
    own_sizes = [size // world for size in sizes]
    for epoch in range(4):
        own = train(
            48, *own_sizes, epoch=epoch, world=world, num_workers=num_workers,
            accumulate=accumulate, shards=shards, groups=class_groups(labels),
        )  # fmt: skip
        assert not len(own[0]) % accumulate
        draws = read_by(own)
        counts = Counter(labels[draw % 48] for draw in draws)
        assert len(counts) == 12 and max(counts.values()) - min(counts.values()) <= 1
        assert len({*draws}) == len(draws)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_balanced_draws_from_shards_keep_to_their_shards(num_workers: int) -> None:
    labels = [0] * 100 + [1] * 20
    own = in_shards(3, world=2, num_workers=num_workers, groups=class_groups(labels))
    draws = read_by(own)
    assert len(set(draws)) == len(draws) == 120
    assert sum(labels[draw % 120] for draw in draws) == 60
    samples = [[[draw % 120 for draw in batch] for batch in batches] for batches in own]
    assert shards_read_twice(samples, num_workers) <= max(num_workers, 1) * 2 - 1
