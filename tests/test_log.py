"""What a run tells: lines, the bar, files."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from visualdl import LogReader

from slowfast import log
from slowfast.train import monitor


class Clock:
    """A clock that tests can set, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("slowfast.log.time.monotonic", clock)
    return clock


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    before = log.logger.handlers, log.logger.level, log.logger.propagate
    yield
    for handler in log.logger.handlers:
        handler.close()
    log.logger.handlers, log.logger.level, log.logger.propagate = before


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.9, "0:00:59"), (5025, "1:23:45"), (36e4, "100:00:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert log.duration(seconds) == text


def test_without_a_terminal_progress_is_lines_with_the_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
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
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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


def test_a_silent_progress_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = log.Progress("read", 2, show=False)
    clock.now += 60
    progress.update(1)
    progress.finish()
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("logging_as_before")
def test_only_rank_0_writes_the_log_and_others_only_warn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.start_logging(0, str(tmp_path / "out"))
    log.logger.info("höhe")
    log.start_logging(1, str(tmp_path / "other"))
    log.logger.info("unheard")
    log.logger.warning("heard")
    assert capsys.readouterr().out == "höhe\nheard\n"
    assert (tmp_path / "out" / "log.txt").read_text(encoding="utf-8").endswith("] höhe\n")
    assert not (tmp_path / "other").exists()
    assert log.logger.level == logging.WARNING


def test_scalars_reach_visualdl_and_the_rows(tmp_path: Path) -> None:
    with monitor.MetricWriter(str(tmp_path), rank=0) as writer:
        for step in (1, 2, 5):
            writer.write("train", step, {"loss": 1 / step}, epoch=1)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[2] == {"kind": "train", "step": 5, "epoch": 1, "loss": 0.2}
    (file,) = (tmp_path / "vdl").rglob("vdlrecords*.log")
    curve = LogReader(file_path=str(file)).get_data("scalar", "train/loss")
    assert [p.id for p in curve] == [1, 2, 5]
    assert [p.value for p in curve] == pytest.approx([1.0, 0.5, 0.2])


def test_a_value_that_is_not_finite_stays_valid_json(tmp_path: Path) -> None:
    with monitor.MetricWriter(str(tmp_path), rank=0) as writer:
        writer.write("val", 1, {"loss": float("nan")})
    row = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)
    assert row["loss"] is None


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    with monitor.MetricWriter(str(tmp_path), rank=1) as writer:
        writer.write("train", 1, {"loss": 1.0})
    assert not list(tmp_path.iterdir())
