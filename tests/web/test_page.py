"""The page in a real browser: upload, wait, read the answer."""

import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pages import Browsed, Page, browsing, coloured, headless, needs_gradio, serving
from support.tiny_run import save_tiny_model, tiny_config

from slowfast.cli.network import network_of
from slowfast.data.find import find_videos
from slowfast.predict.features import extract

pytestmark = needs_gradio


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of an untrained network, which tells colours apart, with the features of two films."""
    folder = tmp_path_factory.mktemp("page")
    cfg = tiny_config(folder)
    weights = save_tiny_model(cfg)
    for colour in ("red", "blue"):
        coloured(folder / "films" / f"{colour} film.mp4", colour, 0)
    films = find_videos([str(folder / "films")], cfg.data)
    extract(network_of(str(weights), cfg, "cpu"), films, folder / "features", cfg, 0.5)
    flags = "--max_mb", "1", "--max_seconds", "60", "--features", folder / "features"
    with serving(folder, weights, *flags) as page:
        yield page


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


def test_a_dropped_video_is_looked_at(page: Page, browsed: Browsed, tmp_path: Path) -> None:
    browsed.open(page.address)
    browsed.put("look_video", coloured(tmp_path / "film.mp4", "red", 0))
    assert browsed.wait("look_labels", "%").count("%") == 5
    assert "No action" in browsed.wait("look_segments", "No action")
    browsed.tab.wait_for_selector("#look_timeline img")
    film = browsed.tab.wait_for_selector("#look_film video")
    browsed.tab.wait_for_function("film => film.duration > 0.9", arg=film)  # it can be played
    browsed.tab.click("#look_why")
    browsed.tab.wait_for_selector("#look_reasons img")


def test_two_actions_are_taught_and_survive_a_reload(
    page: Page, browsed: Browsed, tmp_path: Path
) -> None:
    browsed.open(page.address, "Teach")
    for colour in ("red", "blue"):
        browsed.tab.get_by_label("Name of the action").fill(colour)
        clips = [coloured(tmp_path / f"{colour}{i}.mp4", colour, i) for i in range(2)]
        browsed.put("teach_clips", *clips)
        browsed.tab.wait_for_selector("#teach_clips .file-preview")
        browsed.tab.get_by_role("button", name="Add to this action").click()
        browsed.wait("teach_list", f"{colour}: 2 clips")
        browsed.tab.wait_for_selector("#teach_clips .file-preview", state="detached")
    browsed.tab.get_by_role("button", name="Learn", exact=True).click()
    browsed.wait("teach_verdict", "4 of 4 clips (100 %)")
    browsed.put("teach_try", coloured(tmp_path / "new.mp4", "blue", 9))
    assert browsed.wait("teach_labels", "%").splitlines()[1] == "blue"
    browsed.tab.wait_for_selector("#teach_download")
    browsed.tab.reload()
    browsed.turn_to("Teach")
    browsed.wait("teach_list", "red: 2 clips")
    browsed.wait("teach_verdict", "4 of 4 clips (100 %)")
    with browsed.tab.expect_download() as download:
        browsed.tab.click("#teach_download")
    assert download.value.suggested_filename == "my_actions.zip"
    browsed.tab.get_by_label("Remove", exact=True).click()
    browsed.tab.get_by_role("option", name="all of red").click()
    browsed.tab.get_by_role("button", name="Remove these").click()
    browsed.tab.wait_for_function(
        "!document.querySelector('#teach_list').innerText.includes('red')"
    )
    browsed.tab.get_by_role("button", name="Learn", exact=True).click()
    browsed.wait("teach_progress", "Name at least two actions")


def test_moments_alike_are_found(page: Page, browsed: Browsed, tmp_path: Path) -> None:
    browsed.open(page.address, "Find")
    browsed.put("find_clip", coloured(tmp_path / "new.mp4", "blue", 5))
    rows = browsed.wait("find_list", "film.mp4").splitlines()
    assert "blue film.mp4" in rows[1]
    assert browsed.tab.locator("#find_shown img").count() == len(rows) - 1


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("notes.txt", b"no video", "notes.txt is not a video."),
        ("big.mp4", bytes(2 << 20), "big.mp4 has 2 MB: this page takes up to 1 MB."),
        ("notes.mp4", b"no video", "Notes.mp4: not a video but text."),
        ("empty.mp4", b"", "empty.mp4 is empty."),
    ],
    ids=["another file", "too large", "only named so", "empty"],
)
def test_what_cannot_be_taken_is_said_on_the_page(
    page: Page, browsed: Browsed, tmp_path: Path, name: str, content: bytes, line: str
) -> None:
    (tmp_path / name).write_bytes(content)
    browsed.open(page.address)
    browsed.put("look_video", tmp_path / name)
    browsed.tab.get_by_text(line).wait_for()
    assert browsed.tab.locator(".toast-wrap").inner_text() == ""
