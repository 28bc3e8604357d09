"""Fixtures."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from support.logging_kept import logging_kept


@pytest.fixture
def no_hang() -> Iterator[None]:
    """Ends a test that waits for what never comes."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError("the test hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """For commands that run in the test's own process."""
    with logging_kept():
        yield


@pytest.fixture
def own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logging_as_it_was: None
) -> Path:
    """Runs in ``tmp_path``, and leaves logging as it was."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
