"""Multigrid training: the phases, rates and batches of PySlowFast's schedule."""

import pytest

from slowfast.config import Config, ConfigError, load_config
from slowfast.data.clips.sampling import Grid
from slowfast.data.lists import ListError
from slowfast.train.recipe.multigrid import batches_in_turn, expand, phase_at, phases
from slowfast.train.recipe.optim import learning_rate
from slowfast.train.recipe.schedule import Schedule

BASE = [
    "train.multigrid=true", "train.epochs=239", "model.alpha=4", "optim.schedule=step",
    "optim.steps=[0, 94, 154, 196]", "optim.step_factors=[1, 0.1, 0.01, 0.001]",
]  # fmt: skip

CYCLE = [(8, 8, 158), (4, 16, 158), (2, 16, 224), (1, 32, 224)]
"""Batch factor, frames, crop of each phase of the long cycle."""
ENDS = [73, 110, 142, 158, 205, 228, 248, 259, 291, 308, 322, 329, 358]


def config(*overrides: str) -> Config:
    return load_config(None, [*BASE, *overrides])


def test_the_phases_of_the_8x8_recipe() -> None:
    found = phases(config())
    assert [phase.end for phase in found] == ENDS
    sizes = [(phase.factor, *phase.grid) for phase in found]
    assert sizes == [*CYCLE, *CYCLE, *CYCLE, CYCLE[-1]]
    assert [phase.lr_step for phase in found] == [0] * 4 + [1] * 4 + [2] * 4 + [3]


def test_the_rate_of_a_phase_is_its_steps_times_its_batchs() -> None:
    cfg = expand(config("optim.warmup_epochs=0"))
    assert cfg.train.epochs == 358
    rates = {0: 8, 72.9: 8, 73: 4, 110: 2, 142: 1, 158: 0.8, 205: 0.4, 248: 0.1, 259: 0.08,
             322: 0.01, 329: 0.01, 342.9: 0.01, 343: 0.001, 357: 0.001}  # fmt: skip
    for epoch, factor in rates.items():
        assert learning_rate(epoch, cfg.optim, cfg.train.epochs) == pytest.approx(0.1 * factor)


def test_the_warm_up_leads_to_the_first_phases_rate() -> None:
    cfg = expand(config())
    assert learning_rate(0, cfg.optim, 358) == 0.01
    assert learning_rate(17, cfg.optim, 358) == pytest.approx((0.01 + 0.8) / 2)
    assert learning_rate(34, cfg.optim, 358) == 0.8


def test_the_short_cycle_takes_three_crops_in_turn() -> None:
    cfg = config()
    found = phases(cfg)
    turn = [[(batch.factor, *batch.grid) for batch in batches_in_turn(cfg, p)] for p in found[:4]]
    assert turn == [
        [(16, 8, 112), (8, 8, 158), (8, 8, 158)],
        [(8, 16, 112), (4, 16, 158), (4, 16, 158)],
        [(8, 16, 112), (4, 16, 158), (2, 16, 224)],
        [(4, 32, 112), (2, 32, 158), (1, 32, 224)],
    ]


def test_an_epoch_belongs_to_the_phase_that_it_comes_before_the_end_of() -> None:
    found = phases(config())
    assert [phase_at(found, epoch).end for epoch in (0, 72, 73, 157, 158, 357)] == [
        73, 73, 110, 158, 205, 358,
    ]  # fmt: skip


def test_without_multigrid_there_is_one_phase_of_full_clips() -> None:
    cfg = load_config()
    assert expand(cfg) == cfg
    (phase,) = phases(cfg)
    assert (phase.end, phase.factor, phase.grid) == (196, 1, Grid(32, 224))
    assert [(b.factor, b.grid) for b in batches_in_turn(cfg, phase)] == [(1, Grid(32, 224))]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optim.schedule=cosine"], "train.multigrid needs optim.schedule=step with two steps"),
        (["optim.steps=[0]", "optim.step_factors=[1]"], "with two steps or more"),
        (["train.epochs=196"], "train.epochs=196 is not above the last of optim.steps=[0.0, 94.0"),
        (["model.alpha=16"], "clips of data.num_frames=32 / 4 frames, which is not divisible by "
                             "model.alpha=16"),
    ],
)  # fmt: skip
def test_a_schedule_that_multigrid_cannot_use(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        phases(config(*overrides))
    assert message in str(caught.value)


# ---------------------------------------------------------------------------- the schedule


def test_the_steps_of_an_epoch() -> None:
    schedule = Schedule(1000, None, config("train.batch_size=2"))
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


def test_the_rate_of_a_step() -> None:
    """For a batch of 2 of 64; the 8x8 recipe warms up over 34 epochs to 8 times the rate."""
    schedule = Schedule(1000, None, config("train.batch_size=2"))
    assert schedule.learning_rate(0, 0) == 0.01 * 2 / 64
    assert schedule.learning_rate(60, 3) == pytest.approx(0.8 * 2 / 64)
    assert schedule.learning_rate(357, 0) == pytest.approx(0.0001 * 2 / 64)


def test_accumulated_batches_are_those_of_one_large_one() -> None:
    def clips(*overrides: str) -> list[list[int]]:
        schedule = Schedule(103, None, config("train.multigrid=false", *overrides))
        return [sum(step.batches, []) for step in schedule.steps(3)]

    large = clips("train.batch_size=12")
    assert clips("train.batch_size=4", "train.global_batch_size=12") == large
    assert len(large) == 8


def test_accumulation_under_multigrid_keeps_a_steps_clips_of_one_size() -> None:
    cfg = config("train.batch_size=1", "train.global_batch_size=3")
    schedule = Schedule(1000, None, cfg)
    for step, factor in zip(schedule.steps(0)[:4], (16, 8, 8, 16), strict=True):
        assert [len(batch) for batch in step.batches] == [factor] * 3
    assert schedule.total_batch == 3


def test_a_global_batch_that_does_not_fit_the_processes() -> None:
    with pytest.raises(ConfigError) as caught:
        Schedule(1000, None, config("train.batch_size=8", "train.global_batch_size=20"))
    assert str(caught.value) == (
        "train.global_batch_size=20 is not a multiple of train.batch_size x processes = 8 x 1 = 8"
    )


def test_too_few_samples_for_a_step() -> None:
    with pytest.raises(ListError, match="31 samples do not fill one batch of 32 x 1 processes"):
        Schedule(31, None, config("train.batch_size=2"))
    cfg = config("train.multigrid=false", "train.global_batch_size=64")
    with pytest.raises(ListError, match="do not fill one step of 8 batches of 8 x 1 processes"):
        Schedule(63, None, cfg)
