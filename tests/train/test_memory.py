"""How much memory a run has."""

import subprocess
import sys

from slowfast.train.memory import memory_gib


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
