"""The learning rate's values."""

import dataclasses
import math

import numpy as np
import pytest

from slowfast.config import OptimConfig
from slowfast.train.recipe.learning_rate import learning_rate, lr_scale

RECIPE = OptimConfig()
EPOCHS = 196


STEPS = dataclasses.replace(RECIPE, schedule="step")
AT_ONCE = dataclasses.replace(RECIPE, warmup_epochs=0.0)


@pytest.mark.parametrize(
    ("optim", "rates"),
    [
        (RECIPE, {0: 0.01, 17: (0.01 + 0.0927571) / 2, 34: 0.0927571, 98: 0.05, 195: 6.423e-6,
                  196: 0.0}),
        (STEPS, {0: 0.01, 17: (0.01 + 0.1) / 2, 34: 0.1, 93.99: 0.1, 94: 0.01, 153.99: 0.01,
                 154: 0.001, 195: 0.001}),
        (AT_ONCE, {epoch: 0.05 * (math.cos(math.pi * epoch / 196) + 1)
                   for epoch in (0, 1, 34, 98, 195.5)}),
    ],
    ids=["cosine", "steps", "cosine without warm-up"],
)  # fmt: skip
def test_the_learning_rate_of_the_recipe(optim: OptimConfig, rates: dict[float, float]) -> None:
    for epoch, rate in rates.items():
        found = learning_rate(epoch, optim, EPOCHS)
        assert found == pytest.approx(rate, rel=5e-7, abs=5e-9), epoch


def test_the_warm_up_is_a_straight_line_and_the_rest_falls() -> None:
    warm = [learning_rate(e, RECIPE, EPOCHS) for e in np.linspace(0, 34, 50)]  # up to the cosine
    assert np.abs(np.diff(warm, n=2)).max() < 1e-15
    rest = np.array([learning_rate(e, RECIPE, EPOCHS) for e in np.linspace(34, 196, 500)])
    assert (np.diff(rest) < 0).all()


@pytest.mark.parametrize(
    ("scale_lr", "total_batch", "scale"),
    [(True, 64, 1.0), (True, 8, 0.125), (True, 512, 8.0), (False, 8, 1.0), (False, 512, 1.0)],
)
def test_rates_scale_with_the_total_batch(scale_lr: bool, total_batch: int, scale: float) -> None:
    assert lr_scale(dataclasses.replace(RECIPE, scale_lr=scale_lr), total_batch) == scale
