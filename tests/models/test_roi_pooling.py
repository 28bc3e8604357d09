"""How the features of a box are taken, as a config and as settings."""

from slowfast.config import ModelConfig, config_of
from slowfast.models.roi_pooling import RoiPooling, roi_pooling


def test_the_settings_of_a_config_and_back() -> None:
    assert roi_pooling(ModelConfig()) == RoiPooling()
    other = RoiPooling(8, False, 2, "max", True, True)
    assert roi_pooling(config_of(other.settings).model) == other
