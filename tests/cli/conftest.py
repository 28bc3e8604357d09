"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest
from support.small_run import SMALL


@pytest.fixture(autouse=True)
def small_folder(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in an empty folder with ``small.yaml``."""
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "-8")
    Path("small.yaml").write_text(SMALL, encoding="utf-8")
