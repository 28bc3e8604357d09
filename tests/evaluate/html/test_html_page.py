"""Writing a report: everything is in one file, and nothing that is printed can do harm."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from support.full_disk import largest_file

from slowfast.evaluate.html import html_page
from slowfast.evaluate.html.html_page import FOLDER, rendered, write_page

TEMPLATE = """\
{% extends "base.html" %}
{% set contents = [("one", "The one")] %}
{% block main %}
{% call m.section("one", "The one") %}
{{ m.table([
  {"key": "name", "title": "Name", "kind": "text"}, {"key": "AP", "title": "AP", "kind": "share"}
], rows, "Rows", sortable=true, search="Find") }}
{{ m.known([("a", none), ("b", "c")]) }}
{% endcall %}
{% endblock %}
"""
ROWS = [{"name": "<b>&\u202eright\x1b[2J", "AP": 0.25}, {"name": "\udcff'\"", "AP": None}]


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The templates, and one more."""
    for path in FOLDER.iterdir():
        if path.suffix in (".html", ".css", ".js"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "own.html").write_text(TEMPLATE, encoding="utf-8")
    monkeypatch.setattr(html_page, "FOLDER", tmp_path)
    return "own.html"


def test_names_are_harmless(template: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_page(path, template, {"title": "</title><script>alert(1)</script>", "rows": ROWS})
    page = path.read_text(encoding="utf-8")
    assert "<b>" not in page.partition("<main")[2].partition("<script>")[0].replace("<b></b>", "")
    assert "&lt;b&gt;&amp;\\u202eright\\x1b[2J" in page and "\\udcff&#39;&#34;" in page
    assert "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<script>") == page.count("</script>") == 1
    assert not set(map(ord, page)) & {*range(10), *range(11, 32), 0x202E}


def test_the_only_script_is_its_own(template: str) -> None:
    page = rendered(template, {"title": "t", "rows": ROWS})
    (script,) = re.findall("<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'; " in page
    assert f"script-src 'sha256-{digest}'" in page
    assert "http:" not in page and "https:" not in page


def test_what_is_not_known_says_so(template: str) -> None:
    page = rendered(template, {"title": "t", "rows": ROWS})
    assert '<dt>a</dt><dd class="missing">not recorded</dd>' in page
    assert "<dt>b</dt><dd>c</dd>" in page
    assert "25.0\N{NO-BREAK SPACE}%" in page and "&ndash;" in page


def test_a_fact_that_is_missing_is_an_error(template: str) -> None:
    with pytest.raises(UndefinedError):
        rendered(template, {"title": "t"})


def test_a_full_disk_leaves_the_earlier_page(template: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    with largest_file(1000), pytest.raises(OSError, match="File too large") as caught:
        write_page(path, template, {"title": "t", "rows": ROWS})
    assert caught.value.filename == str(path)
    assert path.read_text() == "earlier" and len(list(tmp_path.glob(".report*"))) == 0
