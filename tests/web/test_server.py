"""The page's server, as a real process that is asked over HTTP, without a browser."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.pages import Page, assert_all_is_gone, coloured, needs_gradio, requests_of, serving
from support.tiny_run import environment

from slowfast.errors import UserError
from slowfast.web.server import own_folder, serve

pytestmark = needs_gradio


class Visitor:
    """Somebody with a session, who calls what the page calls (gradio.app/guides, "Querying Gradio
    apps with curl")."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session = self.ask("begin", None)[0]

    def ask(self, name: str, *given: Any) -> list[Any]:
        """What each component was told last."""
        values: list[Any] = []
        for told in self.start(name, *given):
            values = values or [None] * len(told)
            for place, value in enumerate(told):
                value = value.get("props", value) if isinstance(value, dict) else value
                if not isinstance(value, dict) or {*value} != {"__type__"}:
                    values[place] = value
        return values

    def ask_of(self, name: str, *given: Any) -> list[Any]:
        """With the session's name."""
        return self.ask(name, self.session, *given)

    def start(self, name: str, *given: Any) -> Iterator[list[Any]]:
        """What the components are told, as it comes; a ValueError if the request fails."""
        address = f"{self.page.address}gradio_api/call/{name}"
        begun = requests.post(address, json={"data": given}, timeout=60)
        begun.raise_for_status()
        with requests.get(
            f"{address}/{begun.json()['event_id']}", stream=True, timeout=120
        ) as answer:
            kind = ""
            for line in answer.iter_lines(decode_unicode=True):
                word, _, text = line.partition(": ")
                kind = text if word == "event" else kind
                if word == "data" and kind == "error":
                    raise ValueError(text)
                if word == "data" and kind in ("generating", "complete"):
                    yield json.loads(text)

    def upload(self, path: Path) -> dict[str, Any]:
        """A file, as a request names it."""
        with open(path, "rb") as file:
            sent = requests.post(
                f"{self.page.address}gradio_api/upload", files={"files": file}, timeout=60
            )
        sent.raise_for_status()
        return file_at(sent.json()[0])


def file_at(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def visitor(page: Page) -> Visitor:
    return Visitor(page)


def test_a_video_is_looked_at(visitor: Visitor, tmp_path: Path) -> None:
    film = visitor.upload(coloured(tmp_path / "film.mp4", "red", 0))
    labels, picture, table, labelled, status, *_ = visitor.ask_of("look", film)
    assert len(labels["confidences"]) == 5 and status == ""
    assert "No action" in table
    *_, reasons = visitor.ask_of("why", film)
    for name, shown in (
        ("timeline.png", picture),
        ("film-labelled.mp4", labelled),
        ("why.png", reasons),
    ):
        assert shown["value"]["orig_name"] == name
        assert requests.get(shown["value"]["url"], timeout=60).status_code == 200


@pytest.mark.slow
def test_two_actions_are_taught(visitor: Visitor, tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        clips = [
            visitor.upload(coloured(tmp_path / f"{colour}{i}.mp4", colour, i)) for i in range(2)
        ]
        listed = visitor.ask_of("add", colour, clips, None)
    assert "<b>red</b>: 2 clips" in str(listed) and "<b>blue</b>: 2 clips" in str(listed)
    learned = visitor.ask_of("learn")
    assert "4 of 4 clips" in str(learned) and "my_actions.zip" in str(learned)
    labels, _ = visitor.ask_of("try", visitor.upload(coloured(tmp_path / "new.mp4", "blue", 9)))
    assert labels["label"] == "blue"
    assert "4 of 4 clips" in str(visitor.ask_of("lesson"))
    assert "<b>blue</b>" not in str(Visitor(visitor.page).ask_of("lesson"))  # somebody else's


def no_video(path: Path) -> None:
    path.write_text("no video")


def too_long(path: Path) -> None:
    coloured(path, "red", 0, seconds=61.0)


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (no_video, "x.mp4: not a video but text."),
        (too_long, "x.mp4: it lasts 0:01:01, and this page takes up to 0:01:00."),
    ],
    ids=["text", "too long"],
)
def test_what_cannot_be_taken_is_said_in_a_sentence(
    visitor: Visitor, tmp_path: Path, write: Any, line: str
) -> None:
    write(tmp_path / "x.mp4")
    status = visitor.ask_of("look", visitor.upload(tmp_path / "x.mp4"))[4]
    assert f">{line}<" in status
    assert "Traceback" not in visitor.page.said()


def test_a_file_over_the_limit_is_not_taken(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "big.mp4").write_bytes(bytes(2 << 20))
    with pytest.raises(requests.HTTPError, match="413"):
        visitor.upload(tmp_path / "big.mp4")


def test_a_short_request_does_not_wait_for_a_long_one(visitor: Visitor, tmp_path: Path) -> None:
    film = visitor.upload(coloured(tmp_path / "long.mp4", "red", 0, seconds=10.0))
    clip = visitor.upload(coloured(tmp_path / "short.mp4", "blue", 0))
    long = visitor.start("look", visitor.session, film)
    next(long)
    while not (running := requests_of(visitor.page)):
        time.sleep(0.001)
    os.kill(running[0], signal.SIGSTOP)
    try:
        assert visitor.ask_of("look", clip)[0]["confidences"]
    finally:
        os.kill(running[0], signal.SIGCONT)
    assert "long-labelled.mp4" in str([*long])


def test_no_file_is_fetched(visitor: Visitor) -> None:
    with pytest.raises(ValueError, match="no file of this machine"):
        visitor.ask_of("look", file_at("http://example.com/a.mp4"))


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "{log}", "http://example.com/a.mp4"], ids=["system", "beside", "other"]
)
def test_no_other_file_is_served(page: Page, place: str) -> None:
    address = f"{page.address}gradio_api/file={place.format(log=page.log)}"
    assert requests.get(address, timeout=60).status_code in (403, 404)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{own}"}, 200),
        ({"Host": "localhost:7860"}, 200),
        ({"Host": "rebound.example:7860"}, 403),
        ({"Origin": "http://example.com"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
    ids=["tool", "own", "local", "rebound", "other site", "other port", "sandboxed"],
)
def test_other_pages_cannot_use_this_one(page: Page, headers: dict[str, str], status: int) -> None:
    given = {name: value.format(own=page.address.rstrip("/")) for name, value in headers.items()}
    address = f"{page.address}gradio_api/call/begin"
    answer = requests.post(address, json={"data": [None]}, headers=given, timeout=60)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; ")


@pytest.mark.slow
def test_sigterm_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    film = coloured(tmp_path / "film.mp4", "red", 0, seconds=30.0)
    with serving(tmp_path, weights) as page:
        visitor = Visitor(page)
        long = visitor.start("look", visitor.session, visitor.upload(film))
        next(long)
        page.process.send_signal(signal.SIGTERM)
        page.process.wait(timeout=60)
        long.close()  # type: ignore[attr-defined]
    assert_all_is_gone(page, signal.SIGTERM)


class Launched:
    """Stands for Gradio's Blocks."""

    def launch(self, **how: Any) -> tuple[None, str, None]:
        assert how["server_name"] == "0.0.0.0" and how["share"] is False
        return None, "http://0.0.0.0:7860/", None

    def close(self, verbose: bool) -> None:
        self.is_closed = True


def test_a_page_that_others_reach_says_so(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))

    def end(address: str) -> None:
        raise KeyboardInterrupt

    blocks = Launched()
    with pytest.raises(KeyboardInterrupt):
        serve(blocks, {}, host="0.0.0.0", port=None, started=end)
    assert lines == ["whoever reaches 0.0.0.0 can use this page: it asks for no password"]
    assert blocks.is_closed


def test_what_a_killed_page_left_is_removed_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = (
        "import os, sys; from slowfast.web.server import own_folder\n"
        "with own_folder() as folder:\n"
        "    (folder / 'clip').touch(); print(folder, flush=True); sys.stdin.read(); os._exit(9)\n"
    )
    command = [sys.executable, "-c", script]
    env, pipe = environment() | {"TMPDIR": str(tmp_path)}, subprocess.PIPE
    with subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) as running:
        assert running.stdin and running.stdout
        other = Path(running.stdout.readline().strip())
        with own_folder():
            assert (other / "clip").exists()
        running.stdin.close()
    assert (other / "clip").exists()
    with own_folder() as folder:
        assert os.listdir(tmp_path) == [folder.name]


def test_gradio_can_be_imported_where_no_variable_is_set() -> None:
    script = (
        "import os; from slowfast.web.server import own_folder\n"
        "with own_folder():\n"
        "    import gradio\n"
        "assert 'PATH' not in os.environ"
    )
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)


def test_another_gradio_serves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    from gradio import processing_utils

    monkeypatch.delattr(processing_utils, "async_ssrf_protected_download")
    with pytest.raises(UserError, match="this page does not know Gradio .*'gradio>=6,<7'"):
        serve(Launched(), {}, host="127.0.0.1", port=None, started=print)


def test_the_environment_makes_gradio_say_nothing_to_anybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRADIO_SHARE", "True")
    with own_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder / "files")
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        assert "GRADIO_SHARE" not in os.environ
        (folder / "files").mkdir()
    assert not folder.exists() and os.environ["GRADIO_SHARE"] == "True"
