"""The schedule of a training run: the clips, their size and the learning rate of each step."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.clips.sampling import Grid
from slowfast.data.lists.read_lists import ListError
from slowfast.data.order import Pool, batch_sizes, train_batches
from slowfast.train.recipe.learning_rate import learning_rate, lr_scale
from slowfast.train.recipe.multigrid import Batch, Phase, batches_in_turn, expand, phase_at, phases


class Step(NamedTuple):
    """One step of the optimizer, as this process sees it."""

    batches: list[list[int]]
    """Indices into the list, or ``balanced_draws``, a row per batch; the gradients of the batches
    are added up."""
    grid: Grid

    @property
    def clips(self) -> int:
        """Clips of this process."""
        return sum(map(len, self.batches))


class Schedule:
    """The steps of every epoch of a run.

    Args:
        pool: the training list.

    Raises:
        ConfigError: ``train.global_batch_size`` is not a multiple of batch size x processes.
        ListError: the list does not fill one step.
    """

    def __init__(self, pool: Pool, cfg: Config) -> None:
        self.pool, self._cfg = pool, cfg
        self.phases = phases(cfg)
        size, world = cfg.train.batch_size, distributed.world_size()
        self.total_batch = cfg.train.global_batch_size or size * world
        """Clips of all processes in a step, in a phase of full-size clips."""
        if self.total_batch % (size * world):
            raise ConfigError(
                f"train.global_batch_size={self.total_batch} is not a multiple of train.batch_size "
                f"x processes = {size} x {world} = {size * world}"
            )
        self.accumulate = self.total_batch // (size * world)
        """Batches whose gradients are added up in a step."""
        self._expanded = expand(cfg)
        self._lengths = [self._num_steps(phase) for phase in self.phases]
        self.epochs = self.phases[-1].end
        """Epochs of the run."""
        lengths = map(self.length, range(self.epochs))
        self._starts = list(itertools.accumulate(lengths, initial=0))
        self.total = self._starts[-1]
        """Steps of the run."""

    def phase(self, epoch: int) -> Phase:
        """The phase of an epoch, from 0."""
        return phase_at(self.phases, epoch)

    def length(self, epoch: int) -> int:
        """Steps of an epoch, from 0."""
        return self._lengths[self.phases.index(self.phase(epoch))]

    def done(self, epoch: int, step: int) -> int:
        """Steps of the run that are done after ``epoch`` epochs and ``step`` steps of the next."""
        return self._starts[epoch] + step

    def go_on(self, epoch: int, step: int, steps: int) -> int:
        """Counts on from the steps of a run so far, whose epochs may have had other lengths: those
        of another total batch.

        Args:
            steps: that the run has done up to this place; below 0: as many as are planned.

        Returns:
            What ``done`` now says of this place.
        """
        more = steps - self.done(epoch, step) if steps >= 0 else 0
        self._starts = [start + more for start in self._starts]
        self.total += more
        return self.done(epoch, step)

    def learning_rate(self, epoch: int, step: int) -> float:
        """The rate of a step for the run's total batch; epoch and step count from 0."""
        cfg = self._expanded
        rate = learning_rate(epoch + step / self.length(epoch), cfg.optim, cfg.train.epochs)
        return rate * lr_scale(cfg.optim, self.total_batch)

    def steps(self, epoch: int) -> list[Step]:
        """This process's steps of an epoch, from 0."""
        turn, each = self._turn(self.phase(epoch)), self.accumulate
        batches = self.batches(epoch, [batch.factor for batch in turn])
        starts = range(0, each * self.length(epoch), each)
        return [Step(batches[i : i + each], turn[i % len(turn)].grid) for i in starts]

    def batches(self, epoch: int, factors: Sequence[int] = (1,)) -> list[list[int]]:
        """This process's batches of an epoch, whose sizes in turn are ``train.batch_size`` times
        the factors; by default as without multigrid."""
        cfg = self._cfg
        return train_batches(
            self.pool,
            sizes=[cfg.train.batch_size * factor for factor in factors],
            seed=cfg.seed, epoch=epoch,
            rank=distributed.rank(), world_size=distributed.world_size(),
            num_workers=cfg.data.num_workers, accumulate=self.accumulate,
        )  # fmt: skip

    def _turn(self, phase: Phase) -> list[Batch]:
        """The batches used in turn, each repeated as often as a step accumulates."""
        return [b for b in batches_in_turn(self._cfg, phase) for _ in range(self.accumulate)]

    def _num_steps(self, phase: Phase) -> int:
        world, size = distributed.world_size(), self._cfg.train.batch_size
        sizes = [size * batch.factor for batch in self._turn(phase)]
        num_samples = self.pool.num_samples
        steps = len(batch_sizes(num_samples, sizes, world)) // self.accumulate
        if not steps:
            raise ListError(
                f"{num_samples} samples do not fill one step of {self.accumulate} batches of "
                f"{sizes[0]} x {world} processes (lower train.global_batch_size)"
            )
        return steps
