"""The documentation as a site, in a headless browser."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.pages import Browsed, browsing, headless
from support.pages_of_docs import DOCS, ENGLISH, blocks, name_of, tokens
from support.paths import REPOSITORY
from support.tiny_run import environment

CHINESE = {
    "index.md": "# 首页\n\n![图](../pictures/prediction.png) 见[数据](data.md#lists)。\n",
    "data.md": '# 数据\n\n<a id="lists"></a>\n\n## 列表\n\n训练用的视频列表是 `x.list`。\n',
}
"""What stands in where no Chinese page is written yet."""
TAGS = ("h1", "h2", "h3", "table", "tr", "li", "img", "pre")


def build(repository: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "docs.site", *map(str, arguments)]
    return subprocess.run(
        command, cwd=repository, env=environment(), capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone, with what is missing of the Chinese pages."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(REPOSITORY / "mkdocs.yml", folder)
    (folder / "docs" / "zh").mkdir(exist_ok=True)
    for name, text in CHINESE.items():
        path = folder / "docs" / "zh" / name
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(repository: Path) -> Path:
    """The built site."""
    done = build(repository)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{repository / 'site' / 'index.html'}\n"
    return repository / "site"


def settings(path: Path) -> dict[str, Any]:
    text = re.sub(r"!!python\S+ \{.*\}", "", path.read_text(encoding="utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def pages_in(nav: Any) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for inner in entry.values():
                yield from pages_in(inner)


def test_both_languages_have_all_pages_in_the_same_order() -> None:
    english, chinese = (
        [*pages_in(settings(path)["nav"])]
        for path in (REPOSITORY / "mkdocs.yml", DOCS / "mkdocs.zh.yml")
    )
    assert english == chinese
    assert sorted(english) == [page.name for page in ENGLISH]


class Counted(HTMLParser):
    """How often each tag is in a page's article."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        article = re.search(r"<article.*?</article>", html, re.DOTALL)
        assert article is not None
        self.feed(article[0])

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags[tag] += 1


@pytest.mark.parametrize("page", ENGLISH, ids=name_of)
def test_a_page_has_on_the_site_what_it_has_on_github(page: Path, site: Path) -> None:
    """Python's Markdown differs: a list needs an empty line before it, and indents of 4."""
    html = (site / f"{page.stem}.html").read_text(encoding="utf-8")
    built = Counted(html).tags
    parts = [*tokens(page), *(child for token in tokens(page) for child in token.children or [])]
    written = Counter(part.tag for part in parts if part.nesting >= 0)
    written["pre"] = len(blocks(page))
    assert {tag: built[tag] for tag in TAGS} == {tag: written[tag] for tag in TAGS}


def test_a_folder_of_somebody_else_is_left_alone(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = build(repository, "--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path} is there, and no site of this command: name another folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_dead_link_is_an_error_and_the_old_site_stays(repository: Path, tmp_path: Path) -> None:
    for name in ("docs", "mkdocs.yml"):
        (tmp_path / name).symlink_to(repository / name)
    (tmp_path / "docs").unlink()
    shutil.copytree(repository / "docs", tmp_path / "docs")
    out = tmp_path / "out"
    assert build(tmp_path, "--out", out).returncode == 0
    before = sorted(out.rglob("*"))
    with open(tmp_path / "docs" / "data.md", "a", encoding="utf-8") as file:
        file.write("\n[dead](no_page.md) [place](training.md#nowhere)\n")
    done = build(tmp_path, "--out", out)
    assert done.returncode == 1
    assert "no_page.md" in done.stderr and "#nowhere" in done.stderr
    assert done.stderr.endswith("error: Aborted with 2 warnings in strict mode!\n")
    assert sorted(out.rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "mkdocs.yml", "out"]


def test_a_build_that_is_ended_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "docs.site", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, cwd=repository, env=environment(), stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(tmp_path.glob("out-*/site/*.html")):
        time.sleep(0.02)
    assert process.poll() is None, "ended before there was a page"
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    assert (process.returncode, said) == (143, "interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with headless() as browser:
        yield browser


@pytest.fixture
def tab(browser: Any, site: Path) -> Iterator[Browsed]:
    """A tab that has asked nobody outside, and complained of nothing."""
    with browsing(browser) as tab:
        yield tab
        assert [url for url in tab.asked if not url.startswith(("data:", site.as_uri()))] == []
        assert tab.complaints == []


def search(tab: Browsed, page: Path, words: str) -> list[str]:
    """The pages that are found, best first."""
    tab.tab.goto(page.as_uri())
    tab.tab.locator(".md-search__input").fill(words)
    tab.tab.keyboard.press("End")  # an input method's last key
    found = tab.tab.locator(".md-search-result__link")
    found.first.wait_for(state="attached")
    return [Path(link.get_attribute("href").partition("?")[0]).name for link in found.all()]


@pytest.mark.slow
def test_pages_opened_from_the_disk(tab: Browsed, site: Path) -> None:
    pages = sorted([*site.glob("*.html"), *site.glob("zh/*.html")])
    pages = [page for page in pages if page.name != "404.html"]  # a server's, for any path
    assert len(pages) >= len(ENGLISH) + 2
    for page in pages:
        tab.tab.goto(page.as_uri())
        broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
        assert tab.tab.evaluate(broken) == []
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        tab.tab.set_viewport_size({"width": 390, "height": 800})  # a telephone
        assert tab.tab.evaluate(wide) <= 0, page.name
        tab.tab.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.slow
def test_both_languages_are_searched(tab: Browsed, site: Path) -> None:
    assert "data.html" in search(tab, site / "index.html", "shards")
    assert search(tab, site / "index.html", "train.head_only")
    assert "data.html" in search(tab, site / "zh" / "index.html", "视频列表")


@pytest.mark.slow
def test_the_language_switch_stays_on_the_page(tab: Browsed, site: Path) -> None:
    tab.tab.goto((site / "data.html").as_uri())
    for language, there in (("zh", site / "zh" / "data.html"), ("en", site / "data.html")):
        tab.tab.locator(f".md-select__link[hreflang={language}]").evaluate("link => link.click()")
        tab.tab.wait_for_url(there.as_uri())
        assert tab.tab.evaluate("document.documentElement.lang") == language


@pytest.mark.slow
def test_light_dark_and_the_button_that_copies(tab: Browsed, site: Path) -> None:
    tab.tab.goto((site / "data.html").as_uri())
    background = "getComputedStyle(document.body).backgroundColor"
    light = tab.tab.evaluate(background)
    tab.tab.locator("label[for=__palette_1]").first.click()
    assert tab.tab.evaluate(background) != light
    assert tab.tab.locator("[data-md-type=copy], .md-clipboard").count() > 5
