"""What a file of scores says of its test: the config, and where the files that it read are."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from slowfast.config import Config, ConfigError, config_of
from slowfast.data.shards import split_member


def settings_in(config: str, file: Path | str) -> Config:
    """The config that a file of scores holds as text. Raises a ConfigError, which names the file,
    if this version does not understand it."""
    try:
        return config_of(yaml.safe_load(config) or {})
    except ConfigError as error:
        raise ConfigError(f"{file}: its config: {error}") from error


def found_again(path: str, run: Mapping[str, Any]) -> str:
    """Where a file or folder of the test is: at its path from here, or else from the folder in
    which the test ran; its path as it was if it is in neither place.

    Args:
        path: also of a member of a tar.
        run: what the test recorded about itself.
    """
    other = os.path.join(str(run.get("folder", "")), path)
    return other if not _is_there(path) and _is_there(other) else path


def _is_there(path: str) -> bool:
    return os.path.exists(path) or split_member(path) is not None
