"""The commands of the documentation: which of them run here, in what form, and how they are run."""

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support import streams
from support.pages_of_docs import Block
from support.videos import numbered_picture

NEEDS = {
    "8 machines", "AVA", "Charades", "Kinetics-400", "Kubernetes", "Slurm", "a GPU", "a camera",
    "a checkpoint of another system", "a display", "the network", "the peers' environment",
    "two GPUs", "two machines",
}  # fmt: skip
"""What a command may say that it needs: ``# needs a GPU``. All else is made here."""
WORDS = {
    r"-w WEIGHTS --precision int8": "-w sure.pdparams --precision int8 -o test.backend=openvino",
    r"\bWEIGHTS\b": "ckpt.pdparams",
    r"\b(DETECTOR\.pdparams|DETECTOR)\b": "ava.pdparams",
    r"\bFILE\.pdparams\b": "ckpt.pdparams",
    r"(?<=--boxes )FILE\b": "whole",
    r"\b(CLIP|VIDEO)\b": "video.mp4",
    r"\bFOLDER\b": "videos",
    r"\bCFG\b": "configs/recognition/slowfast/moving_shapes.yaml",
    r"(?<![\w.])/(my|videos|shards|tmp)\b": r"\1",
    r"(?<=_epoch_0000)(12|24)\b": "01",
    r"\btrain\.batch_size=\d+": "train.batch_size=4",
    r"\bnum_val=1920\b": "num_val=4",
    r"\bbenchmarks\.teaching\b": "benchmarks.teaching --clips 2",
    r"\bfind k400/": "find downloaded/",
}
"""Capitals are what a reader puts in, some folders are outside the repository, the small world has
few videos and networks of one epoch, which are computed in eager mode, and k400 is another page's
folder."""
ELSEWHERE = {
    "bash run_tests.sh": ("tests/tools/test_environment.py", '"run_tests.sh"'),
    "bash run_demo.sh --several": ("tests/whole/test_demo.py", '"run_demo.sh", "--several"'),
    "bash run_demo.sh --detection": ("tests/whole/test_demo.py", '"run_demo.sh", "--detection"'),
    "bash run_demo.sh": ("tests/whole/test_demo.py", '"bash", "run_demo.sh")'),
}
"""Commands that other tests run: the first words of each, the file, and what stands in it."""
ENDLESS = {
    "visualdl ": ("--port PORT", "http://127.0.0.1:PORT/app/scalar"),
    "python -m slowfast.tools.web ": ("--port PORT", "http://127.0.0.1:PORT/"),
    "python main.py --infer rtsp://": ("", ""),
}
"""Commands that a reader ends with Ctrl-C: what is added to each, and the url that must answer; the
one without must print a line of its stream."""
WAIT = 400
"""Seconds for an endless command to begin, and for its end."""


PATIENCE = 1800
"""Seconds for a block; on an idle machine it takes some."""


class Part(NamedTuple):
    """Lines of a block that are run together, or one that does not end."""

    text: str
    endless: str


def commands(block: Block) -> list[str]:
    """The lines of a block, continued ones as one, without those that other tests run."""
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    return [line for line in lines if not line.strip().startswith(tuple(ELSEWHERE))]


def needs(block: Block) -> str:
    """What a block says that it needs, which is not here; without what is said behind a comma."""
    found = re.match(r"(?:#!.*\n)?# needs ([^\n,]+)", block.text)
    return found[1] if found else ""


def parts(block: Block) -> list[Part]:
    """A block as it is run: in the words of the small world."""
    text = re.sub(r"\bDIR\b", f"dir_{block.line}", "\n".join(commands(block)))
    for pattern, word in WORDS.items():
        text = re.sub(pattern, word, text)
    starts = [next((s for s in ENDLESS if line.startswith(s)), "") for line in text.splitlines()]
    found: list[Part] = []
    for line, start in zip(text.splitlines(), starts, strict=True):
        if found and not start and not found[-1].endless:
            found[-1] = Part(f"{found[-1].text}\n{line}", "")
        else:
            found.append(Part(line, start))
    return found


def run_block(block: Block, world: Path) -> None:
    """Runs what a reader would type; a command that fails ends the test with all it has said.

    Each block that trains with the recipe of Kinetics is a reader's only run of it, and scores that
    it writes are not there yet.
    """
    shutil.rmtree(world / "output/SlowFast", ignore_errors=True)
    for scores in re.findall(r"--out (\S+\.npz)", block.text):
        (world / scores).unlink(missing_ok=True)
    for part in parts(block):
        if part.endless:
            _run_endless(block, part, world)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", part.text],
            cwd=world, env=_environment(world), text=True, timeout=PATIENCE,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{part.text}\n{done.stdout}"


def _environment(world: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PADDLE_", "FLAGS_"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "HOME": str(world.parent),
        "SLOWFAST_HOME": str(world.parent / "cache"),
        "PYTHONPATH": str(world),
        "PYTHONUNBUFFERED": "1",
        "PROCESSES": "1",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _run_endless(block: Block, part: Part, world: Path) -> None:
    """Starts it, waits until it answers, and ends it as a reader does."""
    port = str(_free_port())
    flags, url = (text.replace("PORT", port) for text in ENDLESS[part.endless])
    log = world.parent / f"endless_{block.line}.txt"
    with contextlib.ExitStack() as stack:
        command = re.sub(r"\s+#\s.*", "", part.text)
        if "rtsp://" in command:
            pictures = (numbered_picture(number) for number in itertools.count())
            camera = stack.enter_context(streams.camera(pictures, 15))
            command = re.sub(r"rtsp://\S+", camera, command)
        out = stack.enter_context(open(log, "wb"))
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command} {flags}"], cwd=world, env=_environment(world),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            begun = any(_answers(url, log) for _ in _waiting(process))
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(WAIT)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
    said = f"{block}\n{command} {flags}\n{log.read_text(encoding='utf-8')}"
    assert begun, said
    assert status in (0, 128 + signal.SIGINT, -signal.SIGINT), said


def _free_port() -> int:
    """Below those that the system gives to connections meanwhile."""
    for port in random.sample(range(20000, 32000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def _waiting(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    end = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < end:
        yield
        time.sleep(0.2)


def _answers(url: str, log: Path) -> bool:
    if not url:
        return re.search(r"\d %", log.read_text(encoding="utf-8")) is not None
    try:
        asked = urllib.request.Request(url, headers={"Accept-Language": "en"})  # as browsers do
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status == 200 and b"<html" in answer.read().lower()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
