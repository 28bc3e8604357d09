"""The page as a real process, a headless browser that looks at it, and short videos for both."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.tiny_run import environment
from support.videos import write_h264

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEADLESS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220)}
needs_gradio = pytest.mark.skipif(
    find_spec("gradio") is None, reason="the extra web serves the page"
)
"""Not ``importorskip``: imported here, Gradio would make a folder in /tmp."""
QUIET = ("Method not implemented.",)
"""What Gradio 6.31 itself writes into the browser's console."""

WATCH = """
import ipaddress, os, socket, sys

def note(event, given):
    if event == "socket.getaddrinfo":
        host = given[0]
    elif event == "socket.connect" and isinstance(given[1], tuple):
        host = given[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost", "0.0.0.0") and not host.startswith(("127.", "::1")):
        with open(os.environ["NOTED"], "a") as file:
            print(event, host, file=file)

sys.addaudithook(note)
"""
"""A ``sitecustomize.py`` that notes which other machines a process and its children ask for."""


class Page(NamedTuple):
    """A running page."""

    address: str
    process: "subprocess.Popen[bytes]"
    temp: Path
    """What it has for temporary files."""
    log: Path
    noted: Path
    """Has a line for each other machine that the server has asked for."""

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextlib.contextmanager
def serving(folder: Path, weights: Path, *flags: str | Path) -> Iterator[Page]:
    """A page of its own process, which is ended with Ctrl-C."""
    # A short name: sockets are put there, and their paths may have 107 letters.
    temp, log, noted = folder / "t", folder / "log.txt", folder / "noted.txt"
    for name in ("t", "watch"):
        (folder / name).mkdir(parents=True)
    noted.touch()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    command = [sys.executable, "-m", "slowfast.tools.web", "-w", str(weights), *map(str, flags)]
    env = environment() | {"TMPDIR": str(temp), "PYTHONUNBUFFERED": "1", "NOTED": str(noted)}
    env["PYTHONPATH"] = f"{folder / 'watch'}{os.pathsep}{env['PYTHONPATH']}"
    with open(log, "wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
    try:
        yield Page(_address(process, log), process, temp, log, noted)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith("the page is at "):
                return line.split()[4]
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def assert_all_is_gone(page: Page, number: int) -> None:
    """A page that this signal has ended leaves nothing, asked nobody, and had no fault."""
    assert page.process.returncode == 128 + number
    assert os.listdir(page.temp) == []
    assert page.noted.read_text(encoding="utf-8") == ""
    assert page.said().endswith("interrupted\n") and "Traceback" not in page.said()


def requests_of(page: Page) -> list[int]:
    """The processes of what is computed now: children of the fork server."""
    return [child for each in _children(page.process.pid) for child in _children(each)]


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [*map(int, text.split())]


class Browsed:
    """A tab of a headless browser, and all that it asked for and complained of."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.asked: list[str] = []
        self.complaints: list[str] = []
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.on("console", self._note)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning") and message.text not in QUIET:
            self.complaints.append(message.text)

    def open(self, address: str, tab: str = "Look") -> None:
        """Opens the page at one of its tabs, and waits until it has a session."""
        self.tab.goto(address)
        self.turn_to(tab)

    def turn_to(self, tab: str) -> None:
        self.tab.wait_for_function("localStorage.getItem('slowfast')")
        self.tab.get_by_role("tab", name=tab).click()

    def put(self, name: str, *files: Path) -> None:
        """Chooses files in an upload's box."""
        self.tab.set_input_files(f"#{name} input[type=file]", [str(file) for file in files])

    def wait(self, name: str, text: str) -> str:
        """Waits until a part of the page has this text, and returns all of its text."""
        part = self.tab.locator(f"#{name}")
        part.filter(has_text=text).wait_for()
        return str(part.inner_text())


@contextlib.contextmanager
def headless() -> Iterator[Any]:
    """A browser without a window; skips the test where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    if (program := next(filter(None, map(shutil.which, BROWSERS)), None)) is None:
        pytest.skip("there is no Chromium here")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=HEADLESS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def browsing(browser: Any) -> Iterator[Browsed]:
    """A tab with a memory of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        yield Browsed(tab)
    finally:
        context.close()


def coloured(path: Path, colour: str, seed: int, seconds: float = 1.0) -> Path:
    """A video of a colour, which flickers."""
    rng = np.random.default_rng(seed)
    base = np.array(COLOURS[colour]) + rng.integers(-20, 20, 3)
    flicker = rng.integers(-20, 20, (round(30 * seconds), 1, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = np.clip(base + flicker, 0, 255).astype(np.uint8)
    return write_h264(path, (np.tile(one, (48, 64, 1)) for one in pictures))
