"""The curves of a run in VisualDL's page, in a real browser, at the address that a run prints."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import WATCH, headless
from support.video_tools import wait_until

from slowfast.train.curves import MetricWriter, how_to_open
from slowfast.train.cut import Place


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def visualdl(logdir: Path, noted: Path) -> Iterator[int]:
    """VisualDL's server, as a run says to start it; its port. ``noted`` is written if the server
    asks for another machine."""
    (logdir / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(logdir), "NOTED": str(noted)}
    said = how_to_open(logdir / "one").split()
    flags = [word for word in said if word == "--disable-telemetry"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    program = str(Path(sys.executable).with_name("visualdl"))
    command = [program, *flags, "--logdir", str(logdir), "--port", str(port), "--host", "127.0.0.1"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until(lambda: answers(port) or server.poll() is not None)
            assert server.poll() is None
            yield port
        finally:
            server.kill()


@pytest.mark.slow
def test_the_page_that_a_run_names_has_its_curves_and_asks_no_other_machine(tmp_path: Path) -> None:
    for run, place in (("one", Place(0, 0)), ("two", Place(0, 0)), ("two", Place(2, 0))):
        (tmp_path / run).mkdir(exist_ok=True)
        with MetricWriter(str(tmp_path / run), 0, place) as writer:
            writer.settings({"optim/base_lr": 0.1}, ["train/loss"])
            for step in range(place.steps + 1, 5):
                writer.write("train", step, {"loss": 1 / step, "grad_norm": 2.0})
    page = how_to_open(tmp_path / "one").partition("/app/")[2]
    with headless() as browser, visualdl(tmp_path, tmp_path / "noted") as port:
        context = browser.new_context(locale="en-US")  # without, it sends no Accept-Language
        tab, asked_for = context.new_page(), []
        tab.on("request", lambda request: asked_for.append(request.url))
        tab.set_default_timeout(120_000)
        tab.goto(f"http://127.0.0.1:{port}/app/{page}", wait_until="domcontentloaded")
        tab.wait_for_selector("canvas")
        said = tab.inner_text("body")
        for word in ("train", "one/vdl", "two/vdl"):  # a curve's name is drawn, in its canvas
            assert word in said
        api = f"http://127.0.0.1:{port}/app/api"
        (run,) = [run for run in tab.request.get(f"{api}/runs").json()["data"] if "two" in run]
        asked = {"run": run, "tag": "train/loss"}
        points = tab.request.get(f"{api}/scalar/list", params=asked).json()["data"]
        assert [step for _, step, _ in points] == [1, 2, 3, 4]
        for other in ("image", "histogram", "hyper-parameter", "graph/dynamic"):
            tab.goto(f"http://127.0.0.1:{port}/app/{other}", wait_until="networkidle")
        own = (f"http://127.0.0.1:{port}/", "data:", "blob:")
        assert len(asked_for) > 100
        assert [url for url in asked_for if not url.startswith(own)] == []
        assert not (tmp_path / "noted").exists()
        context.close()
