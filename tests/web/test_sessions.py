"""Sessions: names that only a browser knows, and folders that go when they are idle."""

import os
import time
from pathlib import Path

import pytest

from slowfast.web.jobs import JobError
from slowfast.web.sessions import IDLE, Sessions


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    (tmp_path / "secret").mkdir()
    return Sessions(tmp_path / "sessions")


def test_a_session_is_found_again_by_its_name(sessions: Sessions) -> None:
    name = sessions.begin(None)
    (sessions.folder(name) / "clip").touch()
    assert sessions.begin(name) == name
    assert (sessions.folder(name) / "clip").exists()
    assert sessions.begin(None) != name


@pytest.mark.parametrize(
    "name", [None, "", "../secret", "0" * 64, 7, ["a"], {"a": 1}], ids=lambda name: repr(name)[:12]
)
def test_other_names_get_a_new_session_and_no_folder(sessions: Sessions, name: object) -> None:
    with pytest.raises(JobError, match="load it again"):
        sessions.folder(name)
    begun = sessions.begin(name)
    assert len(begun) == 64 and begun != name
    assert os.listdir(sessions.folder(begun)) == []


def test_idle_sessions_are_removed(sessions: Sessions) -> None:
    old, used = sessions.begin(None), sessions.begin(None)
    long_ago = time.time() - IDLE - 60
    for name in (old, used):
        (sessions.folder(name) / "clip").touch()
        os.utime(sessions.folder(name), (long_ago, long_ago))
    sessions.folder(used)
    sessions.begin(None)
    assert (sessions.folder(used) / "clip").exists()
    with pytest.raises(JobError):
        sessions.folder(old)
