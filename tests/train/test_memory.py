"""How much memory a run has."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from slowfast.train import memory
from slowfast.train.memory import memory_gib, resident_gib


def test_readers_count() -> None:
    alone = memory_gib()
    code = "x = bytearray(b'1') * 2**28; print('full', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"full\n"
        both = memory_gib()
        child.communicate(b"\n")
    assert alone > 0 and 0.2 < both - alone < 0.5


def test_what_the_system_does_not_tell_is_nan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not 0, and not without the readers: that would look measured."""
    monkeypatch.setattr(memory, "PROC", tmp_path)
    assert math.isnan(resident_gib(7))
    (tmp_path / "7/task/7").mkdir(parents=True)
    (tmp_path / "7/smaps_rollup").write_text("Rss: 4096 kB\nPss: 2048 kB\n")
    assert math.isnan(resident_gib(7))
    (tmp_path / "7/task/7/children").write_text("8 9 ")
    (tmp_path / "8").mkdir()
    (tmp_path / "8/smaps_rollup").write_text("Pss: 1024 kB\n")
    assert resident_gib(7) == 3 / 1024  # 9 has just ended
