"""Fixtures."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest


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
