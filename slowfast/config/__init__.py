"""What a run depends on: ``schema`` has the settings, ``parse`` reads them, ``check`` checks."""

from slowfast.config.parse import config_of, dump_changes, dump_config, load_config
from slowfast.config.schema import (
    DEPTHS,
    STAGES,
    Config,
    ConfigError,
    DataConfig,
    DetectionConfig,
    ModelConfig,
    OptimConfig,
    TestConfig,
    TimelineConfig,
    TrainConfig,
)  # fmt: skip

__all__ = [
    "DEPTHS", "STAGES", "Config", "ConfigError", "DataConfig", "DetectionConfig", "ModelConfig",
    "OptimConfig", "TestConfig", "TimelineConfig", "TrainConfig", "config_of", "dump_changes",
    "dump_config", "load_config",
]  # fmt: skip
