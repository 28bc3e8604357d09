"""Fixtures."""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from support.logging_kept import logging_kept

from slowfast import machine
from slowfast.log import logger
from slowfast.places import HOME

DEMO = Path(__file__).parent / "whole" / "test_demo.py"


def pytest_configure() -> None:
    """Some tests send Ctrl-C to this process; a shell's background jobs ignore it.

    What is computed here and what commands of their own compute must be the same to the last bit.
    Graphs and downloads go to a cache of the tests' own.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as support.tiny_run.environment has it
    machine.set_variables()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cache = tempfile.mkdtemp(prefix="slowfast-cache-")  # the user's own stays as it is
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    os.environ[HOME] = cache


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The demo comes first: it takes longest, and would else end alone, after all others.

    run_tests.sh hands whole files out to its processes in the order of collection.
    """
    items.sort(key=lambda item: item.path != DEMO)


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
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of graphs in a cache of the test's own."""
    monkeypatch.setenv(HOME, str(tmp_path / "cache"))
    return tmp_path / "cache" / "graphs"


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logging_as_it_was: None) -> Path:
    """Runs in ``tmp_path``, and leaves logging as it was."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged, but for errors."""
    said: list[str] = []
    for level in ("info", "warning"):
        monkeypatch.setattr(
            logger, level, lambda text, *args: said.append(text % args if args else text)
        )
    return said
