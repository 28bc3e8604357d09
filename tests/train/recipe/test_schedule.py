"""The steps of a run: their clips, their rates, and how many there are."""

import pytest

from slowfast import distributed
from slowfast.config import Config, ConfigError, load_config
from slowfast.data.lists.read_lists import ListError
from slowfast.data.order import Pool, class_groups
from slowfast.train.recipe.schedule import Schedule

MULTIGRID = [
    "train.multigrid=true", "train.epochs=239", "model.alpha=4", "optim.schedule=step",
    "optim.steps=[0, 94, 154, 196]", "optim.step_factors=[1, 0.1, 0.01, 0.001]",
]  # fmt: skip


def config(*overrides: str) -> Config:
    return load_config(None, [*MULTIGRID, *overrides])


def test_the_steps_of_an_epoch() -> None:
    schedule = Schedule(Pool(1000), config("train.batch_size=2"))
    steps = schedule.steps(142)
    assert [(step.clips, *step.grid) for step in steps[:4]] == [
        (8, 32, 112), (4, 32, 158), (2, 32, 224), (8, 32, 112),
    ]  # fmt: skip
    assert len(steps) == schedule.length(142) == 3 * (1000 // 14)  # 6 left: no batch of 8
    seen = [index for step in steps for batch in step.batches for index in batch]
    assert len(seen) == len(set(seen)) == 994
    assert schedule.done(0, 0) == 0
    assert schedule.done(73, 5) == 73 * schedule.length(0) + 5
    assert schedule.epochs == 358
    assert schedule.total == sum(schedule.length(epoch) for epoch in range(358))


def test_steps_count_on_from_a_run_of_other_epochs() -> None:
    """Two epochs of 50 steps, then, with a larger batch, of 25."""
    schedule = Schedule(Pool(100), config("train.multigrid=false", "train.batch_size=4"))
    planned, rate = schedule.total, schedule.learning_rate(2, 3)
    assert schedule.go_on(2, 3, -1) == 53 == schedule.done(2, 3)
    assert schedule.go_on(2, 0, 100) == 100
    assert (schedule.done(2, 3), schedule.done(3, 0)) == (103, 125)
    assert schedule.total == planned + 50
    assert (schedule.length(2), schedule.learning_rate(2, 3)) == (25, rate)


def test_the_rate_of_a_step() -> None:
    """For a batch of 2 of 64; the 8x8 recipe warms up over 34 epochs to 8 times the rate."""
    schedule = Schedule(Pool(1000), config("train.batch_size=2"))
    assert schedule.learning_rate(0, 0) == 0.01 * 2 / 64
    assert schedule.learning_rate(60, 3) == pytest.approx(0.8 * 2 / 64)
    assert schedule.learning_rate(357, 0) == pytest.approx(0.0001 * 2 / 64)


def test_accumulated_batches_are_those_of_one_large_one() -> None:
    def clips(*overrides: str) -> list[list[int]]:
        schedule = Schedule(Pool(103), config("train.multigrid=false", *overrides))
        return [sum(step.batches, []) for step in schedule.steps(3)]

    large = clips("train.batch_size=12")
    assert clips("train.batch_size=4", "train.global_batch_size=12") == large
    assert len(large) == 8


def test_accumulation_under_multigrid_keeps_a_steps_clips_of_one_size() -> None:
    cfg = config("train.batch_size=1", "train.global_batch_size=3")
    schedule = Schedule(Pool(1000), cfg)
    for step, factor in zip(schedule.steps(0)[:4], (16, 8, 8, 16), strict=True):
        assert [len(batch) for batch in step.batches] == [factor] * 3
    assert schedule.total_batch == 3


def test_a_global_batch_that_does_not_fit_the_processes() -> None:
    with pytest.raises(ConfigError) as caught:
        Schedule(Pool(1000), config("train.batch_size=8", "train.global_batch_size=20"))
    assert str(caught.value) == (
        "train.global_batch_size=20 is not a multiple of train.batch_size x processes = 8 x 1 = 8"
    )


def test_too_few_samples_for_a_step() -> None:
    with pytest.raises(ListError, match="31 samples do not fill one batch of 32 x 1 processes"):
        Schedule(Pool(31), config("train.batch_size=2"))
    cfg = config("train.multigrid=false", "train.global_batch_size=64")
    with pytest.raises(ListError, match="do not fill one step of 8 batches of 8 x 1 processes"):
        Schedule(Pool(63), cfg)


def test_the_processes_of_a_run_share_a_steps_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load_config(None, ["train.batch_size=4"])
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    seen = []
    for rank in range(2):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        schedule = Schedule(Pool(50), cfg)
        assert (schedule.total_batch, schedule.length(0), schedule.total) == (8, 6, 6 * 196)
        seen += [index for step in schedule.steps(0) for index in sum(step.batches, [])]
    assert len(seen) == len(set(seen)) == 48


def test_balanced_sampling_changes_what_is_drawn_and_nothing_else() -> None:
    labels = [0] * 900 + [1] * 100
    cfg = config("train.batch_size=2")
    plain, balanced = (
        Schedule(Pool(1000), cfg),
        Schedule(Pool(1000, groups=class_groups(labels)), cfg),
    )
    assert (balanced.total, balanced.epochs) == (plain.total, plain.epochs)
    for epoch in (0, 142, 357):
        steps = [each.steps(epoch) for each in (plain, balanced)]
        sizes = [[(*map(len, step.batches), step.grid) for step in own] for own in steps]
        assert sizes[0] == sizes[1]
        draws = [draw for step in steps[1] for batch in step.batches for draw in batch]
        rare = sum(labels[draw % 1000] for draw in draws)
        assert abs(rare - len(draws) / 2) < 30 and len({*draws}) == len(draws)
    batches = balanced.batches(3)
    assert batches == balanced.batches(3) != balanced.batches(4)


@pytest.mark.parametrize("multigrid", ["true", "false"])
def test_the_clips_of_whole_steps_are_balanced(multigrid: str) -> None:
    groups = class_groups([0] * 500 + [1] * 300 + [2] * 150 + [3] * 80)
    cfg = config(
        f"train.multigrid={multigrid}", "train.batch_size=4", "train.global_batch_size=12",
        "train.sampling=balanced",
    )  # fmt: skip
    schedule = Schedule(Pool(1030, groups=groups), cfg)
    for epoch in (150, 151, 200):
        steps = schedule.steps(epoch)
        assert len(steps) == schedule.length(epoch)
        samples = [draw % 1030 for step in steps for batch in step.batches for draw in batch]
        counts = [sum(sample in group for sample in samples) for group in groups]
        assert max(counts) - min(counts) <= 1 and sum(counts) == len(samples) < 1030


def test_batches_are_by_default_those_without_multigrid() -> None:
    schedule = Schedule(Pool(103), config("train.batch_size=2"))
    plain = Schedule(Pool(103), config("train.batch_size=2", "train.multigrid=false"))
    assert schedule.batches(3) == [sum(step.batches, []) for step in plain.steps(3)]
