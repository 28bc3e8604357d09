"""What a run depends on: ``schema`` has the settings, ``reading`` loads them, ``rules`` check."""

from slowfast.config.reading import dump_config, load_config
from slowfast.config.schema import (
    STAGES,
    Config,
    ConfigError,
    DataConfig,
    ModelConfig,
    OptimConfig,
    TestConfig,
    TrainConfig,
)

__all__ = [
    "STAGES",
    "Config",
    "ConfigError",
    "DataConfig",
    "ModelConfig",
    "OptimConfig",
    "TestConfig",
    "TrainConfig",
    "dump_config",
    "load_config",
]
