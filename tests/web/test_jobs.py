"""Requests in processes of their own: turns at the network, errors, crashes, hangs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs import Sums, count_to, end_badly, tell_turn
from support.tiny_run import environment

from slowfast.predict.runtime.runtimes import Backend
from slowfast.web import jobs
from slowfast.web.jobs import AT_ONCE, Desk, JobError

TOO_LONG = """
from slowfast.errors import UserError
from slowfast.web.jobs import start_fork_server
try:
    start_fork_server([])
except UserError as error:
    print(error)
"""


def opened(kind: str) -> Backend:
    if kind != "prob":
        raise RuntimeError(f"{kind} cannot be opened")
    return Sums()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(opened)
    yield desk
    desk.close()


def is_running(process: int) -> bool:
    return os.path.exists(f"/proc/{process}")


def test_a_request_computes_in_another_process_with_the_network_of_this_one(desk: Desk) -> None:
    assert list(desk.run(count_to, 3)) == [12, 24, 36]


def test_a_request_does_not_wait_for_the_end_of_another(desk: Desk) -> None:
    long = desk.run(count_to, 4)
    assert next(long) == 12
    assert list(desk.run(count_to, 1)) == [12]
    assert list(long) == [24, 36, 48]


def test_no_request_computes_many_views_in_one_turn(desk: Desk) -> None:
    assert Sums.views_at_once > AT_ONCE
    assert list(desk.run(tell_turn)) == [AT_ONCE]


@pytest.mark.parametrize(
    ("way", "line"),
    [
        ("error", "{path}: not a video"),
        ("no file", "{path}: No such file or directory"),
        ("crash", "The process that read this file crashed."),
        ("network", "the network cannot be computed: no such kind cannot be opened"),
    ],
    ids=lambda value: value if " " not in value or value == "no file" else "",
)
def test_what_goes_wrong_is_one_sentence_and_costs_that_request_alone(
    desk: Desk, tmp_path: Path, way: str, line: str
) -> None:
    path = tmp_path / "gone.mp4"
    told = desk.run(end_badly, way, path)
    process = next(told)
    with pytest.raises(JobError) as raised:
        next(told)
    assert str(raised.value) == line.format(path=path)
    assert not is_running(process)
    assert list(desk.run(count_to, 1)) == [12]


def test_a_hang_is_given_up(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = desk.run(end_badly, "hang", tmp_path)
    process = next(told)
    monkeypatch.setattr(jobs, "PATIENCE", 0.1)
    with pytest.raises(JobError, match="took too long"):
        next(told)
    assert not is_running(process)


def test_a_request_that_nobody_waits_for_ends(desk: Desk, tmp_path: Path) -> None:
    told = desk.run(end_badly, "hang", tmp_path)
    process = next(told)
    told.close()  # type: ignore[attr-defined]
    assert not is_running(process)


def test_a_temporary_folder_with_too_long_a_path_for_sockets_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    said = subprocess.run(
        [sys.executable, "-c", TOO_LONG], env=environment() | {"TMPDIR": str(folder)},
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert said.startswith(f"{folder} is too long a path for the sockets") and "TMPDIR" in said
