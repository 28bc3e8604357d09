"""The configs that come with the project: configs/ of a clone, or of the installed package."""

from pathlib import Path

_INSTALLED = Path(__file__).parents[1] / "configs"
CONFIGS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2] / "configs"
DEFAULT_CONFIG = CONFIGS / "recognition/slowfast/slowfast.yaml"


def built_in_configs() -> dict[str, Path]:
    """The files by name: ``slowfast_8x8``."""
    return {path.stem: path for path in sorted(CONFIGS.rglob("*.yaml"))}


def find_config(name: str) -> Path:
    """The file ``name``; where there is none, the built-in config of that name.

    That may also be written as its path in a clone: ``configs/recognition/slowfast/finetune.yaml``.
    """
    if Path(name).is_file():
        return Path(name)
    if Path(name).parts[:1] == (CONFIGS.name,):
        in_clone = CONFIGS.parent / name
        return in_clone if in_clone.is_file() else Path(name)
    return built_in_configs().get(name, Path(name))
