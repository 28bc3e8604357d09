"""What the tab of a network of detection tells of a video."""

from pathlib import Path
from typing import Any

import pytest
from support.detecting import (
    BOXES,
    SCORES,
    detection_config,
    detector_of,
    save_detector,
    write_onnx,
)
from support.pages import browsing, headless, needs_gradio, serving
from support.videos import numbered_picture, write_h264

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.predict.persons.box_sources import WHOLE
from slowfast.predict.persons.person_actions import PersonActions
from slowfast.predict.runtime.built import Graph, weighted
from slowfast.predict.runtime.runtimes import Eager
from slowfast.web.jobs import JobError, Step
from slowfast.web.persons_tab import DETECTED, Film, find_persons, table_of_persons
from slowfast.web.site import Shared

NAMES = ["stand", "walk", "talk", "<dance>"]


def detector_file(folder: Path) -> Path:
    model = write_onnx(folder / "m.onnx", {"boxes": BOXES, "scores": SCORES})
    (folder / "m.yaml").write_text("boxes: boxes\nscores: scores\nnms: 0.5\n")
    return model


def film_of(folder: Path) -> Path:
    return write_h264(folder / "my film.mp4", (numbered_picture(i, (96, 64)) for i in range(75)))


def told(folder: Path, path: Path, where: str) -> list[Any]:
    """What a request is told, but for its steps."""
    pytest.importorskip("onnxruntime")
    cfg = detection_config(folder, "test.threshold=0.01", "data.num_workers=0")
    model = weighted(detector_of(cfg))
    shared = Shared(cfg, "", NAMES, 60.0, str(detector_file(folder)))
    items: list[Any] = []
    find_persons(
        lambda kind: Eager(Graph(model, cfg, kind)), items.append, str(path), where, folder, shared
    )
    shares = [item.share for item in items if isinstance(item, Step)]
    assert shares == sorted(shares) and shares[-1] <= 1
    return [item for item in items if not isinstance(item, Step)]


@pytest.mark.parametrize(("where", "count"), [(DETECTED, 2), (WHOLE, 1)], ids=["detected", "whole"])
def test_persons_and_the_film(tmp_path: Path, where: str, count: int) -> None:
    found, film = told(tmp_path, film_of(tmp_path), where)
    assert [doing.person for doing in found] == [*range(1, count + 1)]
    assert (found[0].first, found[0].last) == (1.0, 2.0) and found[0].actions
    assert isinstance(film, Film) and film.path.name == "my film-persons.mp4"
    assert open_video(Sample(str(film.path)), "", 0).num_frames == 75


def test_a_video_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(JobError, match="^notes.mp4: not a video but text$"):
        told(tmp_path, tmp_path / "notes.mp4", WHOLE)


def test_the_table() -> None:
    assert "Nobody was found" in table_of_persons([])
    found = [
        PersonActions(2, 1.0, 4.0, [("<dance>", 0.987), ("walk", 0.6)], ("<dance>", 0.987)),
        PersonActions(1, 2.0, 2.0, [], ("stand", 0.3)),
    ]
    table = table_of_persons(found)
    rows = table.split("<tr>")[2:]
    assert rows[0].startswith("<td>1</td><td>0:02.0</td><td>nothing for sure; nearest is stand, 30")
    assert rows[1].startswith("<td>2</td><td>0:01.0 to 0:04.0</td><td>&lt;dance&gt; 99 %, walk 60")
    many = [PersonActions(i, 0.0, 1.0, [], ("stand", 0.3)) for i in range(25)]
    assert "And 5 others" in table_of_persons(many)


@needs_gradio
@pytest.mark.slow
def test_the_page(tmp_path: Path) -> None:
    """In a browser: persons of a detector, then the whole picture."""
    weights, model = save_detector(detection_config(tmp_path)), detector_file(tmp_path)
    with headless() as browser, serving(tmp_path / "p", weights, "--detector", model) as page:
        with browsing(browser) as browsed:
            browsed.open(page.address, "Who does what")
            browsed.put("who_video", film_of(tmp_path))
            assert browsed.wait("who_table", "0:01.0").count("0:01.0 to 0:02.0") == 2
            browsed.tab.wait_for_selector("#who_film video")
            browsed.tab.get_by_label("the whole picture").click()
            browsed.tab.wait_for_function(
                "document.querySelectorAll('#who_table tbody tr').length == 1"
            )
            assert browsed.complaints == []
        assert page.noted.read_text(encoding="utf-8") == ""
    assert "Traceback" not in page.said()
