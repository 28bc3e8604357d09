"""The config in a file of scores, and where the test's files are found again."""

import io
import tarfile
from pathlib import Path

import pytest

from slowfast.config import Config, ConfigError, dump_config
from slowfast.evaluate.recorded import found_again, settings_in


def test_the_config_or_one_line_that_names_the_file() -> None:
    cfg = Config(seed=3)
    assert settings_in(dump_config(cfg), "a.npz") == cfg
    assert settings_in("", "a.npz") == Config()
    with pytest.raises(ConfigError, match=r"^a\.npz: its config: .*of_another_version"):
        settings_in("data: {of_another_version: 1}", "a.npz")


def test_paths_start_from_here_or_from_the_folder_of_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, run = tmp_path / "there", {"folder": str(tmp_path / "there")}
    there.mkdir()
    (there / "a.mp4").touch()
    with tarfile.open(there / "b.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("c.mp4"), io.BytesIO())
    monkeypatch.chdir(tmp_path)
    assert found_again("a.mp4", run) == str(there / "a.mp4")
    assert found_again("b.tar/c.mp4", run) == str(there / "b.tar" / "c.mp4")
    assert found_again("gone.mp4", run) == "gone.mp4"
    assert found_again("a.mp4", {}) == "a.mp4"
    (tmp_path / "a.mp4").touch()
    assert found_again("a.mp4", run) == "a.mp4"
