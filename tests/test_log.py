"""What a run tells: lines and the bar."""

import io
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.full_disk import largest_file
from support.logging_kept import logging_kept
from support.paths import REPOSITORY

from slowfast import log


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that tests can set, in seconds."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("slowfast.log.time.monotonic", lambda: clock.now)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.9, "0:00:59"), (5025, "1:23:45"), (36e4, "100:00:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert log.duration(seconds) == text


def test_without_a_terminal_progress_is_lines_with_the_time_left(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = log.Progress("read", 200)
    for done in range(1, 201):
        clock.now += 1.5
        progress.update(done)
    progress.finish("all good")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "read: 2/200, 0:04:57 left"
    assert lines[-1] == "read: done in 0:05:00  all good"
    assert 90 <= len(lines) <= 101


def test_on_a_terminal_progress_is_a_bar_in_one_line(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    progress = log.Progress("read", 4)
    for done in range(1, 4):
        clock.now += 10
        progress.update(done, "note")
    progress.finish()
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.count("\r") == 3
    assert "read [############............] 0:00:20 left  note\r" in out


def test_a_silent_progress_says_nothing(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = log.Progress("read", 2, show=False)
    clock.now += 60
    progress.update(1)
    progress.finish()
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("logging_as_it_was")
def test_only_rank_0_writes_the_log_each_line_once_and_others_only_warn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        log.start_logging(0, str(tmp_path / "out"))
    log.logger.info("höhe")
    log.start_logging(1, str(tmp_path / "other"))
    log.logger.info("unheard")
    log.logger.warning("heard")
    assert capsys.readouterr().out == "höhe\nheard\n"
    (line,) = (tmp_path / "out" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert line.endswith("] höhe")
    assert not (tmp_path / "other").exists()
    assert log.logger.level == logging.WARNING


def test_libraries_are_quiet_unless_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    monkeypatch.setenv("GLOG_minloglevel", "0")
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "DEBUG")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        log.quiet_libraries()
        warnings.warn("No ccache found. Please be aware", UserWarning, stacklevel=1)
        warnings.warn("When training, we now always track global mean and", stacklevel=1)
        warnings.warn("anything else", stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["anything else"]
    names = ("OPENCV_FFMPEG_LOGLEVEL", "GLOG_minloglevel", "OPENCV_LOG_LEVEL")
    assert [os.environ[name] for name in names] == ["-8", "0", "DEBUG"]


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", rb"\xe9\udce9"), ("utf-8", "é".encode() + rb"\udce9")]
)
def test_any_name_can_be_shown(
    encoding: str, shown: bytes, tmp_path: Path, logging_as_it_was: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """On any screen; log.txt is UTF-8."""
    shown_on = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, screen in shown_on.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(screen, encoding))
    log.start_logging(0, str(tmp_path))
    log.logger.info("é\udce9")
    log.logger.info("\x1b[2J\n")
    progress = log.Progress("é\udce9", 1)
    progress.finish()
    log.say("a\nb", Path("c\n"))
    print("é\udce9", file=sys.stderr, flush=True)
    sys.stdout.flush()
    first, no_command, second, *names = shown_on["stdout"].getvalue().splitlines()
    assert (no_command, names) == (rb"\x1b[2J\n", [rb"a\nb", rb"c\n"])
    assert (first, second) == (shown, shown + b": done in 0:00:00")
    assert shown_on["stderr"].getvalue() == shown + b"\n"
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()[0].endswith("] é\\udce9")


def test_a_training_run_goes_on_when_nobody_reads_its_log_any_more(tmp_path: Path) -> None:
    """Its lines are in the file; a command without one ends."""
    program = (
        "import sys\nfrom slowfast.log import logger, start_logging\n"
        "start_logging(0, *sys.argv[1:])\nfor i in range(3): logger.info(f'line {i}')\n"
        "print('done', file=sys.stderr)"
    )
    for flags, ends in ([], True), ([str(tmp_path)], False):
        reader, writer = os.pipe()
        os.close(reader)
        run = subprocess.run(
            [sys.executable, "-c", program, *flags],
            stdout=writer, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        os.close(writer)
        assert ("done" in run.stderr) == (not ends)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split("] ")[1] for line in lines] == ["line 0", "line 1", "line 2"]


def test_a_log_on_a_full_disk_is_an_error_that_names_it(tmp_path: Path) -> None:
    with logging_kept():
        log.start_logging(0, str(tmp_path))
        (tmp_path / "log.txt").write_text("x" * 100)
        with largest_file(100), pytest.raises(OSError) as caught:
            log.logger.warning("more")
    assert caught.value.filename == str(tmp_path / "log.txt")


def test_a_table_of_text() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "sit", "AP": 0.5, "boxes": 1200}, {"name": "jump", "AP": None, "boxes": 3},
    ]  # fmt: skip
    assert log.table(rows) == [
        "name       AP  boxes",
        "sit   0.50000   1200",
        "jump        -      3",
    ]


def test_a_traceback_keeps_its_lines(
    capsys: pytest.CaptureFixture[str], logging_as_it_was: None
) -> None:
    log.start_logging(0)
    try:
        raise ValueError("why")
    except ValueError:
        log.logger.exception("a\nb")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == r"a\nb" and lines[-1] == "ValueError: why" and len(lines) > 3
