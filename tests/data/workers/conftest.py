"""Fixtures of the readers' tests."""

from pathlib import Path

import pytest

from slowfast.data.workers import shared_memory as memory


@pytest.fixture
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /dev/shm, so that what is left in it is this test's."""
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(memory, "SHARED_MEMORY", str(folder))
    return folder
