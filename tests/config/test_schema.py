"""The settings themselves: their defaults. What they mean: whole/test_config_page."""

import dataclasses
import typing

import pytest

from slowfast.config import Config, load_config

SECTIONS = [Config, *(type(getattr(Config(), field.name)) for field in dataclasses.fields(Config)
                      if field.default is dataclasses.MISSING)]  # fmt: skip


def test_the_defaults_are_the_recipe_of_slowfast_4x16() -> None:
    cfg = load_config()
    assert cfg == Config()
    assert (cfg.model.alpha, cfg.data.num_frames, cfg.data.sampling_stride) == (8, 32, 2)
    assert (cfg.data.min_short_side, cfg.data.max_short_side, cfg.data.crop_size) == (256, 320, 224)
    assert (cfg.test.num_clips, cfg.test.num_crops, cfg.test.crop_size) == (10, 3, 256)
    assert (cfg.optim.base_lr, cfg.optim.base_batch_size, cfg.train.epochs) == (0.1, 64, 196)
    assert (cfg.optim.warmup_epochs, cfg.optim.warmup_start_lr) == (34, 0.01)
    assert (cfg.optim.weight_decay, cfg.optim.bn_weight_decay) == (1e-4, 0)
    assert (cfg.data.mean, cfg.data.std) == ((0.45,) * 3, (0.225,) * 3)


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_config().model.alpha = 4  # type: ignore[misc]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_setting_has_a_default_of_its_type(section: type) -> None:
    for name, kind in typing.get_type_hints(section).items():
        default = getattr(section(), name)
        if dataclasses.is_dataclass(kind):
            continue
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is tuple:
            assert all(type(x) is args[0] for x in default), name
        elif origin is typing.Literal:
            assert default in args, name
        else:
            assert type(default) is kind, name


@pytest.mark.parametrize(("average_clips", "then"), [
    ("prob", "prob"), ("score", "prob"), ("max", "max"),
])  # fmt: skip
def test_views_that_give_probabilities(average_clips: str, then: str) -> None:
    cfg = Config().with_test(average_clips=average_clips).of_probabilities()
    assert cfg.test.average_clips == then and cfg.test.row_kind == "prob"
