"""Multigrid training: the phases, rates and batches of PySlowFast's schedule."""

import pytest

from slowfast.config import Config, ConfigError, load_config
from slowfast.data.clips.sampling import Grid
from slowfast.train.recipe.learning_rate import learning_rate
from slowfast.train.recipe.multigrid import batches_in_turn, expand, phase_at, phases

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
