"""Which sample is read by which process, in which batch."""

from enum import IntEnum

import numpy as np

from slowfast.data.annotations import ListError


class Stream(IntEnum):
    """First word of every seed, so that the uses of randomness share no stream."""

    ORDER = 1
    CLIP = 2
    DROPOUT = 3


def train_batches(
    num_samples: int, *, batch_size: int, seed: int, epoch: int, rank: int, world_size: int
) -> list[list[int]]:
    """One process's batches of one epoch, shuffled anew each epoch.

    The processes' n-th batches together are the n-th batch of a single process with their total
    batch size. The last samples that do not fill a batch are left out this epoch.

    Raises:
        ListError: there are fewer samples than the total batch size.
    """
    total_batch = batch_size * world_size
    steps = num_samples // total_batch
    if steps == 0:
        raise ListError(
            f"{num_samples} samples do not fill one batch of {batch_size} x {world_size} processes"
            " (lower train.batch_size)"
        )
    order = np.random.default_rng([Stream.ORDER, seed, epoch]).permutation(num_samples)
    grid = order[: steps * total_batch].reshape(steps, world_size, batch_size)
    return [[int(i) for i in row] for row in grid[:, rank]]


def shard_batches(
    num_samples: int, *, batch_size: int, rank: int, world_size: int
) -> list[list[int]]:
    """One process's share of all samples, each exactly once over the processes, unshuffled."""
    own = list(range(rank, num_samples, world_size))
    return [own[i : i + batch_size] for i in range(0, len(own), batch_size)]
