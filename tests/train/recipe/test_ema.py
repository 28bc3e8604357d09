"""The average of the weights: its arithmetic, and that the model gets its own back."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from support.small_nets import tensors_of
from support.tiny_run import fresh_state, tiny_config

from slowfast.train import checkpoint, folder
from slowfast.train.recipe.ema import Ema
from slowfast.train.recipe.optim import build_optimizer
from slowfast.weights.damage import WeightsError
from slowfast.weights.load import read_weights

NAME = "head.projection.weight"


def network(folder: Path, decay: float = 0.9) -> tuple[Any, Ema]:
    model = fresh_state(tiny_config(folder)).model
    return model, Ema(model, decay)


def test_it_is_the_average_of_the_weights_after_each_step(tmp_path: Path) -> None:
    model, ema = network(tmp_path, 0.5)
    rng = np.random.default_rng(0)
    expected = tensors_of(model)[NAME].astype(np.float64)
    for step in range(1, 20):
        weight = rng.standard_normal(expected.shape, np.float32)
        model.head.projection.weight.set_value(weight)
        ema.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    np.testing.assert_allclose(ema.weights()[NAME], expected, rtol=1e-5, atol=1e-6)


def test_statistics_are_the_models_unless_computed_for_the_average(tmp_path: Path) -> None:
    model, ema = network(tmp_path)
    mean = "s1.pathway0_stem.bn._mean"
    norm = model.s1.pathway0_stem.bn
    norm._mean.set_value(paddle.full([8], 3.0))
    ema.update()
    assert (ema.weights()[mean] == 3.0).all()
    with ema.applied(keep_statistics=True):
        norm._mean.set_value(paddle.full([8], 5.0))
    assert (norm._mean.numpy() == 3.0).all()
    assert (ema.weights()[mean] == 5.0).all()
    with ema.applied():
        assert (norm._mean.numpy() == 5.0).all()
    ema.update()
    assert (ema.weights()[mean] == 3.0).all()


def test_the_model_has_the_average_for_a_while_and_then_its_own_back(tmp_path: Path) -> None:
    model, ema = network(tmp_path)
    start = tensors_of(model)
    for parameter in model.parameters():
        parameter.set_value(parameter + 1.0)
    own = tensors_of(model)
    with ema.applied():
        inside = tensors_of(model)
    assert all(
        np.array_equal(inside[n], start[n]) for n in start if not n.endswith(("_mean", "ance"))
    )
    after = tensors_of(model)
    assert all(np.array_equal(after[name], own[name]) for name in own)


def test_frozen_weights_are_in_the_file_too(tmp_path: Path) -> None:
    model, _ = network(tmp_path)
    for parameter in model.s1.parameters():
        parameter.stop_gradient = True
    ema = Ema(model, 0.9)
    ema.update()
    own = tensors_of(model)
    assert set(ema.weights()) == set(own)
    np.testing.assert_array_equal(
        ema.weights()["s1.pathway0_stem.conv.weight"], own["s1.pathway0_stem.conv.weight"]
    )


def test_the_average_of_another_network_is_refused(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.ema=0.9")
    model, ema = network(tmp_path)
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim), ema=ema, epoch=1)
    ema.update()
    checkpoint.save_checkpoint(run, cfg)
    path = tmp_path / "out" / "SlowFast_epoch_000001_ema.pdparams"
    foreign = read_weights(path)
    foreign[NAME] = foreign[NAME][:, :3]
    path.write_bytes(pickle.dumps(foreign, 4))
    with pytest.raises(WeightsError, match="the average of head.projection.weight is"):
        checkpoint.restore_furthest(run, cfg.output_dir)


def test_it_is_saved_beside_and_may_be_the_best(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.ema=0.9", "train.best_by=ema", "train.keep_last=1")
    model, ema = network(tmp_path)
    run = checkpoint.TrainState(model, build_optimizer(model, cfg.optim), ema=ema)
    model.head.projection.weight.set_value(model.head.projection.weight + 1.0)
    ema.update()
    for run.epoch in (1, 2):
        checkpoint.save_checkpoint(run, cfg, is_best=True)
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "SlowFast_epoch_000002.pdparams", "SlowFast_epoch_000002.pdopt",
        "SlowFast_epoch_000002_ema.pdparams", "SlowFast_best.pdparams",
    }  # fmt: skip
    average = read_weights(out / "SlowFast_epoch_000002_ema.pdparams")
    np.testing.assert_array_equal(average[NAME], ema.weights()[NAME])
    assert not np.array_equal(average[NAME], tensors_of(model)[NAME])
    np.testing.assert_array_equal(read_weights(out / "SlowFast_best.pdparams")[NAME], average[NAME])

    again, other = network(tmp_path)
    resumed = checkpoint.TrainState(again, build_optimizer(again, cfg.optim), ema=other)
    checkpoint.restore(resumed, folder.checkpoints(cfg.output_dir)[0])
    assert other.steps == 1
    np.testing.assert_array_equal(other.weights()[NAME], average[NAME])
