"""The report of a test of boxes: what it says, in a browser, without its videos, and of a real test
by the command line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.key_frames import write_ava
from support.logging_kept import logging_kept
from support.pages import browsing, headless
from support.scored_boxes import CORNER, LEFT, RIGHT, write_test
from support.tiny_run import main_here, save_tiny_model

from slowfast.config import load_config
from slowfast.evaluate.html.box_page import rule_text
from slowfast.metrics.frame_map import RULES
from slowfast.tools import score_boxes

FRAMES = [
    ("a<b>", 1, [(LEFT, [0.9, 0.8, 0.1])], [(LEFT, [1]), (RIGHT, [2])]),
    ("b", 2, [(RIGHT, [0.1, 0.2, 0.7]), (CORNER, [0.0, 0.1, 0.6])], [(RIGHT, [3])]),
]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging, which the commands set up."""
    with logging_kept():
        yield


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a test of two films, one by one process with ``--report``."""
    folder = tmp_path_factory.mktemp("report")
    weights = save_tiny_model(load_config(write_ava(folder), []))
    done = main_here("--test", "-w", weights, "--report", "r", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "report: r/report.html" in done.stdout
    return folder / "r" / "report.html"


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_in_a_browser(width: int, scheme: str, report: Path) -> None:
    """Nothing is asked for, nothing is wider than the page, and the pictures can be seen: at the
    key frame, with boxes of both kinds, on which they are drawn."""
    with headless() as browser, browsing(browser) as page:
        page.tab.set_viewport_size({"width": width, "height": 900})
        page.tab.emulate_media(color_scheme=scheme)
        page.tab.goto(report.as_uri())
        assert page.tab.evaluate("document.documentElement.scrollWidth") == width
        page.tab.locator("#missed").get_by_label("Hold the key frame").check()
        loaded = "[...document.images].every(one => one.complete && one.naturalWidth > 0)"
        page.tab.wait_for_function(loaded)
        assert page.tab.locator("img.strip").count() >= 8
        screen = page.tab.locator("#missed .screen").first
        size, strip = screen.bounding_box(), screen.locator("img").bounding_box()
        assert size["width"] / size["height"] == pytest.approx(64 / 48, rel=0.02)
        assert strip["x"] == pytest.approx(size["x"] - 4 * size["width"], abs=1)
        meant = screen.locator(".annotated.meant rect").bounding_box()
        assert size["x"] < meant["x"] < size["x"] + size["width"]
        assert screen.locator(".found rect").count() > 0
        dashes = "one => getComputedStyle(one).strokeDasharray"
        assert screen.locator(".annotated rect").first.evaluate(dashes) != "none"
        assert screen.locator(".found rect").first.evaluate(dashes) == "none"
        assert page.complaints == [] and len(page.asked) - _own(page.asked) == 0


def _own(asked: list[str]) -> int:
    return sum(url.startswith(("file:", "data:")) for url in asked)


def test_the_same_of_the_file_of_scores_alone(report: Path, tmp_path: Path) -> None:
    """To the last letter, as the test recorded what the page says of it."""
    scores = report.with_name("scores.npz")
    assert score_boxes.main([str(scores), "--report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == report.read_bytes()
    page = report.read_text()
    result = json.loads((report.parent.parent / "out" / "test_result.json").read_text())
    assert f"{100 * result['mAP']:.1f}\N{NO-BREAK SPACE}%</span>" in page and "PyAV" in page
    for row in result["classes"]:
        assert f'data-value="{row["AP"]}"' in page


def test_videos_that_are_gone_are_told_and_the_numbers_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, truth = write_test(
        tmp_path, FRAMES, f"data.root={tmp_path}", num_listed=3,
        unreadable=[{"index": 2, "path": "c<i>.mp4", "error": "c<i>.mp4: cut off"}],
    )  # fmt: skip
    assert score_boxes.main([str(scores), "--report", str(tmp_path), "--rule", "official"]) == 0
    page = (tmp_path / "report.html").read_text()
    said = re.search(r"official +mAP ([\d.]+)", capsys.readouterr().out)
    assert said and f"{100 * float(said[1]):.1f}\N{NO-BREAK SPACE}%" in page
    assert re.search(rf"No picture: {tmp_path}/b.*: No such file", page) and "<img" not in page
    assert "a&lt;b&gt; at 1 s" in page and "c&lt;i&gt;.mp4" in page and "<i>.mp4" not in page
    assert "2 of 3 key frames could be read" in page
    assert "no interval: of fewer than 50 videos it would be too narrow" in page
    assert "no box is found there" in page and "nobody is annotated there" in page


def test_what_cannot_be_a_report_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, truth = write_test(tmp_path, FRAMES)
    csv, folder = tmp_path / "found.csv", tmp_path / "report"
    csv.write_text("a,1,.1,.1,.4,.8,1,.6\n")
    file = tmp_path / "file"
    file.write_text("")
    capsys.readouterr()
    for flags, complaint in (
        ([csv, "--annotations", truth, "--report", folder], "found.csv: a report (--report) is m"),
        ([csv], "found.csv does not say with what it is compared: --annotations FILE"),
        ([scores, "--report", file], f"{file}"),
        ([scores, "--report", folder, "--json", folder / "report.html"], "name another file"),
    ):
        assert score_boxes.main([*map(str, flags)]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.startswith("error: ") and complaint in said
    truth.unlink()
    assert score_boxes.main([str(scores)]) == 1
    assert "truth.csv is not there: name the annotations, --annotations" in capsys.readouterr().err


def test_every_rule_is_told() -> None:
    texts = [rule_text(rule) for rule in RULES]
    assert len({*texts}) == len(RULES)
    assert "the 50 surest answers count" in texts[0] and "0.002" in texts[-1]
