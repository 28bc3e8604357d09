"""How the features of a box are taken, as a config has it."""

from slowfast.config import ModelConfig, config_of
from slowfast.models.roi_pooling import RoiPooling, pooling_of


def test_it_is_the_configs() -> None:
    assert pooling_of(ModelConfig()) == RoiPooling()
    other = RoiPooling(8, False, 2, "max", True, True)
    model = {f"roi_{name}": value for name, value in other._asdict().items()}
    assert pooling_of(config_of({"model": model}).model) == other
