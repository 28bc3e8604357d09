"""How the features of a box are taken, as a config has it."""

from slowfast.config import ModelConfig, config_of
from slowfast.models.roi_pooling import RoiPooling, roi_pooling


def test_it_is_the_configs() -> None:
    assert roi_pooling(ModelConfig()) == RoiPooling()
    other = RoiPooling(8, False, 2, "max", True, True)
    model = {f"roi_{name}": value for name, value in other._asdict().items()}
    assert roi_pooling(config_of({"model": model}).model) == other
