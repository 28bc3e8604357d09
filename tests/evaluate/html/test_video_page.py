"""The report of a test of videos: its numbers, its pictures, and how a browser shows it."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pages import Browsed, headless
from support.paths import REPOSITORY
from support.scores import NAMES, labels_of, members, write_file, write_several
from support.tiny_run import environment, main_here, save_tiny_model, tiny_config, tiny_data

from slowfast.evaluate.html.html_page import percent
from slowfast.evaluate.html.video_page import write_video_page
from slowfast.evaluate.scores import read_scores, write_scores
from slowfast.tools import score


def page_of(path: Path, *flags: str) -> tuple[str, dict[str, Any]]:
    """The page that the tool makes of a file of scores, and the numbers that it writes."""
    out = path.parent
    assert score.main([str(path), "--report", str(out), "--json", str(out / "s.json"), *flags]) == 0
    found: dict[str, Any] = json.loads((out / "s.json").read_text(encoding="utf-8"))
    return (out / "report.html").read_text(encoding="utf-8"), found


def section(page: str, name: str) -> str:
    """The text of a section, without its tags."""
    (found,) = re.findall(rf'<section id="{name}".*?</section>', page, flags=re.DOTALL)
    return html.unescape(re.sub(r"[ \n]+", " ", re.sub("<[^>]*>", " ", found)))


def test_the_numbers_are_those_of_the_tool(tmp_path: Path) -> None:
    scores = write_file(tmp_path / "a.npz")
    page, found = page_of(tmp_path / "a.npz")
    for key in ("top1", "top5", "mean_class_accuracy"):
        low, high = found["intervals"][key]
        assert f'class="large">{percent(found[key])}<' in page
        assert f"95&nbsp;%: {percent(low)} to {percent(high)}<" in page
    assert "60 of 61 videos of the list, each by 30\nviews" in page
    assert percent(found["calibration_error"]) in section(page, "calibration")
    assert percent(found["coverage"]) in page and "1 of 61 videos could not be read" in page
    wrong = int((scores.mean(axis=1).argmax(axis=1) != labels_of(60)).sum())
    assert f"{wrong} of 60 answers are wrong" in section(page, "errors")
    for row in found["classes"]:
        text = f"{row['name']} {row['videos']} {row['right']} {percent(row['accuracy'])}"
        assert text in section(page, "table")
    assert "No such file" in section(page, "unreadable") and "gone.mp4" in page


def test_fewer_views_are_those_of_the_tool(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    page, _ = page_of(tmp_path / "a.npz")
    for clips, crops in ((1, 1), (2, 3), (5, 1), (10, 3)):
        flags = ["--clips", str(clips), "--crops", str(crops), "--bootstrap", "0"]
        _, found = page_of(tmp_path / "a.npz", *flags)
        row = f"{clips} {crops} {clips * crops} {percent(found['top1'])}"
        assert row in section(page, "views"), row


def test_the_flags_of_the_tool_choose_the_views(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    page, found = page_of(tmp_path / "a.npz", "--clips", "5", "--crops", "1", "--bootstrap", "0")
    assert "each by 5\nviews" in page and "of 10 &times; 3" in page
    assert f'class="large">{percent(found["top1"])}<' in page and "95&nbsp;%:" not in page


def test_several_labels(tmp_path: Path) -> None:
    write_several(tmp_path / "a.npz")
    page, found = page_of(tmp_path / "a.npz", "--threshold", "0.6")
    for key in ("mAP", "mAP_charades", "f1"):
        assert f'class="large">{percent(found[key])}<' in page
    assert "F1 at 0.6" in page and "found wrongly" in section(page, "errors")
    assert "Missed most often" in section(page, "pairs")
    for row in found["classes"]:
        told = (percent(row[key]) for key in ("AP", "precision", "recall", "f1"))
        assert " ".join((row["name"], str(row["positives"]), *told)) in section(page, "table")


def test_a_file_of_an_earlier_version_says_not_recorded(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    page, _ = page_of(tmp_path / "a.npz")
    assert section(page, "run").count("not recorded") > 5


def test_videos_that_are_gone_have_a_tile_that_says_so(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    page, _ = page_of(tmp_path / "a.npz")
    assert "No picture: No such file or directory" in section(page, "errors")
    assert "<img" not in page


def test_names_of_files_and_classes_are_harmless(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>\u202e\x1b"
    write_file(
        tmp_path / "a.npz", class_names=[f"{evil}{i}" for i in range(5)],
        paths=[f"/{evil}/{i}{evil}.mp4" for i in range(60)], unreadable_paths=[evil],
        unreadable_errors=[f"{evil}: {evil}"], config=f"data: {{val_list: '{evil[:-2]}'}}\n",
    )  # fmt: skip
    page, _ = page_of(tmp_path / "a.npz")
    assert "<img" not in page and "\u202e" not in page and "\x1b" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e\\x1b3" in page


def test_perfect_answers_and_one_view(tmp_path: Path) -> None:
    scores = np.eye(5, dtype=np.float32)[[2] * 60][:, None]
    facts = {"num_clips": 1, "num_crops": 1, "class_names": NAMES}
    write_scores(tmp_path / "a.npz", scores, scores.shape, **members(60, **facts))
    page, _ = page_of(tmp_path / "a.npz")
    assert "None: each answer is right." in section(page, "errors")
    assert "The test had one view of each video." in section(page, "views")


def test_many_classes_have_no_matrix_but_all_are_in_the_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((800, 1, 400), np.float32)
    names = [f"class number {i}" for i in range(400)]
    facts = {"labels": [i % 400 for i in range(800)], "num_clips": 1, "num_crops": 1}
    write_scores(
        tmp_path / "a.npz", scores, scores.shape, **members(800, **facts, class_names=names)
    )
    page, _ = page_of(tmp_path / "a.npz")
    assert "too large to be read" in section(page, "pairs")
    assert section(page, "table").count("class number") == 400
    assert len(page) < 500_000


def test_it_is_made_where_there_is_no_paddle_nor_opencv(tmp_path: Path) -> None:
    write_file(tmp_path / "a.npz")
    code = (
        "import sys; sys.modules |= dict.fromkeys(['paddle', 'visualdl', 'cv2', 'matplotlib'])\n"
        "from slowfast.tools import score; sys.exit(score.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.npz"), "--report", str(tmp_path)],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"report: {tmp_path}/report.html\n")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No picture: cv2 is not installed here" in page


# ------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real test with a report, of videos of which one cannot be read."""
    folder = tmp_path_factory.mktemp("report")
    lines = (tiny_data() / "val.list").read_text().splitlines()
    (folder / "own.list").write_text("\n".join([*lines, "/gone.mp4 0"]))
    weights = save_tiny_model(tiny_config(folder, "data.num_workers=0", "test.num_clips=2"))
    done = main_here(
        "--test", "-w", weights, "--report", "report", "-o", "data.test_list=own.list",
        "data.on_error=skip", cwd=folder,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "report: report/report.html" in done.stdout
    return folder


def test_the_page_of_a_test_is_that_of_its_file_alone(tested: Path) -> None:
    page = (tested / "report" / "report.html").read_text(encoding="utf-8")
    write_video_page(tested / "again.html", read_scores(tested / "report" / "scores.npz"))
    assert (tested / "again.html").read_text(encoding="utf-8") == page
    result = json.loads((tested / "out" / "test_result.json").read_text())
    assert f'class="large">{percent(result["top1"])}<' in page
    run = section(page, "run")
    assert "not recorded" not in run and "Paddle" in run and "7 videos" in run
    assert "data:image/webp" in page and len(page) < 2_000_000


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it(tested: Path, width: int, scheme: str) -> None:
    address = (tested / "report" / "report.html").as_uri()
    with headless() as browser:
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True
        )
        page = Browsed(context.new_page())
        page.tab.goto(address)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
        pictures = page.tab.locator("img.moving")
        assert pictures.count() > 0
        for picture in pictures.all():
            assert picture.is_visible()
            assert picture.evaluate("each => each.decode().then(() => each.naturalWidth)") == 80
        page.tab.get_by_label("Find a class").fill("checked")
        rows = page.tab.locator("#table tbody tr:visible")
        assert 0 < rows.count() < page.tab.locator("#table tbody tr").count()
        page.tab.get_by_role("button", name="accuracy").click()
        shares = page.tab.locator("#table td.share").evaluate_all(
            "cells => cells.map(cell => Number(cell.dataset.value))"
        )
        assert shares == sorted(shares)
        page.tab.get_by_label("Hold the pictures still").check()
        assert not pictures.first.is_visible()
        assert page.tab.locator("img.still").first.is_visible()
        assert page.asked[0] == address
        assert all(asked.startswith("data:") for asked in page.asked[1:])
        assert page.complaints == []
        context.close()


@pytest.mark.slow
def test_without_motion_and_without_scripts(tested: Path) -> None:
    address = (tested / "report" / "report.html").as_uri()
    with headless() as browser:
        context = browser.new_context(reduced_motion="reduce", java_script_enabled=False)
        tab = context.new_page()
        tab.goto(address)
        assert tab.locator("img.still").first.is_visible()
        assert not tab.locator("img.moving").first.is_visible()
        assert tab.locator("#table tbody tr").first.is_visible()
        assert tab.locator("#table input").count() == 0
        context.close()
