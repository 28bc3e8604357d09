"""Built-in configs, found by name from any folder."""

from pathlib import Path

import pytest
from support.paths import REPOSITORY

from slowfast.config.built_in import CONFIGS, DEFAULT_CONFIG, built_in_configs, find_config

FOLDER = REPOSITORY / "configs" / "recognition" / "slowfast"


def test_in_a_clone_they_are_its_configs() -> None:
    assert REPOSITORY / "configs" == CONFIGS
    assert FOLDER / "slowfast.yaml" == DEFAULT_CONFIG
    files = list(CONFIGS.rglob("*.yaml"))
    assert sorted(built_in_configs().values()) == sorted(files)  # no two of one name


@pytest.mark.parametrize(("name", "found"), [
    ("slowfast_8x8", FOLDER / "slowfast_8x8.yaml"),
    ("slowfast-single", FOLDER / "slowfast-single.yaml"),
    ("configs/recognition/slowfast/finetune.yaml", FOLDER / "finetune.yaml"),
    ("configs/mine.yaml", Path("configs/mine.yaml")),
    ("finetune.yaml", Path("finetune.yaml")),  # a file is meant, which is not there
    ("nothing", Path("nothing")),
    (str(FOLDER / "ucf101.yaml"), FOLDER / "ucf101.yaml"),
])  # fmt: skip
@pytest.mark.usefixtures("own_folder")
def test_a_name_or_a_path_in_the_clone_means_a_built_in_one(name: str, found: Path) -> None:
    assert find_config(name) == found


@pytest.mark.usefixtures("own_folder")
def test_a_file_of_the_users_comes_first_and_a_folder_does_not_count() -> None:
    own = Path("configs/recognition/slowfast/finetune.yaml")
    own.parent.mkdir(parents=True)
    own.touch()
    Path("slowfast_8x8").touch()
    Path("slowfast").mkdir()
    assert find_config(str(own)) == own
    assert find_config("slowfast_8x8") == Path("slowfast_8x8")
    assert find_config("slowfast") == DEFAULT_CONFIG
