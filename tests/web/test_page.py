"""The page in a real browser: what only a browser shows; the answers are those of
``test_server.py``."""

import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pages import Browsed, Page, browsing, coloured, headless, needs_gradio

pytestmark = needs_gradio


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with headless() as browser:
        yield browser


@pytest.fixture
def browsed(browser: Any, page: Page) -> Iterator[Browsed]:
    """A tab, which has asked nobody else for anything and has not complained."""
    with browsing(browser) as browsed:
        yield browsed
        hosts = {urllib.parse.urlsplit(asked).hostname for asked in browsed.asked}
        assert hosts - {None} == {"127.0.0.1"}  # None: what the page has itself, as data: and blob:
        assert browsed.complaints == []
    assert page.noted.read_text(encoding="utf-8") == ""
    assert "Traceback" not in page.said()


def test_what_is_seen_in_a_dropped_video_is_shown(
    page: Page, browsed: Browsed, tmp_path: Path
) -> None:
    browsed.open(page.address)
    browsed.put("look_video", coloured(tmp_path / "film.mp4", "red", 0))
    assert browsed.wait("look_labels", "%").count("%") == 5
    browsed.tab.wait_for_selector("#look_timeline img")
    film = browsed.tab.wait_for_selector("#look_film video")
    browsed.tab.wait_for_function("film => film.duration > 0.9", arg=film)  # it can be played
    assert browsed.tab.is_visible("#look_why")


@pytest.mark.slow
def test_clips_survive_a_reload_and_can_be_removed(
    page: Page, browsed: Browsed, tmp_path: Path
) -> None:
    browsed.open(page.address, "Teach")
    browsed.tab.get_by_label("Name of the action").fill("red")
    (tmp_path / "notes.txt").touch()
    browsed.put("teach_clips", tmp_path / "notes.txt", coloured(tmp_path / "red.mp4", "red", 0))
    browsed.tab.get_by_text("notes.txt is not a video.").wait_for()
    browsed.tab.wait_for_selector("#teach_clips .file-preview")
    browsed.tab.get_by_role("button", name="Add to this action").click()
    browsed.wait("teach_list", "red: 1 clip")
    browsed.tab.wait_for_selector("#teach_clips .file-preview", state="detached")
    browsed.tab.reload()
    browsed.turn_to("Teach")
    browsed.wait("teach_list", "red: 1 clip")
    browsed.tab.get_by_label("Remove", exact=True).click()
    browsed.tab.get_by_role("option", name="all of red").click()
    browsed.tab.get_by_role("button", name="Remove these").click()
    browsed.wait("teach_list", "Nothing yet")
    browsed.tab.get_by_role("button", name="Learn", exact=True).click()
    browsed.wait("teach_progress", "Name at least two actions")


@pytest.mark.slow
def test_moments_alike_are_found(page: Page, browsed: Browsed, tmp_path: Path) -> None:
    browsed.open(page.address, "Find")
    browsed.put("find_clip", coloured(tmp_path / "new.mp4", "blue", 5))
    rows = browsed.wait("find_list", "film.mp4").splitlines()
    assert "blue film.mp4" in rows[1]
    assert browsed.tab.locator("#find_shown img").count() == len(rows) - 1


def test_what_cannot_be_taken_is_said_before_it_is_sent(
    page: Page, browsed: Browsed, tmp_path: Path
) -> None:
    browsed.open(page.address)
    asked = len(browsed.asked)
    for name, content, line in (
        ("notes.txt", b"no video", "notes.txt is not a video."),
        ("big.mp4", bytes(2 << 20), "big.mp4 has 2 MB: this page takes up to 1 MB."),
        ("empty.mp4", b"", "empty.mp4 is empty."),
        (".hidden.mp4", b"video", ".hidden.mp4 begins with a dot: rename it first."),
    ):
        (tmp_path / name).write_bytes(content)
        browsed.put("look_video", tmp_path / name)
        browsed.tab.get_by_text(line).wait_for()
    assert not any("upload" in url for url in browsed.asked[asked:])
    assert browsed.tab.locator(".toast-wrap").inner_text() == ""


def test_no_file_makes_the_browser_ask_others(page: Page, browsed: Browsed, tmp_path: Path) -> None:
    """A playlist, which Chromium plays: it would fetch what that names."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}/a.ts"
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n"
        (tmp_path / "list.mp4").write_text(text)
        browsed.open(page.address)
        browsed.put("look_video", tmp_path / "list.mp4")
        browsed.wait("look_status", "list.mp4: a playlist, not a video")
        browsed.tab.wait_for_selector("#look_video video", state="attached")
        other.settimeout(1)
        with pytest.raises(TimeoutError):
            other.accept()
    browsed.complaints.clear()  # the browser's own, that it cannot play it
